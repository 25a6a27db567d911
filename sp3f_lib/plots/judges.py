"""What a judge is worth: accuracy by level of privilege, biases, and attacks; from the tables of `audits/judge.py`."""

import pandas as pd

from sp3f_lib.audits.judge_probes import CASES
from sp3f_lib.judges.base import LEVELS
from sp3f_lib.plots.theme import WIDTH, apply_theme

LEVEL_COLOURS = {"none": "#7f7f7f", "answer": "#56B4E9", "solution": "#009E73", "translated": "#0072B2", "wrong": "#D55E00"}
LEVEL_NAMES = {
    "none": "nothing",
    "answer": "answer",
    "solution": "English solution (SP3F)",
    "translated": "translated solution",
    "wrong": "wrong solution (control)",
}
LEVEL_MARKERS = {"none": "o", "answer": "s", "solution": "D", "translated": "^", "wrong": "X"}
SOURCES = {"lab": "Lab pairs", "samples": "Answers of finished runs", "probes": "SP3F authors' probes (id)"}
FEWEST = 5  # probes below which a bar says nothing
_ACROSS = 4  # groups of bars in one line of panels


def accuracy_table(accuracy: pd.DataFrame, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """One line per source, case and level in percent, from `audits.judge.accuracy_by_level`; published numbers come last.

    Cases with fewer than five probes are left out; published lines have neither interval nor n. Columns: source, case, level,
    accuracy, low, high, n, problems, ties, no_verdict.
    """
    found = accuracy[accuracy.case.isin(CASES) & (accuracy.n >= FEWEST)].rename(columns={"mean": "accuracy"})
    found = found.assign(**{column: 100 * found[column] for column in ("accuracy", "low", "high")})
    found = found[["source", "case", "level", "accuracy", "low", "high", "n", "problems", "ties", "no_verdict"]]
    if published is None:
        return found.reset_index(drop=True)
    return pd.concat([found, published[["case", "level", "accuracy"]].assign(source="published")], ignore_index=True)


def plot_accuracy(table: pd.DataFrame, judge: str):
    """One panel per source of `accuracy_table`, groups of bars by case, one bar per level; returns the figure."""
    import matplotlib.pyplot as plt

    apply_theme()
    cases = {source: [c for c in CASES if c in set(rows.case)] for source, rows in table.groupby("source", sort=False)}
    places = _pack({source: len(found) for source, found in cases.items()})
    lines = 1 + max(line for line, _ in places.values())
    figure = plt.figure(figsize=(1.45 * WIDTH, 2.9 * lines + 0.8), layout="constrained")
    grid = figure.add_gridspec(lines, _ACROSS)
    for source, (line, start) in places.items():
        axis = figure.add_subplot(grid[line, start : start + len(cases[source])])
        _draw_cases(axis, table[table.source == source], cases[source])
        title = (
            "Published: GPT-4o-mini (arXiv 2601.18722, Table 3)" if source == "published" else f"{SOURCES[source]}: {judge}"
        )
        axis.set_title(title if len(cases[source]) > 1 else title.replace(": ", "\n"), fontsize="medium")
        axis.set(ylim=(0, 104))
        axis.axhline(50, color="black", lw=0.8, ls=":", zorder=3)
        axis.grid(axis="x", visible=False)
        if start == 0:
            axis.set_ylabel("judge accuracy (%)\na tie is one half")
    names = {LEVEL_NAMES[level]: LEVEL_COLOURS[level] for level in LEVELS if level in set(table.level)}
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in names.values()]
    figure.legend(
        handles, names, loc="outside lower center", ncols=len(names), title="the judge is shown, beside the question:"
    )
    return figure


def bias_table(slots: pd.DataFrame, biases: pd.DataFrame, circles: pd.DataFrame) -> pd.DataFrame:
    """One line per measure and level, in percent, from `slot_bias`, `preference_for_one` by case and source, and `cycles`.

    `ideal` is what a judge without the fault would have. Columns: measure, level, value, low, high, n, problems, ideal.
    """
    parts = []
    for name, measure, ideal in (("prefers slot A", "slot bias", 50), ("decides by the slot", "flip rate", 0)):
        found = slots[slots.measure == measure]
        shift = 0.5 if measure == "slot bias" else 0
        parts.append(found.assign(measure=name, ideal=ideal, **{c: found[c] + shift for c in ("mean", "low", "high")}))
    for (case, source), found in biases.groupby(["case", "source"], sort=False):
        what = {"length": "the longer", "language": "English"}[case]
        where = " (authors' probes)" if source == "probes" else ""
        parts.append(found.assign(measure=f"prefers {what}{where}", ideal=50))
    parts.append(circles.assign(measure="goes round in triples", ideal=0))
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    table = table.assign(**{column: 100 * table[column] for column in ("mean", "low", "high")})
    return table.rename(columns={"mean": "value"})[["measure", "level", "value", "low", "high", "n", "problems", "ideal"]]


def plot_bias(table: pd.DataFrame, judge: str):
    """Preferences that should be 50 % on the left, rates that should be 0 on the right; from `bias_table`."""
    import matplotlib.pyplot as plt

    apply_theme()
    parts = [table[table.ideal == 50], table[table.ideal == 0]]
    height = 0.8 + 0.62 * max(part.measure.nunique() for part in parts) + 0.9
    figure, axes = plt.subplots(1, 2, figsize=(1.5 * WIDTH, height), layout="constrained")
    for axis, part, title in zip(
        axes, parts, ("preference: 50 % is fair", "rate: 0 % is right, lower is better"), strict=True
    ):
        _draw_lines(axis, part, "measure")
        axis.axvline(part.ideal.iloc[0], color="black", lw=0.8, ls=":", zorder=1)
        axis.set_title(title, fontsize="medium")
        axis.set(xlabel="%")
    figure.suptitle(f"{judge}: bias and contradictions", fontsize="medium")
    handles = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, title="the judge is shown:")
    return figure


def plot_attacks(table: pd.DataFrame, judge: str):
    """One line per attack, from `audits.judge.attack_success` in shares; returns the figure."""
    import matplotlib.pyplot as plt

    apply_theme()
    shown = table.assign(value=100 * table["mean"], low=100 * table.low, high=100 * table.high)
    figure, axis = plt.subplots(figsize=(WIDTH, 1.4 + 0.27 * shown.attack.nunique()), layout="constrained")
    _draw_lines(axis, shown, "attack", number=False)
    fewest, most = shown.n.min(), shown.n.max()
    number = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    axis.set_title(f"{judge}: attacks on it, n = {number} problems a point", fontsize="medium")
    axis.set(xlabel="the attack helps the wrong response to win (% of problems)")
    figure.legend(loc="outside lower center", ncols=3, title="the judge is shown:")
    return figure


def _pack(widths: dict[str, int]) -> dict[str, tuple[int, int]]:
    """(line, first column) of each panel, in order, none wider than what is left of its line."""
    places, line, used = {}, 0, 0
    for name, width in widths.items():
        if used and used + width > _ACROSS:
            line, used = line + 1, 0
        places[name] = line, used
        used += width
    return places


def _draw_cases(axis, rows: pd.DataFrame, cases: list[str]) -> None:
    """Bars with intervals, grouped by case; the n of a case stands below it."""
    levels = [level for level in LEVELS if level in set(rows.level)]
    width, labels = 0.84 / len(levels), []
    for place, case in enumerate(cases):
        found = rows[rows.case == case].set_index("level")
        for number, level in enumerate(level for level in levels if level in found.index):
            row = found.loc[level]
            x = place + (number - (len(levels) - 1) / 2) * width
            axis.bar(x, row.accuracy, width * 0.94, color=LEVEL_COLOURS[level], zorder=2)
            text = f"{row.accuracy:.0f}" if pd.notna(row.n) else f"{row.accuracy:.1f}"
            style = {"color": "white", "ha": "center"} if row.accuracy > 12 else {"color": "black", "ha": "left"}
            axis.text(x + 0.02 * (row.accuracy <= 12), 2, text, fontsize=8, va="bottom", zorder=5, **style)
            if pd.notna(row.n):
                error = [[row.accuracy - row.low], [row.high - row.accuracy]]
                axis.errorbar(x, row.accuracy, yerr=error, fmt="none", ecolor="black", elinewidth=1, capsize=2, zorder=4)
        n = found.n.max()
        labels.append(f"{case}\n(no n, no interval)" if pd.isna(n) else f"{case}\nn = {n:.0f}")
    axis.set_xticks(range(len(cases)), labels)
    axis.set_xlim(-0.55, len(cases) - 0.45)


def _draw_lines(axis, rows: pd.DataFrame, column: str, number: bool = True) -> None:
    """Points with horizontal intervals, one line per value of `column`, levels side by side; n in the label."""
    names = list(rows[column].unique())
    levels = [level for level in LEVELS if level in set(rows.level)]
    for place, level in enumerate(levels):
        found = rows[(rows.level == level) & rows.value.notna()]
        y = found[column].map(names.index) + (place - (len(levels) - 1) / 2) * 0.62 / len(levels)
        axis.errorbar(
            found.value, y, xerr=[found.value - found.low, found.high - found.value], fmt=LEVEL_MARKERS[level],
            color=LEVEL_COLOURS[level], markeredgecolor="black", markeredgewidth=0.5, markersize=5, capsize=2,
            label=LEVEL_NAMES[level], zorder=3,
        )  # fmt: skip
    counts = {name: sorted(set(rows[rows[column] == name].n)) for name in names}
    labels = [f"{name}\nn = {' / '.join(map(str, counts[name]))}" if number else name for name in names]
    axis.set_yticks(range(len(names)), labels)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(-4, 104)
    axis.grid(axis="y", visible=False)
