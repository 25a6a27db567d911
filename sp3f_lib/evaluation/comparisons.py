"""Whether one model is better than another on the same problems: one way, and one table, for all comparisons within problems.

    compare(samples, "sp3f", ["rlvr", "sft"])              scored answers with a column `method`, and `seed` where there are several
    compare_problems(samples, [("sp3f", "rlvr")])          the same of the evaluation problems, regime by regime

A problem's gap is the mean over its answers by the one model minus that by the other. Problems on one text, and one problem in
several languages, are a cluster: intervals draw clusters anew (bootstrap), and the standard error is the cluster-robust one, as
statsmodels has it for a regression on a constant. Of several seeds, these are drawn too, the same for all problems. Claims about a
method, whose unit are seeds, are `seeds.differences`: the same columns, where they mean the same.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from sp3f_lib.evaluation.statistics import clustered_difference

ALL, OTHERS = "all", "not en"  # languages together: every one, all but English
VALUES = ("accuracy", "fidelity")
COLUMNS = ("task", "lang", "one", "other", "value", "mean", "low", "high", "p", "p_holm", "detectable", "problems", "seeds")
_DIGITS = dict.fromkeys(("mean", "low", "high", "detectable"), 1) | dict.fromkeys(("p", "p_holm", "p_sign"), 4)


def compare(samples: pd.DataFrame, one: str, others: Sequence[str], values: Sequence[str] = VALUES) -> pd.DataFrame:
    """A line for each task, language (and all of them), other method and value, with `COLUMNS`; differences in points.

    `low`, `high`: 95 % bootstrap interval. `p`: two-sided, t with the number of clusters minus one degrees of freedom. `p_holm`:
    corrected for the languages of a task; the line of all languages is one test by itself. `detectable`: the smallest true
    difference that a test at 5 % would find in 80 % of such runs: what "no difference" can be said to exclude.
    """
    rows: list[dict] = []
    for task, lang, part in by_language(counted(samples)):
        for other in others:
            gaps = paired_gaps(part, one, other, values)
            for value in values:
                if gaps.empty:
                    raise ValueError(f"{task}, {lang}: {one} and {other} have no problem in common")
                found = clustered_difference(gaps[value], gaps["cluster"], gaps["seed"], weights=language_weights(gaps))
                rows.append({"task": task, "lang": lang, "one": one, "other": other, "value": value} | in_points(found))
    table = pd.DataFrame(rows, columns=COLUMNS)
    corrected = with_holm(table[table["lang"] != ALL], ["task", "other", "value"])
    return pd.concat([corrected, table[table["lang"] == ALL]]).sort_index()


def in_points(found: dict) -> dict:
    """What `clustered_difference` says of shares, in points; `p_holm` is `p` as long as nothing is corrected."""
    return found | {name: 100 * found[name] for name in ("mean", "low", "high", "detectable")} | {"p_holm": found["p"]}


def with_holm(table: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """The table with `p_holm` corrected for all lines that agree in the columns `family`."""
    from statsmodels.stats.multitest import multipletests

    table = table.copy()
    for _, lines in table.groupby(family, sort=False):
        table.loc[lines.index, "p_holm"] = multipletests(lines["p"], method="holm")[1]
    return table


def compare_problems(
    samples: pd.DataFrame, pairs: Sequence[tuple[str, str]], values: Sequence[str] = VALUES
) -> pd.DataFrame:
    """`compare` of the answers to the evaluation problems, for the `pairs` (one, other) that a regime has.

    `samples`: as in `seeds.read_results`, with a column regime, which stands in front of `COLUMNS`; the task is `problems`.
    """
    tables = [pd.DataFrame(columns=["regime", *COLUMNS])]
    samples = samples.assign(task="problems", cluster=samples["problem"])
    for regime, part in samples.groupby("regime", sort=False):
        there = [pair for pair in pairs if set(pair) <= set(part["method"])]
        found = [compare(part, one, [other], values) for one, other in there]
        tables += [table.assign(regime=regime)[["regime", *COLUMNS]] for table in found]
    return pd.concat(tables[1:] or tables, ignore_index=True)


def overall(table: pd.DataFrame) -> pd.DataFrame:
    """The lines of all languages together; those of the only language where there is one."""
    pooled = table[table["lang"] == ALL]
    return pooled if len(pooled) else table


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Such a table, or one of `seeds.differences`, to be looked at."""
    counts = {name: "Int64" for name in ("problems", "seeds") if name in table}
    return table.round({name: digits for name, digits in _DIGITS.items() if name in table}).astype(counts)


def counted(samples: pd.DataFrame) -> pd.DataFrame:
    """The sampled answers, and of tasks without any the greedy ones."""
    has_sampled = (~samples["greedy"]).groupby(samples["task"]).transform("any")
    return samples[~samples["greedy"] | ~has_sampled]


def by_language(samples: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """(task, language, answers), then (task, all, answers) where it has several languages; task by task."""
    for task, of_task in samples.groupby("task", sort=False):
        for lang, part in of_task.groupby("lang", sort=False):
            yield task, lang, part
        if of_task["lang"].nunique() > 1:
            yield task, ALL, of_task


def language_weights(lines: pd.DataFrame) -> pd.Series | None:
    """What each of `lines` counts if languages count alike; None where they do by themselves."""
    sizes = lines.groupby("lang")["lang"].transform("size")
    return None if sizes.nunique() == 1 else 1 / sizes


def paired_gaps(samples: pd.DataFrame, one: str, other: str, values: Sequence[str]) -> pd.DataFrame:
    """A line a problem, language and seed that both methods answered: its `cluster`, and the gap of each value (shares)."""
    samples = samples if "seed" in samples else samples.assign(seed=0)
    keys = ["lang", "problem", "seed"]
    means = {name: samples[samples["method"] == name].groupby(keys)[list(values)].mean() for name in (one, other)}
    clusters = samples.groupby(keys)["cluster"].first()
    gaps = (means[one] - means[other]).dropna()
    return gaps.join(clusters).reset_index()
