"""Trainings of the check in processes of their own: one that is killed, two side by side, one that starts several.

    python -m sp3f_lib.audits.gpu.child JOB.json

A child ends with the process that started it, however that ends.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from transformers import TrainerCallback

from sp3f_lib.audits.gpu.device import Device
from sp3f_lib.audits.gpu.setting import Setting
from sp3f_lib.audits.gpu.steps import Meter, trainer_of
from sp3f_lib.machine import CHILD, end_with_parent, seeing
from sp3f_lib.profiles import Profile, load_profile, save_profile
from sp3f_lib.runs import StageError, write_text
from sp3f_lib.training.common import train
from sp3f_lib.training.worker import train_stage

MEASURED = "measured.json"
PATIENCE = 900.0  # seconds: processes that wait for each other would do so for ever


def start_child(
    setting: Setting, profile: Profile, kind: str, directory: Path, gpus: str | None = None, **what
) -> subprocess.Popen:
    """Begins a training of `kind` in `directory`. `gpus`: those that it sees. `what`: `kill_at` a step, `parts` to be
    measured (methods of the trainer), or `stage`: without being watched, in as many processes as the profile says."""
    job = {
        "kind": kind,
        "directory": str(directory),
        "profile": str(save_profile(profile, directory / "profile.yaml")),
        "start": setting.model,
        "rows": str(setting.rows(kind)),
        "device": setting.device.__dict__,
    }
    write_text(directory / "job.json", json.dumps(job | what))
    log = open(directory / "log.txt", "w", encoding="utf-8")  # noqa: SIM115
    return subprocess.Popen(
        [sys.executable, "-m", "sp3f_lib.audits.gpu.child", str(directory / "job.json")],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=os.environ | {CHILD: "1", "PYTHONUNBUFFERED": "1"} | seeing(gpus),
    )


def end_child(child: subprocess.Popen, directory: Path, seconds: float = PATIENCE) -> tuple[int, str]:
    """(exit status, the last line that it said) of a child, waited for; killed if it takes longer than `seconds`."""
    try:
        code = child.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise StageError(f"{directory.name} did not end within {seconds:g} s, so it was killed") from error
    finally:
        child.kill()
        child.stdin.close()
    lines = (directory / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    return code, next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def kill_at(step: int) -> type[TrainerCallback]:
    """A callback that ends its own process by SIGKILL after a step: nothing can be tidied up."""

    class Kill(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == step:
                os.kill(os.getpid(), signal.SIGKILL)

    return Kill


def main(path: Path) -> None:
    """Does a job, see `start_child`."""
    job = json.loads(path.read_text(encoding="utf-8"))
    profile, directory = load_profile(job["profile"]), Path(job["directory"])
    kind, start, rows, label = job["kind"], job["start"], Path(job["rows"]), directory.name
    if job.get("stage"):
        train_stage(directory, profile, kind, start, rows, label)
        return
    trainer, meter = trainer_of(profile, kind, directory, start, rows, label), Meter(Device(**job["device"]))
    meter.watch(trainer, *job.get("parts", ()))
    if "kill_at" in job:
        trainer.add_callback(kill_at(job["kill_at"]))
    train(trainer, directory, label, profile)
    found = {"seconds": meter.seconds, "parts": meter.parts, "tokens": meter.tokens, "peak": meter.peak}
    write_text(directory / MEASURED, json.dumps(found))


def measured_by_child(directory: Path, device: Device) -> Meter:
    """What a child that ended well has measured."""
    found = json.loads((directory / MEASURED).read_text(encoding="utf-8"))
    return replace(Meter(device), **found)


if __name__ == "__main__":
    end_with_parent()
    main(Path(sys.argv[1]))
