"""What ways of judging a group are worth and cost: rank correlation against calls or tokens of a group."""

import pandas as pd
from matplotlib.ticker import NullLocator

from sp3f_lib.plots.theme import WIDTH, apply_theme

# By the words that a way's name starts with: colour (Okabe and Ito) and marker. Both tables name them differently.
STYLES = {
    ("both orders", "all_ordered"): ("#009E73", "D"),
    ("balanced",): ("#0072B2", "s"),
    ("adaptive",): ("#D55E00", "v"),
    ("one ranking", "listwise, 1"): ("#CC79A7", "P"),
    ("three rankings", "listwise, 3"): ("#882255", "X"),
    ("scores, ranked", "score,"): ("#56B4E9", "^"),
    ("scores", "score"): ("#E69F00", "o"),
}


def plot_ways(table: pd.DataFrame, unit: str = "calls", by: str = "level"):
    """A panel for each value of the column `by` of a table of `judge_ways.cost_of_ways` (`level`) or `judge_simulation.prices`
    (`strength`); `unit`: calls or tokens of a group. Bars are the table's 95 % intervals over groups; up and to the left is better.
    """
    import matplotlib.pyplot as plt

    apply_theme()
    values = list(dict.fromkeys(table[by]))
    shape = (max(WIDTH, 2.6 * len(values)), 3.9)
    figure, axes = plt.subplots(1, len(values), figsize=shape, squeeze=False, sharey=True, layout="constrained")
    for axis, value in zip(axes[0], values, strict=True):
        rows = table[table[by] == value]
        for row in rows.itertuples():
            colour, marker = _style(row.way)
            error = [[row.correlation - row.low], [row.high - row.correlation]]
            axis.errorbar(
                getattr(row, unit), row.correlation, error, color=colour, marker=marker, markersize=8, markeredgecolor="black",
                markeredgewidth=0.5, capsize=2, lw=1.5, ls="none", label=row.way,
            )  # fmt: skip
        groups = rows["groups" if "groups" in rows else "n"].iloc[0]
        axis.set_title(f"{by} {value:g}" if isinstance(value, float) else f"{by}: {value}", fontsize="medium")
        axis.set_xlabel(f"{unit} of a group, log scale\n({groups:,} groups)")
        axis.set_xscale("log")
        axis.xaxis.set_minor_locator(NullLocator())
        if unit == "calls":
            ticks = sorted(set(rows.calls.round().astype(int)))
        else:
            most = rows[unit].max()
            ticks = [k * 10**n for n in range(2, 8) for k in (1, 3) if rows[unit].min() / 2 < k * 10**n < 2 * most]
        names = [f"{tick / 1000:g}k" if tick >= 1000 else str(tick) for tick in ticks]
        axis.set_xticks(ticks, names, fontsize="small")
    axes[0, 0].set_ylabel("rank correlation with quality")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _style(way: str) -> tuple[str, str]:
    return next((style for names, style in STYLES.items() if way.startswith(names)), ("#7f7f7f", "o"))
