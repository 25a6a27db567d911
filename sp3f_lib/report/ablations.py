"""What notebook 04 shows: for each question the runs that answer it, the user's where there are enough, else the committed ones.

evidence = Evidence(ours)              ours: what `pipeline.ablations` gave, may be empty
evidence.draw("who", figures)          the figure, written with its table
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from sp3f_lib.evaluation.seeds import differences
from sp3f_lib.pipeline.ablations import CELLS, COMMITTED, CURVES
from sp3f_lib.pipeline.questions import QUESTIONS
from sp3f_lib.plots import ablations as plots
from sp3f_lib.plots.theme import PUBLISHED, save_figure
from sp3f_lib.report.claims import prediction_interval

ENOUGH = 3  # seeds of one's own from which a question is drawn from them
_AT_EQUAL_COST = ("rlvr", "sp3f", "process", "score", "listwise", "hint", "sp3f_hint", "opsd", "rlvr_opsd")


class Evidence:
    """The results of each question; tables as `pipeline.ablations` writes them (`committed`: their folder)."""

    def __init__(self, ours: pd.DataFrame, committed: Path = COMMITTED):
        self.ours = ours
        self.committed = _read(committed / CELLS)
        self._curves = _read(committed / CURVES)

    def cells(self, question: str) -> pd.DataFrame:
        """The lines of a question's models: ours if each was run over `ENOUGH` seeds, else the committed ones.

        Committed lines are from several kinds of processors: see `_paired`. Models of fewer seeds are left out, and all of them
        where that leaves less than half of the question: questions share some models, which do not answer each of them.
        """
        ours, models = self._of(question, self.ours), len({cell.key for cell in QUESTIONS[question].cells})
        runs = ours.groupby(["regime", "method"]).seed.nunique() if len(ours) else pd.Series(dtype=int)
        if len(runs) == models and runs.min() >= ENOUGH:
            return ours
        committed = self._of(question, self.committed)
        if len(committed):
            committed = _paired(committed, QUESTIONS[question].other, ENOUGH)
        known = committed.groupby(["regime", "method"]).ngroups if len(committed) else 0
        return committed if 2 * known >= models else committed.head(0)

    def pairs(self, question: str) -> tuple[tuple[str, str], ...]:
        """Which models are compared."""
        return QUESTIONS[question].pairs()

    def settings(self, question: str) -> list[str]:
        """The settings (column regime) of a question."""
        return list(dict.fromkeys(cell.key[0] for cell in QUESTIONS[question].cells))

    def gaps(self, question: str) -> pd.DataFrame:
        """`seeds.differences` in accuracy between a question's models."""
        return differences(self.cells(question), pairs=self.pairs(question))

    def costs(self, question: str) -> pd.DataFrame:
        """Means over seeds by model: accuracy and fidelity in percent, tokens generated, judge's replies, seconds, seeds."""
        cells = self.cells(question)
        if cells.empty:
            return cells
        table = cells.groupby(["regime", "method"], sort=False).agg(
            accuracy=("accuracy", "mean"),
            fidelity=("fidelity", "mean"),
            thousand_tokens=("generated_tokens", "mean"),
            judge_calls=("judge_calls", "mean"),
            seconds=("seconds", "mean"),
            seeds=("seed", "nunique"),
        )
        table[["accuracy", "fidelity"]] *= 100
        table["thousand_tokens"] /= 1000
        return table.round(
            {"accuracy": 1, "fidelity": 1, "thousand_tokens": 0, "judge_calls": 0, "seconds": 0}
        ).reset_index()

    def beside_committed(self) -> pd.DataFrame:
        """Each of our models beside the committed seeds: accuracy in percent, and whether it lies where they predict it.

        Columns: regime, method, ours, seeds, committed, low, high (prediction interval for so many new seeds), inside.
        """
        rows = []
        for (regime, method), part in self.ours.groupby(["regime", "method"], sort=False) if len(self.ours) else ():
            theirs = self._committed_accuracies(regime, method)
            row = {"regime": regime, "method": method, "ours": 100 * part.accuracy.mean(), "seeds": part.seed.nunique()}
            if len(theirs) > 1:
                low, high = prediction_interval(theirs, row["seeds"])
                inside = low <= row["ours"] <= high
                row |= {"committed": theirs.mean(), "low": max(0.0, low), "high": min(100.0, high), "inside": inside}
            rows.append(row)
        return pd.DataFrame(rows).round(1)

    def _committed_accuracies(self, regime: str, method: str) -> np.ndarray:
        if self.committed.empty:
            return np.array([])
        chosen = (self.committed.regime == regime) & (self.committed.method == method)
        return 100 * self.committed[chosen].accuracy.to_numpy()

    def draw(self, question: str, folder: Path):
        """The figure of a question, written as `ablation_<question>`; a sentence where nobody has run it."""
        cells = self.cells(question)
        if cells.empty:
            return f"Nobody has run this yet: sp3f ablations {question} --seeds 0-4"
        figure, table = _DRAWINGS.get(question, partial(_arms, question))(self, cells)
        save_figure(figure, table, f"ablation_{question}", folder)
        return figure

    def draw_cost(self, folder: Path):
        """Accuracy in training against tokens and judge's replies, from the committed curves of `who`."""
        curves = self._of("who", self._curves)
        if len(curves):
            curves = _paired(curves, None, min(ENOUGH, curves.seed.nunique()))
        if curves.empty:
            return "Nobody has run this yet: sp3f ablations who --seeds 0-4"
        figure = plots.plot_cost(curves, "cold", [name for name in _AT_EQUAL_COST if name in set(curves.method)])
        means = curves.groupby(["regime", "method", "step"], as_index=False)[["generated_tokens", "judge_calls", "accuracy"]]
        save_figure(figure, means.mean(), "ablation_cost", folder)
        return figure

    def _of(self, question: str, table: pd.DataFrame) -> pd.DataFrame:
        keys = {cell.key for cell in QUESTIONS[question].cells}
        if table.empty:
            return table
        return table[[key in keys for key in zip(table.regime, table.method, strict=True)]].reset_index(drop=True)


def _arms(question: str, evidence: Evidence, cells: pd.DataFrame):
    (setting,) = cells.regime.unique()
    table = evidence.gaps(question)
    return plots.plot_arms(cells, evidence.pairs(question), setting), table


def _accuracy(evidence: Evidence, cells: pd.DataFrame):
    published = pd.read_csv(PUBLISHED / "sp3f_table3.csv")
    return plots.plot_judge_accuracy(cells, "cold", published), plots.judge_accuracy_table(cells, "cold")


def _start(evidence: Evidence, cells: pd.DataFrame):
    table = plots.start_table(cells, evidence.settings("start"))
    return plots.plot_starts(table), table


_DRAWINGS: dict[str, Callable] = {"accuracy": _accuracy, "start": _start}


def _paired(table: pd.DataFrame, other: str | None, least: int) -> pd.DataFrame:
    """The lines that can be compared with the model `other`: equal seeds make a pair on one kind of processor only.

    A model's lines of a processor stay where it shares at least so many seeds with `other` (any seeds, if there is no `other`). A
    processor that has only models which another one has, too, is left out, so that levels can be compared.
    """
    place = ["regime", "processor"]
    runs = table[[*place, "method", "seed"]].drop_duplicates()
    shared = runs.merge(runs.loc[runs.method == other, [*place, "seed"]], on=[*place, "seed"]) if other else runs
    counts = shared.groupby([*place, "method"], as_index=False).seed.nunique().query("seed >= @least")
    models = counts.groupby(place).method.agg(frozenset)
    needed = [(regime, name) for (regime, name), own in models.items() if not any(own < more for more in models[regime])]
    kept = counts[pd.MultiIndex.from_frame(counts[place]).isin(needed)]
    return table.merge(kept[[*place, "method"]], on=[*place, "method"])


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()
