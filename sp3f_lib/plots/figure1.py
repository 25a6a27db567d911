"""The paper's Figure 1 drawn again from its numbers, with what a run of ours gave on the same tasks."""

from pathlib import Path

import pandas as pd

from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_MARKERS, METHOD_NAMES, WIDTH, apply_theme

_SAME = {"Qwen2.5-7B": "base", "SFT": "sft", "SP3F-7B": "sp3f"}  # their names, ours
_STEPS = (("base", "sft"), ("sft", "rlvr"), ("sft", "sp3f"))


def our_points(runs: Path, profiles: tuple[str, ...] = ("paper", "gpu1")) -> pd.DataFrame:
    """What runs of these profiles gave on several tasks: profile, method, fidelity, accuracy (mean of tasks, percent), coverage.

    Read from the tables that `sp3f evaluate NAME --task ... --task ...` writes below `runs`; empty where there are none.
    """
    rows = []
    for profile in profiles:
        for path in sorted((runs / profile / "tables").glob("*/averages.csv")):
            found = pd.read_csv(path).set_index("average").loc["mean of tasks"]
            method, about = path.parent.name.rpartition("-")[0], {"profile": profile, "coverage": int(found.cells)}
            rows.append(about | {"method": method, "fidelity": 100 * found.fidelity, "accuracy": 100 * found.accuracy})
    return pd.DataFrame(rows, columns=["profile", "method", "fidelity", "accuracy", "coverage"])


def plot_figure1(published: pd.DataFrame, ours: pd.DataFrame):
    """Accuracy against language fidelity in percent: `published` hollow, `ours` filled, arrows along the training.

    `published`: method, fidelity, accuracy, samples. `ours`: profile, method, fidelity, accuracy (means of tasks, percent), and
    coverage, the number of cells (task and language) that each is over; may be empty.
    """
    import matplotlib.pyplot as plt

    apply_theme()
    figure, axis = plt.subplots(figsize=(WIDTH, 4.6), layout="constrained")
    theirs = published.assign(method=[_SAME.get(name, name) for name in published.method], name=published.method)
    _arrows(axis, theirs, "#7f7f7f")
    for row in theirs.itertuples():
        axis.plot(
            row.fidelity, row.accuracy, METHOD_MARKERS[row.method], mfc="none", mec=METHOD_COLOURS[row.method], mew=1.6, ms=9
        )
        samples = f"\n{row.samples} samples" if isinstance(row.samples, str) else ""
        where = {"xytext": (-9, 0), "textcoords": "offset points", "ha": "right", "va": "center", "fontsize": "small"}
        axis.annotate(f"{row.name}{samples}", (row.fidelity, row.accuracy), **where)
    for profile, part in ours.groupby("profile", sort=False) if len(ours) else ():
        _arrows(axis, part, "black")
        for row in part.itertuples():
            label = f"{profile}: {METHOD_NAMES[row.method]} ({row.coverage} cells)"
            style = {"color": METHOD_COLOURS[row.method], "mec": "black", "mew": 0.6, "ms": 8, "ls": "none"}
            axis.plot(row.fidelity, row.accuracy, METHOD_MARKERS[row.method], label=label, **style)
    if len(ours):
        axis.legend(fontsize="small", loc="lower right")
    axis.set(
        xlabel="language fidelity (%)", ylabel="accuracy (%)", xlim=(min(55.0, _least(ours)), 101), ylim=(0, _most(ours))
    )
    axis.set_title(
        "Hollow: published, Qwen2.5-7B, 18 languages (arXiv 2601.18722, Figure 1, read off the plot)"
        + ("" if len(ours) else "\nNo run of ours on these tasks yet: sp3f evaluate sp3f --profile paper --task mgsm ..."),
        fontsize="small",
    )
    return figure


def _least(ours: pd.DataFrame) -> float:
    return float(ours.fidelity.min()) - 4 if len(ours) else 100.0


def _most(ours: pd.DataFrame) -> float:
    return max(80.0, float(ours.accuracy.max()) + 5) if len(ours) else 80.0


def _arrows(axis, points: pd.DataFrame, colour: str) -> None:
    rows = {row.method: (row.fidelity, row.accuracy) for row in points.itertuples()}
    for start, end in _STEPS:
        if start in rows and end in rows:
            style = {"arrowstyle": "->", "color": colour, "lw": 1.2, "shrinkA": 7, "shrinkB": 7}
            axis.annotate("", rows[end], rows[start], arrowprops=style)
