"""What a translation will need, before anything is asked: rows, requests, tokens, USD, hours; and what its flags will.

How many rows the checks will keep is not known before, so the flags (flags.py) are counted for all of them: at most that.
"""

import os
from dataclasses import dataclass

from sp3f_lib.data.english import Problem
from sp3f_lib.endpoint.ledger import Ledger
from sp3f_lib.judges.spend import price_of
from sp3f_lib.languages import get_language
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.translation.flags import ASK, JUDGE, SOLVER
from sp3f_lib.translation.masks import MaskError
from sp3f_lib.translation.requests import VERSION, first_request

# Assumed until the ledger holds replies of the model: characters a token in English, tokens of a translation beside the English
# ones (other scripts cost most tokenizers more), the share of rows that go back, and seconds for a token of a reply.
_CHARACTERS = 4.0
_LONGER = {"Latn": 1.5, "Cyrl": 2.0}
_LONGER_ELSEWHERE = 2.5
_AGAIN = 0.15
_SECONDS = 0.02
_VERDICT = 60.0  # tokens of a judge's sentence and its score
_TALK = 1.5  # tokens of a solver's answer beside those of the solution that is there


@dataclass(frozen=True)
class Cost:
    """What the requests of one kind need; USD is None where the price is unknown."""

    requests: float
    tokens_in: float
    tokens_out: float
    usd: float | None
    hours: float
    basis: str

    def __str__(self) -> str:
        return (
            f"{self.requests:,.0f} requests, {self.tokens_in / 1e6:.2f} M tokens in, {self.tokens_out / 1e6:.2f} M out, "
            f"{_money(self.usd)}, {_time(self.hours)}"
        )


@dataclass(frozen=True)
class Plan:
    """`known` of the requests for translations are in the ledger and cost nothing; `flags`: a cost for each that is asked for."""

    rows: int
    known: int
    translation: Cost
    flags: dict[str, Cost]
    note: str

    @property
    def usd(self) -> float | None:
        """USD of everything; None where a price is unknown."""
        return _total(self.translation, self.flags)

    def __str__(self) -> str:
        known = f" ({self.known:,} in the ledger)" if self.known else ""
        told = f"{self.rows:,} rows to translate{known}, about {self.translation} ({self.translation.basis})"
        lines = [told, *(f"  {name}: at most {cost} ({cost.basis})" for name, cost in self.flags.items())]
        if self.flags:
            hours = self.translation.hours + sum(cost.hours for cost in self.flags.values())
            lines.append(f"  together: at most {_money(self.usd)}, {_time(hours)}")
        return "\n".join(lines) + self.note


def forecast(settings: Translate, problems: list[Problem], languages: tuple[str, ...]) -> Plan:
    """The plan for these problems and languages; the ledger is only read if it is there."""
    ledger = (
        Ledger(settings.ledger, "translate.ledger") if settings.name == "api" and os.path.isfile(settings.ledger) else None
    )
    keys, tokens_in, tokens_out = [], 0.0, 0.0
    for problem in problems:
        for lang in languages:
            try:
                request = first_request(problem, lang, settings)
            except MaskError:
                continue
            keys.append(request.key)
            tokens_in += _tokens(*(message["content"] for message in request.messages))
            tokens_out += _tokens(problem.question, problem.text) * _longer(lang)
    known = len(ledger.find(keys)) if ledger else 0
    requests = (len(keys) - known) * (1 + _AGAIN * (settings.candidates > 1))
    share = requests / max(len(keys), 1)
    translation = _cost(requests, tokens_in * share, tokens_out * share, settings, VERSION, ledger)
    flags = {}
    if settings.judge:
        flags["judge"] = _judged(settings, problems, languages, ledger)
    if settings.solver:
        flags[f"solver {settings.solver}"] = _solved(settings, problems, languages, ledger)
    every = requests + sum(cost.requests for cost in flags.values())
    return Plan(len(keys), known, translation, flags, _cap(settings, _total(translation, flags), every))


def _judged(settings: Translate, problems: list[Problem], languages: tuple[str, ...], ledger: Ledger | None) -> Cost:
    """A judge reads English and translation of every row."""
    english = sum(_tokens(problem.question, problem.text) for problem in problems)
    shown = sum(1 + _longer(lang) for lang in languages)
    rows = len(problems) * len(languages)
    return _cost(rows, rows * _tokens(ASK) + english * shown, rows * _VERDICT, settings, JUDGE, ledger)


def _solved(settings: Translate, problems: list[Problem], languages: tuple[str, ...], ledger: Ledger | None) -> Cost:
    """A solver is asked every question, and once in English."""
    tokens_in = tokens_out = 0.0
    for lang in ("en", *languages):
        longer = 1.0 if lang == "en" else _longer(lang)
        tokens_in += sum(_tokens(get_language(lang).instruction, problem.question) * longer for problem in problems)
        tokens_out += sum(_tokens(problem.text) * longer * _TALK for problem in problems)
    solver = settings.model_copy(update={"model": settings.solver})
    return _cost(len(problems) * (1 + len(languages)), tokens_in, tokens_out, solver, SOLVER, ledger)


def _cost(
    requests: float, tokens_in: float, tokens_out: float, settings: Translate, prompt: str, ledger: Ledger | None
) -> Cost:
    """The cost of so many requests to `settings.model`; the tokens are estimates, for which the ledger may have better ones."""
    if measured := ledger.mean_costs(settings.model or "", prompt) if ledger else None:
        tokens_in, tokens_out, seconds = requests * measured[0], requests * measured[1], measured[2]
        basis = "from the mean of the replies in the ledger"
    else:
        seconds = _SECONDS * tokens_out / max(requests, 1)
        basis = f"ESTIMATE from the texts' length and {1 / _SECONDS:.0f} tokens a second in each of {settings.concurrency} requests"
    hours = requests * seconds / settings.concurrency / 3600
    if settings.requests_per_minute:
        hours = max(hours, requests / settings.requests_per_minute / 60)
    if settings.tokens_per_minute:
        hours = max(hours, (tokens_in + tokens_out) / settings.tokens_per_minute / 60)
    price = price_of(settings) if settings.name == "api" else None
    usd = price.usd(round(tokens_in), round(tokens_out)) if price else (0.0 if settings.name != "api" else None)
    if price:
        basis += f"; prices as of {price.as_of}"
    return Cost(requests, tokens_in, tokens_out, usd, hours, basis)


def _total(translation: Cost, flags: dict[str, Cost]) -> float | None:
    prices = [cost.usd for cost in (translation, *flags.values())]
    return None if None in prices else sum(prices)


def _tokens(*texts: str) -> float:
    return sum(map(len, texts)) / _CHARACTERS


def _longer(lang: str) -> float:
    return _LONGER.get(get_language(lang).script, _LONGER_ELSEWHERE)


def _money(usd: float | None) -> str:
    return "price unknown (translate.price)" if usd is None else f"{usd:,.2f} USD"


def _time(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{max(60 * hours, 0.1):.1f} min"


def _cap(settings: Translate, usd: float | None, requests: float) -> str:
    if settings.max_usd is not None and (usd or 0.0) > settings.max_usd:
        return f"; translate.max_usd stops it at {settings.max_usd:g} USD"
    if settings.max_calls is not None and requests > settings.max_calls:
        return f"; translate.max_calls stops it at {settings.max_calls:,} calls"
    return ""
