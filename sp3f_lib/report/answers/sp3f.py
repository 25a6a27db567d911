"""Notebooks 00 to 05: a group's rewards, the data, SFT, stage 2, and accuracy beside fidelity."""

import re
from collections.abc import Iterable

import pandas as pd

from sp3f_lib.audits.row_checks import NONE
from sp3f_lib.evaluation.comparisons import overall
from sp3f_lib.evaluation.score import METRICS, table
from sp3f_lib.evaluation.seeds import differences
from sp3f_lib.plots.theme import METHOD_NAMES
from sp3f_lib.report.answers.words import ONE_SEED, Answer, change, languages, share, spread
from sp3f_lib.report.claims import sentences

_SPLITS = {"sft": "SFT", "rl": "RL", "eval": "the evaluation"}


def tour(group: pd.DataFrame, wrong: pd.DataFrame) -> Answer:
    """00: the advantages of a group of answers, and the win rates where none is right.

    >>> group = pd.DataFrame({"advantage, SP3F": [1.25, -0.75]}, index=["right", "no sum"])
    >>> print(*tour(group, pd.DataFrame({"accuracy": [0.0, 0.0], "with reference": [1.0, 0.25]})), sep="\\n")
    A reward is accuracy + format + language + win rate, an advantage what it has above the group's mean: SP3F gives \
"right" +1.25, "no sum" -0.75.
    Where all answers are wrong, accuracy is 0 for all; the win rate with the reference still goes from 0.25 to 1.00.
    """
    given = ", ".join(f'"{name}" {value:+.2f}' for name, value in group["advantage, SP3F"].items())
    rates, accuracy = wrong["with reference"], wrong["accuracy"].unique()
    return Answer(
        [
            "A reward is accuracy + format + language + win rate, an advantage what it has above the group's mean: "
            f"SP3F gives {given}.",
            f"Where all answers are wrong, accuracy is {' or '.join(f'{a:.0f}' for a in accuracy)} for all; "
            f"the win rate with the reference still goes from {rates.min():.2f} to {rates.max():.2f}.",
        ]
    )


def data(counts: pd.DataFrame, checked: pd.DataFrame, translated: pd.DataFrame, damaged: pd.DataFrame) -> Answer:
    """01: how many problems, whether splits share one, what the rewards say of the solutions, and how good the checks of rows are.

    `counts`: a line a row with regime, split, lang, problem; `checked`: scored solutions with regime, accuracy, fidelity;
    `translated`: `losses` of the lab's model by language; `damaged`: lines of `row_checks.judged`.

    >>> rows = [("warm", split, "sw", f"{split} {k}") for split in ("sft", "rl", "eval") for k in range(1200)]
    >>> counts = pd.DataFrame(rows, columns=["regime", "split", "lang", "problem"])
    >>> checked = pd.DataFrame({"regime": "warm", "accuracy": [1.0] * 4, "fidelity": [1, 1, 1, 0.0]})
    >>> translated = pd.DataFrame({"kept": [9, 10], "format": [1, 0], "lost": [0.1, 0.0]}, index=["de", "sw"])
    >>> reasons = ["box"] + [None] * 200 + ["box"] * 39
    >>> damaged = pd.DataFrame({"damage": ["nothing"] * 200 + ["number changed"] * 40, "reason": reasons})
    >>> print(*data(counts, checked, translated, damaged), sep="\\n")
    warm: 1,200 problems for SFT, 1,200 for RL, 1,200 for the evaluation, in Swahili; no problem is in two splits. The rewards \
accept 100.0 % of 4 translated solutions as right, 75.0 % as in their language.
    Of 20 translations by the lab's model into German and Swahili 19 pass the checks of rows; lost: 1 x format.
    The checks drop 1 of 200 good rows (0.5 %), and find 39 of 40 damaged ones (97.5 %).
    """
    said = Answer()
    for regime, part in counts.groupby("regime", sort=False):
        problems = part.groupby("split").problem.nunique()
        numbers = ", ".join(f"{problems[split]:,} for {name}" for split, name in _SPLITS.items() if split in problems)
        shared = int((part.groupby("problem").split.nunique() > 1).sum())
        found = checked[checked.regime == regime]
        said.append(
            f"{regime}: {numbers.replace(' for', ' problems for', 1)}, in {languages(part.lang.unique())}; "
            f"{shared or 'no'} problem{'s are' if shared > 1 else ' is'} in two splits. "
            f"The rewards accept {100 * found.accuracy.mean():.1f} % of {len(found):,} translated solutions as right, "
            f"{100 * found.fidelity.mean():.1f} % as in their language."
        )
    return Answer([*said, _translated(translated), _damaged(damaged)])


def _translated(table: pd.DataFrame) -> str:
    rows = table.drop(columns="lost")
    lost = ", ".join(f"{count} x {reason}" for reason, count in rows.drop(columns="kept").sum().items() if count) or "none"
    return (
        f"Of {rows.to_numpy().sum():,} translations by the lab's model into {languages(table.index)} {rows.kept.sum():,} pass the "
        f"checks of rows; lost: {lost}."
    )


def _damaged(lines: pd.DataFrame) -> str:
    good, bad = lines.reason[lines.damage == NONE].notna(), lines.reason[lines.damage != NONE].notna()
    return (
        f"The checks drop {good.sum():,} of {len(good):,} good rows ({100 * good.mean():.1f} %), "
        f"and find {bad.sum():,} of {len(bad):,} damaged ones ({100 * bad.mean():.1f} %)."
    )


def sft(samples: pd.DataFrame, gaps: pd.DataFrame, abilities: pd.DataFrame | None = None) -> Answer:
    """02: what the base model can do (`abilities` of its card, where it has one), and what SFT changes in each regime.

    `samples`: scored answers of `base` and `sft` with a column regime, of one seed; `gaps`: their `compare_problems`.
    """
    said = Answer()
    if abilities is not None:
        found = abilities[abilities.lang != "en"]
        reads, writes, obeys = (spread(found[found.ability == name]["mean"]) for name in ("reads", "writes", "obeys"))
        said.append(
            f"Of the questions in each of {found.lang.nunique()} languages beside English the base model answers {reads} right in "
            f"whatever language, {writes} right and in the language of the question, and {obeys} when it is told to use that one."
        )
    for regime, part in samples.groupby("regime", sort=False):
        found = table(part, ("method",)).set_index(["metric", "method"])
        rows = {row["value"]: row for row in overall(gaps[gaps.regime == regime]).to_dict("records")}
        changes = [
            f"{metric} from {share(found.loc[metric, 'base'])} to {share(found.loc[metric, 'sft'])}, {change(rows[metric])},"
            for metric in METRICS
        ]
        said.append(
            f"{regime}: SFT takes {' and '.join(changes).removesuffix(',')}; {found.problems.iloc[0]} problems, {ONE_SEED}."
        )
    return said


def stage_two(results: pd.DataFrame, on_problems: pd.DataFrame) -> Answer:
    """03: does the judge with the reference teach more than verifiable rewards alone?

    From a `seeds.seed_table`; where there is one seed, the interval is that of `on_problems` (`compare_problems`).

    >>> rows = [("sft", 0.1, 0.12), ("rlvr", 0.12, 0.18), ("sp3f", 0.5, 0.6)]
    >>> rows = [{"regime": "cold", "method": m, "seed": k, "accuracy": v[k]} for m, *v in rows for k in (0, 1)]
    >>> print(*stage_two(pd.DataFrame(rows), pd.DataFrame()))
    cold: yes. Accuracy: SFT 11.0 %; RLVR 15.0 %; SP3F 55.0 %. SP3F minus RLVR is +40.0 points [+14.6, +65.4] over 2 seeds: \
significant.
    """
    said = Answer()
    for regime, part in results[results.method != "base"].groupby("regime", sort=False):
        gaps = differences(part, pairs=(("sp3f", "rlvr"), ("sp3f", "judge_unprivileged")))
        means = _means(part, "accuracy", part.method.unique())
        said.append(f"{regime}: {_verdict(gaps)}. Accuracy: {means}.{_in_words(gaps, on_problems)}")
    return said


def pareto(results: pd.DataFrame, gaps: pd.DataFrame, on_problems: pd.DataFrame) -> Answer:
    """05: who is right and in the right language most often, and which of the differences that were asked for are significant.

    From a `seeds.seed_table` and the `seeds.differences` of its value `both`; `on_problems` as above.
    """
    said = Answer()
    for regime, part in results.groupby("regime", sort=False):
        seeds = part.seed.nunique()
        about = f"{part.problems.iloc[0]} problems, {seeds} seed{'s' if seeds > 1 else ''}"
        best_first = part.groupby("method").both.mean().sort_values(ascending=False, kind="stable").index
        means = _means(part, "both", best_first)
        said.append(
            f"{regime}: right and in the right language: {means} ({about}).{_in_words(gaps[gaps.regime == regime], on_problems)}"
        )
    return said


def _means(results: pd.DataFrame, value: str, methods: Iterable[str]) -> str:
    means = results.groupby("method")[value].mean()
    return "; ".join(f"{METHOD_NAMES[method]} {100 * means[method]:.1f} %" for method in methods)


def _in_words(gaps: pd.DataFrame, on_problems: pd.DataFrame) -> str:
    """`claims.sentences` of one regime and value, without naming them again; of one seed what its problems say."""
    said = []
    for row, over_seeds in zip(gaps.to_dict("records"), sentences(gaps), strict=True):
        words = re.sub(r" of [a-z ]+? (?=\[|in one|in each)", " ", over_seeds.partition(": ")[2])
        if row["seeds"] < 2:
            keys = ["regime", "one", "other", "value"]
            (found,) = overall(on_problems[(on_problems[keys] == pd.Series(row)[keys]).all(axis=1)]).to_dict("records")
            words = f"{words.partition(' is ')[0]} is {change(found)} on the same {found['problems']} problems, {ONE_SEED}."
        said.append(f" {words}")
    return "".join(said)


def _verdict(gaps: pd.DataFrame) -> str:
    asked = gaps[gaps.other == "rlvr"]
    if asked.empty:
        return "not asked, for that takes both rlvr and sp3f"
    (row,) = asked.itertuples()
    if row.seeds < 2:
        return "one seed does not say"
    if row.low > 0:
        return "yes"
    return "no, it teaches less" if row.high < 0 else "not shown"
