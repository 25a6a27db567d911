"""What is there of a profile's models and stages, without making anything and without torch.

look(profile, "icr_2").made            whether the model is finished
unfinished(RUNS / "lab")               the stages at work, and those that something interrupted
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sp3f_lib import progress
from sp3f_lib.judges.ledger import Ledger, Spent
from sp3f_lib.judges.recorded import run_label
from sp3f_lib.methods.models import is_model
from sp3f_lib.pipeline.models import data, evaluation, model
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import LOCK, MANIFEST, NotFinished, finished_only, is_held, owner
from sp3f_lib.training.checkpoints import last_step

_OWNER = re.compile(r"process (?P<process>\d+) on (?P<machine>\S+) since (?P<since>\S+ \S+): .*", re.DOTALL)


@dataclass(frozen=True)
class Look:
    """What was found of one model.

    - `made`: its directory, or hub id; `evaluated`: the finished stage of its scored answers; None as long as they are not there.
    - `finished`: the finished stages on the way to its evaluation with their manifests, in the order in which they are made.
    - `missing`: the folder of the first stage that is not finished, whether the folder is there or not.
    """

    name: str
    made: Path | str | None
    evaluated: Path | None
    finished: dict[Path, dict]
    missing: Path | None

    @property
    def stage(self) -> Path | None:
        """The finished stage of its training; None for models that are not trained, or not made yet."""
        folder = Path(self.made or "").parent
        return folder if folder in self.finished else None


def look(profile: Profile, name: str) -> Look:
    """What there is of a model of the table in this profile; `ProfileError` if the profile cannot make it."""
    made = evaluated = None
    with finished_only() as asked:
        with suppress(NotFinished):
            data(profile)
        with suppress(NotFinished):
            made = model(profile, name)
            evaluated = evaluation(profile, name)
    finished = {path: manifest for path, manifest in asked.items() if manifest is not None}
    missing = next((path for path, manifest in asked.items() if manifest is None), None)
    return Look(name, made, evaluated, finished, missing)


@dataclass(frozen=True)
class Unfinished:
    """A stage that is at work (`running`), or that was interrupted; `since` when (None: not known), of the last start."""

    directory: Path
    running: bool
    state: progress.State | None
    step: int | None
    parts: int
    since: str | None
    process: str | None

    @property
    def label(self) -> str:
        """How it is called where it prints; its folder's name as long as that is not known."""
        return self.state.label if self.state else self.directory.parent.name

    @property
    def short(self) -> str:
        """In a word or two: `step 12/100`, `at work`, `interrupted`."""
        return (self.state.said.split(",")[0] if self.state else "at work") if self.running else "interrupted"

    def __str__(self) -> str:
        """Such as `step 12/100, accuracy 0.41, 300 s left`, or `interrupted at step 20 of 100; the same command goes on`."""
        if self.running:
            return self.state.now() if self.state else "at work"
        if self.directory.parents[1].name == "notebooks":
            return "interrupted; the same command goes on with what its stages have"
        total = f" of {self.state.total}" if self.state else ""
        if self.step is not None:
            return f"interrupted at step {self.step}{total}; the same command goes on"
        if self.parts:
            return f"interrupted after {self.parts}{total} parts; the same command goes on"
        return "interrupted before anything was saved; the same command begins it again"


def unfinished(root: Path) -> list[Unfinished]:
    """The stages below `runs/<profile>` that were begun and are not finished, those at work first, then by folder."""
    locks = sorted((*root.glob(f"*/*/{LOCK}"), *root.glob(f"notebooks/*/*/{LOCK}")))
    found = [state_of(lock.parent) for lock in locks]
    return sorted(filter(None, found), key=lambda one: not one.running)


def state_of(directory: Path) -> Unfinished | None:
    """How far a stage is that was begun; None if it is finished or was never begun."""
    if (directory / MANIFEST).is_file() or not (directory / LOCK).is_file():
        return None
    running = is_held(directory)
    if (directory / MANIFEST).is_file():  # finished in this moment
        return None
    known = _OWNER.fullmatch(owner(directory))
    return Unfinished(
        directory,
        running,
        progress.read(directory),
        last_step(directory),
        sum(1 for _ in directory.glob("*/part-*.parquet")),
        known and known["since"],
        known and f"process {known['process']} on {known['machine']}",
    )


def models_made(root: Path) -> Iterator[tuple[str, str]]:
    """(name, regime) of every trained model below `runs/<profile>` that is finished, with whatever settings."""
    for stage in sorted({path.parents[1] for path in root.glob(f"*/*/{MANIFEST}") if (path.parent / "model").is_dir()}):
        name, _, regime = stage.name.partition("-")
        if is_model(name) and regime:
            yield name, regime


def spent(profile: Profile, stage: Path) -> Spent | None:
    """What the judge of a stage has cost so far; None if it was never asked."""
    if not Path(profile.judge.ledger).is_file():
        return None
    found = Ledger(profile.judge.ledger).spent(run_label(stage))
    return found if found.calls or found.failed else None


def cost(found: Spent) -> str:
    """For people: calls, USD, failures."""
    unpriced = f" and {found.unpriced:,} calls of unknown price" if found.unpriced else ""
    failed = f", {found.failed:,} more failed" if found.failed else ""
    return f"{found.calls:,} calls, {found.usd:.2f} USD{unpriced}{failed}"
