"""ICR: which reward knows better from worse, what length control does, and results over iterations (LIDR's as well).

Each figure is drawn from a table of `audits/icr.py` or `evaluation/score.py`, in shares; published numbers, in
percent, stand in a panel of their own: another task, model and judge, so directions compare, not numbers.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sp3f_lib.audits.icr import ALL, OTHERS
from sp3f_lib.languages import LANGUAGES
from sp3f_lib.plots.theme import FAMILIES, METHOD_COLOURS, METHOD_NAMES, WIDTH, apply_theme

# Name, colour (Okabe and Ito) and marker. `pi0` is the published model before ICR, not a reward.
REWARDS = {
    "R_c": (r"$R_c$: English prompt", "#0072B2", "D"),
    "R_c_lc": (r"$R_c$, length-controlled", "#56B4E9", "d"),
    "R_m": (r"$R_m$: prompt in the language", "#E69F00", "s"),
    "R_m_lc": (r"$R_m$, length-controlled", "#F0E442", "p"),
    "R_t": (r"$R_t$: translated response", "#CC79A7", "^"),
    "R_t_lc": (r"$R_t$, length-controlled", "#D55E00", "v"),
    "shorter": ("the shorter one (no reward)", "#000000", "x"),
    "longer": ("the longer one (no reward)", "#000000", "+"),
    "pi0": (r"before, $\pi^0$", "#7f7f7f", "o"),
}
TRUTH_NAMES = {
    "correct": "the correct one",
    "faithful": "the one in the language",
    "good": "the correct one in the language",
}
ENGLISH, OTHER = "English", "other languages"
PUBLISHED_NAMES = {"pi0": r"DPO ($\pi^0$)", "M0": "Instruct ($M_0$)", "M1": "LIDR 1", "M2": "LIDR 2"}
PUBLISHED_COLOURS = {"pi0": FAMILIES["dpo"], "M0": FAMILIES["dpo"], "M1": FAMILIES["lidr"], "M2": FAMILIES["lidr"]}


def plot_reward_accuracy(table: pd.DataFrame, published: pd.DataFrame | None = None):
    """A panel per truth of `reward_accuracy` (several calls, one below the other), and one of `icr_figure3.csv`."""
    import matplotlib.pyplot as plt

    apply_theme()
    truths = list(table.truth.unique())
    panels = len(truths) + (published is not None)
    rewards = [name for name in REWARDS if name in {*table.reward, *(() if published is None else published.reward)}]
    columns = panels if panels < 3 else 1
    width = max(0.75 * WIDTH, 0.92 * table.lang.nunique())
    shape = (columns * width, 3.3 * panels / columns + 0.9)
    figure, axes = plt.subplots(panels // columns, columns, figsize=shape, squeeze=False, layout="constrained")
    axes = list(axes.flat)
    for axis, truth in zip(axes, truths, strict=False):
        rows = table[table.truth == truth].assign(value=lambda t: 100 * t["mean"], ends=_ends)
        _draw_points(axis, rows, "reward", rewards)
        axis.axhline(50, color="black", lw=0.8, ls=":", zorder=1)
        axis.set(ylabel="pairs ranked right (%)", ylim=(-4, 104))
        title = f"This repository: the reward prefers {TRUTH_NAMES[truth]}\n95 % intervals over prompts"
        axis.set_title(title, fontsize="medium")
        labels = [f"{language_label(lang)}\n{_counts(rows[rows.lang == lang])}" for lang in rows.lang.unique()]
        axis.set_xticks(range(len(labels)), labels, fontsize="small")
        axis.set_xlabel("below each language: n prompts, n pairs", fontsize="small")
    if published is not None:
        axis = axes[-1]
        _draw_points(axis, published.assign(value=published.lc), "reward", rewards)
        axis.set(ylabel="LC win rate (%)", ylim=(0, 1.1 * published.lc.max()))
        title = "Published: after one iteration with each reward\n(arXiv 2503.04647, Fig. 3, read off; no n, no interval)"
        axis.set_title(title, fontsize="medium")
        labels = [language_label(lang) for lang in published.lang.unique()]
        axis.set_xticks(range(len(labels)), labels, fontsize="small")
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure


def plot_alpha_curve(table: pd.DataFrame):
    """One line per language of `alpha_curve` (of one reward): best minus worst in characters; the dot is the penalty taken."""
    import matplotlib.pyplot as plt

    apply_theme()
    figure, axis = plt.subplots(figsize=(WIDTH, 4.0), layout="constrained")
    for (lang, rows), (colour, style) in zip(table.groupby("lang", sort=False), _line_styles(), strict=False):
        name = f"{LANGUAGES[lang].name}, n = {rows.problems.iloc[0]}, penalty {rows[rows.fitted].alpha.iloc[0]:.3f}"
        axis.plot(rows.alpha, rows.gap, color=colour, ls=style, lw=1.6, label=name, zorder=3)
        axis.fill_between(rows.alpha, rows.low, rows.high, color=colour, alpha=0.12, lw=0, zorder=2)
        fitted = rows[rows.fitted]
        axis.plot(fitted.alpha, fitted.gap, "o", color=colour, markeredgecolor="black", markeredgewidth=0.6, zorder=4)
    axis.axhline(0, color="black", lw=0.8, ls=":", zorder=1)
    axis.set_xscale("symlog", linthresh=0.001)
    ticks = (0, 0.001, 0.01, 0.1, 1)
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xlim(0, 1)
    axis.set(xlabel="penalty per character (log scale from 0.001)", ylabel="best minus worst (characters)")
    reward = REWARDS[table.reward.iloc[0]][0]
    axis.set_title(f"Length control ({reward}); 95 % intervals over n prompts", fontsize="medium")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def english_and_others(samples: pd.DataFrame) -> pd.DataFrame:
    """Scored samples with a column `group`, ENGLISH or OTHER: for `evaluate.table(..., ("method", "group"))`."""
    return samples.assign(group=np.where(samples["lang"] == "en", ENGLISH, OTHER))


def published_results(published: pd.DataFrame, value: str) -> pd.DataFrame:
    """model, group, value (%) from a published table by model and language; the others are our mean of its languages.

    Models of which only the mean of all languages is published are left out.
    """
    found = english_and_others(published[published["lang"] != "mean"]).dropna(subset=value)
    return found.groupby(["model", "group"], sort=False)[value].mean().rename("value").reset_index()


def plot_results(table: pd.DataFrame, published: pd.DataFrame | None = None, title: str = ""):
    """Accuracy and fidelity by model, for English and the other languages; from `evaluate.table` by method and group.

    `published`: from `published_results`, drawn in a third panel under `title` (what it measures, and its source).
    """
    import matplotlib.pyplot as plt

    apply_theme()
    methods = list(table.method.unique())
    widths = [max(3.6, 0.62 * len(methods))] * 2
    if published is not None:
        widths.append(max(3.6, 0.62 * published.model.nunique()))
    figure, axes = plt.subplots(1, len(widths), figsize=(sum(widths), 4.2), width_ratios=widths, layout="constrained")
    for axis, metric in zip(axes, ("accuracy", "fidelity"), strict=False):
        rows = table[table.metric == metric].assign(value=lambda t: 100 * t["mean"], ends=_ends)
        _draw_models(axis, rows, "method", {method: METHOD_NAMES[method] for method in methods}, METHOD_COLOURS.__getitem__)
        axis.set(ylabel=f"{metric} (%)", ylim=(-4, 104))
        axis.set_title(f"This repository: {metric}\n95 % intervals over problems", fontsize="medium")
    if published is not None:
        models = {model: PUBLISHED_NAMES.get(model) or METHOD_NAMES[model] for model in published.model.unique()}
        _draw_models(
            axes[2], published, "model", models, lambda model: PUBLISHED_COLOURS.get(model) or METHOD_COLOURS[model]
        )
        axes[2].set(ylabel="published (%)", ylim=(0, 1.1 * published.value.max()))
        axes[2].set_title(f"Published: {title}\n(no n, no interval)", fontsize="medium")
    first = table[table.metric == "accuracy"]
    labels = [
        f"{group}: {number_range(rows.problems)} problems, {number_range(rows.answers)} answers"
        for group, rows in first.groupby("group", sort=False)
    ]
    styles = [{"mfc": "black"}, {"mfc": "white"}]
    handles = [
        plt.Line2D([], [], marker="o", ls="", color="black", mec="black", **styles[group != ENGLISH])
        for group in first.group.unique()
    ]
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def language_label(lang: str) -> str:
    """Such as "German\\n(de)"; the pooled lines have a name of their own."""
    pooled = {OTHERS: "all but\nEnglish", ALL: "all\nlanguages"}
    return pooled.get(lang) or f"{LANGUAGES[lang].name}\n({lang})"


def number_range(counts: pd.Series) -> str:
    """One number, or from the least to the most."""
    least, most = int(counts.min()), int(counts.max())
    return f"{most:,}" if least == most else f"{least:,}–{most:,}"


def _draw_points(axis, rows: pd.DataFrame, column: str, names: Sequence[str]) -> None:
    """Points side by side within each language; intervals where the rows have `ends`."""
    languages, present = list(rows.lang.unique()), [name for name in names if name in set(rows[column])]
    for number, name in enumerate(present):
        found = rows[(rows[column] == name) & rows.value.notna()]
        x = found.lang.map(languages.index).astype(float) + (number - (len(present) - 1) / 2) * 0.74 / len(present)
        label, colour, marker = REWARDS[name]
        style = {"color": colour, "markersize": 6, "label": label, "zorder": 3}
        edge = {} if marker in "x+" else {"markeredgecolor": "black", "markeredgewidth": 0.5}
        errors = np.array(found.ends.tolist()).reshape(-1, 2).T if "ends" in found else None
        axis.errorbar(x, found.value, yerr=errors, fmt=marker, capsize=2, elinewidth=1, **style, **edge)
    for place in range(1, len(languages)):
        axis.axvline(place - 0.5, color="0.85", lw=0.8, zorder=0)
    axis.set_xlim(-0.5, len(languages) - 0.5)
    axis.grid(axis="x", visible=False)


def _draw_models(axis, rows: pd.DataFrame, column: str, names: dict[str, str], colour) -> None:
    """English filled, the other languages hollow, one place on the axis per model."""
    for number, model in enumerate(names):
        for row in rows[rows[column] == model].itertuples():
            hollow = row.group != ENGLISH
            errors = np.array(row.ends).reshape(2, 1) if hasattr(row, "ends") else None
            x, shown = number + (0.16 if hollow else -0.16), colour(model)
            axis.errorbar(
                x, row.value, yerr=errors, fmt="o", color=shown, markerfacecolor="white" if hollow else shown,
                markeredgecolor=shown if hollow else "black", markeredgewidth=1.3 if hollow else 0.6, markersize=7, capsize=2,
            )  # fmt: skip
    axis.set_xticks(range(len(names)), names.values(), rotation=35, ha="right", rotation_mode="anchor")
    axis.set_xlim(-0.5, len(names) - 0.5)
    axis.grid(axis="x", visible=False)


def _ends(rows: pd.DataFrame) -> list[tuple[float, float]]:
    """Lengths of the two arms of each interval, in percent."""
    return list(zip(100 * (rows["mean"] - rows["low"]), 100 * (rows["high"] - rows["mean"]), strict=True))


def _counts(rows: pd.DataFrame) -> str:
    rows = rows[rows.n > 0]
    return f"{number_range(rows.problems)}\n{number_range(rows.n)}" if len(rows) else "no pair"


def _line_styles() -> list[tuple[str, str]]:
    colours = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")
    return [(colour, style) for style in ("-", "--", ":") for colour in colours]
