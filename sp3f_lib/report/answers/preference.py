"""Notebooks 07 and 08: is the preference of ICR and of LIDR right in other languages, and what is learned from it?"""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from sp3f_lib.audits.icr import ALL, DECIDED, OTHERS
from sp3f_lib.audits.lidr import EVERY
from sp3f_lib.evaluation.score import METRICS
from sp3f_lib.evaluation.statistics import paired_difference
from sp3f_lib.plots.icr import OTHER
from sp3f_lib.plots.theme import METHOD_NAMES
from sp3f_lib.report.answers.words import ONE_SEED, Answer, against, points, share

_COIN = ("more often than a coin", "less often than a coin")


def changes(samples: pd.DataFrame, methods: Sequence[str], before: str) -> pd.DataFrame:
    """Each of `methods` minus `before` on the same problems, sampled answers.

    Columns: model, minus, metric, group, then those of `paired_difference`. `samples`: scored answers with columns method and
    group (`plots.icr.english_and_others`).
    """
    sampled, lines = samples[~samples.greedy], []
    for method in methods:
        for metric in METRICS:
            for group, part in sampled.groupby("group", sort=False):
                one, other = (part[part.method == m].groupby("problem")[metric].mean() for m in (method, before))
                line = {"model": method, "minus": before, "metric": metric, "group": group}
                lines.append(line | paired_difference(one, other))
    return pd.DataFrame(lines)


def icr(accuracy: pd.DataFrame, changed: pd.DataFrame, model: str) -> Answer:
    """07: does the reward know the good response (`audits.icr.reward_accuracy`), and what has `model` learned (`changes`)?"""
    good = accuracy[accuracy.truth == "good"]
    found, english = _others(good).set_index("reward"), good[good.lang == "en"].set_index("reward")
    ours, names = found.loc["R_c"], {"shorter": "the shorter of the two"}
    beside = ", ".join(f"{names.get(name, name)} {share(row)}" for name, row in found.drop("R_c").iterrows() if row.n)
    if not ours.n:
        said = "In other languages no prompt has a good response beside another one, so R_c was not put to the test."
    else:
        said = f"R_c prefers the good one of two responses in another language in {_of_pairs(ours)}, in English in "
        said += f"{share(english.loc['R_c'])}; beside it: {beside}."
    return Answer([said, _learned(changed, model)])


def lidr(agreement: pd.DataFrame, by_kind: pd.DataFrame | None, changed: pd.DataFrame, model: str) -> Answer:
    """08: is the chosen side the better one, also where the content alone differs, and what has the last iteration learned?

    From `audits.lidr.agreement`, `agreement_by_control` (None: there are no such pairs) and `changes`; `model` is that iteration.
    """
    (whole,) = _others(_decided(agreement[agreement.partner == EVERY])).to_dict("records")
    content = _decided(by_kind[by_kind.kind == "content"]) if by_kind is not None else pd.DataFrame()
    alike = _others(content).to_dict("records")[0] if len(content) else {"n": 0}
    beside = [name for name in changed.model.unique() if not re.fullmatch(r"lidr_\d+", name)]
    said = [
        f"In other languages {_chosen(whole, 'one side alone is right and in the language')}; "
        f"{_chosen(alike, 'both are in the language and one alone is right')}.",
        _learned(changed, model),
    ]
    rest = "; ".join(f"{METHOD_NAMES[name]} {', '.join(_by_metric(changed, name).values())}" for name in beside)
    controls = "" if any("content" in name for name in beside) else " The controls were not trained in this run."
    return Answer([*said, f"Beside it: {rest}.{controls}"] if beside else said)


def _learned(changed: pd.DataFrame, model: str) -> str:
    rows = _rows(changed, model)
    words = [
        f"{text} ({against(rows[metric], 0, 'a rise', 'a fall')})" for metric, text in _by_metric(changed, model).items()
    ]
    before = rows["accuracy"]["minus"]
    before = "its start" if before == "start" else METHOD_NAMES[before]
    found = f"{METHOD_NAMES[model]} minus {before} in the other languages: {', '.join(words)}"
    return f"{found}; {rows['accuracy']['problems']} problems, {ONE_SEED}."


def _chosen(found: Mapping, where: str) -> str:
    return f"where {where}, LIDR chose that one in {_of_pairs(found)}" if found["n"] else f"there is no pair where {where}"


def _of_pairs(found: Mapping) -> str:
    return f"{share(found)} of {found['n']:,} pairs ({against(found, 0.5, *_COIN)})"


def _by_metric(changed: pd.DataFrame, model: str) -> dict[str, str]:
    return {metric: f"{metric} {points(row)}" for metric, row in _rows(changed, model).items()}


def _rows(changed: pd.DataFrame, model: str) -> dict[str, dict]:
    rows = changed[(changed.model == model) & (changed.group == OTHER)]
    return {row["metric"]: row for row in rows.to_dict("records")}


def _decided(outcomes: pd.DataFrame) -> pd.DataFrame:
    return outcomes[(outcomes.truth == "good") & (outcomes.outcome == DECIDED)]


def _others(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines of all languages but English together; of the other one if there is one."""
    pooled = lines[lines.lang == OTHERS]
    return pooled if len(pooled) else lines[~lines.lang.isin(["en", ALL])]
