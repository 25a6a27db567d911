"""Intervals for shares measured on clustered samples, and for differences between them.

Samples of one problem are alike, so they are one cluster: the standard error comes from the spread between problems. The
interval is Wilson's at the effective sample size n_eff = p (1 - p) / SE² (Korn and Graubard 1998; Dean and Pagano 2015), which
stays inside [0, 1] and keeps a width where every answer is right.
"""

import math

import numpy as np

RESAMPLES = 10_000
_BATCH = 500  # resamples at once: memory does not grow with the problems
_LEVEL, _POWER = 0.05, 0.8
_NO_SPREAD = 1e-9  # a standard error that is rounding alone


def clustered_mean(values, clusters, confidence: float = 0.95, weights=None) -> dict:
    """Mean of `values` (n numbers in [0, 1]) with an interval; `clusters` (n labels) says which values belong together.

    Returns `mean`, `low`, `high`, `answers` (n) and `problems` (number of clusters). A t quantile with clusters - 1 degrees of
    freedom stands for the normal one. `weights` (n positive numbers) where values do not count alike.
    """
    from scipy import stats  # takes longer to import than all that most commands do

    values = np.asarray(values, dtype=float)
    _, number = np.unique(np.asarray(clusters), return_inverse=True)
    if not len(values) or np.isnan(values).any():
        raise ValueError(f"{len(values)} values, {int(np.isnan(values).sum())} of them NaN: nothing to estimate")
    weights = np.ones(len(values)) if weights is None else np.asarray(weights) * len(values) / np.sum(weights)
    n, k, mean = len(values), int(number.max()) + 1, float((weights * values).mean())
    if k < 2:
        return {"mean": mean, "low": 0.0, "high": 1.0, "answers": n, "problems": k}
    residuals = np.bincount(number, weights=weights * (values - mean))
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

    Returns `difference`, `low`, `high`, `problems`; see `clustered_difference`, of which each problem is a cluster.
    """
    gaps = (one - other).dropna().to_numpy()
    found = clustered_difference(gaps, range(len(gaps)), confidence=confidence)
    return {"difference": found["mean"], "low": found["low"], "high": found["high"], "problems": found["problems"]}


def clustered_difference(gaps, clusters, seeds=None, confidence: float = 0.95, weights=None) -> dict:
    """Mean of `gaps` (n numbers in [-1, 1]) with what is known of it: `clusters` and `seeds` (n labels) say what belongs together.

    Returns `mean`, `low`, `high` (clusters are drawn anew 10,000 times, percentiles, fixed seed; several seeds too, apart from
    them), `se` (cluster-robust), `p` (two-sided t test), `detectable`, `problems` (clusters) and `seeds`.
    """
    gaps, sums, sizes = _by_cluster(gaps, clusters, seeds, weights)
    count, problems = sums.shape
    about = {"mean": float(sums.sum() / sizes.sum()), "problems": problems, "seeds": count}
    tested = _tested(sums, sizes) if problems > 1 else {"se": 0.0}
    if tested["se"] < _NO_SPREAD:
        return about | _without_spread(about["mean"], sums.sum(0) / sizes.sum(0), confidence)
    if count == 1:
        low, high = _over_clusters(sums[0], sizes[0], confidence)
    else:
        low, high = _over_seeds_and_clusters(sums, sizes, confidence)
    return about | {"low": low, "high": high} | tested


def clustered_test(gaps, clusters, weights=None) -> dict:
    """The part of `clustered_difference` without a bootstrap: `se`, `p`, `detectable`; of one seed, with some spread."""
    return _tested(*_by_cluster(gaps, clusters, None, weights)[1:])


def _by_cluster(gaps, clusters, seeds, weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(gaps, their sums and their number for each seed and cluster); with weights these count."""
    gaps = np.asarray(gaps, dtype=float)
    if not len(gaps) or np.isnan(gaps).any():
        raise ValueError(f"{len(gaps)} gaps, {int(np.isnan(gaps).sum())} of them NaN: is no problem in both?")
    _, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    _, seed = np.unique(np.zeros(len(gaps)) if seeds is None else np.asarray(seeds), return_inverse=True)
    shape = int(seed.max()) + 1, int(cluster.max()) + 1
    place, each = seed * shape[1] + cluster, np.ones(len(gaps)) if weights is None else np.asarray(weights, dtype=float)
    sums, sizes = (np.bincount(place, counted, shape[0] * shape[1]).reshape(shape) for counted in (each * gaps, each))
    return gaps, sums, sizes


def _tested(sums: np.ndarray, sizes: np.ndarray) -> dict:
    """Standard error, p and detectable difference. Several seeds: their spread comes on top, with the fewer degrees of freedom."""
    from scipy import stats

    (count, problems), total = sums.shape, sizes.sum()
    mean = sums.sum() / total
    residuals = sums.sum(0) - mean * sizes.sum(0)
    variance, free = problems / (problems - 1) * float((residuals**2).sum()) / total**2, problems - 1
    if count > 1:
        variance += float((sums.sum(1) / sizes.sum(1)).var(ddof=1)) / count
        free = min(free, count - 1)
    error = float(np.sqrt(variance))
    p = float(2 * stats.t.sf(abs(mean) / error, free)) if error > 0 else float("nan")
    return {"se": error, "p": p, "detectable": detectable(error, free)}


def detectable(error: float, free: float) -> float:
    """The true difference that a two-sided t test at 5 % finds with 80 % power, given its standard error and degrees of freedom.

    >>> round(detectable(1.0, 1e9), 3)
    2.802
    """
    from scipy import stats

    return float((stats.t.ppf(1 - _LEVEL / 2, free) + stats.t.ppf(_POWER, free)) * error)


def _without_spread(mean: float, by_cluster: np.ndarray, confidence: float) -> dict:
    """Resampling equal clusters would claim certainty. All that is known is their number: Wilson's width, on the scale -1 to 1."""
    from scipy import stats

    quantile = float(stats.norm.ppf((1 + confidence) / 2))
    low, high = (2 * end - 1 for end in wilson((mean + 1) / 2, len(by_cluster), quantile))
    error = (high - low) / 2 / quantile
    return {"low": low, "high": high, "se": error, "p": sign_test(by_cluster), "detectable": detectable(error, np.inf)}


def _over_clusters(sums: np.ndarray, sizes: np.ndarray, confidence: float) -> tuple[float, float]:
    from scipy import stats

    found = stats.bootstrap(
        (sums, sizes),
        lambda drawn, counted, axis: drawn.sum(axis) / counted.sum(axis),
        paired=True,
        vectorized=True,
        batch=_BATCH,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def _over_seeds_and_clusters(sums: np.ndarray, sizes: np.ndarray, confidence: float) -> tuple[float, float]:
    """Seeds and clusters are drawn anew, one apart from the other, as in `statistics.over_seeds_and_problems`."""
    (seeds, clusters), rng, means = sums.shape, np.random.default_rng(0), []
    for _ in range(RESAMPLES // _BATCH):
        of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), _BATCH)
        of_clusters = rng.multinomial(clusters, np.full(clusters, 1 / clusters), _BATCH)
        totals = [((of_seeds @ table) * of_clusters).sum(1) for table in (sums, sizes)]
        means.append(totals[0] / totals[1])
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


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
