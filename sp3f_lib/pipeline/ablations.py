"""All models of some questions over several seeds, in one queue: what is finished is kept in tables, and how long the rest takes.

    ablations(["who"], load, range(5), Path("figures/ablations"))

A killed queue goes on with the same call. The tables are written after every model, so that figures can be drawn while it works.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from sp3f_lib.evaluation.seeds import Results, read_results, seed_table
from sp3f_lib.machine import processor
from sp3f_lib.methods.models import changed
from sp3f_lib.pipeline.costs import cost, curve
from sp3f_lib.pipeline.notebook import Experiment
from sp3f_lib.pipeline.questions import find_questions, runs
from sp3f_lib.pipeline.seeds import Run, run_all
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.runs import atomic_path
from sp3f_lib.stages import RUNS

CELLS, CURVES = "cells.csv", "curves.csv"
COMMITTED = Path(__file__).parents[2] / "figures" / "ablations"
_KEY = ["regime", "method", "seed", "processor"]  # equal seeds give equal numbers on one kind of processor only


def ablations(
    questions: str | Iterable[str],
    load: Callable[[int, str, Mapping[str, object]], Profile],
    seeds: Iterable[int],
    folder: Path,
) -> pd.DataFrame:
    """Trains and scores every model of `questions` (names) at every seed, and writes both tables into `folder`.

    `load(seed, regime, changes)` gives the profile. Returns the first table: a line per model and seed, with the columns of
    `evaluation.seeds.seed_table` and `costs.cost`. Lines that the folder has of other models, seeds or kinds of processors stay.
    """
    planned = {run.key: run for run in runs(find_questions(questions).values(), load, seeds)}
    if not planned:
        return pd.DataFrame(columns=_KEY)
    queue = _Queue(planned, folder)
    run_all(list(planned.values()), queue.done)
    return queue.table()


def ask(experiment: Experiment, questions: str | Iterable[str], seeds: int) -> pd.DataFrame:
    """`ablations` for a notebook: the first so many seeds, tables beside its figures. Empty where nothing is asked."""

    def load(seed: int, regime: str, changes: Mapping[str, object]) -> Profile:
        if regime not in experiment.regimes:
            known = ", ".join(experiment.regimes)
            raise ProfileError(f"the question needs the regime {regime!r}; profile {experiment.first.name} runs {known}")
        return changed(experiment.regimes[regime].model_copy(update={"seed": seed}), changes)

    first = experiment.first.seed
    return ablations(questions, load, range(first, first + seeds), RUNS / experiment.first.name / "ablations")


class _Queue:
    """Reads each result once, and says how long the others take."""

    def __init__(self, planned: dict[tuple[str, int, str], Run], folder: Path):
        self.planned, self.folder = planned, folder
        self.rows: dict[tuple[str, int, str], dict] = {}
        self.curves: dict[tuple[str, int, str], pd.DataFrame] = {}
        self.began, self.before = time.monotonic(), None

    def done(self, found: Results) -> None:
        """Called with the evaluations that are finished, at first and after each."""
        for key, path in found.items():
            if key not in self.rows:
                run = self.planned[key]
                (row,) = seed_table(read_results({key: path})).to_dict("records")
                self.rows[key] = row | cost(run) | {"processor": processor()}
                setting, seed, name = key
                self.curves[key] = curve(run).assign(regime=setting, method=name, seed=seed, processor=processor())
        if self.before is None:
            self.before = len(found)
        print(f"ablations: {len(found)} of {len(self.planned)} models{self._left(len(found))}", flush=True)
        self._write()

    def table(self) -> pd.DataFrame:
        """The lines of the models that were asked for, in the order of the questions."""
        return pd.DataFrame([self.rows[key] for key in self.planned if key in self.rows])

    def _left(self, finished: int) -> str:
        """The time that is left: by the pace of this queue, at first by the committed table's."""
        left = len(self.planned) - finished
        if not left:
            return ""
        if finished > self.before:
            seconds = (time.monotonic() - self.began) / (finished - self.before) * left
            return f", about {seconds / 60:.0f} min left"
        if not (COMMITTED / CELLS).is_file():
            return ""
        committed = pd.read_csv(COMMITTED / CELLS)
        usual = committed.groupby(["regime", "method"]).seconds.median()  # some ran beside other work
        each = [usual.get((setting, name), usual.median()) for setting, _, name in self.planned.keys() - self.rows.keys()]
        parallel = next(iter(self.planned.values())).profile.parallel
        where = ", ".join(sorted(set(committed.processor)))
        return f", about {sum(each) / parallel / 60:.0f} min left (at the pace of {where})"

    def _write(self) -> None:
        curves = [one for one in self.curves.values() if len(one)]
        for name, new in ((CELLS, self.table()), (CURVES, pd.concat(curves) if curves else None)):
            if new is None or new.empty:
                continue
            path = self.folder / name
            if path.is_file():
                old = pd.read_csv(path)
                kept = ~pd.MultiIndex.from_frame(old[_KEY]).isin(pd.MultiIndex.from_frame(new[_KEY]))
                new = pd.concat([old[kept], new], ignore_index=True)
            new = new[[*_KEY, *(column for column in new if column not in _KEY)]]
            with atomic_path(path) as temporary:
                new.sort_values(_KEY, kind="stable").to_csv(temporary, index=False, float_format="%.5g")
