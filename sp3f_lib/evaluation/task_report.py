"""What is printed of the scored answers to tasks: the tables of task_tables.py, for people."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sp3f_lib.evaluation.task_tables import off_target, pass_table, task_table
from sp3f_lib.evaluation.tasks import Task

_SPANS = ("accuracy", "fidelity")  # shown with intervals
_BESIDE = ("chance", "authors", "two_class", "majority", "greedy", "ambiguous", "unread")
_LEGEND = """Percent of the sampled answers (of a greedy task: of the greedy ones); [95 % intervals over problems].
chance: of guessing; authors: accuracy by the SP3F authors' rule; two_class: fidelity by their detector; majority: vote of the
samples; greedy: accuracy of the greedy answers; ambiguous, unread: answers that choose several options, or in which none is
found; tokens: mean length; cut: cut off; coverage: the languages of a line. A bare letter has no language and is not faithful."""


def task_report(samples: pd.DataFrame, tasks: Sequence[Task]) -> str:
    """All tables of the answers to `tasks`, with what their columns mean; lines of some 150 characters."""
    table = task_table(
        samples, {task.name: task.chance for task in tasks}, {task.name: len(task.languages) for task in tasks}
    )
    parts = [f"{len(samples):,} answers, sampled and greedy ones. {_LEGEND}", shown(table).to_string(index=False)]
    passed = pass_table(samples).pivot(index=["task", "lang"], columns="k", values="mean")
    if len(passed.columns) > 1:
        ordered = passed.loc[[(row.task, row.lang) for row in table.itertuples()]]
        parts.append(
            f"pass@k, percent:\n{(100 * ordered).round(1).rename_axis(columns=None).reset_index().to_string(index=False)}"
        )
    for task in tasks:
        matrix = (100 * off_target(samples, task.name)).round(1)
        parts.append(
            f"{task.name}: language asked (a line each) and language of the answers, percent:\n{matrix.to_string()}"
        )
    return "\n\n".join(parts)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A `task_table` in percent, with intervals."""
    rows = []
    for row in table.to_dict("records"):
        line = {"task": row["task"], "lang": row["lang"]}
        line |= {name: _span(row, name) for name in _SPANS}
        line |= {name: _percent(row[name]) for name in _BESIDE}
        line |= {"tokens": f"{row['tokens']:.0f}", "cut": _percent(row["cut"]), "problems": row["problems"]}
        rows.append(line | {"answers": row["answers"], "coverage": row["coverage"]})
    return pd.DataFrame(rows)


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f}"


def _span(row: dict, name: str) -> str:
    return f"{100 * row[name]:.1f} [{100 * row[f'{name}_low']:.1f}, {100 * row[f'{name}_high']:.1f}]"
