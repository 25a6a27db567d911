"""Where a stage does its work: in this process, or in several that `accelerate launch` starts.

    python -m sp3f_lib grpo --profile paper --arm sp3f
      └ accelerate launch --config_file profiles/accelerate/fsdp2.yaml --num_processes 8 -m sp3f_lib.training.worker JOB.json

The process that was called resolves the profile, makes the earlier stages, holds the stage's lock and writes its manifest;
the workers do nothing but train, and the first of them writes. On several machines the first one starts a launcher on each
through srun. Whatever ends the calling process (kill -9 too) ends the workers: they hold the other end of a pipe.

SIGTERM and SIGUSR1 (what a scheduler sends before its limit) stop the training after the step at hand, with a checkpoint;
a second one, or `launch.grace_seconds`, ends it at once. An interrupted stage goes on from its last checkpoint in any case.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

from sp3f_lib.launch import CHILD, end_with_parent
from sp3f_lib.profiles import Profile, load_profile, save_profile
from sp3f_lib.runs import StageError, Stopped, write_text

_JOB, _ERROR, _STOP = ".job.json", ".error", ".stop"
_PORT = 29500
# What a user can mend is said in one line; the rest with a traceback.
_EXPECTED = (ValueError, OSError, StageError)


def train_stage(directory: Path, profile: Profile, kind: str, start: str, rows: Path, label: str) -> None:
    """Trains `start` (a model directory or hub id) on the rows of a file, into `directory/model`.

    `kind` is the section of the profile: `sft` and `grpo` read rows, `preference` pairs (methods/export.py), `alignment` the rows
    of LIDR's SFT baseline (methods/lidr.py). `Stopped` if a signal stopped it at a checkpoint; `StageError` if a worker failed,
    with that worker's message.
    """
    from sp3f_lib.training.checks import check_machine, check_rows

    check_machine(profile, kind)
    check_rows(profile, kind, start, rows)
    with _stops_when_asked(directory / _STOP, label):
        if profile.launch.accelerate == "single":
            _train(directory, profile, kind, start, rows, label)
        else:
            launch(directory, profile, {"kind": kind, "start": start, "rows": str(rows), "label": label})


def _train(directory: Path, profile: Profile, kind: str, start: str, rows: Path, label: str) -> None:
    from sp3f_lib.training.checks import read_training_rows
    from sp3f_lib.training.common import set_up

    set_up(profile.threads)
    found = read_training_rows(rows, kind)
    if kind == "grpo":
        from sp3f_lib.training.grpo import train_policy

        train_policy(directory, profile, start, found, label)
    elif kind == "preference":
        from sp3f_lib.training.preference import train_preference

        train_preference(directory, profile, start, found, label)
    else:
        from sp3f_lib.training.sft import train_sft

        train_sft(directory, profile.model_copy(update={"sft": getattr(profile, kind)}), start, found, label)


@contextmanager
def _stops_when_asked(path: Path, label: str):
    """While the block runs, the first SIGTERM or SIGUSR1 makes the file that the training looks for after each step."""
    path.unlink(missing_ok=True)
    signals = (signal.SIGTERM, signal.SIGUSR1)

    def ask(number, _):
        if path.exists():
            raise Stopped(f"{label}: ended at once by a second signal; the same command goes on from the last checkpoint")
        path.touch()
        # Not print: the signal may have come in the middle of one.
        os.write(1, f"{label}: {signal.Signals(number).name}: stops after this step, with a checkpoint\n".encode())

    if threading.current_thread() is not threading.main_thread():  # only there can signals be handled
        yield
        return
    before = [signal.signal(number, ask) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
        path.unlink(missing_ok=True)


def launch(directory: Path, profile: Profile, job: dict) -> None:
    """Does a job in the processes of section `launch` and waits for them: a training, or a scoring (scoring_job.py)."""
    for path in directory.glob(f"{_ERROR}*"):
        path.unlink()
    profile_path = save_profile(profile, directory / "profile.yaml")
    job = job | {"address": socket.gethostname(), "profile": str(profile_path)}
    write_text(directory / _JOB, json.dumps(job))
    command = launch_command(profile, job["kind"], directory / _JOB)
    if profile.launch.machines > 1:
        command = _on_each_machine(profile, directory / _JOB)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        env=os.environ | {CHILD: "1", "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # Ctrl-C and the scheduler's signals come here only, and are passed on in order
    )
    try:
        _wait(process, directory / _STOP, profile.launch.grace_seconds)
    finally:
        process.stdin.close()  # the workers end; they are in sessions of their own, where no signal to a group comes
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    _raise_first_error(directory, job["label"], process.returncode)


def launch_command(profile: Profile, kind: str, job: Path, machine: int = 0, address: str | None = None) -> list[str]:
    """The `accelerate launch` of one machine. Mixed precision is the trainer's own, so that the two cannot differ."""
    launch, section = profile.launch, getattr(profile, kind, {})  # a scoring has no section
    precision = next((name for name in ("bf16", "fp16") if section.get(name)), "no")
    port = launch.port or (_PORT if launch.machines > 1 else 0)
    given = {
        "config_file": launch.file,
        "num_processes": launch.processes,
        "num_machines": launch.machines,
        "machine_rank": machine,
        "main_process_port": port,
        "mixed_precision": precision,
    }
    given |= {"main_process_ip": address} if address else {}
    options = [part for name, value in given.items() for part in (f"--{name}", str(value))]
    worker = ["-m", "sp3f_lib.training.worker", str(job)]
    return [sys.executable, "-m", "accelerate.commands.launch", *options, *worker]


def _on_each_machine(profile: Profile, job: Path) -> list[str]:
    machines = profile.launch.machines
    if "SLURM_JOB_ID" not in os.environ:
        raise StageError(
            f"launch.machines is {machines}, and this is no SLURM job, so nothing here can start the others; "
            "use slurm/*.sbatch, or set launch.machines to 1"
        )
    where = [f"--nodes={machines}", f"--ntasks={machines}", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]
    return ["srun", *where, sys.executable, "-m", "sp3f_lib.training.worker", "--launch", str(job)]


def _wait(process: subprocess.Popen, stop: Path, grace: float) -> None:
    """Until the launcher ends, or `grace` seconds after the request to stop."""
    asked = None
    while process.poll() is None:
        time.sleep(0.1)
        if stop.exists():
            asked = asked or time.monotonic()
            if time.monotonic() - asked > grace:
                raise Stopped(
                    f"not stopped {grace:g} s after the signal (launch.grace_seconds), so ended; "
                    "the same command goes on from the last checkpoint"
                )


def _raise_first_error(directory: Path, label: str, code: int) -> None:
    errors = [json.loads(path.read_text(encoding="utf-8")) for path in directory.glob(f"{_ERROR}-*")]
    if errors:  # the others failed because the first one had left
        first = min(errors, key=lambda error: error["time"])
        raise (Stopped if first["stopped"] else StageError)(first["message"])
    if code:
        raise StageError(f"{label}: the processes of `accelerate launch` ended with code {code}; what they said is above")


def main(arguments: list[str]) -> int:
    """One worker (`JOB.json`), or the launcher of one machine among several (`--launch JOB.json`)."""
    path = Path(arguments[-1])
    job, directory = json.loads(path.read_text(encoding="utf-8")), path.parent
    profile = load_profile(job["profile"])
    if arguments[0] == "--launch":
        command = launch_command(profile, job["kind"], path, int(os.environ["SLURM_NODEID"]), job["address"])
        os.execv(command[0], command)
    end_with_parent()
    try:
        if job["kind"] == "scores":
            from sp3f_lib.scoring_job import score_share

            score_share(directory, profile, job, (int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])))
        else:
            _train(directory, profile, job["kind"], job["start"], Path(job["rows"]), job["label"])
    except Exception as error:
        expected = isinstance(error, _EXPECTED)
        message = str(error) if expected else f"{job['label']}: {type(error).__name__}: {error}"
        found = {"time": time.time(), "message": message, "stopped": isinstance(error, Stopped)}
        write_text(directory / f"{_ERROR}-{os.environ['RANK']}", json.dumps(found))
        if not expected:
            traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # after a failure the interpreter's end would wait for processes that are gone
