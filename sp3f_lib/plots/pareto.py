"""Accuracy against language fidelity, in the manner of the paper's Figure 1: one point a method, arrows along the training."""

import pandas as pd

from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_MARKERS, METHOD_NAMES, WIDTH, apply_theme

ARROWS = (("base", "sft"), ("sft", "rlvr"), ("sft", "judge_unprivileged"), ("sft", "sp3f"))
_COLUMNS = ("accuracy", "accuracy_low", "accuracy_high", "fidelity", "fidelity_low", "fidelity_high")


def pareto_table(table: pd.DataFrame) -> pd.DataFrame:
    """One line per regime and method from `evaluate.table(samples, ("regime", "method"))`, in percent.

    Columns: regime, method, accuracy, accuracy_low, accuracy_high, the same of fidelity, answers, problems.
    """
    wide = table.pivot(index=["regime", "method"], columns="metric", values=["mean", "low", "high"]) * 100
    out = pd.DataFrame(
        {column: wide[{"": "mean", "_low": "low", "_high": "high"}[column[8:]], column[:8]] for column in _COLUMNS}
    )
    counts = table[table.metric == "accuracy"].set_index(["regime", "method"])[["answers", "problems"]]
    order = table[["regime", "method"]].drop_duplicates()
    return out.join(counts).loc[list(order.itertuples(index=False, name=None))].reset_index()


def plot_pareto(points: pd.DataFrame, published: pd.DataFrame | None = None):
    """One panel per regime of `points` (see `pareto_table`), and one with the published points; returns the figure."""
    import matplotlib.pyplot as plt

    apply_theme()
    regimes = list(points.regime.unique())
    panels = len(regimes) + (published is not None)
    figure, axes = plt.subplots(1, panels, figsize=(WIDTH / 2 * panels + 0.6, 3.9), squeeze=False, layout="constrained")
    for axis, regime in zip(axes[0], regimes, strict=False):
        chosen = points[points.regime == regime]
        _draw_measured(axis, chosen)
        answers, problems = chosen.answers.iloc[0], chosen.problems.iloc[0]
        axis.set_title(f"This repository: {regime}\n{problems} problems, {answers} answers a point", fontsize="medium")
    if published is not None:
        _draw_published(axes[0][-1], published)
    for axis in axes[0]:
        axis.set(xlabel="language fidelity (%)", ylabel="accuracy (%)")
        axis.set_xlim(-4, 104)
        axis.set_ylim(-4, 104)
    return figure


def _draw_measured(axis, points: pd.DataFrame) -> None:
    rows = {row.method: row for row in points.itertuples()}
    for start, end in ARROWS:
        if start in rows and end in rows:
            _arrow(axis, rows[start], rows[end])
    for method, row in rows.items():
        axis.errorbar(
            row.fidelity,
            row.accuracy,
            xerr=[[row.fidelity - row.fidelity_low], [row.fidelity_high - row.fidelity]],
            yerr=[[row.accuracy - row.accuracy_low], [row.accuracy_high - row.accuracy]],
            fmt=METHOD_MARKERS[method],
            color=METHOD_COLOURS[method],
            markeredgecolor="black",
            markeredgewidth=0.6,
            capsize=2,
            markersize=7,
            label=METHOD_NAMES[method],
            zorder=3,
        )
    axis.legend(loc="best", fontsize="small")


def _arrow(axis, start, end) -> None:
    style = {"arrowstyle": "->", "color": METHOD_COLOURS[end.method], "lw": 1.3, "shrinkA": 6, "shrinkB": 6}
    axis.annotate("", (end.fidelity, end.accuracy), (start.fidelity, start.accuracy), arrowprops=style, zorder=2)


def _draw_published(axis, published: pd.DataFrame) -> None:
    colours = {"SFT": "sft", "SP3F-7B": "sp3f", "Qwen2.5-7B": "base"}
    rows = {row.method: row for row in published.itertuples()}
    for start, end in (("Qwen2.5-7B", "SFT"), ("SFT", "SP3F-7B")):
        style = {"arrowstyle": "->", "color": METHOD_COLOURS[colours[end]], "lw": 1.3, "shrinkA": 6, "shrinkB": 6}
        points = [(rows[name].fidelity, rows[name].accuracy) for name in (end, start)]
        axis.annotate("", *points, arrowprops=style)
    for name, row in rows.items():
        key = colours.get(name)
        axis.plot(
            row.fidelity, row.accuracy, METHOD_MARKERS.get(key, "X"), color=METHOD_COLOURS.get(key, "#0072B2"),
            markeredgecolor="black", markeredgewidth=0.6, markersize=7,
        )  # fmt: skip
        samples = f" ({row.samples} samples)" if isinstance(row.samples, str) else ""
        place = {"xytext": (-7, 5), "textcoords": "offset points", "ha": "right", "fontsize": "small"}
        axis.annotate(f"{name}{samples}", (row.fidelity, row.accuracy), **place)
    axis.set_title("Published, Qwen2.5-7B, 18 languages\n(arXiv 2601.18722, Fig. 1, read off the plot)", fontsize="medium")
