"""What a schedule of comparisons is worth: correlation of the judge's advantage with true quality, against calls per group."""

import pandas as pd
from matplotlib.ticker import NullLocator

from sp3f_lib.plots.theme import WIDTH, apply_theme

# Schedule and crediting as they stand in the table: name, colour (Okabe and Ito) and marker.
STYLES = {
    ("all_ordered", "both sides"): ("both orders, both credited", "#009E73", "D"),
    ("all_ordered", "slot A only"): ("both orders, slot A credited (authors' code)", "#7f7f7f", "o"),
    ("balanced", "both sides"): ("balanced: each pair once", "#0072B2", "s"),
    ("sampled", "both sides"): ("sampled", "#E69F00", "^"),
    ("adaptive", "both sides"): ("adaptive", "#D55E00", "v"),
    ("listwise", "both sides"): ("listwise: the group in one call", "#CC79A7", "P"),
    ("score", "both sides"): ("scores, ranked", "#56B4E9", "X"),
    ("score", "raw"): ("scores as they are", "#F0E442", "X"),
}


def plot_judge_simulation(table: pd.DataFrame):
    """A column per group size, a row per judge strength of `table` (see `evaluation/judge_simulation.simulate`).

    Bars are the table's intervals over simulated groups. The dotted line is `balanced`, for the others to be measured against.
    """
    import matplotlib.pyplot as plt

    apply_theme()
    strengths, sizes = sorted(table.strength.unique()), sorted(table.n.unique())
    shape = (max(WIDTH, 3.5 * len(sizes)), 2.5 * len(strengths) + 1.1)
    figure, axes = plt.subplots(len(strengths), len(sizes), figsize=shape, squeeze=False, sharey="row", layout="constrained")
    for line, strength in zip(axes, strengths, strict=True):
        for axis, n in zip(line, sizes, strict=True):
            rows = table[(table.n == n) & (table.strength == strength)]
            _draw_panel(axis, rows)
            axis.set_title(f"N = {n}, judge strength {strength:g}\n{_groups(rows)} groups a point", fontsize="medium")
        line[0].set_ylabel("correlation with quality")
    for axis in axes[-1]:
        axis.set_xlabel("calls per group (log scale)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _draw_panel(axis, rows: pd.DataFrame) -> None:
    for (schedule, crediting), (name, colour, marker) in STYLES.items():
        line = rows[(rows.schedule == schedule) & (rows.crediting == crediting)].sort_values("calls")
        if line.empty:
            continue
        axis.errorbar(
            line.calls,
            line.correlation,
            yerr=[line.correlation - line.low, line.high - line.correlation],
            color=colour,
            marker=marker,
            # `sampled` and `adaptive` with all calls lie upon `balanced`: a larger marker shows behind theirs.
            markersize=11 if schedule == "balanced" else 6,
            markeredgecolor="black",
            markeredgewidth=0.5,
            capsize=2,
            lw=1.5,
            label=name,
            zorder=2 if schedule == "balanced" else 3,
        )
        if schedule == "balanced":
            axis.axhline(line.correlation.iloc[0], color=colour, ls=":", lw=1, zorder=1)
    axis.set_xscale("log")
    axis.xaxis.set_minor_locator(NullLocator())
    ticks = sorted(rows.calls.unique())
    axis.set_xticks(ticks, [str(calls) for calls in ticks])


def _groups(rows: pd.DataFrame) -> str:
    return "/".join(f"{count:,}" for count in sorted(rows["groups"].unique()))
