"""The whole flow over several training seeds, and what can be said of the methods then.

The interval of a single run (over problems) says nothing about another seed. Here each seed trains its own base model, SFT and
policies on its own problems; all are scored on the same evaluation problems; the interval is Student's t over seeds.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from sp3f_lib.evaluation.evaluate import METRICS, read_samples
from sp3f_lib.launch import run_stages
from sp3f_lib.profiles import Profile
from sp3f_lib.stages import START

# What `over_seeds` shows; see `run_seeds`.
VALUES = ("accuracy", "fidelity", "greedy", "reasons", "accuracy en", "accuracy others", "fidelity others")


def run_seeds(profiles: Sequence[Profile], arms: Sequence[str]) -> pd.DataFrame:
    """Trains and scores base, sft and `arms` for each profile (one per seed and regime), `parallel` at a time.

    `arms` may be models of ICR and LIDR too. Returns one line per seed, regime and method: `accuracy`, `fidelity`, `reasons` (share
    of answers with a calculation), all sampled, and `greedy` accuracy; accuracy and fidelity also for English (`accuracy en`) and
    the `others`, NaN where the regime has none. Shares in [0, 1].
    """
    for profile in {p.seed: p for p in profiles}.values():
        run_stages([(profile, "base", None)])  # alone: it uses all cores
    # Both regimes of SFT before the arms, so that no two processes wait for the same stage.
    run_stages([(p, "evaluate", "sft") for p in profiles])
    jobs = [(p, "evaluate", method) for p in profiles for method in (*arms, "base")]
    jobs += [(p, "evaluate", "sft") for p in profiles]
    rows = []
    for (profile, _, method), path in zip(jobs, run_stages(jobs), strict=True):
        samples = read_samples({method: path})
        sampled, greedy = samples[~samples.greedy], samples[samples.greedy]
        rows.append(
            {
                "seed": profile.seed,
                "regime": profile.regime,
                "method": method,
                **{metric: sampled[metric].mean() for metric in METRICS},
                **{f"{metric} en": sampled[sampled.lang == "en"][metric].mean() for metric in METRICS},
                **{f"{metric} others": sampled[sampled.lang != "en"][metric].mean() for metric in METRICS},
                "reasons": (sampled.steps > 0).mean(),
                "greedy": greedy.accuracy.mean(),
            }
        )
    order = {method: number for number, method in enumerate(dict.fromkeys((*START, *arms)))}
    return pd.DataFrame(rows).sort_values(
        ["regime", "method", "seed"], key=lambda c: c.map(order) if c.name == "method" else c
    )


def over_seeds(results: pd.DataFrame, values: Sequence[str] = VALUES) -> pd.DataFrame:
    """Mean of each value over seeds in percent, with a 95 % t interval; one line per regime and method.

    Values that `results` lacks, or has for no regime, are left out.
    """
    values = [value for value in values if value in results and results[value].notna().any()]
    rows = []
    for (regime, method), group in results.groupby(["regime", "method"], sort=False):
        row = {"regime": regime, "method": method, "seeds": len(group)}
        for value in values:
            mean, half = mean_and_half_width(100 * group[value].to_numpy())
            row[value] = f"{mean:.1f} ± {half:.1f}"
            row[f"{value} by seed"] = " ".join(f"{100 * one:.1f}" for one in group[value])
        rows.append(row)
    return pd.DataFrame(rows)


def differences_over_seeds(results: pd.DataFrame, value: str = "accuracy") -> pd.DataFrame:
    """Each pair of trained methods within a seed, in percentage points: mean over seeds with a 95 % t interval.

    Seeds differ in their base model, which moves all methods together; the difference within a seed is what tells methods apart.
    """
    rows = []
    for regime, part in results[results.method != "base"].groupby("regime", sort=False):
        by_seed = 100 * part.pivot(index="seed", columns="method", values=value)[list(part.method.unique())]
        for first, second in combinations(by_seed.columns, 2):
            difference = (by_seed[second] - by_seed[first]).dropna()
            mean, half = mean_and_half_width(difference.to_numpy())
            row = {"regime": regime, "difference": f"{second} - {first}", value: f"{mean:+.1f} ± {half:.1f}"}
            rows.append(row | {"by seed": " ".join(f"{one:+.1f}" for one in difference)})
    return pd.DataFrame(rows)


def mean_and_half_width(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Mean and half width of Student's t interval of independent values; an infinite width for a single one.

    >>> mean_and_half_width(np.array([1.0, 2.0, 3.0]))
    (2.0, 2.48...)
    """
    n = len(values)
    if n < 2:
        return float(values.mean()), float("inf")
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return float(values.mean()), float(half)


def report(results) -> str:
    """Both tables of the results of `run_seeds`, for people."""
    return (
        "\nPercent, mean over seeds ± half a 95 % t interval; then each seed:\n\n"
        f"{over_seeds(results).to_string(index=False)}\n"
        "\nAccuracy, difference within a seed in percentage points; mean over seeds ± half a 95 % t interval; then each seed:\n\n"
        f"{differences_over_seeds(results).to_string(index=False)}"
    )
