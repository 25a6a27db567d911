"""Accuracy and fidelity by language, one dot a method, with intervals."""

import pandas as pd

from sp3f_lib.languages import LANGUAGES
from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_MARKERS, METHOD_NAMES, WIDTH, apply_theme


def plot_languages(table: pd.DataFrame, title: str):
    """Two panels, accuracy and fidelity, from `evaluate.table(samples, ("method", "lang"))`; returns the figure."""
    import matplotlib.pyplot as plt

    apply_theme()
    languages, methods = list(table.lang.unique()), list(table.method.unique())
    figure, axes = plt.subplots(
        2, 1, figsize=(WIDTH + 0.08 * len(languages) * len(methods), 5), sharex=True, layout="constrained"
    )
    for axis, metric in zip(axes, ("accuracy", "fidelity"), strict=True):
        for number, method in enumerate(methods):
            rows = table[(table.metric == metric) & (table.method == method)].set_index("lang").loc[languages]
            shift = (number - (len(methods) - 1) / 2) * 0.8 / len(methods)
            mean = 100 * rows["mean"]
            axis.errorbar(
                [place + shift for place in range(len(languages))],
                mean,
                yerr=[mean - 100 * rows["low"], 100 * rows["high"] - mean],
                fmt=METHOD_MARKERS[method],
                color=METHOD_COLOURS[method],
                markeredgecolor="black",
                markeredgewidth=0.5,
                capsize=2,
                markersize=5,
                label=METHOD_NAMES[method],
            )
        axis.set(ylabel=f"{metric} (%)", ylim=(-4, 104))
        axis.set_xticks(range(len(languages)), [f"{LANGUAGES[code].name}\n({code})" for code in languages])
        axis.set_xlim(-0.5 - 0.6 / len(languages), len(languages) - 0.5 + 0.6 / len(languages))
        axis.grid(axis="x", visible=False)
    problems, answers = table.problems.iloc[0], table.answers.iloc[0]
    axes[0].set_title(f"{title}: n = {problems} problems and {answers} answers per dot, 95 % intervals over problems")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(methods))
    return figure
