"""Averages over tasks: a paper's may be the mean of its tasks or of all (task, language), so both, with what is in them.

The same problem in several languages is one cluster; tasks have different problems, so their errors are independent.
"""

import math

import pandas as pd

from sp3f_lib.evaluation.comparisons import counted, language_weights
from sp3f_lib.evaluation.statistics import clustered_mean
from sp3f_lib.evaluation.task_tables import SHARES

TASKS, CELLS = "mean of tasks", "mean of cells"


def averages(samples: pd.DataFrame) -> pd.DataFrame:
    """A line each for the mean of tasks and that of cells; `tasks`, `cells`: how many (task, language), `over`: which.

    Each of `SHARES` has `<name>`, `<name>_low` and `<name>_high` in [0, 1], with 95 % intervals. A task's own mean is the mean
    of its languages' means, where each problem counts alike.
    """
    tasks = dict(iter(counted(samples).groupby("task", sort=False)))
    languages = {task: part["lang"].nunique() for task, part in tasks.items()}
    cells = sum(languages.values())
    over = ", ".join(f"{task} in {count}" for task, count in languages.items())
    rows = []
    for kind, weights in (
        (TASKS, dict.fromkeys(tasks, 1 / len(tasks))),
        (CELLS, {task: count / cells for task, count in languages.items()}),
    ):
        row = {"average": kind}
        for name in SHARES:
            row |= _weighted(name, {task: _mean_of_languages(part, name) for task, part in tasks.items()}, weights)
        rows.append(row | {"tasks": len(tasks), "cells": cells, "over": over})
    return pd.DataFrame(rows)


def _mean_of_languages(part: pd.DataFrame, name: str) -> dict:
    return clustered_mean(part[name], part["cluster"], weights=language_weights(part))


def _weighted(name: str, found: dict[str, dict], weights: dict[str, float]) -> dict:
    """A weighted mean of independent means; its interval is recovered from theirs (Zou and Donner 2008, MOVER)."""
    mean = sum(weights[task] * one["mean"] for task, one in found.items())
    low, high = (
        math.sqrt(sum((weights[task] * (one["mean"] - one[end])) ** 2 for task, one in found.items()))
        for end in ("low", "high")
    )
    return {name: mean, f"{name}_low": max(0.0, mean - low), f"{name}_high": min(1.0, mean + high)}
