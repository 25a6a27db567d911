"""Pairwise judges."""

from sp3f_lib.judges.alignment import AlignmentJudge
from sp3f_lib.judges.api import ApiJudge
from sp3f_lib.judges.base import Judge, JudgeError, Pair, Verdict
from sp3f_lib.profiles import Judge as Settings

JUDGES = {"alignment": AlignmentJudge, "api": ApiJudge}


def make_judge(settings: Settings) -> Judge:
    """The judge that a profile's `judge` section names."""
    return AlignmentJudge() if settings.name == "alignment" else JUDGES[settings.name](settings)


__all__ = ["JUDGES", "Judge", "JudgeError", "Pair", "Verdict", "make_judge"]
