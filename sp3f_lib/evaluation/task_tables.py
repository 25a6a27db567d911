"""Tables of the scored answers of tasks (`task_score.score_answer`), by task and language, with intervals clustered by problem.

Languages weigh alike in accuracies and fidelities. Questions on one text (Belebele: 900 on 488 passages) and one question in
several languages are one cluster. Accuracies and all other columns are of the sampled answers; a task that is greedy has its
greedy answers there.
"""

import math

import pandas as pd

from sp3f_lib.evaluation.comparisons import ALL, by_language, counted, language_weights
from sp3f_lib.evaluation.statistics import clustered_mean
from sp3f_lib.rewards.answers import answers_equal

SHARES = ("accuracy", "authors", "fidelity", "two_class")


def task_table(samples: pd.DataFrame, chance: dict[str, float], languages: dict[str, int]) -> pd.DataFrame:
    """One line a task and language, and one of all languages of the task; `chance` and number of `languages` of each task.

    Each of `SHARES` and `majority` (vote of a problem's samples) has `<name>`, `<name>_low` and `<name>_high`, in [0, 1]. `chance`;
    `ambiguous` and `unread`: shares of answers that choose several options, or in which none is found; `tokens`: mean length;
    `cut`: share that was cut off; `greedy`: accuracy of the greedy answers, NaN if there are none; `problems`, `answers`;
    `coverage`: the languages that a line is over, and how many the task has.
    """
    rows, votes = [], majority_votes(counted(samples))
    for task, lang, part in by_language(counted(samples)):
        row = {"task": task, "lang": lang} | _shares(part)
        of_line = votes[(votes["task"] == task) & ((votes["lang"] == lang) | (lang == ALL))]
        row |= _estimate("majority", of_line, "majority")
        greedy = samples[samples["greedy"] & (samples["task"] == task) & (samples["lang"].isin(part["lang"].unique()))]
        row |= {
            "chance": chance[task],
            "ambiguous": (part["how"] == "ambiguous").mean(),
            "unread": (part["how"] == "nothing").mean(),
            "tokens": part["tokens"].mean(),
            "cut": (~part["finished"]).mean(),
            "greedy": greedy.groupby("lang")["accuracy"].mean().mean(),
            "problems": part["problem"].nunique(),
            "answers": len(part),
            "coverage": f"{' '.join(part['lang'].unique())}: {part['lang'].nunique()} of {languages[task]}",
        }
        rows.append(row)
    return pd.DataFrame(rows)


def subset_table(samples: pd.DataFrame) -> pd.DataFrame:
    """Where a task has parts, one line a task, language and `subset` (the part): `SHARES` with intervals, `problems`, `answers`."""
    rows = []
    for task, lang, part in by_language(counted(samples)):
        for subset, of_subset in part[part["subset"].notna()].groupby("subset", sort=True):
            about = {"task": task, "lang": lang, "subset": subset} | _shares(of_subset)
            rows.append(about | {"problems": of_subset["problem"].nunique(), "answers": len(of_subset)})
    return pd.DataFrame(rows)


def _shares(part: pd.DataFrame) -> dict:
    return {name: value for share in SHARES for name, value in _estimate(share, part, share).items()}


def _estimate(name: str, lines: pd.DataFrame, column: str) -> dict:
    found = clustered_mean(lines[column], lines["cluster"], weights=language_weights(lines))
    return {name: found["mean"], f"{name}_low": found["low"], f"{name}_high": found["high"]}


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased estimate of the chance that one of `k` samples is right, from `c` right ones of `n` (arXiv 2107.03374, eq. 1).

    >>> pass_at_k(4, 1, 1), pass_at_k(4, 1, 2), pass_at_k(4, 3, 2)
    (0.25, 0.5, 1.0)
    """
    if not 1 <= k <= n or not 0 <= c <= n:
        raise ValueError(f"k must be 1 to n, and c 0 to n: n = {n}, c = {c}, k = {k}")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def pass_table(samples: pd.DataFrame) -> pd.DataFrame:
    """pass@k for each k up to the number of samples: `task`, `lang`, `k`, `mean`, `low`, `high`, `problems`."""
    rows = []
    for task, lang, part in by_language(counted(samples)):
        found = part.groupby(["lang", "problem"]).agg(
            n=("accuracy", "size"), c=("accuracy", "sum"), cluster=("cluster", "first")
        )
        for k in range(1, int(found["n"].min()) + 1):
            values = [pass_at_k(int(n), int(c), k) for n, c in zip(found["n"], found["c"], strict=True)]
            lines = found.reset_index()
            estimate = clustered_mean(values, lines["cluster"], weights=language_weights(lines))
            row = {"task": task, "lang": lang, "k": k} | {name: estimate[name] for name in ("mean", "low", "high")}
            rows.append(row | {"problems": found.index.get_level_values("problem").nunique()})
    return pd.DataFrame(rows)


def majority_votes(samples: pd.DataFrame) -> pd.DataFrame:
    """One line a problem and language: `majority`, whether the most frequent answer is right, and its `cluster`.

    What our scorer takes for equal (1/2, 0.5) is one answer, however it is written. Answers without a vote do not count; of several
    that are equally frequent, the share of right ones (as if drawn by lot); 0 where no answer has a vote.
    """
    keys = ["task", "lang", "problem"]
    voted = samples[samples["vote"].notna()]
    forms: dict[tuple, dict[str, str]] = {}
    one_form = []
    for *problem, vote in zip(*(voted[name].tolist() for name in (*keys, "vote")), strict=True):
        known = forms.setdefault(tuple(problem), {})
        if vote not in known:
            known[vote] = next((form for form in known.values() if _same(vote, form)), vote)
        one_form.append(known[vote])
    voted = voted[[*keys, "accuracy"]].assign(vote=one_form)
    ballots = voted.groupby([*keys, "vote"]).agg(count=("accuracy", "size"), right=("accuracy", "max")).reset_index()
    first = ballots["count"] == ballots.groupby(keys)["count"].transform("max")
    majority = ballots[first].groupby(keys)["right"].mean()
    problems = samples.groupby(keys)["cluster"].first()
    return pd.DataFrame({"majority": majority.reindex(problems.index).fillna(0.0), "cluster": problems}).reset_index()


def _same(one: str, other: str) -> bool:
    """Whether our scorer takes two votes for equal; they are in one form of digits and signs already (`answers.normalise`)."""
    if one.isdecimal() and other.isdecimal():
        return int(one) == int(other)
    return answers_equal(one, other) or answers_equal(other, one)


def off_target(samples: pd.DataFrame, task: str) -> pd.DataFrame:
    """Which language answers to `task` are in: a row for each language asked, a column for each found, shares that sum to 1.

    In a row's own column stand the faithful answers; `unknown` is a language outside the table, `none` no text at all.
    """
    part = counted(samples[samples["task"] == task])
    found = part["other"].where(part["other"].notna(), part["lang"])
    matrix = pd.crosstab(part["lang"], found, normalize="index")
    asked = list(part["lang"].unique())
    order = [*asked, *sorted(set(matrix.columns) - {*asked, "unknown", "none"}), "unknown", "none"]
    found = matrix.reindex(index=asked, columns=[name for name in order if name in asked or name in matrix], fill_value=0.0)
    return found.rename_axis(index=None, columns=None)
