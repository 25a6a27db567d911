"""What a judge costs: dated prices, the forecast before a run, and the hard cap.

The forecast is an estimate until the ledger holds calls of the same judge; from then on it uses their mean tokens. The cap is
hard: a call is only sent if the cap would hold even if every call in flight used all of its `max_tokens`. What counts are the
replies that arrived; whether a provider bills one that got lost on the way, nobody but its invoice tells.
"""

import asyncio
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from sp3f_lib.endpoint.transport import longest_reply
from sp3f_lib.judges.base import BudgetError, JudgeError
from sp3f_lib.judges.ledger import Ledger, Spent
from sp3f_lib.judges.pairs import calls_per_group
from sp3f_lib.profiles.judge_section import Judge as Settings

PRICES = Path(__file__).with_name("prices.yaml")
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$|-\d{8}$")
# For estimates before anything was measured. Bytes of text per token: about 4 in English, less in scripts that tokenizers
# know badly. The bound for the cap assumes that a token is at least half a byte of UTF-8, which no tokenizer undercuts.
_BYTES_PER_TOKEN = 3.5
# Of a reply (reasons, then the verdict) and of the template without texts: a pair, one response, and a group, for each response.
_TOKENS_OUT = {"pair": 250, "score": 150, "listwise": 90}
_TEMPLATE_TOKENS = {"pair": 420, "score": 400, "listwise": 430}


@dataclass(frozen=True)
class Price:
    """USD per million tokens; `as_of` says when it was listed."""

    tokens_in: float
    tokens_out: float
    cached_in: float
    as_of: str

    def usd(self, tokens_in: int, tokens_out: int, cached: int = 0) -> float:
        """The price of one call; `cached` of its `tokens_in` were read from the provider's cache."""
        cached = min(cached, tokens_in)
        fresh = tokens_in - cached
        return (fresh * self.tokens_in + cached * self.cached_in + tokens_out * self.tokens_out) / 1e6


@cache
def _table() -> dict:
    return yaml.safe_load(PRICES.read_text(encoding="utf-8"))


def price_of(settings: Settings) -> Price | None:
    """The price of the judge's model: the profile's own, else the table's; None if neither knows it.

    A provider's prefix and a date at the end do not matter: `openai/gpt-4o-mini-2024-07-18` is `gpt-4o-mini`.
    """
    if settings.name == "local":
        return Price(0.0, 0.0, 0.0, "ever: it runs here")
    if settings.price:
        return Price(*settings.price, settings.price[0], "the profile")
    row = _table().get(_DATED.sub("", (settings.model or "").rsplit("/", 1)[-1]))
    if row is None:
        return None
    cached = row["in"] if row["cached_in"] is None else row["cached_in"]
    return Price(row["in"], row["out"], cached, str(row["as_of"]))


class Budget:
    """Watches the caps of one run: `reserve` before a call, `settle` after it; `BudgetError` before a cap could be passed."""

    def __init__(self, settings: Settings, spent: Spent):
        self.settings, self.price = settings, price_of(settings)
        if settings.max_usd and self.price is None:
            raise JudgeError(
                f"judge.max_usd: the price of {settings.model!r} is not in sp3f_lib/judges/prices.yaml; give judge.price as "
                "[USD per million tokens in, out], or [0, 0] for a server of your own"
            )
        if settings.max_usd and (self.price.tokens_in or self.price.tokens_out) and not longest_reply(settings):
            raise JudgeError(
                "judge.max_usd: what a call can cost has no bound; give judge.max_tokens, or, for models that do not take it, "
                "judge.extra: {max_completion_tokens: ...}"
            )
        self.usd, self.calls = spent.usd, spent.calls + spent.failed
        self._reserved, self._flying, self._waiting = 0.0, 0, []

    async def reserve(self, prompt_bytes: int) -> float:
        """Sets the most aside that a call can cost and returns it; `BudgetError` if that would pass a cap.

        Near the cap in USD it waits for calls in flight, which nearly always cost less than was set aside for them.
        """
        settings = self.settings
        most = self.price.usd(2 * prompt_bytes, longest_reply(settings) or 0) if self.price else 0.0
        while settings.max_usd is not None and self.usd + self._reserved + most > settings.max_usd:
            if not self._flying:
                raise BudgetError(f"judge.max_usd: the next call could pass the cap of {settings.max_usd:g} USD")
            self._waiting.append(asyncio.get_running_loop().create_future())
            await self._waiting[-1]
        if settings.max_calls is not None and self.calls >= settings.max_calls:
            raise BudgetError(f"judge.max_calls: all {settings.max_calls} calls of this run are spent")
        self.calls, self._flying, self._reserved = self.calls + 1, self._flying + 1, self._reserved + most
        return most

    def settle(self, reserved: float, usd: float | None) -> None:
        """Replaces what was set aside by what the call has cost."""
        self._flying, self.usd = self._flying - 1, self.usd + (usd or 0.0)
        self._reserved = self._reserved - reserved if self._flying else 0.0  # sums of differences leave crumbs
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    def explain(self, error: BudgetError) -> BudgetError:
        """The error with what has been spent, to be raised when the calls in flight have ended."""
        return BudgetError(
            f"{error} ({self.calls} calls and {self.usd:.4f} USD so far). Every verdict is kept. Raise the cap and run the same "
            "command again: it goes on where it was and pays nothing twice."
        )


@dataclass(frozen=True)
class Forecast:
    """Calls, tokens and USD that a run will need at most; `usd` is None where the price is unknown."""

    calls: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    basis: str

    def __str__(self) -> str:
        price = "price unknown (judge.price)" if self.usd is None else f"{self.usd:,.{2 if self.usd >= 1 else 4}f} USD"
        tokens = f"{_short(self.tokens_in)} tokens in, {_short(self.tokens_out)} out"
        return f"at most {self.calls:,} calls, {tokens}, {price} ({self.basis})"


def cap_note(settings: Settings, expected: Forecast) -> str:
    """What to put behind a forecast: the cap that will not let it happen, or that there is none for what costs money."""
    if settings.max_usd is not None and (expected.usd or 0.0) > settings.max_usd:
        return f"; judge.max_usd stops it at {settings.max_usd:g} USD"
    if settings.max_calls is not None and expected.calls > settings.max_calls:
        return f"; judge.max_calls stops it at {settings.max_calls:,} calls"
    if expected.usd and settings.max_usd is None and settings.max_calls is None:
        return "; NO CAP: judge.max_usd is not set"
    return ""


def tokens_of_a_call(schedule: str, group: int, text_bytes: float, response_bytes: float) -> tuple[float, int]:
    """(tokens in, tokens out) of one call, before anything was measured: template, question and privileged text, responses.

    >>> [round(tokens_of_a_call(schedule, 8, 1400, 700)[0]) for schedule in ("balanced", "score", "listwise")]
    [1220, 1000, 2430]
    """
    kind = schedule if schedule in ("score", "listwise") else "pair"
    shown = {"pair": 2, "score": 1, "listwise": group}[kind]
    tokens_out = _TOKENS_OUT[kind] * (group if kind == "listwise" else 1)
    return _TEMPLATE_TOKENS[kind] + (text_bytes + shown * response_bytes) / _BYTES_PER_TOKEN, tokens_out


def _short(number: int) -> str:
    return f"{number / 1e6:,.1f} M" if number >= 1e6 else f"{number:,}"


def forecast(
    settings: Settings, prompts: int, group: int, text_bytes: float, response_bytes: float, ledger: Ledger | None = None
) -> Forecast:
    """What judging `prompts` groups of `group` responses each needs.

    Whether pairs, responses alone or whole groups are asked about is said by `settings.schedule`. `text_bytes`: mean UTF-8 bytes of
    question and privileged text; `response_bytes`: of one response. Both are used only until the ledger holds calls of this judge
    in this kind of schedule.
    """
    calls, price = prompts * calls_per_group(settings.schedule, group, settings.calls), price_of(settings)
    measured = ledger.mean_tokens(settings.model, settings.schedule) if ledger else None
    if measured:
        tokens_in, tokens_out = measured
        basis = "from the mean of the calls in the ledger"
    else:
        tokens_in, tokens_out = tokens_of_a_call(settings.schedule, group, text_bytes, response_bytes)
        tokens_out = min(tokens_out, settings.max_tokens or tokens_out)
        basis = f"estimated from the texts' length and {tokens_out} tokens a reply"
    if price:
        basis += f"; prices as of {price.as_of}"
    usd = price.usd(tokens_in, tokens_out) * calls if price else None
    return Forecast(calls, round(calls * tokens_in), round(calls * tokens_out), usd, basis)
