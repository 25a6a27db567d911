"""LIDR: is the language-derived preference right, whose answers are better, and which translations fail?

Drawn from the tables of `audits/lidr.py`, in shares; the published agreement, in percent, has a panel of its own.
"""

import pandas as pd

from sp3f_lib.audits.icr import DECIDED, TRUTHS
from sp3f_lib.audits.lidr import EVERY, OWN, TRANSLATED
from sp3f_lib.plots.icr import language_label, number_range
from sp3f_lib.plots.theme import WIDTH, apply_theme

# Name, colour (Okabe and Ito) and marker.
TRUTH_STYLES = {
    "correct": ("correct", "#E69F00", "s"),
    "faithful": ("in the language", "#CC79A7", "^"),
    "good": ("both", "#0072B2", "D"),
}
SIDES = {OWN: ("own answer", "#7f7f7f", "o"), TRANSLATED: ("translated from English", "#D55E00", "D")}
FAILURE_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")


def plot_agreement(table: pd.DataFrame, published: pd.DataFrame | None = None):
    """Share of pairs that differ whose chosen side is the better one, by language of the prompt; beside it the published one.

    From `lidr_audit.agreement`, all partners together, and `figures/published/lidr_agreement.csv`.
    """
    import matplotlib.pyplot as plt

    apply_theme()
    shown = table[(table.outcome == DECIDED) & (table.partner == EVERY)]
    languages = list(shown.lang.unique())
    widths = [max(5.0, 1.0 * len(languages)), 4.4][: 1 + (published is not None)]
    figure, axes = plt.subplots(
        1, len(widths), figsize=(sum(widths), 4.2), squeeze=False, layout="constrained", width_ratios=widths
    )
    _draw(axes[0][0], shown, "truth", TRUTH_STYLES)
    axes[0][0].set(ylabel="chosen side is the better one (%)")
    axes[0][0].set_title("This repository: of the pairs that differ\n95 % intervals over problems", fontsize="medium")
    counts = {lang: shown[shown.lang == lang].set_index("truth").n for lang in languages}
    labels = [f"{language_label(lang)}\n" + "\n".join(f"{counts[lang][t]:,}" for t in TRUTHS) for lang in languages]
    axes[0][0].set_xticks(range(len(labels)), labels, fontsize="small")
    names = " / ".join(TRUTH_STYLES[truth][0] for truth in TRUTHS)
    axes[0][0].set_xlabel(f"below each language: pairs that differ in\n{names}", fontsize="small")
    if published is not None:
        axis = axes[0][1]
        axis.plot(range(len(published)), published.agreement, "o", color="#7f7f7f", markeredgecolor="black", markersize=7)
        axis.set_xticks(range(len(published)), [language_label(lang) for lang in published.lang], fontsize="small")
        axis.set(ylabel="agreement with GPT-4 (%)", xlim=(-0.5, len(published) - 0.5))
        axis.set_title("Published: agreement with GPT-4\n(arXiv 2410.08964; no n, no interval)", fontsize="medium")
        axis.grid(axis="x", visible=False)
    for axis in axes[0]:
        axis.axhline(50, color="black", lw=0.8, ls=":", zorder=1)
        axis.set_ylim(-4, 104)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3, title="better means:")
    return figure


def plot_own_and_translated(table: pd.DataFrame):
    """Own answers beside English ones in translation, a panel per truth of `lidr_audit.own_and_translated`."""
    import matplotlib.pyplot as plt

    apply_theme()
    languages = list(table.lang.unique())
    shape = (3 * max(3.0, 0.85 * len(languages)), 3.9)
    figure, axes = plt.subplots(1, len(TRUTHS), figsize=shape, sharey=True, layout="constrained")
    for axis, truth in zip(axes, TRUTHS, strict=True):
        rows = table[table.truth == truth]
        _draw(axis, rows, "side", SIDES)
        numbers = rows.drop_duplicates("lang").n
        labels = [f"{language_label(lang)}\nn = {n:,}" for lang, n in zip(languages, numbers, strict=True)]
        axis.set_xticks(range(len(labels)), labels, fontsize="small")
        axis.set_title(TRUTH_STYLES[truth][0] if truth != "good" else "correct and in the language", fontsize="medium")
        axis.set_ylim(-4, 104)
    axes[0].set_ylabel("answers (%)")
    figure.suptitle("The same prompts, those with a translation; 95 % intervals over problems", fontsize="medium")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def plot_failures(table: pd.DataFrame):
    """Share of translations that failed by length of the text, a line per language, a panel per direction.

    From `lidr_audit.failures`; n stands beside each point.
    """
    import matplotlib.pyplot as plt

    apply_theme()
    lengths = sorted(table.length.astype(str).unique(), key=lambda name: int(name.rstrip("+")))
    languages = [lang for lang in dict.fromkeys([*table.source, *table.target]) if lang != "en"]
    parts = {"from English": table[table.source == "en"], "into English": table[table.target == "en"]}
    figure, axes = plt.subplots(1, 2, figsize=(1.6 * WIDTH, 4.2), sharey=True, layout="constrained")
    for axis, (name, part) in zip(axes, parts.items(), strict=True):
        other = part.target if name == "from English" else part.source
        for number, lang in enumerate(languages):
            rows = part[other == lang]
            x = rows.length.astype(str).map(lengths.index) + (number - (len(languages) - 1) / 2) * 0.74 / len(languages)
            failed = 100 * rows.share
            colour = FAILURE_COLOURS[number % len(FAILURE_COLOURS)]
            axis.errorbar(
                x, failed, yerr=[failed - 100 * rows.low, 100 * rows.high - failed], fmt="o", color=colour, capsize=2,
                markeredgecolor="black", markeredgewidth=0.5, markersize=6, label=language_label(lang).replace("\n", " "),
            )  # fmt: skip
        ns = [part[part.length.astype(str) == length].translations for length in lengths]
        labels = [f"{length}\nn = {number_range(n) if len(n) else 0}" for length, n in zip(lengths, ns, strict=True)]
        axis.set_xticks(range(len(labels)), labels, fontsize="small")
        axis.set(xlabel="characters of the text, n translations for each language", xlim=(-0.5, len(lengths) - 0.5))
        axis.set_title(name, fontsize="medium")
        axis.set_ylim(-4, 104)
        axis.grid(axis="x", visible=False)
    axes[0].set_ylabel("translations that failed (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(6, len(languages)))
    return figure


def _draw(axis, rows: pd.DataFrame, column: str, styles: dict[str, tuple[str, str, str]]) -> None:
    """Points with intervals, side by side within each language."""
    languages, present = list(rows.lang.unique()), [name for name in styles if name in set(rows[column])]
    for number, name in enumerate(present):
        found = rows[(rows[column] == name) & rows["mean"].notna()]
        label, colour, marker = styles[name]
        x = found.lang.map(languages.index).astype(float) + (number - (len(present) - 1) / 2) * 0.6 / len(present)
        mean = 100 * found["mean"]
        axis.errorbar(
            x, mean, yerr=[mean - 100 * found.low, 100 * found.high - mean], fmt=marker, color=colour, capsize=2,
            markeredgecolor="black", markeredgewidth=0.5, markersize=6, label=label, zorder=3,
        )  # fmt: skip
    for place in range(1, len(languages)):
        axis.axvline(place - 0.5, color="0.85", lw=0.8, zorder=0)
    axis.set_xlim(-0.5, len(languages) - 0.5)
    axis.grid(axis="x", visible=False)
