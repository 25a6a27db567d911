"""Judges: of pairs, of responses alone, and of whole groups."""

from sp3f_lib.judges.alignment import AlignmentJudge
from sp3f_lib.judges.api import ApiJudge
from sp3f_lib.judges.base import LEVELS, BudgetError, Judge, JudgeError, Lineup, Pair, Single, Verdict
from sp3f_lib.judges.implicit import ImplicitJudge
from sp3f_lib.judges.ledger import Ledger
from sp3f_lib.judges.local import LocalJudge
from sp3f_lib.judges.noise import Noise
from sp3f_lib.profiles.judge_section import Judge as Settings

JUDGES = {"alignment": AlignmentJudge, "api": ApiJudge, "implicit": ImplicitJudge, "local": LocalJudge}


def make_judge(settings: Settings, run: str = "", ledger: Ledger | None = None, seed: int = 0) -> Judge:
    """The judge that a profile's `judge` section names; `run` is what its calls are booked under in the ledger.

    The ledger is the one at `settings.ledger`, unless one is given. `seed` draws the errors of a noisy judge (noise.py).
    """
    match settings.name:
        case "alignment":
            return AlignmentJudge(Noise(settings.accuracy, settings.slot_bias, settings.missing, seed))
        case "implicit":
            return ImplicitJudge(settings)
    return JUDGES[settings.name](settings, ledger, run)


__all__ = [
    "JUDGES", "LEVELS", "AlignmentJudge", "ApiJudge", "BudgetError", "ImplicitJudge", "Judge", "JudgeError", "Ledger", "Lineup",
    "LocalJudge", "Noise", "Pair", "Single", "Verdict", "make_judge",
]  # fmt: skip
