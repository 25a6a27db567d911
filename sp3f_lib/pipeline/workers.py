"""Processes that make stages, one after the other: to import torch and TRL takes longer than many a stage of the lab.

A worker is `python -m sp3f_lib work`: it reads a job a line, the arguments of a verb as JSON, from its standard input, prints what
the verb prints and then how it ended, and ends itself when its input closes: so it never outlives the process that started it.
On a CPU it takes the next job; where there is a GPU it is used once, so that its memory is free again. Where a stage trains in one
process, it sees one GPU: TRL refuses to train where it sees several. Side by side, workers are spread over the GPUs.
"""

import gc
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from sp3f_lib.machine import CHILD, WORKER, forget_peak_memory, gpus, seeing
from sp3f_lib.profiles import Profile

DONE = "finished: "  # what a stage's last line begins with; then its directory
ENDED = "stage ended: "  # then the exit status


class Worker:
    """A process and its present job (a number, None while it has none).

    Each line that it prints is put into a queue as (worker, line); the line is None when the process has ended. `gpus`: those that
    it sees (`machine.seeing`).
    """

    def __init__(self, lines: queue.Queue, gpus: str | None = None):
        self.job: int | None = None
        self.gpus = gpus
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sp3f_lib", "work"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=os.environ | {CHILD: WORKER, "PYTHONUNBUFFERED": "1"} | seeing(gpus),
        )
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def start(self, job: int, arguments: list[str]) -> None:
        """Begins a job; a process that has died meanwhile is found by its missing line."""
        self.job = job
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(arguments) + "\n")
            self._process.stdin.flush()

    @property
    def lives(self) -> bool:
        """Whether its process has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _read(self, lines: queue.Queue) -> None:
        for line in self._process.stdout:
            lines.put((self, line.rstrip("\n")))
        lines.put((self, None))


def can_be_kept(profile: Profile) -> bool:
    """Whether a worker may take another job after one of this profile: its trainings say that they use no GPU."""
    sections = (profile.base, profile.sft, profile.grpo, profile.dpo, profile.preference, profile.alignment)
    return all(section.get("use_cpu") for section in sections if section)


def gpu_choices(profile: Profile) -> list[str | None]:
    """What a process that makes a stage of this profile may see of the GPUs, as `machine.seeing` has it; one of these.

    None of them where all trainings use the CPU, so that evaluations do so too, unless a judge or vLLM wants one; any single one
    where a stage trains in one process; otherwise all.
    """
    generators = profile.methods, profile.evaluation
    wanted = profile.judge.name == "local" or any(one.generator == "vllm" for one in generators)
    if can_be_kept(profile) and not wanted:
        return [""]
    split = [one.engine.get("tensor_parallel_size", 1) for one in generators] + [
        profile.grpo.get("vllm_tensor_parallel_size", 1)
    ]
    return [None] if profile.launch.accelerate != "single" or max(split) > 1 else list(gpus()) or [None]


def serve(run: Callable[[list[str]], int]) -> None:
    """What a worker does: runs each job that comes, until no more can come. Does not return."""
    jobs: queue.SimpleQueue = queue.SimpleQueue()

    def read():
        with os.fdopen(
            os.dup(0), encoding="utf-8"
        ) as given:  # not sys.stdin, whose lock would trouble the interpreter's end
            for line in given:
                jobs.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        status = run(jobs.get())
        print(f"{ENDED}{status}", flush=True)
        gc.collect()
        forget_peak_memory()  # the next stage's is its own
