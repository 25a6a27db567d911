"""Heat map of the fidelity reward: which texts are accepted as which language, by this library and by the authors' detector."""

import pandas as pd

from sp3f_lib.languages import LANGUAGES
from sp3f_lib.plots.theme import WIDTH, apply_theme


def confusion_table(counts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One line per method, language of the text and target: percent `accepted` of `texts`; from `fidelity_audit.accepted`."""
    parts = []
    for method, table in counts.items():
        long = table.drop(columns="texts").rename_axis(index="lang").reset_index()
        long = long.melt("lang", var_name="target", value_name="count")
        texts = long.lang.map(table.texts)
        parts.append(long.assign(method=method, accepted=100 * long["count"] / texts, texts=texts).drop(columns="count"))
    return pd.concat(parts, ignore_index=True)[["method", "lang", "target", "accepted", "texts"]]


def plot_confusion(table: pd.DataFrame):
    """One panel per method, texts by row and targets by column, from `confusion_table`; returns the figure."""
    import matplotlib.pyplot as plt
    import seaborn

    apply_theme()
    methods = list(table.method.unique())
    first = table[table.method == methods[0]]
    height = 0.24 * first.lang.nunique() + 1.6
    figure, axes = plt.subplots(1, len(methods), figsize=(WIDTH * len(methods), height), squeeze=False, layout="constrained")
    for axis, method in zip(axes[0], methods, strict=True):
        part = table[table.method == method]
        grid = part.pivot(index="lang", columns="target", values="accepted")
        grid = grid[[*grid.index.intersection(grid.columns), *grid.columns.difference(grid.index)]]
        labels = grid.map(lambda value: f"{value:.0f}" if value >= 0.5 else "")
        names = [f"{LANGUAGES[code].name} ({code})" for code in grid.index]
        seaborn.heatmap(
            grid, ax=axis, cmap="cividis", vmin=0, vmax=100, annot=labels, fmt="", annot_kws={"size": 6.5}, linewidths=0.3,
            cbar_kws={"label": "accepted (%)"}, yticklabels=names,
        )  # fmt: skip
        fewest, most = part.texts.min(), part.texts.max()
        number = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        axis.set(title=f"{method}: n = {number} texts a row", xlabel="target", ylabel="")
        axis.set_ylabel("text is in" if method == methods[0] else "")
    return figure
