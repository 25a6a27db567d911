"""How often ICR's reward ranks two responses rightly, condition by condition, before anything is trained.

Drawn from `audits.icr_starts.over_seeds`, in shares: the mean over seeds with its t interval, and each seed as a small mark.
"""

from pathlib import Path

import pandas as pd

from sp3f_lib.audits.icr import OTHERS
from sp3f_lib.audits.icr_starts import ALL_PAIRS, CONDITION, ITSELF, SAME_LANGUAGE, effects, over_seeds
from sp3f_lib.plots.icr import ENGLISH, OTHER, number_range
from sp3f_lib.plots.theme import WIDTH, apply_theme, save_figure

NAME = "icr_conditions"
# What each panel is about: which pairs, and what the two responses differ in.
PANELS = (
    (ALL_PAIRS, "good", "all pairs: the correct one\nin the language"),
    (ALL_PAIRS, "faithful", "all pairs: the one\nin the language"),
    (SAME_LANGUAGE, "correct", "both in the language:\nthe correct one"),
)
# Name, filling, and place beside the line of its condition.
_GROUPS = {"en": (ENGLISH, True, -0.17), OTHERS: (OTHER, False, 0.17)}
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")


def plot_conditions(table: pd.DataFrame):
    """A panel for each of PANELS, a line for each condition of `over_seeds`; English filled, the other languages hollow."""
    import matplotlib.pyplot as plt

    apply_theme()
    conditions = list(table[list(CONDITION)].drop_duplicates().itertuples(index=False, name=None))
    starts = list(dict.fromkeys(start for start, *_ in conditions))
    shape = (1.5 * WIDTH, 0.42 * len(conditions) + 2.0)
    figure, axes = plt.subplots(1, len(PANELS), figsize=shape, sharey=True, layout="constrained")
    for axis, (pairs, truth, title) in zip(axes, PANELS, strict=True):
        rows = table[(table.pairs == pairs) & (table.truth == truth)]
        for place, condition in enumerate(conditions):
            colour = _COLOURS[starts.index(condition[0]) % len(_COLOURS)]
            own = rows[(rows[list(CONDITION)] == list(condition)).all(axis=1)]
            for lang, (_, filled, shift) in _GROUPS.items():
                for row in own[(own.lang == lang) & (own.n > 0)].itertuples():
                    _draw(axis, row, place + shift, colour, filled)
        axis.axvline(50, color="black", lw=0.8, ls=":", zorder=1)
        counts = rows[rows.lang == OTHERS].n
        counted = f"n = {number_range(counts)}" if len(counts) else "no pair"
        axis.set_title(title, fontsize="small")
        axis.set(xlim=(-4, 104))
        axis.set_xlabel(f"pairs ranked right (%)\nother languages: {counted}", fontsize="small")
    names = [f"{start}, {'own' if answers == ITSELF else 'SFT'} answers, {t:g}" for start, answers, t in conditions]
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    handles = [
        plt.Line2D([], [], marker="o", ls="", color="black", mfc="black" if filled else "white", label=name)
        for name, filled, _ in _GROUPS.values()
    ]
    seeds = int(table.seeds.max())
    over = f"mean and 95 % t interval over {seeds} seeds" if seeds > 1 else "one seed, 95 % intervals over problems"
    figure.legend(handles=handles, loc="outside lower center", ncols=2, title=f"{over}; dotted: a coin")
    return figure


def save_conditions(judged: pd.DataFrame, folder: Path) -> Path:
    """Writes `icr_conditions.{csv,pdf,png}`, `icr_conditions_seeds.csv` (every seed and language) and `icr_conditions_effects.csv`.

    `judged`: tables of `judged_condition`, one below the other. Returns the PNG's path.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    judged.to_csv(folder / f"{NAME}_seeds.csv", index=False, float_format="%.6g")
    changed = [effects(judged, pairs, truth).assign(pairs=pairs, truth=truth) for pairs, truth, _ in PANELS]
    pd.concat(changed, ignore_index=True).to_csv(folder / f"{NAME}_effects.csv", index=False, float_format="%.6g")
    table = over_seeds(judged)
    return save_figure(plot_conditions(table), table, NAME, folder)


def _draw(axis, row, place: float, colour: str, filled: bool) -> None:
    if row.seeds > 1:
        each = [float(value) for value in row.by_seed.split()]
        axis.plot(each, [place] * len(each), "o", color=colour, ms=3, alpha=0.6, mew=0, zorder=2)
    ends = [[100 * (row.mean - row.low)], [100 * (row.high - row.mean)]]
    axis.errorbar(
        100 * row.mean, place, xerr=ends, fmt="o", color=colour, mfc=colour if filled else "white", mec=colour, ms=6, capsize=2,
        zorder=3,
    )  # fmt: skip
