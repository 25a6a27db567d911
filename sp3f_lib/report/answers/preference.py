"""Notebooks 07 and 08: is the preference of ICR and of LIDR right in other languages, and what is learned from it?"""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from sp3f_lib.audits.icr import DECIDED
from sp3f_lib.audits.lidr import EVERY
from sp3f_lib.evaluation.comparisons import ALL, OTHERS, compare_problems
from sp3f_lib.plots.theme import METHOD_NAMES
from sp3f_lib.report.answers.words import ONE_SEED, Answer, against, change, points, share

_COIN = ("more often than a coin", "less often than a coin")


def changes(samples: pd.DataFrame, methods: Sequence[str], before: str) -> pd.DataFrame:
    """`compare_problems` of each of `methods` with `before`, by language, and of all languages but English together (OTHERS)."""
    pairs = [(method, before) for method in methods]
    pooled = compare_problems(samples[samples.lang != "en"], pairs)
    return pd.concat([compare_problems(samples, pairs), pooled[pooled.lang == ALL].assign(lang=OTHERS)], ignore_index=True)


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
    beside = [name for name in changed.one.unique() if not re.fullmatch(r"lidr_\d+", name)]
    said = [
        f"In other languages {_chosen(whole, 'one side alone is right and in the language')}; "
        f"{_chosen(alike, 'both are in the language and one alone is right')}.",
        _learned(changed, model),
    ]
    rest = "; ".join(f"{METHOD_NAMES[name]} {_listed(changed, name)}" for name in beside)
    controls = "" if any("content" in name for name in beside) else " The controls were not trained in this run."
    return Answer([*said, f"Beside it: {rest}.{controls}"] if beside else said)


def _learned(changed: pd.DataFrame, model: str) -> str:
    rows = _rows(changed, model)
    words = [f"{value} {change(row)}" for value, row in rows.items()]
    before = rows["accuracy"]["other"]
    before = "its start" if before == "start" else METHOD_NAMES[before]
    found = f"{METHOD_NAMES[model]} minus {before} in the other languages: {', '.join(words)}"
    return f"{found}; {rows['accuracy']['problems']} problems, {ONE_SEED}."


def _chosen(found: Mapping, where: str) -> str:
    return f"where {where}, LIDR chose that one in {_of_pairs(found)}" if found["n"] else f"there is no pair where {where}"


def _of_pairs(found: Mapping) -> str:
    return f"{share(found)} of {found['n']:,} pairs ({against(found, 0.5, *_COIN)})"


def _listed(changed: pd.DataFrame, model: str) -> str:
    return ", ".join(f"{value} {points(row)}" for value, row in _rows(changed, model).items())


def _rows(changed: pd.DataFrame, model: str) -> dict[str, dict]:
    return {row["value"]: row for row in _others(changed[changed.one == model]).to_dict("records")}


def _decided(outcomes: pd.DataFrame) -> pd.DataFrame:
    return outcomes[(outcomes.truth == "good") & (outcomes.outcome == DECIDED)]


def _others(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines of all languages but English together; of the other one if there is one."""
    pooled = lines[lines.lang == OTHERS]
    return pooled if len(pooled) else lines[~lines.lang.isin(["en", ALL])]
