"""What is printed of the scored answers to tasks, and written as CSV files: the tables of this folder, for people."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sp3f_lib.evaluation.comparisons import ALL
from sp3f_lib.evaluation.task_averages import averages
from sp3f_lib.evaluation.task_tables import SHARES, off_target, pass_table, subset_table, task_table
from sp3f_lib.evaluation.tasks import Task
from sp3f_lib.runs import atomic_path

_SPANS = ("accuracy", "fidelity")  # shown with intervals
_BESIDE = ("chance", "authors", "two_class", "majority", "greedy", "ambiguous", "unread")
_LEGEND = """Percent of the sampled answers (of a greedy task: of the greedy ones); [95 % intervals over problems].
chance: of guessing; authors: accuracy by the SP3F authors' rule; two_class: fidelity by their detector; majority: vote of the
samples; greedy: accuracy of the greedy answers; ambiguous, unread: answers that choose several options, or in which none is
found; tokens: mean length; cut: cut off; coverage: the languages of a line. A bare letter has no language and is not faithful."""

_DIFFERENCES = """Differences on the same problems, points [95 %, bootstrap over problems]; * significant at 5 % after Holm's
correction for {} (a line over all languages is one test). detectable: where nothing was found, the true
difference that 80 % of such runs would have found; smaller ones are not excluded. problems: clusters (questions on one text)."""


def task_tables(samples: pd.DataFrame, tasks: Sequence[Task]) -> dict[str, pd.DataFrame]:
    """All tables of the answers to `tasks` by the name of their file; those that have no line are left out."""
    chances, languages = {task.name: task.chance for task in tasks}, {task.name: len(task.languages) for task in tasks}
    matrices = [
        off_target(samples, task.name).rename_axis("asked").reset_index().melt("asked", var_name="found", value_name="share")
        .assign(task=task.name) for task in tasks
    ]  # fmt: skip
    found = {
        "tasks": task_table(samples, chances, languages),
        "subsets": subset_table(samples),
        "averages": averages(samples) if len(tasks) > 1 else pd.DataFrame(),
        "pass_at_k": pass_table(samples),
        "languages_found": pd.concat(matrices)[["task", "asked", "found", "share"]],
    }
    return {name: table for name, table in found.items() if len(table)}


def write_tables(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Each table as a CSV file, shares in [0, 1] and differences in points."""
    for name, table in tables.items():
        with atomic_path(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")


def task_report(tables: dict[str, pd.DataFrame], answers: int) -> str:
    """The tables of `task_tables`, with what their columns mean; lines of some 150 characters."""
    parts = [f"{answers:,} answers, sampled and greedy ones. {_LEGEND}", _text(shown(tables["tasks"]))]
    if "averages" in tables:
        table = tables["averages"]
        spans = _spans(table, ["average", "tasks", "cells"])
        parts.append(f"Averages, percent, over {table['over'][0]} languages:\n{_text(spans)}")
    if "subsets" in tables:
        table = tables["subsets"]
        table = table[(table["lang"] == ALL) | (table.groupby("task")["lang"].transform("nunique") == 1)]
        parts.append(f"Parts of tasks, percent:\n{_text(_spans(table, ['task', 'lang', 'subset', 'problems']))}")
    passed = tables["pass_at_k"].pivot(index=["task", "lang"], columns="k", values="mean")
    if len(passed.columns) > 1:
        ordered = passed.loc[[(row.task, row.lang) for row in tables["tasks"].itertuples()]]
        parts.append(f"pass@k, percent:\n{_text((100 * ordered).round(1).rename_axis(columns=None).reset_index())}")
    for task, lines in tables["languages_found"].groupby("task", sort=False):
        order = {"index": lines["asked"].unique(), "columns": lines["found"].unique()}
        matrix = (100 * lines.pivot(index="asked", columns="found", values="share")).round(1).reindex(**order)
        matrix = matrix.rename_axis(index=None, columns=None).to_string()
        parts.append(f"{task}: language asked (a line each) and language of the answers, percent:\n{matrix}")
    return "\n\n".join(parts)


def comparison_report(table: pd.DataFrame, corrected_for: str = "the languages of a task") -> str:
    """A table of `comparisons.compare` for people: `*` where a difference is significant, else what could have been found."""
    rows = []
    for row in table.to_dict("records"):
        significant = row["p_holm"] < 0.05
        line = {"task": row["task"]} | ({"lang": row["lang"]} if row["lang"] else {})
        line |= {"difference": f"{row['one']} - {row['other']}", "value": row["value"]}
        line |= {"points": f"{row['mean']:+.1f} [{row['low']:+.1f}, {row['high']:+.1f}]{'*' if significant else ' '}"}
        line |= {"p_holm": f"{row['p_holm']:.3f}" if row["p_holm"] >= 0.001 else "<0.001"}
        line |= {"detectable": "" if significant else _beyond(row["detectable"]), "problems": row["problems"]}
        rows.append(line)
    return f"{_DIFFERENCES.format(corrected_for)}\n{_text(pd.DataFrame(rows))}"


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


def _spans(table: pd.DataFrame, about: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {name: row[name] for name in about} | {name: _span(row, name) for name in SHARES} for row in table.to_dict("records")
    )


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False)


def _beyond(points: float) -> str:
    return f"±{points:.1f}" if points < 100 else "none"


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f}"


def _span(row: dict, name: str) -> str:
    return f"{100 * row[name]:.1f} [{100 * row[f'{name}_low']:.1f}, {100 * row[f'{name}_high']:.1f}]"
