"""Seeds are the unit: the whole flow over several of them, and what can be said of the methods then.

The interval of a single run (over problems) says nothing about another seed. Here each seed draws its own problems and trains its
own SFT model and policies from the same shipped base; all are scored on the same evaluation problems. Methods are compared within
a seed, with Student's t interval over seeds and the exact sign test.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sp3f_lib.evaluation.score import METRICS, read_samples
from sp3f_lib.evaluation.statistics import sign_test

# What the claims are about; then every other pair is two arms' business.
HEADLINES = (("rlvr", "sft"), ("sp3f", "rlvr"), ("sp3f", "judge_unprivileged"), ("rlvr", "rlvr_without_fidelity"))
# What `over_seeds` shows; see `seed_table`.
VALUES = ("accuracy", "fidelity", "both", "greedy", "steps", "accuracy en", "accuracy others", "fidelity others")
DIFFERENCE = ("regime", "one", "other", "value", "mean", "low", "high", "p_t", "p_sign", "seeds", "by_seed")
Results = dict[tuple[str, int, str], Path]


def read_results(found: Results) -> pd.DataFrame:
    """The scored answers of `run_seeds`, with columns `regime`, `seed` and `method` in front."""
    parts = [read_samples({method: path}).assign(regime=regime, seed=seed) for (regime, seed, method), path in found.items()]
    return pd.concat(parts, ignore_index=True)


def seed_table(samples: pd.DataFrame) -> pd.DataFrame:
    """One line per regime, method and seed of what `read_results` read: shares in [0, 1] of the sampled answers.

    `accuracy`, `fidelity`, `both` (right and in the language), `greedy` (accuracy of the greedy answers), `steps` (calculations an
    answer), `problems`, `answers`; accuracy and fidelity also for English (`accuracy en`) and the `others`, NaN if there are none.
    """
    rows = []
    for (regime, method, seed), part in samples.groupby(["regime", "method", "seed"], sort=False):
        sampled, greedy = part[~part.greedy], part[part.greedy]
        english = sampled.lang == "en"
        row = {"regime": regime, "method": method, "seed": seed}
        row |= {metric: sampled[metric].mean() for metric in METRICS}
        row |= {"both": (sampled.accuracy * sampled.fidelity).mean(), "greedy": greedy.accuracy.mean()}
        row |= {"steps": sampled.steps.mean(), "problems": sampled.problem.nunique(), "answers": len(sampled)}
        row |= {f"{metric} en": sampled[english][metric].mean() for metric in METRICS}
        rows.append(row | {f"{metric} others": sampled[~english][metric].mean() for metric in METRICS})
    return pd.DataFrame(rows)


def over_seeds(results: pd.DataFrame, values: Sequence[str] = VALUES) -> pd.DataFrame:
    """Mean of each value over seeds in percent (`steps` as they are), with a 95 % t interval; one line per regime and method.

    Values that `results` lacks, or has for no regime, are left out.
    """
    values = [value for value in values if value in results and results[value].notna().any()]
    rows = []
    for (regime, method), group in results.groupby(["regime", "method"], sort=False):
        row = {"regime": regime, "method": method, "seeds": len(group)}
        for value in values:
            scaled = group[value].to_numpy() * (1 if value == "steps" else 100)
            mean, half = mean_and_half_width(scaled)
            row[value] = f"{mean:.1f} ± {half:.1f}" if len(group) > 1 else f"{mean:.1f}"
            row[f"{value} by seed"] = " ".join(f"{one:.1f}" for one in scaled)
        rows.append(row)
    return pd.DataFrame(rows)


def differences(
    results: pd.DataFrame, value: str = "accuracy", pairs: Sequence[tuple[str, str]] = HEADLINES
) -> pd.DataFrame:
    """Each pair (one, other) of methods within a seed, in percentage points: one line per regime and pair that it has.

    Columns: regime, one, other, value, mean, low, high (95 % t interval over seeds; NaN of one seed), p_t, p_sign (two-sided),
    seeds, by_seed (text).
    """
    from scipy import stats

    rows = []
    for regime, part in results.groupby("regime", sort=False):
        by_seed = 100 * part.pivot(index="seed", columns="method", values=value)
        for one, other in pairs:
            if one not in by_seed or other not in by_seed:
                continue
            gaps = (by_seed[one] - by_seed[other]).dropna().to_numpy()
            mean, half = mean_and_half_width(gaps)
            half = half if np.isfinite(half) else float("nan")
            several = len(gaps) > 1 and np.ptp(gaps) > 0
            p_t = float(stats.ttest_1samp(gaps, 0).pvalue) if several else float("nan")
            row = {"regime": regime, "one": one, "other": other, "value": value, "mean": mean, "low": mean - half}
            row |= {"high": mean + half, "p_t": p_t, "p_sign": sign_test(gaps), "seeds": len(gaps)}
            rows.append(row | {"by_seed": " ".join(f"{gap:+.1f}" for gap in gaps)})
    return pd.DataFrame(rows, columns=DIFFERENCE)


def mean_and_half_width(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Mean and half width of Student's t interval of independent values; an infinite width for a single one.

    >>> mean_and_half_width(np.array([1.0, 2.0, 3.0]))
    (2.0, 2.48...)
    """
    from scipy import stats

    n = len(values)
    if n < 2:
        return float(values.mean()), float("inf")
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return float(values.mean()), float(half)


def report(results: pd.DataFrame, pairs: Sequence[tuple[str, str]] = HEADLINES) -> str:
    """Both tables of a `seed_table`, for people; `pairs`: see `differences`."""
    gaps = differences(results, pairs=pairs)
    return (
        "\nPercent (steps: calculations an answer), mean over seeds ± half a 95 % t interval; then each seed:\n\n"
        f"{over_seeds(results).to_string(index=False)}\n"
        "\nAccuracy, difference within a seed in points, 95 % t interval over seeds, exact sign test; then each seed:\n\n"
        f"{gaps.round({'mean': 1, 'low': 1, 'high': 1, 'p_t': 4, 'p_sign': 4}).to_string(index=False)}"
    )
