"""Accuracy against language fidelity, in the manner of the paper's Figure 1: one point a method, arrows along the training.

A large mark is the mean over seeds with its interval over seeds and problems; each seed is a small mark beside it. Below, the same
accuracies method by method, where marks that share a fidelity do not hide each other.
"""

from pathlib import Path

import pandas as pd

from sp3f_lib.evaluation.seeds import estimate
from sp3f_lib.machine import processor
from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_MARKERS, METHOD_NAMES, PUBLISHED, WIDTH, apply_theme, save_figure

ARROWS = (("base", "sft"), ("sft", "rlvr"), ("sft", "rlvr_without_fidelity"), ("sft", "judge_unprivileged"), ("sft", "sp3f"))
METRICS = ("accuracy", "fidelity")
MEAN = "mean"  # in place of a seed


def pareto_table(samples: pd.DataFrame) -> pd.DataFrame:
    """From scored answers with regime, seed and method (`seeds.read_results`): the mean of each method, then its seeds, in percent.

    Columns: regime, method, seed (a number, or "mean"), accuracy, accuracy_low, accuracy_high, the same of fidelity (intervals of
    the mean only: `seeds.estimate`), seeds, problems, answers (a seed), processor. The base model has no seed: it is
    counted once.
    """
    sampled, rows = samples[~samples.greedy], []
    for (regime, method), part in sampled.groupby(["regime", "method"], sort=False):
        part = part[part.seed == part.seed.iloc[0]] if method == "base" else part
        found = {metric: estimate(part, metric) for metric in METRICS}
        seeds, counts = found["accuracy"]["by_seed"], part.groupby("seed").size()
        common = {"regime": regime, "method": method}
        size = {"problems": found["accuracy"]["problems"], "answers": int(counts.iloc[0]), "processor": processor()}
        names = {"mean": "", "low": "_low", "high": "_high"}
        mean = {f"{m}{end}": 100 * found[m][name] for m in METRICS for name, end in names.items()}
        rows.append(common | {"seed": MEAN} | mean | {"seeds": len(seeds)} | size)
        for seed in seeds:
            each = {metric: 100 * found[metric]["by_seed"][seed] for metric in METRICS}
            rows.append(common | {"seed": seed} | each | {"seeds": 1} | size)
    return pd.DataFrame(rows)


def save_pareto(samples: pd.DataFrame, folder: Path, pdf: bool = True) -> Path:
    """Draws the picture of what there is so far, the published one beside it; returns the PNG's path. `pdf`: see `save_figure`."""
    import matplotlib.pyplot as plt

    points = pareto_table(samples)
    figure = plot_pareto(points, pd.read_csv(PUBLISHED / "sp3f_figure1.csv"))
    path = save_figure(figure, points, "pareto", folder, pdf)
    plt.close(figure)
    return path


def plot_pareto(points: pd.DataFrame, published: pd.DataFrame | None = None):
    """One panel per regime of `points` (see `pareto_table`), and one with the published points; returns the figure."""
    import matplotlib.pyplot as plt

    apply_theme()
    regimes = list(points.regime.unique())
    panels = len(regimes) + (published is not None)
    size, tall = (WIDTH / 2 * panels + 0.6, 6.6), {"height_ratios": [3, 2]}
    figure, axes = plt.subplots(2, panels, figsize=size, squeeze=False, layout="constrained", gridspec_kw=tall)
    for axis, below, regime in zip(*axes, regimes, strict=False):
        chosen = points[points.regime == regime]
        _draw_measured(axis, chosen)
        _draw_accuracies(below, chosen)
        seeds = int(chosen.seeds.max())
        what = f"{chosen.problems.iloc[0]} problems, {chosen.answers.iloc[0]} answers a seed"
        axis.set_title(f"This repository: {regime}\n{seeds} seed{'s' if seeds > 1 else ''}, {what}", fontsize="medium")
    if published is not None:
        _draw_published(axes[0][-1], published)
        axes[1][-1].axis("off")
    for axis in axes[0]:
        axis.set(xlabel="language fidelity (%)", ylabel="accuracy (%)")
        axis.set_xlim(-4, 104)
        axis.set_ylim(-4, 104)
    return figure


def _draw_measured(axis, points: pd.DataFrame) -> None:
    rows = {row.method: row for row in points[points.seed == MEAN].itertuples()}
    for start, end in ARROWS:
        if start in rows and end in rows:
            _arrow(axis, rows[start], rows[end])
    for method, row in rows.items():
        style = {"fmt": METHOD_MARKERS[method], "color": METHOD_COLOURS[method], "markeredgecolor": "black"}
        axis.errorbar(
            row.fidelity,
            row.accuracy,
            xerr=[[row.fidelity - row.fidelity_low], [row.fidelity_high - row.fidelity]],
            yerr=[[row.accuracy - row.accuracy_low], [row.accuracy_high - row.accuracy]],
            markeredgewidth=0.6,
            capsize=2,
            markersize=7,
            label=METHOD_NAMES[method],
            zorder=3,
            **style,
        )
        each = points[(points.method == method) & (points.seed != MEAN)]
        if len(each) > 1:
            axis.errorbar(
                each.fidelity, each.accuracy, markersize=3.5, markeredgewidth=0.3, alpha=0.7, zorder=2.5, ls="", **style
            )
    axis.legend(loc="best", fontsize="small")


def _draw_accuracies(axis, points: pd.DataFrame) -> None:
    means = points[points.seed == MEAN].reset_index(drop=True)
    for place, row in means.iterrows():
        style = {"fmt": METHOD_MARKERS[row.method], "color": METHOD_COLOURS[row.method], "markeredgecolor": "black"}
        bars = [[row.accuracy - row.accuracy_low], [row.accuracy_high - row.accuracy]]
        axis.errorbar(place, row.accuracy, yerr=bars, markeredgewidth=0.6, capsize=2, markersize=7, **style)
        each = points[(points.method == row.method) & (points.seed != MEAN)].accuracy
        if len(each) > 1:
            beside = [place + 0.22] * len(each)
            axis.errorbar(beside, each, markersize=3.5, markeredgewidth=0.3, alpha=0.7, ls="", **style)
        axis.annotate(f"{row.accuracy:.0f}", (place - 0.16, row.accuracy), ha="right", va="center", fontsize="small")
    names = [METHOD_NAMES[method].replace(" without ", "\nwithout\n").replace(", ", ",\n") for method in means.method]
    axis.set_xticks(range(len(means)), names, fontsize="small")
    axis.set(ylabel="accuracy (%)", ylim=(-4, 104), xlim=(-0.6, len(means) - 0.4))
    axis.grid(axis="x", visible=False)


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
