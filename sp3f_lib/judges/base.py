"""What every judge shares: what it can be asked, what it says, and the interface.

It is asked about a pair (`Pair`, SP3F's way), about one response alone (`Single`), or about a whole group at once (`Lineup`). A
verdict is a preference of A, a score, or ranks; or no verdict with its reason: a judge that did not answer said nothing, and that
is not a loss (the authors' code scores it 0.0). API, local, embedded and implicit-reward judges are interchangeable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sp3f_lib.endpoint.client import JudgeError

# What a judge may be shown beside the question: nothing, the answer, the English solution (SP3F), the solution in the
# language of the responses, or a wrong solution (a control: privilege must not help because there is more text).
LEVELS = ("none", "answer", "solution", "translated", "wrong")


class BudgetError(JudgeError):
    """The cap on calls or USD is reached; everything paid for is in the ledger."""


class _Asked:
    """What `Pair`, `Single` and `Lineup` share: the privileged text `reference` (None without it) is of the kind `level`."""

    def __post_init__(self):
        if self.level not in LEVELS:
            raise ValueError(f"unknown level of privilege {self.level!r}; known: {', '.join(LEVELS)}")

    @property
    def shown(self) -> str:
        """The level of privilege: `none` where there is no reference."""
        return "none" if self.reference is None else self.level


@dataclass(frozen=True)
class Pair(_Asked):
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


@dataclass(frozen=True)
class Single(_Asked):
    """One response to an English question, to be scored by itself; the other fields are those of `Pair`."""

    question: str
    response: str
    reference: str | None = None
    level: str = "solution"
    sample: int = 0
    lang: str | None = None


@dataclass(frozen=True)
class Lineup(_Asked):
    """At least two different responses to one English question, in the order in which they are shown, to be ranked in one call."""

    question: str
    responses: tuple[str, ...]
    reference: str | None = None
    level: str = "solution"
    sample: int = 0
    lang: str | None = None


Asked = Pair | Single | Lineup


@dataclass(frozen=True)
class Verdict:
    """What a judge said: of a pair the `preference` of A in [0, 1] (0.5 is a tie), of one response its `score` in [0, 1], of a
    lineup the `ranks` of its responses, as shown (0 is the best, equals share a rank). None of them: no verdict, for a `reason`.

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
    score: float | None = None
    ranks: tuple[int, ...] | None = None

    @property
    def given(self) -> bool:
        """Whether there is a verdict."""
        return (self.preference, self.score, self.ranks) != (None, None, None)


class Judge(Protocol):
    """`name` identifies the judge; `compare` gives one verdict per pair, in order, and never raises for a single pair.

    API, local and embedded judges have two more ways, for the schedules `score` and `listwise`: `score` gives a verdict per
    `Single`, `rank` one per `Lineup`.
    """

    name: str

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]: ...
