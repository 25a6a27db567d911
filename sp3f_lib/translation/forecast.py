"""What a translation will need, before anything is asked: rows, requests, tokens, USD, hours."""

import os
from dataclasses import dataclass

from sp3f_lib.data.english import Problem
from sp3f_lib.endpoint.ledger import Ledger
from sp3f_lib.judges.spend import price_of
from sp3f_lib.languages import get_language
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.translation.masks import MaskError
from sp3f_lib.translation.requests import VERSION, first_request

# Assumed until the ledger holds replies of the model: characters a token in English, tokens of a translation beside the English
# ones (other scripts cost most tokenizers more), the share of rows that go back, and seconds for a token of a reply.
_CHARACTERS = 4.0
_LONGER = {"Latn": 1.5, "Cyrl": 2.0}
_LONGER_ELSEWHERE = 2.5
_AGAIN = 0.15
_SECONDS = 0.02


@dataclass(frozen=True)
class Plan:
    """`known` of the requests are in the ledger and cost nothing; USD is None where the price is unknown."""

    rows: int
    requests: float
    known: int
    tokens_in: float
    tokens_out: float
    usd: float | None
    hours: float
    basis: str
    note: str

    def __str__(self) -> str:
        price = "price unknown (translate.price)" if self.usd is None else f"{self.usd:,.2f} USD"
        known = f" ({self.known:,} in the ledger)" if self.known else ""
        hours = f"{self.hours:.1f} h" if self.hours >= 1 else f"{max(60 * self.hours, 0.1):.1f} min"
        return (
            f"{self.rows:,} rows to translate, about {self.requests:,.0f} requests{known}, {self.tokens_in / 1e6:.2f} M tokens in, "
            f"{self.tokens_out / 1e6:.2f} M out, {price}, {hours} ({self.basis}){self.note}"
        )


def forecast(settings: Translate, problems: list[Problem], languages: tuple[str, ...]) -> Plan:
    """The plan for these problems and languages; the ledger is only read if it is there."""
    ledger = (
        Ledger(settings.ledger, "translate.ledger") if settings.name == "api" and os.path.isfile(settings.ledger) else None
    )
    keys, tokens_in, tokens_out = [], 0.0, 0.0
    for problem in problems:
        english = (len(problem.question) + len(problem.text)) / _CHARACTERS
        for lang in languages:
            try:
                request = first_request(problem, lang, settings)
            except MaskError:
                continue
            keys.append(request.key)
            tokens_in += sum(len(message["content"]) for message in request.messages) / _CHARACTERS
            tokens_out += english * _LONGER.get(get_language(lang).script, _LONGER_ELSEWHERE)
    known = len(ledger.find(keys)) if ledger else 0
    rest = (len(keys) - known) * (1 + _AGAIN * (settings.candidates > 1))
    share = rest / max(len(keys), 1)
    measured = ledger.mean_costs(settings.model or "", VERSION) if ledger else None
    if measured:
        tokens_in, tokens_out, seconds = rest * measured[0], rest * measured[1], measured[2]
        basis = "from the mean of the replies in the ledger"
    else:
        tokens_in, tokens_out = tokens_in * share, tokens_out * share
        seconds = _SECONDS * tokens_out / max(rest, 1)
        basis = f"ESTIMATE from the texts' length and {1 / _SECONDS:.0f} tokens a second in each of {settings.concurrency} requests"
    hours = rest * seconds / settings.concurrency / 3600
    if settings.requests_per_minute:
        hours = max(hours, rest / settings.requests_per_minute / 60)
    if settings.tokens_per_minute:
        hours = max(hours, (tokens_in + tokens_out) / settings.tokens_per_minute / 60)
    price = price_of(settings) if settings.name == "api" else None
    usd = price.usd(round(tokens_in), round(tokens_out)) if price else (0.0 if settings.name != "api" else None)
    if price:
        basis += f"; prices as of {price.as_of}"
    return Plan(len(keys), rest, known, tokens_in, tokens_out, usd, hours, basis, _cap(settings, usd, rest))


def _cap(settings: Translate, usd: float | None, requests: float) -> str:
    if settings.max_usd is not None and (usd or 0.0) > settings.max_usd:
        return f"; translate.max_usd stops it at {settings.max_usd:g} USD"
    if settings.max_calls is not None and requests > settings.max_calls:
        return f"; translate.max_calls stops it at {settings.max_calls:,} calls"
    return ""
