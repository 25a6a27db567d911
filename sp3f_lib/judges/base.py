"""What every judge shares: a pair of responses to compare, a verdict, and the interface.

A verdict is a preference of A in [0, 1], or no verdict with its reason: a judge that did not answer said nothing, and that
is not a loss (the authors' code scores it 0.0). API, local, embedded and implicit-reward judges are interchangeable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sp3f_lib.runs import StageError


class JudgeError(StageError):
    """A judge that cannot work at all: no key, an endpoint that refuses everything. One failed pair is no verdict."""


@dataclass(frozen=True)
class Pair:
    """Two responses to one English question; `reference` is the privileged English solution, or None without privilege.

    `first` and `second` are the responses' places in their group, so that a verdict can be credited to both.
    """

    question: str
    response_a: str
    response_b: str
    reference: str | None = None
    first: int = 0
    second: int = 1


@dataclass(frozen=True)
class Verdict:
    """What a judge said of a pair: `preference` of A in [0, 1] (0.5 is a tie), or None with the `reason` for no verdict."""

    preference: float | None
    reason: str = ""
    judge: str = ""


class Judge(Protocol):
    """`name` identifies the judge; `compare` gives one verdict per pair, in order, and never raises for a single pair."""

    name: str

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]: ...
