"""Several models beside each other: what each reaches by task and language, how far from one of them, and who wins a problem.

side_by_side(samples, "sft", {"belebele": 0.25})    scored answers with columns task, lang, problem, cluster, method, greedy
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from sp3f_lib.evaluation.comparisons import ALL, COLUMNS, by_language, compare, counted, language_weights
from sp3f_lib.evaluation.statistics import clustered_mean

ABOVE, BELOW = "above", "below"


def side_by_side(
    samples: pd.DataFrame, reference: str, chance: Mapping[str, float], value: str = "accuracy"
) -> pd.DataFrame:
    """A line for each task, language (and all of them) and method, of the sampled answers.

    Columns: task, lang, method; `value` with `<value>_low`, `<value>_high` (shares in [0, 1], 95 % over problems); `chance` (0
    where a task has none); the difference to `reference` as `comparisons.compare` has it (in points, from `mean` on; NaN for
    `reference` itself), and `verdict`: "above" or "below" it after Holm's correction, else "".
    """
    methods = list(dict.fromkeys(samples["method"]))
    rows = [
        {"task": task, "lang": lang, "method": method} | _estimate(part[part["method"] == method], value)
        for task, lang, part in by_language(counted(samples))
        for method in methods
    ]
    table = pd.DataFrame(rows)
    table["chance"] = table["task"].map(chance).fillna(0.0)
    gaps = [compare(samples, method, [reference], (value,)) for method in methods if method != reference]
    keys, columns = ["task", "lang", "one"], list(COLUMNS[COLUMNS.index("mean") :])
    found = pd.concat(gaps)[keys + columns] if gaps else pd.DataFrame(columns=keys + columns)
    table = table.merge(found.rename(columns={"one": "method"}), on=["task", "lang", "method"], how="left")
    table["verdict"] = ""
    significant = table["p_holm"] < 0.05
    table.loc[significant & (table["mean"] > 0), "verdict"] = ABOVE
    table.loc[significant & (table["mean"] < 0), "verdict"] = BELOW
    return table


def _estimate(part: pd.DataFrame, value: str) -> dict:
    found = clustered_mean(part[value], part["cluster"], weights=language_weights(part))
    return {value: found["mean"], f"{value}_low": found["low"], f"{value}_high": found["high"]}


def outcomes_by_truth(samples: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Who wins a problem where no judge is needed: an answer that is right and in the language beats one that is not.

    A line for each pair (one, other) and language (and all of them): win, tie, loss, in [0, 1] and 1 in sum: the chances for an
    answer of each, drawn from the sampled ones to the same problem; `problems`.
    """
    good = counted(samples).assign(good=lambda lines: lines["accuracy"] * lines["fidelity"])
    shares = good.pivot_table(index=["lang", "problem"], columns="method", values="good", aggfunc="mean", sort=False)
    rows = []
    for one, other in pairs:
        a, b = shares[one], shares[other]
        each = pd.DataFrame({"win": a * (1 - b), "loss": b * (1 - a)}).dropna()
        by_lang = each.groupby(level="lang", sort=False)
        means = by_lang.mean()
        if len(means) > 1:
            means.loc[ALL] = means.mean()
        about = means.assign(tie=1 - means["win"] - means["loss"], one=one, other=other)
        counts = by_lang.size().to_dict() | {ALL: each.index.get_level_values("problem").nunique()}
        rows.append(about.reset_index(names="lang").assign(problems=[counts[lang] for lang in about.index]))
    return pd.concat(rows, ignore_index=True)[["one", "other", "lang", "win", "tie", "loss", "problems"]]
