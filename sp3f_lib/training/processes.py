"""Several processes for one stage: `accelerate launch` starts them, this process waits for them.

    sp3f train sp3f --profile paper
      └ accelerate launch --config_file profiles/accelerate/fsdp2.yaml --num_processes 8 -m sp3f_lib.training.worker JOB.json

The process that was called resolves the profile, makes the earlier stages, holds the stage's lock and writes its manifest;
the workers do nothing but their job, and the first of them writes. On several machines the first one starts a launcher on each
through srun. Whatever ends the calling process (kill -9 too) ends the workers: they hold the other end of a pipe.

SIGTERM and SIGUSR1 (what a scheduler sends before its limit) stop a training after the step at hand, with a checkpoint;
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
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sp3f_lib.display import shown
from sp3f_lib.machine import CHILD, end_with_parent
from sp3f_lib.profiles import Profile, load_profile, save_profile
from sp3f_lib.profiles.section import FOLDER
from sp3f_lib.runs import StageError, Stopped, write_text

STOP = ".stop"  # a file in the stage's folder: the training ends after the step at hand
_JOB, _ERROR = ".job.json", ".error"
_PORT = 29500
# What a user can mend is said in one line; the rest with a traceback.
_EXPECTED = (ValueError, OSError, StageError)


@contextmanager
def stops_when_asked(path: Path, label: str):
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


def launch(directory: Path, profile: Profile, job: dict, module: str) -> None:
    """Does a job in the processes of section `launch`, and waits for them: each is `python -m <module> JOB.json`.

    `job` holds what the module needs, JSON-like, beside `label` (how it is called where it prints) and `section` (the section of
    the profile that trains; None for other work).
    """
    for path in directory.glob(f"{_ERROR}*"):
        path.unlink()
    # In a folder of this name a profile may be called as a shipped one is (profile.py).
    profile_path = save_profile(profile, directory / FOLDER.name / "profile.yaml")
    job = job | {"address": socket.gethostname(), "profile": str(profile_path), "module": module}
    write_text(directory / _JOB, json.dumps(job))
    command = launch_command(profile, job["section"], directory / _JOB, module)
    if profile.launch.machines > 1:
        command = _on_each_machine(profile, directory / _JOB, module)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        env=os.environ | {CHILD: "1", "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # Ctrl-C and the scheduler's signals come here only, and are passed on in order
    )
    try:
        _wait(process, directory / STOP, profile.launch.grace_seconds)
    finally:
        process.stdin.close()  # the workers end; they are in sessions of their own, where no signal to a group comes
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    _raise_first_error(directory, job["label"], process.returncode)


def launch_command(
    profile: Profile, section: str | None, job: Path, module: str, machine: int = 0, address: str | None = None
) -> list[str]:
    """The `accelerate launch` of one machine. Mixed precision is the trainer's own, so that the two cannot differ."""
    launch, settings = profile.launch, getattr(profile, section) if section else {}
    precision = next((name for name in ("bf16", "fp16") if settings.get(name)), "no")
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
    return [sys.executable, "-m", "accelerate.commands.launch", *options, "-m", module, str(job)]


def _on_each_machine(profile: Profile, job: Path, module: str) -> list[str]:
    machines = profile.launch.machines
    if "SLURM_JOB_ID" not in os.environ:
        raise StageError(
            f"launch.machines is {machines}, and this is no SLURM job, so nothing here can start the others; "
            "use slurm/*.sbatch, or set launch.machines to 1"
        )
    where = [f"--nodes={machines}", f"--ntasks={machines}", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]
    return ["srun", *where, sys.executable, "-m", module, "--launch", str(job)]


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


def work_on(arguments: list[str], work: Callable[[Path, Profile, dict], None]) -> None:
    """The end of a worker's module: does `work(directory, profile, job)` and ends the process.

    `arguments`: `JOB.json`, or `--launch JOB.json` for the launcher of one machine among several. An error is written beside the
    job, where the process that waits finds it.
    """
    code = _work_on(arguments, work)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # after a failure the interpreter's end would wait for processes that are gone


def _work_on(arguments: list[str], work: Callable[[Path, Profile, dict], None]) -> int:
    path = Path(arguments[-1])
    job, directory = json.loads(path.read_text(encoding="utf-8")), path.parent
    profile = load_profile(job["profile"])
    if arguments[0] == "--launch":
        machine = int(os.environ["SLURM_NODEID"])
        command = launch_command(profile, job["section"], path, job["module"], machine, job["address"])
        os.execv(command[0], command)
    end_with_parent()
    first = os.environ["RANK"] == "0"  # the others say nothing of their progress
    try:
        with shown(directory.parents[1]) if first else nullcontext():
            work(directory, profile, job)
    except Exception as error:
        expected = isinstance(error, _EXPECTED)
        message = str(error) if expected else f"{job['label']}: {type(error).__name__}: {error}"
        found = {"time": time.time(), "message": message, "stopped": isinstance(error, Stopped)}
        write_text(directory / f"{_ERROR}-{os.environ['RANK']}", json.dumps(found))
        if not expected:
            traceback.print_exc()
        return 1
    return 0
