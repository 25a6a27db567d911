"""How a judge is asked in these tests."""

import asyncio

from sp3f_lib.judges import Pair, Verdict


def questions(count: int, start: int = 0) -> list[Pair]:
    """Pairs that differ, from number `start` on."""
    return [Pair(f"question {k}", f"one {k}", f"other {k}", f"reference {k}") for k in range(start, start + count)]


def compare(judge, pairs: list[Pair]) -> list[Verdict]:
    """The judge's verdicts, in an event loop of their own."""
    return asyncio.run(judge.compare(pairs))
