"""Starts stages as child processes of a notebook, side by side, with their progress in the cell.

A child is `python -m sp3f_lib <verb>` on the resolved profile: its memory is free again when it is done, and what a notebook
runs is what a scheduler runs. A child ends when its parent does, however that ends, so nothing works on in the background.
"""

import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

from sp3f_lib.profiles import Profile, save_profile
from sp3f_lib.runs import StageError, content_hash
from sp3f_lib.stages import RUNS, check_method

CHILD = "SP3F_CHILD"
DONE = "finished: "  # what a stage's last line begins with; then its directory
_KEPT_LINES = 30


def run_stages(jobs: list[tuple[Profile, str, str | None]]) -> list[Path]:
    """Runs (profile, verb, arm) jobs, `profile.parallel` at a time, and returns their stages' directories in order.

    Lines that the stages print appear as they come. The first failure stops the others and raises `StageError`.
    """
    for _, _, arm in jobs:
        if arm is not None:
            check_method(arm)
    lines: queue.Queue = queue.Queue()
    waiting, running = list(enumerate(jobs)), {}
    found: dict[int, Path] = {}
    tails: dict[int, list[str]] = {number: [] for number, _ in waiting}
    began = time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < jobs[0][0].parallel:
                number, job = waiting.pop(0)
                running[number] = _start(number, job, lines)
            number, line = lines.get()
            if line is not None:
                tails[number] = [*tails[number], line][-_KEPT_LINES:]
                if not line.startswith(DONE):
                    print(line, flush=True)
                continue
            if running.pop(number).wait():
                raise StageError(_why(jobs[number], tails[number]))
            found[number] = next(Path(line.removeprefix(DONE)) for line in reversed(tails[number]) if line.startswith(DONE))
            _say_done(jobs[number], time.monotonic() - began, len(jobs) - len(found))
    finally:
        for process in running.values():
            process.kill()
    return [found[number] for number in range(len(jobs))]


def run_stage_here(profile: Profile, verb: str, arm: str | None = None) -> Path:
    """One stage in a child process; see `run_stages`."""
    return run_stages([(profile, verb, arm)])[0]


def end_with_parent() -> None:
    """In a child: ends this process when the parent's end of the pipe closes."""
    if os.environ.get(CHILD):

        def wait():
            while os.read(0, 1024):  # not sys.stdin, whose lock would trouble the interpreter's end
                pass
            os._exit(1)

        threading.Thread(target=wait, daemon=True).start()


def _start(number: int, job, lines: queue.Queue) -> subprocess.Popen:
    profile, verb, arm = job
    resolved = profile.model_dump(mode="json")
    path = save_profile(profile, RUNS / profile.name / "profiles" / f"{content_hash(resolved)[:12]}.yaml")
    command = [sys.executable, "-m", "sp3f_lib", verb, "--profile", str(path), *(["--arm", arm] if arm else [])]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {CHILD: "1", "PYTHONUNBUFFERED": "1"},
    )

    def read():
        for line in process.stdout:
            lines.put((number, line.rstrip("\n")))
        lines.put((number, None))

    threading.Thread(target=read, daemon=True).start()
    return process


def _say_done(job, seconds: float, left: int) -> None:
    name = " ".join(part for part in (job[1], job[2], job[0].regime) if part)
    print(f"{name}: finished after {seconds:.0f} s{f'; {left} more' if left else ''}", flush=True)


def _why(job, tail: list[str]) -> str:
    errors = [line.removeprefix("error: ") for line in tail if line.startswith("error: ")]
    return f"{job[1]} {job[2] or ''} failed: " + (errors[-1] if errors else "\n".join(tail))
