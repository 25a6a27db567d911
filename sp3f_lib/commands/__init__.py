"""The command line: `sp3f <verb>`, or `python -m sp3f_lib <verb>`. One file a verb; each makes whatever comes before it."""

from sp3f_lib.commands import (
    ablations,
    base,
    data,
    evaluate,
    gpu_check,
    judge,
    ledger,
    pairs,
    report,
    reproduce,
    seeds,
    settings,
    show,
    status,
    train,
    translate,
    work,
)
from sp3f_lib.commands.app import app, main

__all__ = [
    "ablations",
    "app",
    "base",
    "data",
    "evaluate",
    "gpu_check",
    "judge",
    "ledger",
    "main",
    "pairs",
    "report",
    "reproduce",
    "seeds",
    "settings",
    "show",
    "status",
    "train",
    "translate",
    "work",
]
