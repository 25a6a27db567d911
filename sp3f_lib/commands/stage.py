"""Runs one stage for a verb: prints where it is when it is finished, which the process that started this one reads."""

import os

from sp3f_lib.display import shown
from sp3f_lib.machine import CHILD, end_with_parent
from sp3f_lib.profiles import Profile
from sp3f_lib.stages import RUNS
from sp3f_lib.training.checks import check_started_once

DONE = "finished: "


def run(stage: str, profile: Profile, name: str | None = None):
    """Makes a stage of `pipeline.models.STAGES` and returns what it made."""
    end_with_parent()
    check_started_once()

    from sp3f_lib.pipeline.models import STAGES

    with shown(RUNS / profile.name):
        return STAGES[stage](profile, name) if name else STAGES[stage](profile)


def is_child() -> bool:
    """Whether a notebook or another process of ours started this one."""
    return bool(os.environ.get(CHILD))


def say_done(path) -> None:
    """The last line."""
    print(f"{DONE}{path}", flush=True)
