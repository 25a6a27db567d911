"""Makes stages in processes of their own (workers.py), side by side, with their progress in the cell of a notebook.

A stage is `sp3f <verb>` on the resolved profile, so what a notebook runs is what a scheduler runs. A worker ends when its parent
does, however that ends, so nothing works on in the background.
"""

import queue
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sp3f_lib.display import shown
from sp3f_lib.methods.models import find
from sp3f_lib.pipeline.models import STAGES
from sp3f_lib.pipeline.workers import DONE, ENDED, Worker, can_be_kept, gpu_choices
from sp3f_lib.profiles import Profile, save_profile
from sp3f_lib.runs import StageError, content_hash, finished_only
from sp3f_lib.stages import RUNS, label

_KEPT_LINES = 30


def run_stages(
    jobs: list[tuple[Profile, str, str | None]],
    done: Callable[[dict[int, Path]], None] = lambda found: None,
    after: Mapping[int, int] | None = None,
) -> list[Path]:
    """Runs (profile, verb, model) jobs, `profile.parallel` at a time, and returns their stages' directories in order.

    A job starts as soon as there is room and job `after[number]`, which makes something that it needs, is finished. `done` is
    called with the directories so far, by number of the job: of what was there already, and again after each job that ran. Lines
    that the stages print appear as they come. The first failure stops the others and raises `StageError`.
    """
    for _, _, name in jobs:
        if name is not None:
            find(name)
    with shown(*{RUNS / profile.name for profile, _, _ in jobs}):
        return _run_all(jobs, done, after or {})


def _run_all(jobs, done, after) -> list[Path]:
    lines: queue.Queue = queue.Queue()
    # What is there already needs no process, which would take seconds to find it.
    found = {number: path for number, job in enumerate(jobs) if (path := _finished(job))}
    news = bool(found)
    waiting = [(number, job) for number, job in enumerate(jobs) if number not in found]
    tails: dict[int, list[str]] = {number: [] for number, _ in waiting}
    workers: list[Worker] = []
    began = time.monotonic()
    try:
        while waiting or news or any(worker.job is not None for worker in workers):
            ready = [item for item in waiting if after.get(item[0]) in (None, *found)]
            for number, job in ready[: jobs[0][0].parallel - sum(worker.job is not None for worker in workers)]:
                waiting.remove((number, job))
                _idle(workers, lines, job[0]).start(number, _arguments(job))
            if news:  # told when the next ones have begun: a notebook draws its picture then
                news = False
                done(dict(found))
                continue
            worker, line = lines.get()
            number = worker.job
            if number is None:  # it ended while it had nothing to do
                continue
            if line is not None and not line.startswith(ENDED):
                tails[number] = [*tails[number], line][-_KEPT_LINES:]
                if not line.startswith(DONE):
                    print(line, flush=True)
                continue
            if line != f"{ENDED}0":
                raise StageError(_why(jobs[number], tails[number]))
            worker.job = None
            if not can_be_kept(jobs[number][0]):
                workers.remove(worker)
                worker.close()
            found[number] = next(Path(line.removeprefix(DONE)) for line in reversed(tails[number]) if line.startswith(DONE))
            _say_done(jobs[number], time.monotonic() - began, len(jobs) - len(found))
            news = True
    finally:
        for worker in workers:
            worker.close()
    return [found[number] for number in range(len(jobs))]


def _idle(workers: list[Worker], lines: queue.Queue, profile: Profile) -> Worker:
    """A worker without a job that sees the GPUs that this profile wants; a new one if there is none that lives."""
    choices = gpu_choices(profile)
    found = next((worker for worker in workers if worker.job is None and worker.lives and worker.gpus in choices), None)
    if found is None:
        busy = [worker.gpus for worker in workers if worker.job is not None]
        workers.append(found := Worker(lines, min(choices, key=busy.count)))
    return found


def _finished(job) -> Path | None:
    """The directory of a job that is done; None if it is not. No judge or server is asked for that."""
    profile, verb, name = job
    try:
        with finished_only():
            return Path(STAGES[verb](profile, name) if name else STAGES[verb](profile))
    except (StageError, ValueError):  # the process that makes it says what is wrong
        return None


def run_stage_here(profile: Profile, verb: str, name: str | None = None) -> Path:
    """One stage in a child process; see `run_stages`."""
    return run_stages([(profile, verb, name)])[0]


def _arguments(job) -> list[str]:
    """The command line of a job, on a file of its resolved profile."""
    profile, verb, name = job
    resolved = profile.model_dump(mode="json")
    path = save_profile(profile, RUNS / profile.name / "profiles" / f"{content_hash(resolved)[:12]}.yaml")
    return [verb, *([name] if name else []), "--profile", str(path)]


def _say_done(job, seconds: float, left: int) -> None:
    name = label(job[0], " ".join(part for part in job[1:] if part))
    print(f"{name}: finished after {seconds:.0f} s{f'; {left} more' if left else ''}", flush=True)


def _why(job, tail: list[str]) -> str:
    errors = [line.removeprefix("error: ") for line in tail if line.startswith("error: ")]
    return f"{job[1]} {job[2] or ''} failed: " + (errors[-1] if errors else "\n".join(tail))
