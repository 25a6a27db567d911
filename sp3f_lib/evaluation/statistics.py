"""Intervals for shares measured on clustered samples.

Samples of one problem are alike, so they are one cluster: the standard error comes from the spread between problems. The
interval is Wilson's at the effective sample size n_eff = p (1 - p) / SE² (Korn and Graubard 1998; Dean and Pagano 2015), which
stays inside [0, 1] and keeps a width where every answer is right.
"""

import math

import numpy as np

RESAMPLES = 10_000


def clustered_mean(values, clusters, confidence: float = 0.95) -> dict:
    """Mean of `values` (n numbers in [0, 1]) with an interval; `clusters` (n labels) says which values belong together.

    Returns `mean`, `low`, `high`, `answers` (n) and `problems` (number of clusters). A t quantile with clusters - 1 degrees of
    freedom stands for the normal one.
    """
    from scipy import stats  # takes longer to import than all that most commands do

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
    from scipy import stats

    gaps = (one - other).dropna().to_numpy()
    if not len(gaps):
        raise ValueError("no problem is in both series: nothing to compare")
    if len(gaps) == 1 or np.ptp(gaps) == 0:
        # Resampling equal gaps would claim certainty. All that is known is their number: Wilson's width, on the scale of -1 to 1.
        mean, quantile = float(gaps.mean()), float(stats.norm.ppf((1 + confidence) / 2))
        low, high = wilson((mean + 1) / 2, len(gaps), quantile)
        return {"difference": mean, "low": 2 * low - 1, "high": 2 * high - 1, "problems": len(gaps)}
    found = stats.bootstrap(
        (gaps,),
        np.mean,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return {"difference": float(gaps.mean()), "low": float(found.low), "high": float(found.high), "problems": len(gaps)}


def over_seeds_and_problems(shares, confidence: float = 0.95) -> dict:
    """Mean of `shares` (seeds, problems), each a share of right answers, with an interval over both: a crossed bootstrap.

    The same problems were put to every seed, so seeds and problems are drawn anew, with replacement, one apart from the other
    (10,000 times, percentiles, fixed seed). Few seeds give too narrow an interval (of n seeds by a factor of about sqrt(1 - 1/n));
    for claims see `seeds.differences`. Of one seed it could say nothing of others: `ValueError`, take `clustered_mean`.

    >>> over_seeds_and_problems([[0.0, 0.0], [1.0, 1.0]])["low"]
    0.0
    """
    shares = np.asarray(shares, dtype=float)
    seeds, problems = shares.shape
    if np.isnan(shares).any():
        raise ValueError("every seed must have an answer to every problem")
    if seeds == 1:
        raise ValueError("one seed has no interval over seeds: take clustered_mean")
    rng = np.random.default_rng(0)
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds
    of_problems = rng.multinomial(problems, np.full(problems, 1 / problems), RESAMPLES) / problems
    means = ((of_seeds @ shares) * of_problems).sum(1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {"mean": float(shares.mean()), "low": float(low), "high": float(high)}


def sign_test(differences) -> float:
    """Two-sided p of the exact sign test: whether as many of independent differences lie above 0 as below; zeros are left out.

    >>> sign_test([1.0, 2.0, 0.5, 3.0, 0.1, 4.0, 2.2, 0.3, 1.1, 0.9])
    0.001953125
    """
    from scipy import stats

    signs = np.sign(np.asarray(differences, dtype=float))
    above, below = int((signs > 0).sum()), int((signs < 0).sum())
    return float(stats.binomtest(above, above + below).pvalue) if above + below else 1.0
