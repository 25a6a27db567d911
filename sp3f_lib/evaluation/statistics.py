"""Intervals for shares measured on clustered samples.

Samples of one problem are alike, so they are one cluster: the standard error comes from the spread between problems. The
interval is Wilson's at the effective sample size n_eff = p (1 - p) / SE² (Korn and Graubard 1998; Dean and Pagano 2015), which
stays inside [0, 1] and keeps a width where every answer is right.
"""

import math

import numpy as np
from scipy import stats


def clustered_mean(values, clusters, confidence: float = 0.95) -> dict:
    """Mean of `values` (n numbers in [0, 1]) with an interval; `clusters` (n labels) says which values belong together.

    Returns `mean`, `low`, `high`, `answers` (n) and `problems` (number of clusters). A t quantile with clusters - 1 degrees of
    freedom stands for the normal one.
    """
    values = np.asarray(values, dtype=float)
    _, number = np.unique(np.asarray(clusters), return_inverse=True)
    if not len(values) or np.isnan(values).any():
        raise ValueError(f"{len(values)} values, {int(np.isnan(values).sum())} of them NaN: nothing to estimate")
    n, k, mean = len(values), int(number.max()) + 1, float(values.mean())
    if k < 2:
        return {"mean": mean, "low": 0.0, "high": 1.0, "answers": n, "problems": k}
    residuals = np.bincount(number, weights=values - mean)
    variance = k / (k - 1) * float((residuals**2).sum()) / n**2
    # Without any spread the problems are all that is known: each counts once.
    effective = mean * (1 - mean) / variance if variance > 1e-12 and 0 < mean < 1 else k
    z = float(stats.t.ppf((1 + confidence) / 2, k - 1))
    low, high = wilson(mean, min(effective, n), z)
    return {"mean": mean, "low": low, "high": high, "answers": n, "problems": k}


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval for a share `p` of `n` (not necessarily whole) trials at quantile `z`."""
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # The interval holds p and stays inside [0, 1]; rounding must not say otherwise.
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def paired_difference(one, other, confidence: float = 0.95) -> dict:
    """Mean of `one` - `other` over the problems that both hold (series indexed by problem), with a bootstrap interval.

    Returns `difference`, `low`, `high`, `problems`; 10,000 resamples of problems, percentile method, fixed seed.
    """
    gaps = (one - other).dropna().to_numpy()
    if not len(gaps):
        raise ValueError("no problem is in both series: nothing to compare")
    if len(gaps) == 1 or np.ptp(gaps) == 0:
        # Resampling equal gaps would claim certainty. All that is known is their number: Wilson's width, on the scale of -1 to 1.
        mean, quantile = float(gaps.mean()), float(stats.norm.ppf((1 + confidence) / 2))
        low, high = wilson((mean + 1) / 2, len(gaps), quantile)
        return {"difference": mean, "low": 2 * low - 1, "high": 2 * high - 1, "problems": len(gaps)}
    found = stats.bootstrap(
        (gaps,), np.mean, confidence_level=confidence, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    return {"difference": float(gaps.mean()), "low": float(found.low), "high": float(found.high), "problems": len(gaps)}
