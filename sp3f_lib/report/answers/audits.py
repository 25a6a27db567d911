"""Notebooks 06 and 10: can the judge be trusted, and do the rewards read every language?"""

import pandas as pd

from sp3f_lib.audits import judge as audit
from sp3f_lib.evaluation.statistics import paired_difference
from sp3f_lib.plots.judges import SOURCES
from sp3f_lib.report.answers.words import Answer, against, points, share

_SHOWN = {"none": "without a reference", "solution": "with the English solution", "wrong": "with a wrong one"}


def judge(name: str, asked: dict[str, pd.DataFrame]) -> Answer:
    """06: the judge's accuracy by what it is shown, its slot bias, attacks on it, its cost; from `audits.judge.ask_all`."""
    misled = f"{_bias(asked['contests'])} {_attacks(asked['attacks'])}"
    return Answer([*_accuracies(name, asked["contests"]), misled, _cost(asked["groups"])])


def rewards(answers: pd.DataFrame, texts: pd.DataFrame, mixtures: pd.DataFrame) -> Answer:
    """10: answers read (columns expected, is_correct, math-verify alone), texts accepted (`audits.fidelity.summary`) and mixtures
    measured (errors), a column for each detector, ours first.

    >>> answers = pd.DataFrame({"expected": [True, False], "is_correct": [True, False], "math-verify alone": [False, False]})
    >>> texts = {"this library": {"texts": 440, "own": 0.995, "other": 0.0}, "two": {"texts": 440, "own": 0.98, "other": 1.05}}
    >>> rewards(answers, pd.DataFrame(texts), pd.DataFrame({"this library": [0.0, 0.02], "two": [0.1, 0.2]}))
    Answers: is_correct errs in 0 of 2, math-verify alone in 1.
    Language: of 440 texts 99.5 % are accepted in their own language and 0.0 per 100 as another one (two: 98.0 % and 105.0).
    Mixtures of two languages: the measured share misses the true one by 1.0 points in the median of 2 (two: 15.0).
    """
    wrong = {name: int((answers[name] != answers.expected).sum()) for name in ("is_correct", "math-verify alone")}
    ours, *others = texts.columns
    shares = {name: f"{100 * texts.loc['own', name]:.1f} %" for name in texts}
    beside = "; ".join(f"{name}: {shares[name]} and {100 * texts.loc['other', name]:.1f}" for name in others)
    errors = 100 * mixtures.median()
    return Answer(
        [
            f"Answers: is_correct errs in {wrong['is_correct']} of {len(answers)}, math-verify alone in "
            f"{wrong['math-verify alone']}.",
            f"Language: of {texts.loc['texts', ours]:,.0f} texts {shares[ours]} are accepted in their own language and "
            f"{100 * texts.loc['other', ours]:.1f} per 100 as another one ({beside}).",
            f"Mixtures of two languages: the measured share misses the true one by {errors[ours]:.1f} points in the median of "
            f"{len(mixtures):,} ({'; '.join(f'{name}: {errors[name]:.1f}' for name in others)}).",
        ]
    )


def _accuracies(name: str, contests: pd.DataFrame) -> list[str]:
    said = []
    for source, part in contests.groupby("source", sort=False):
        found = audit.preference_for_one(part, ("level",)).set_index("level")
        shown = ", ".join(f"{words} {share(found.loc[level])}" for level, words in _SHOWN.items() if level in found.index)
        by_problem = part.groupby(["level", "problem"])["one"].mean()
        line = f"{SOURCES[source]}, {found.n.max():,}: the {name} prefers the better response {shown}."
        known = by_problem.dropna().groupby("level").size()
        if {"none", "solution"} <= set(known.index):
            gap = paired_difference(by_problem["solution"], by_problem["none"])
            gap = {"mean": 100 * gap["difference"], "low": 100 * gap["low"], "high": 100 * gap["high"]}
            line = f"{line[:-1]}; the solution changes that by {points(gap)}: {against(gap, 0, 'it helps', 'it harms')}."
        said.append(line)
    return said


def _bias(contests: pd.DataFrame) -> str:
    found = audit.slot_bias(contests[contests.level == "solution"]).set_index("measure")
    if found.n.max() == 0:
        return "With the solution no pair has both verdicts."
    slot_a = found.loc["slot bias", ["mean", "low", "high"]] + 0.5
    return (
        f"With the solution it prefers slot A in {share(slot_a)} (50 % is fair), and the slot decides in "
        f"{share(found.loc['flip rate'])} of the pairs."
    )


def _attacks(asked: pd.DataFrame) -> str:
    found = audit.attack_success(asked[asked.level == "solution"]) if len(asked) else asked
    if not len(found) or found["mean"].isna().all():
        return "No attack was tried."
    best = found.loc[found["mean"].idxmax()]
    if best["mean"] == 0:
        return f"None of {len(found)} attacks helps a wrong response ({best.n} problems)."
    return (
        f'The best of {len(found)} attacks, "{best.attack}", helps a wrong response in {share(best)} of {best.n} problems.'
    )


def _cost(groups: pd.DataFrame) -> str:
    found = audit.cost(groups, ("balanced",)).set_index("level")
    one, without = found.loc["solution"], found.loc["none"]
    usd = f"{one.usd:.4f} USD" if one.usd == one.usd else "an unknown number of USD"
    return (
        f"The win rates of a group cost {one.calls:.0f} calls ({usd}) and follow the truth with a correlation of "
        f"{one.correlation:.2f} [{one.low:.2f}, {one.high:.2f}]; without the solution {without.correlation:.2f} "
        f"[{without.low:.2f}, {without.high:.2f}] ({one.n} groups)."
    )
