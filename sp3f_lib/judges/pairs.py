"""Which pairs of a group are compared, and in which order the two responses are shown."""

from collections.abc import Iterator

from sp3f_lib.judges.base import Pair


def all_ordered(n: int) -> Iterator[tuple[int, int]]:
    """Both orders of every pair, as the paper has it: n(n-1) comparisons, 56 for a group of 8."""
    return ((i, j) for i in range(n) for j in range(n) if i != j)


def balanced(n: int) -> Iterator[tuple[int, int]]:
    """Every unordered pair once, n(n-1)/2 comparisons, each response as often in slot A as in B (within one for even n).

    >>> list(balanced(3))
    [(0, 1), (2, 0), (1, 2)]
    """
    return ((i, j) if (i + j) % 2 else (j, i) for i in range(n) for j in range(i + 1, n))


SCHEDULES = {"all_ordered": all_ordered, "balanced": balanced}


def group_pairs(schedule: str, question: str, responses: list[str], reference: str | None) -> list[Pair]:
    """The pairs of one group of responses to one question, in the order of the schedule."""
    order = SCHEDULES[schedule](len(responses))
    return [Pair(question, responses[i], responses[j], reference, i, j) for i, j in order]
