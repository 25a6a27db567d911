"""What a table of differences says, in words: which are significant, and whether a run here lies within the committed seeds.

Equal seeds give equal numbers on one kind of processor only. What must hold everywhere is that a run's mean lies where the
committed seeds lead one to expect it: in their prediction interval for so many new seeds.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from sp3f_lib.plots.theme import METHOD_NAMES

COMMITTED = Path(__file__).parents[2] / "figures" / "seeds" / "seed_differences.csv"


_WHAT = {"both": "right answers in the right language"}


def sentences(gaps: pd.DataFrame) -> list[str]:
    """One sentence for each line of `seeds.differences`.

    >>> row = {"regime": "cold", "one": "sp3f", "other": "rlvr", "value": "accuracy", "mean": 21.04, "low": 8.0, "high": 34.1}
    >>> sentences(pd.DataFrame([row | {"p": 0.02, "p_sign": 0.25, "seeds": 3, "by_seed": ""}]))
    ['cold: SP3F minus RLVR is +21.0 points of accuracy [+8.0, +34.1] over 3 seeds: significant.']
    """
    return [_sentence(row) for row in gaps.itertuples()]


def _sentence(row) -> str:
    start = f"{row.regime}: {_names(row)} is {row.mean:+.1f} points of {_WHAT.get(row.value, row.value)}"
    if row.seeds < 2:
        return f"{start} in one seed, which says nothing about another."
    if math.isnan(row.p):
        return f"{start} in each of {row.seeds} seeds, without any spread."
    verdict = "significant" if row.low > 0 or row.high < 0 else "not significant: the interval holds 0"
    return f"{start} [{row.low:+.1f}, {row.high:+.1f}] over {row.seeds} seeds: {verdict}."


def beside_committed(gaps: pd.DataFrame, committed: pd.DataFrame) -> list[str]:
    """For each difference in accuracy in both tables: ours, theirs, and whether ours is where theirs lead one to expect it."""
    both = gaps.merge(committed, on=["regime", "one", "other", "value"], suffixes=("", "_theirs"))
    lines = []
    for row in both[both.value == "accuracy"].itertuples():
        theirs = np.array([float(gap) for gap in row.by_seed_theirs.split()])
        low, high = prediction_interval(theirs, row.seeds)
        inside = "within" if low <= row.mean <= high else "OUTSIDE"
        number = f"{row.seeds} seed{'s' if row.seeds > 1 else ''}"
        lines.append(
            f"{row.regime}: your {_names(row)} ({number}): {row.mean:+.1f}; committed, {len(theirs)} seeds: "
            f"{row.mean_theirs:+.1f} ± {row.high_theirs - row.mean_theirs:.1f}; "
            f"{inside} what they predict [{low:+.1f}, {high:+.1f}]"
        )
    return lines


def prediction_interval(values: np.ndarray, new: int, confidence: float = 0.95) -> tuple[float, float]:
    """Where the mean of `new` further seeds lies, given those of `values` (at least two, normally distributed)."""
    n = len(values)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * values.std(ddof=1) * math.sqrt(1 / n + 1 / new)
    return float(values.mean() - half), float(values.mean() + half)


def _names(row) -> str:
    return f"{METHOD_NAMES[row.one]} minus {METHOD_NAMES[row.other]}"
