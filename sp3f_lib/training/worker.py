"""One training: in this process, or in the several that `accelerate launch` starts (processes.py)."""

import sys
from pathlib import Path

from sp3f_lib.machine import set_up
from sp3f_lib.profiles import Profile
from sp3f_lib.training.checks import check_machine, check_rows, read_training_rows
from sp3f_lib.training.processes import STOP, launch, stops_when_asked, work_on
from sp3f_lib.training.sft import train_sft


def train_stage(directory: Path, profile: Profile, kind: str, start: str, rows: Path, label: str) -> None:
    """Trains `start` (a model directory or hub id) on the rows of a file, into `directory/model`.

    `kind` is the section of the profile: `sft` and `grpo` read rows, `preference` pairs (data/pairs.py), `alignment` the rows
    of LIDR's SFT baseline (methods/lidr_pairs.py). `Stopped` if a signal stopped it at a checkpoint; `StageError` if a worker
    failed, with that worker's message.
    """
    check_machine(profile, kind)
    check_rows(profile, kind, start, rows)
    with stops_when_asked(directory / STOP, label):
        if profile.launch.accelerate == "single":
            _train(directory, profile, kind, start, rows, label)
        else:
            job = {"section": kind, "start": start, "rows": str(rows), "label": label}
            launch(directory, profile, job, "sp3f_lib.training.worker")


def _train(directory: Path, profile: Profile, kind: str, start: str, rows: Path, label: str) -> None:
    set_up(profile.threads)
    found = read_training_rows(rows, kind)
    if kind == "grpo":
        from sp3f_lib.training.policy import train_policy

        train_policy(directory, profile, start, found, label)
    elif kind == "preference":
        from sp3f_lib.training.preference import train_preference

        train_preference(directory, profile, start, found, label)
    else:
        train_sft(directory, profile.model_copy(update={"sft": getattr(profile, kind)}), start, found, label)


def _job(directory: Path, profile: Profile, job: dict) -> None:
    _train(directory, profile, job["section"], job["start"], Path(job["rows"]), job["label"])


if __name__ == "__main__":
    work_on(sys.argv[1:], _job)
