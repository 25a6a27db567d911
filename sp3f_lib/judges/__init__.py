"""Pairwise judges."""

from sp3f_lib.judges.alignment import AlignmentJudge
from sp3f_lib.judges.api import ApiJudge
from sp3f_lib.judges.base import LEVELS, BudgetError, Judge, JudgeError, Pair, Verdict
from sp3f_lib.judges.implicit import ImplicitJudge
from sp3f_lib.judges.ledger import Ledger
from sp3f_lib.judges.local import LocalJudge
from sp3f_lib.sections import Judge as Settings

JUDGES = {"alignment": AlignmentJudge, "api": ApiJudge, "implicit": ImplicitJudge, "local": LocalJudge}


def make_judge(settings: Settings, run: str = "", ledger: Ledger | None = None) -> Judge:
    """The judge that a profile's `judge` section names; `run` is what its calls are booked under in the ledger.

    The ledger is the one at `settings.ledger`, unless one is given.
    """
    match settings.name:
        case "alignment":
            return AlignmentJudge()
        case "implicit":
            return ImplicitJudge(settings)
    return JUDGES[settings.name](settings, ledger, run)


__all__ = [
    "JUDGES", "LEVELS", "AlignmentJudge", "ApiJudge", "BudgetError", "ImplicitJudge", "Judge", "JudgeError", "Ledger", "LocalJudge",
    "Pair", "Verdict", "make_judge",
]  # fmt: skip
