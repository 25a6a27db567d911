"""Notebook 09: which model is best at what, and what cannot be told."""

import pandas as pd

from sp3f_lib.evaluation.comparisons import overall
from sp3f_lib.evaluation.side_by_side import ABOVE, BELOW
from sp3f_lib.plots.theme import METHOD_NAMES
from sp3f_lib.report.answers.words import ONE_SEED, Answer, missed, points


def head_to_head(accuracy: pd.DataFrame, reference: str) -> Answer:
    """A sentence for each task of a table of `side_by_side`, and one on what it is worth."""
    said = Answer(_task(task, overall(part), reference) for task, part in accuracy.groupby("task", sort=False))
    said.append(f"All of this is of {ONE_SEED}; intervals are over problems.")
    return said


def _task(task: str, lines: pd.DataFrame, reference: str) -> str:
    """What one task says.

    >>> lines = {"method": ["sft", "sp3f", "rlvr"], "accuracy": [0.2, 0.5, 0.22], "chance": 0.0, "verdict": ["", "above", ""]}
    >>> lines |= {"mean": [None, 30, 2.0], "low": [None, 20, -4.0], "high": [None, 40, 8.0], "detectable": [None, 9, 8.1]}
    >>> _task("mgsm", pd.DataFrame(lines), "sft")
    'mgsm: SP3F 50.0 %, RLVR 22.0 %, SFT 20.0 %. Above SFT: SP3F +30.0 [+20.0, +40.0]; below it: none; not told apart from \
it: RLVR (less than ±8.1 would be missed).'
    """
    ranked = lines.sort_values("accuracy", ascending=False, kind="stable")
    each = ", ".join(f"{METHOD_NAMES[row.method]} {100 * row.accuracy:.1f} %" for row in ranked.itertuples())
    guessing = f" (guessing: {100 * lines.chance.iloc[0]:.0f} %)" if lines.chance.iloc[0] else ""
    above, below = (_gaps(ranked[ranked.verdict == verdict]) for verdict in (ABOVE, BELOW))
    rest = ranked[(ranked.verdict == "") & (ranked.method != reference)]
    found = f"Above {METHOD_NAMES[reference]}: {above}; below it: {below}"
    if len(rest):
        names = ", ".join(METHOD_NAMES[name] for name in rest.method)
        found += f"; not told apart from it: {names} ({missed(rest.detectable.max())})"
    return f"{task}{guessing}: {each}. {found}."


def _gaps(lines: pd.DataFrame) -> str:
    gaps = (f"{METHOD_NAMES[row['method']]} {points(row, '')}" for row in lines.to_dict("records"))
    return ", ".join(gaps) or "none"
