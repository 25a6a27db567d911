"""Differences between methods within a seed: one small mark a seed, the mean with its t interval over seeds."""

from pathlib import Path

import pandas as pd

from sp3f_lib.evaluation.seeds import HEADLINES, differences
from sp3f_lib.machine import processor
from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_MARKERS, METHOD_NAMES, WIDTH, apply_theme, save_figure


def plot_differences(gaps: pd.DataFrame):
    """One panel per regime of `seeds.differences`; returns the figure."""
    import matplotlib.pyplot as plt

    apply_theme()
    regimes = list(gaps.regime.unique())
    height = 0.7 + 0.5 * gaps.groupby("regime").size().max()
    size = (WIDTH * 0.55 * len(regimes) + 1, height + 1)
    figure, axes = plt.subplots(1, len(regimes), figsize=size, squeeze=False, layout="constrained")
    for axis, regime in zip(axes[0], regimes, strict=True):
        part = gaps[gaps.regime == regime].reset_index(drop=True)
        for place, row in part.iterrows():
            colour, each = METHOD_COLOURS[row.one], [float(gap) for gap in row.by_seed.split()]
            axis.plot(
                each,
                [place + 0.18] * len(each),
                METHOD_MARKERS[row.one],
                color=colour,
                ms=3.5,
                alpha=0.7,
                mew=0.3,
                mec="black",
            )
            bars = [[row["mean"] - row.low], [row.high - row["mean"]]] if row.seeds > 1 else None
            axis.errorbar(
                row["mean"], place, xerr=bars, fmt=METHOD_MARKERS[row.one], color=colour, mec="black", mew=0.6, capsize=3
            )
        axis.axvline(0, color="black", lw=0.8)
        axis.set_yticks(
            range(len(part)), [f"{METHOD_NAMES[r.one]} minus\n{METHOD_NAMES[r.other]}" for r in part.itertuples()]
        )
        axis.set_ylim(len(part) - 0.5, -0.5)
        axis.set_xlabel("accuracy, percentage points within a seed")
        axis.set_title(f"{regime}: {part.seeds.max()} seeds, 95 % t intervals", fontsize="medium")
    return figure


def save_seeds(results: pd.DataFrame, folder: Path, pairs=HEADLINES) -> Path:
    """Writes `seeds.csv` (a `seed_table`, and the processor) and the differences as `seed_differences.{csv,pdf,png}`."""
    folder.mkdir(parents=True, exist_ok=True)
    results.assign(processor=processor()).to_csv(folder / "seeds.csv", index=False, float_format="%.6g")
    gaps = pd.concat([differences(results, value, pairs) for value in ("accuracy", "fidelity", "both")], ignore_index=True)
    gaps = gaps.assign(processor=processor())
    return save_figure(plot_differences(gaps[gaps.value == "accuracy"]), gaps, "seed_differences", folder)
