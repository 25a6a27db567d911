"""Figures of notebook 09: models beside each other by task and language, wins and losses of pairs, what English abilities cost."""

import numpy as np
import pandas as pd

from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_MARKERS, METHOD_NAMES, WIDTH, apply_theme

_OUTCOMES = {"win": "#009E73", "tie": "#d9d9d9", "loss": "#D55E00"}
_MARKS = {"above": "▲", "below": "▼"}


def plot_map(table: pd.DataFrame, reference: str, value: str = "accuracy"):
    """A panel a task: a row a model, a column a language (and all of them), in percent with its 95 % interval.

    `table`: a line per task, lang and method, with `value`, `<value>_low`, `<value>_high` (shares in [0, 1]), `chance`, and
    `verdict` ("above" or "below" `reference` after Holm's correction, else ""), which is shown as a triangle.
    """
    import matplotlib.pyplot as plt

    apply_theme()
    parts = list(table.groupby("task", sort=False))
    heights = [1.1 + 0.42 * part.method.nunique() for _, part in parts]
    widest = max(part.lang.nunique() for _, part in parts)
    size = (2.6 + 0.78 * widest, sum(heights))
    figure, axes = plt.subplots(
        len(parts), 1, figsize=size, squeeze=False, layout="constrained", gridspec_kw={"height_ratios": heights}
    )
    for axis, (task, part) in zip(axes.flat, parts, strict=True):
        _map(axis, part, value)
        # A narrow task has cells as wide as a wide one's.
        axis.set_xlim(-0.5, widest - 0.5)
        chance = part.chance.iloc[0]
        guessing = f"; guessing {100 * chance:.0f} %" if value == "accuracy" and chance > 0 else ""
        axis.set_title(f"{task}: {value} (%){guessing}", fontsize="medium", loc="left")
    figure.supxlabel(
        f"[95 % interval over problems]; {_MARKS['above']} {_MARKS['below']}: above or below {METHOD_NAMES[reference]}, "
        "after Holm's correction for the languages",
        fontsize="small",
    )
    return figure


def _map(axis, part: pd.DataFrame, value: str) -> None:
    methods, languages = list(dict.fromkeys(part.method)), list(dict.fromkeys(part.lang))
    shares = part.pivot(index="method", columns="lang", values=value).loc[methods, languages].to_numpy(dtype=float)
    axis.imshow(100 * shares, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    for row in part.to_dict("records"):
        share = row[value]
        if np.isnan(share):
            continue
        low, high = (100 * row[f"{value}_{end}"] for end in ("low", "high"))
        place = languages.index(row["lang"]), methods.index(row["method"])
        text = f"{100 * share:.0f}{_MARKS.get(row['verdict'], '')}\n[{low:.0f}, {high:.0f}]"
        axis.text(*place, text, ha="center", va="center", fontsize="x-small", color="black" if share > 0.6 else "white")
    axis.set_xticks(range(len(languages)), languages)
    axis.set_yticks(range(len(methods)), [METHOD_NAMES[name] for name in methods])
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)


def plot_outcomes(table: pd.DataFrame):
    """Win, tie and loss of each pair of models in each language, as one bar each (a judge's verdicts in both orders).

    `table`: lines of `evaluation.head_to_head.head_to_head` with columns one, other and judge.
    """
    import matplotlib.pyplot as plt

    apply_theme()
    pairs = list(table.groupby(["one", "other"], sort=False))
    across = min(len(pairs), 2)
    down = -(-len(pairs) // across)
    size = (WIDTH / 1.5 * across, 0.5 + (0.9 + 0.3 * table.lang.nunique()) * down)
    figure, axes = plt.subplots(down, across, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat[len(pairs) :]:
        axis.axis("off")
    for axis, ((one, other), part) in zip(axes.flat, pairs, strict=False):
        left = np.zeros(len(part))
        for name, colour in _OUTCOMES.items():
            share = 100 * part[name].fillna(0).to_numpy()
            axis.barh(part.lang, share, left=left, color=colour, label=name)
            for place, (start, width) in enumerate(zip(left, share, strict=True)):
                if width >= 8:
                    axis.text(start + width / 2, place, f"{width:.0f}", ha="center", va="center", fontsize="x-small")
            left += share
        axis.set(xlim=(0, 100), xlabel="percent of problems")
        axis.invert_yaxis()
        axis.grid(axis="y", visible=False)
        axis.set_title(f"{METHOD_NAMES[one]} against {METHOD_NAMES[other]}", fontsize="medium")
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
    return figure


def plot_tax(table: pd.DataFrame, reference: str):
    """What each model gained or lost against `reference` on tasks of lm-evaluation-harness, in points.

    `table`: differences of one value by task, in the format of `comparisons.compare`.
    """
    import matplotlib.pyplot as plt

    apply_theme()
    tasks, methods = list(dict.fromkeys(table.task)), list(dict.fromkeys(table.one))
    figure, axis = plt.subplots(figsize=(WIDTH, 1.3 + (0.15 + 0.2 * len(methods)) * len(tasks)), layout="constrained")
    shifts = (np.arange(len(methods)) - (len(methods) - 1) / 2) * 0.8 / max(len(methods), 1)
    for shift, name in zip(shifts, methods, strict=True):
        part = table[table.one == name].set_index("task").loc[tasks]
        mean, ends = part["mean"], np.array([part["mean"] - part.low, part.high - part["mean"]])
        style = {"color": METHOD_COLOURS[name], "fmt": METHOD_MARKERS[name], "mec": "black", "mew": 0.6, "capsize": 2}
        axis.errorbar(mean, np.arange(len(tasks)) + shift, xerr=ends, label=METHOD_NAMES[name], **style)
    axis.axvline(0, color="black", lw=0.8)
    axis.set_yticks(range(len(tasks)), tasks)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(f"minus {METHOD_NAMES[reference]}, points of accuracy (lm-evaluation-harness)")
    axis.legend(fontsize="small")
    return figure
