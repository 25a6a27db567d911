"""The figures of notebook 04: one for each question, from the lines of `pipeline.ablations`, seeds as small marks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sp3f_lib.evaluation.seeds import differences, mean_and_half_width
from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_MARKERS, METHOD_NAMES, WIDTH, apply_theme

_GREY = "#7f7f7f"


def plot_arms(cells: pd.DataFrame, pairs: Sequence[tuple[str, str]], setting: str):
    """Accuracy of each arm of one setting, and beside it what it is above `other` of its pair within a seed."""
    import matplotlib.pyplot as plt

    apply_theme()
    part, other = cells[cells.regime == setting], pairs[0][1]
    means = part.groupby("method").accuracy.mean().sort_values(ascending=False, kind="stable")
    gaps = differences(part, pairs=pairs).set_index("one")
    size = (WIDTH * 1.35, 1.1 + 0.36 * len(means))
    figure, (left, right) = plt.subplots(1, 2, figsize=size, sharey=True, layout="constrained")
    for place, name in enumerate(means.index):
        # The one that all are compared with may have run on several kinds of processors.
        _marks(left, 100 * part[part.method == name].groupby("seed").accuracy.mean().to_numpy(), place, name)
        if name in gaps.index:
            _marks(right, np.array([float(gap) for gap in gaps.by_seed[name].split()]), place, name)
    right.axvline(0, color="black", lw=0.8)
    left.set_yticks(range(len(means)), [METHOD_NAMES[name] for name in means.index])
    left.set_ylim(len(means) - 0.5, -0.5)
    left.set_xlim(-3, 103)  # a t interval knows no bounds
    left.set_xlabel("accuracy (%)")
    right.set_xlabel(f"minus {METHOD_NAMES[other]}, points within a seed")
    left.set_title(f"regime {setting}: {_seeds(part)}, 95 % t intervals", fontsize="medium")
    return figure


def plot_cost(curves: pd.DataFrame, setting: str, names: Sequence[str]):
    """Accuracy in training against what it took: tokens that were generated, and replies of the judge; means over seeds."""
    import matplotlib.pyplot as plt

    apply_theme()
    part = curves[curves.regime == setting]
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH * 1.35, 4.2), sharey=True, layout="constrained")
    columns = {
        "generated_tokens": (1000, "thousand tokens generated"),
        "judge_calls": (1000, "thousand replies of the judge"),
    }
    for axis, (column, (unit, words)) in zip(axes, columns.items(), strict=True):
        for name in names:
            mean = part[part.method == name].groupby("step")[[column, "accuracy"]].mean()
            if len(mean) and mean[column].max():
                style = {"color": METHOD_COLOURS[name], "marker": METHOD_MARKERS[name], "ms": 4, "markevery": 4}
                axis.plot(mean[column] / unit, 100 * mean.accuracy, label=METHOD_NAMES[name], lw=1.5, **style)
        axis.set_xlabel(words)
    axes[0].set_ylabel("right among the answers of the training (%)")
    axes[0].set_title(f"regime {setting}: means over {_seeds(part)}", fontsize="medium")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize="small")
    return figure


def plot_judge_accuracy(cells: pd.DataFrame, setting: str, published: pd.DataFrame):
    """What a judge is worth by how often it is right: SP3F minus RLVR within a seed; dashed: real judges (`published`, Table 3)."""
    import matplotlib.pyplot as plt

    apply_theme()
    part = cells[cells.regime == setting]
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2), layout="constrained")
    table = judge_accuracy_table(cells, setting)
    for row in table.itertuples():
        each = _by_seed(row)
        axis.plot([row.judge + 0.8] * len(each), each, "o", color=METHOD_COLOURS["sp3f"], ms=3.5, alpha=0.7, mew=0)
    bars = [table["mean"] - table.low, table.high - table["mean"]]
    axis.errorbar(table.judge, table["mean"], yerr=bars, fmt="D-", color=METHOD_COLOURS["sp3f"], mec="black", capsize=3)
    axis.axhline(0, color="black", lw=0.8)
    for row in published[published.case == "both wrong"].itertuples():
        axis.axvline(row.accuracy, color=_GREY, ls="--", lw=1)
        shown = "with" if row.level == "solution" else "without"
        axis.annotate(
            f" {row.judge} {shown} reference", (row.accuracy, 0.98), xycoords=("data", "axes fraction"), rotation=90, va="top",
            ha="right", fontsize="x-small", color=_GREY,
        )  # fmt: skip
    axis.set_xlabel("decisions of the judge that are not spoilt (%)")
    axis.set_ylabel("SP3F minus RLVR, points of accuracy")
    axis.set_title(f"regime {setting}: {_seeds(part)}; dashed: published, pairs of wrong answers", fontsize="medium")
    return figure


def judge_accuracy_table(cells: pd.DataFrame, setting: str) -> pd.DataFrame:
    """`seeds.differences` of SP3F at each accuracy of its judge to RLVR, with a column `judge` in percent."""
    part = cells[cells.regime == setting]
    at = {f"sp3f at {percent} %": percent for percent in range(50, 100)} | {"sp3f": 100}
    gaps = differences(part, pairs=[(name, "rlvr") for name in at if name in set(part.method)])
    return gaps.assign(judge=gaps.one.map(at)).sort_values("judge", ignore_index=True)


def plot_starts(table: pd.DataFrame):
    """What an arm is above RLVR against the share of groups without a right answer at the start (`start_table`)."""
    import matplotlib.pyplot as plt

    apply_theme()
    figure, axis = plt.subplots(figsize=(WIDTH, 4.4), layout="constrained")
    seeds = np.concatenate([_by_seed(row) for row in table.itertuples()])
    arms = table.groupby("one", sort=False)
    for aside, (name, part) in zip(np.linspace(-0.4, 0.4, len(arms)), arms, strict=True):
        part = part.sort_values("unsolved")
        places = 100 * part.unsolved + aside  # so that one arm's interval does not hide the other's
        bars = [part["mean"] - part.low, part.high - part["mean"]]
        style = {"color": METHOD_COLOURS[name], "mec": "black"}
        axis.errorbar(
            places,
            part["mean"],
            yerr=bars,
            label=METHOD_NAMES[name],
            fmt=f"{METHOD_MARKERS[name]}-",
            mew=0.6,
            capsize=3,
            **style,
        )
        for place, row in zip(places, part.itertuples(), strict=True):
            each = _by_seed(row)
            axis.plot([place + aside] * len(each), each, METHOD_MARKERS[name], ms=3.5, alpha=0.7, mew=0.3, **style)
    axis.set_ylim(seeds.min() - 25, min(105, seeds.max() + 15))  # a t interval knows no bounds
    for regime, unsolved in table.groupby("regime", sort=False).unsolved.first().items():
        axis.annotate(
            f"{regime} ", (100 * unsolved - 1, 0.01), xycoords=("data", "axes fraction"), rotation=90, ha="right", va="bottom",
            fontsize="x-small", color=_GREY,
        )  # fmt: skip
    axis.axhline(0, color="black", lw=0.8)
    axis.set_xlabel("groups without a right answer in RLVR's first 5 steps (%)")
    axis.set_ylabel("minus RLVR, points of accuracy within a seed")
    axis.set_title(f"{_counted(table.seeds)} a start, 95 % t intervals", fontsize="medium")
    axis.legend()
    return figure


def start_table(cells: pd.DataFrame, settings: Sequence[str], arms: Sequence[str] = ("sp3f", "hint")) -> pd.DataFrame:
    """`seeds.differences` of each arm to RLVR in each setting, with `unsolved`: groups without a right answer at RLVR's start."""
    part = cells[cells.regime.isin(settings)]
    gaps = differences(part, pairs=[(arm, "rlvr") for arm in arms])
    unsolved = part[part.method == "rlvr"].groupby("regime").unsolved.mean()
    return gaps.assign(unsolved=gaps.regime.map(unsolved))


def _by_seed(row) -> np.ndarray:
    """The gaps of each seed in a line of `seeds.differences`, points."""
    return np.array([float(gap) for gap in row.by_seed.split()])


def _marks(axis, values: np.ndarray, place: int, name: str) -> None:
    """Seeds as small marks, their mean as a large one with a t interval."""
    style = {"color": METHOD_COLOURS[name]}
    marker = METHOD_MARKERS[name]
    axis.plot(values, [place + 0.2] * len(values), marker, ms=3.5, alpha=0.7, mew=0.3, mec="black", ls="none", **style)
    mean, half = mean_and_half_width(values)
    bars = half if len(values) > 1 else None
    axis.errorbar(mean, place, xerr=bars, fmt=marker, mec="black", mew=0.6, capsize=3, **style)


def _seeds(part: pd.DataFrame) -> str:
    return _counted(part.groupby("method").seed.nunique())


def _counted(seeds: pd.Series) -> str:
    least, most = int(seeds.min()), int(seeds.max())
    return f"{most} seed{'s' if most > 1 else ''}" if least == most else f"{least} to {most} seeds"
