"""Pairwise judges."""

from sp3f_lib.judges.alignment import AlignmentJudge
from sp3f_lib.judges.base import Judge, Pair, Verdict

JUDGES = {"alignment": AlignmentJudge}


def make_judge(settings) -> Judge:
    """The judge that a profile's `judge` section names."""
    return JUDGES[settings.name]()


__all__ = ["JUDGES", "Judge", "Pair", "Verdict", "make_judge"]
