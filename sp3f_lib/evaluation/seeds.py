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
from sp3f_lib.evaluation.statistics import clustered_mean, detectable, over_seeds_and_problems, sign_test

# What the claims are about; then every other pair is two arms' business.
HEADLINES = (("rlvr", "sft"), ("sp3f", "rlvr"), ("sp3f", "judge_unprivileged"), ("rlvr", "rlvr_without_fidelity"))
# Two tables of `report`, each narrow enough for a line; see `seed_table`.
_ALL = ("accuracy", "fidelity", "both", "greedy", "steps", "tokens")
_BY_LANGUAGE = ("accuracy en", "accuracy others", "fidelity en", "fidelity others")
_NO_SHARES = ("steps", "tokens")  # of an answer: shown as they are, not in percent
# Those of `comparisons.COLUMNS` mean the same here, over seeds.
DIFFERENCE = ("regime", "one", "other", "value", "mean", "low", "high", "p", "p_sign", "detectable", "seeds", "by_seed")
Results = dict[tuple[str, int, str], Path]


def read_results(found: Results) -> pd.DataFrame:
    """The scored answers of `run_seeds`, with columns `regime`, `seed` and `method` in front."""
    parts = [read_samples({method: path}).assign(regime=regime, seed=seed) for (regime, seed, method), path in found.items()]
    return pd.concat(parts, ignore_index=True)


def seed_table(samples: pd.DataFrame) -> pd.DataFrame:
    """One line per regime, method and seed of what `read_results` read: shares in [0, 1] of the sampled answers.

    `accuracy`, `fidelity`, `both` (right and in the language), `greedy` (accuracy of the greedy answers), `steps` and `tokens`
    (mean calculations and length of an answer; `tokens` where the answers have it), `problems`, `answers`; accuracy and fidelity
    also for English (`accuracy en`) and the `others`, NaN if there are none.
    """
    rows = []
    for (regime, method, seed), part in samples.groupby(["regime", "method", "seed"], sort=False):
        sampled, greedy = part[~part.greedy], part[part.greedy]
        english = sampled.lang == "en"
        row = {"regime": regime, "method": method, "seed": seed}
        row |= {metric: sampled[metric].mean() for metric in METRICS}
        row |= {"both": (sampled.accuracy * sampled.fidelity).mean(), "greedy": greedy.accuracy.mean()}
        row |= {name: sampled[name].mean() for name in _NO_SHARES if name in sampled}
        row |= {"problems": sampled.problem.nunique(), "answers": len(sampled)}
        row |= {f"{metric} en": sampled[english][metric].mean() for metric in METRICS}
        rows.append(row | {f"{metric} others": sampled[~english][metric].mean() for metric in METRICS})
    return pd.DataFrame(rows)


def over_seeds(results: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """Mean of each value over seeds in percent (`steps` and `tokens` as they are), with a 95 % t interval: one line a method.

    Values that `results` lacks, or has for no regime, are left out; `-` where one line has none. Of one seed there is no interval.
    """
    values = [value for value in values if value in results and results[value].notna().any()]
    rows = []
    for (regime, method), group in results.groupby(["regime", "method"], sort=False):
        row = {"regime": regime, "method": method, "seeds": len(group)}
        for value in values:
            scaled = group[value].to_numpy() * (1 if value in _NO_SHARES else 100)
            mean, half = mean_and_half_width(scaled)
            shown = f"{mean:.1f} ± {half:.1f}" if len(group) > 1 else f"{mean:.1f}"
            row[value] = shown if np.isfinite(mean) else "-"
        rows.append(row)
    return pd.DataFrame(rows)


def each_seed(results: pd.DataFrame, value: str = "accuracy") -> pd.DataFrame:
    """One line per regime and method, a column a seed: a share of `seed_table` in percent, NaN where a seed has none."""
    table = 100 * results.pivot_table(index=["regime", "method"], columns="seed", values=value, sort=False)
    return table.rename(columns=lambda seed: f"seed {seed}").reset_index().rename_axis(None, axis=1)


def estimate(answers: pd.DataFrame, metric: str) -> dict:
    """Mean and 95 % interval of a metric of one method's sampled `answers`, with `seed` and `problem`: one way for all tables.

    Returns mean, low, high (shares), `by_seed` {seed: mean}, `problems`, `shared`. Of one seed the interval is over problems, as
    in `score.table`; of several, over seeds and problems. Where seeds were put different problems, those that all of them
    answered count; if there is none, the last seed alone, and `shared` is False.
    """
    shares = answers.pivot_table(index="seed", columns="problem", values=metric, aggfunc="mean")
    common = shares.dropna(axis=1)
    shared = common.shape[1] > 0
    if shared and len(shares) > 1:
        found, by_seed = over_seeds_and_problems(common.to_numpy()), common.mean(axis=1)
        problems = common.shape[1]
    else:
        last = answers[answers.seed == shares.index[-1]]
        found = clustered_mean(last[metric], last.problem)
        problems, by_seed = found["problems"], pd.Series({shares.index[-1]: found["mean"]})
    found = {name: found[name] for name in ("mean", "low", "high")}
    return found | {"by_seed": {int(k): float(v) for k, v in by_seed.items()}, "problems": problems, "shared": shared}


def differences(
    results: pd.DataFrame, value: str = "accuracy", pairs: Sequence[tuple[str, str]] = HEADLINES
) -> pd.DataFrame:
    """Each pair (one, other) of methods within a seed, in percentage points: one line per regime and pair that it has.

    Columns: regime, one, other, value, mean, low, high (95 % t interval over seeds; NaN of one seed), p (t test), p_sign (both
    two-sided), detectable (the true difference that 80 % of such runs would find), seeds, by_seed (text). Where `results` say on
    which kind of processor they were made (column processor), a pair is of one; gaps of a seed on several are averaged, for they
    share data and start and are no further seeds.
    """
    from scipy import stats

    rows = []
    for regime, part in results.groupby("regime", sort=False):
        pair = [column for column in ("processor", "seed") if column in part]
        by_seed = 100 * part.pivot(index=pair, columns="method", values=value)
        for one, other in pairs:
            if one not in by_seed or other not in by_seed:
                continue
            gaps = (by_seed[one] - by_seed[other]).dropna().groupby("seed").mean().to_numpy()
            mean, half = mean_and_half_width(gaps)
            half = half if np.isfinite(half) else float("nan")
            several = len(gaps) > 1 and np.ptp(gaps) > 0
            p = float(stats.ttest_1samp(gaps, 0).pvalue) if several else float("nan")
            found = detectable(float(gaps.std(ddof=1)) / len(gaps) ** 0.5, len(gaps) - 1) if several else float("nan")
            row = {"regime": regime, "one": one, "other": other, "value": value, "mean": mean, "low": mean - half}
            row |= {"high": mean + half, "p": p, "p_sign": sign_test(gaps), "detectable": found, "seeds": len(gaps)}
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
    """The tables of a `seed_table`, for people, in lines of about 120 characters; `pairs`: see `differences`.

    The seeds one by one are shown where there are several.
    """
    several = bool(results.groupby(["regime", "method"]).size().max() > 1)
    over = "mean over seeds ± half a 95 % t interval" if several else "one seed"
    parts = [
        f"Percent of the sampled answers, {over}.\nboth: right and in the language; greedy: accuracy of greedy answers; steps, "
        "tokens: calculations, length of an answer.",
        _text(over_seeds(results, _ALL)),
    ]
    if "accuracy en" in results:
        with_english = results.groupby("regime")["accuracy en"].transform("count") > 0
        if with_english.any():
            parts += ["English (en) and the other languages apart:", _text(over_seeds(results[with_english], _BY_LANGUAGE))]
    if several:
        seeds = sorted(results.seed.unique())
        parts.append("Accuracy of each seed:")
        parts += [_text(each_seed(results[results.seed.isin(seeds[k : k + 10])])) for k in range(0, len(seeds), 10)]
    gaps = differences(results, pairs=pairs)
    if len(gaps):
        how = ", 95 % t interval over seeds, t test, exact sign test" if several else "; one seed says nothing of another"
        shown = (
            [name for name in DIFFERENCE if name not in ("value", "by_seed")]
            if several
            else ["regime", "one", "other", "mean"]
        )
        parts += [f"Accuracy, difference within a seed in points{how}:", _text(gaps[shown])]
    return "\n" + "\n\n".join(parts)


def _text(table: pd.DataFrame) -> str:
    """A table in plain text, `-` for what is not there."""
    shown = table.copy()
    for name in shown.select_dtypes("float"):
        shown[name] = [_number(value, 4 if name in ("p", "p_sign") else 1) for value in shown[name]]
    return shown.to_string(index=False)


def _number(value: float, digits: int) -> str:
    if value != value:
        return "-"
    return "<0.0001" if digits == 4 and value < 1e-4 else f"{value:.{digits}f}"
