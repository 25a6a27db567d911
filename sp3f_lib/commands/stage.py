"""Runs one stage for a verb: prints where it is when it is finished, which the process that started this one reads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sp3f_lib.display import shown
from sp3f_lib.machine import CHILD, end_with_parent, only_gpus
from sp3f_lib.pipeline.workers import DONE, gpu_choices
from sp3f_lib.profiles import Profile
from sp3f_lib.stages import RUNS
from sp3f_lib.training.checks import check_started_once


def run(stage: str, profile: Profile, name: str | None = None):
    """Makes a stage of `pipeline.models.STAGES` and returns what it made."""
    begin()

    from sp3f_lib.pipeline.models import STAGES

    with at_work(profile):
        return STAGES[stage](profile, name) if name else STAGES[stage](profile)


def run_tasks(profile: Profile, name: str):
    """Makes the scored answers of a model to the tasks of the profile: {task: directory}."""
    begin()

    from sp3f_lib.pipeline.tasks import task_evaluations

    with at_work(profile):
        return task_evaluations(profile, name)


@contextmanager
def at_work(profile: Profile) -> Iterator[None]:
    """Within the block progress is shown, and this process sees the GPUs that stages of the profile may use."""
    with only_gpus(gpu_choices(profile)[0]), shown(RUNS / profile.name):
        yield


def begin() -> None:
    """What a process does before its first stage."""
    end_with_parent()
    check_started_once()


def is_child() -> bool:
    """Whether a notebook or another process of ours started this one."""
    return bool(os.environ.get(CHILD))


def say_done(path) -> None:
    """The last line."""
    print(f"{DONE}{path}", flush=True)
