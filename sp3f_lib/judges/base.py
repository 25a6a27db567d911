"""What every judge shares: a pair of responses to compare, a verdict, and the interface.

A verdict is a preference of A in [0, 1], or no verdict with its reason: a judge that did not answer said nothing, and that
is not a loss (the authors' code scores it 0.0). API, local, embedded and implicit-reward judges are interchangeable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sp3f_lib.runs import StageError

# What a judge may be shown beside the question: nothing, the answer, the English solution (SP3F), the solution in the
# language of the responses, or a wrong solution (a control: privilege must not help because there is more text).
LEVELS = ("none", "answer", "solution", "translated", "wrong")


class JudgeError(StageError):
    """A judge that cannot go on: no key, an endpoint that refuses or fails too often. One failed pair is no verdict."""


class BudgetError(JudgeError):
    """The cap on calls or USD is reached; everything paid for is in the ledger."""


@dataclass(frozen=True)
class Pair:
    """Two responses to one English question; `reference` is the privileged text, of the kind `level`, or None without it.

    `first` and `second` are the responses' places in their group, so that a verdict can be credited to both. `sample` numbers
    repeated questions about the same pair. `lang` is the language that the responses should be in, for a judge that asks.
    """

    question: str
    response_a: str
    response_b: str
    reference: str | None = None
    first: int = 0
    second: int = 1
    level: str = "solution"
    sample: int = 0
    lang: str | None = None

    def __post_init__(self):
        if self.level not in LEVELS:
            raise ValueError(f"unknown level of privilege {self.level!r}; known: {', '.join(LEVELS)}")

    @property
    def shown(self) -> str:
        """The level of privilege of this pair: `none` where there is no reference."""
        return "none" if self.reference is None else self.level


@dataclass(frozen=True)
class Verdict:
    """What a judge said of a pair: `preference` of A in [0, 1] (0.5 is a tie), or None with the `reason` for no verdict.

    `judge` names model and prompt version; `text` is the raw reply; `usd` is None where the price is unknown; `replayed` says
    that it came from the ledger and cost nothing now.
    """

    preference: float | None
    reason: str = ""
    judge: str = ""
    text: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0
    replayed: bool = False


class Judge(Protocol):
    """`name` identifies the judge; `compare` gives one verdict per pair, in order, and never raises for a single pair."""

    name: str

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]: ...
