"""Scores of lm-evaluation-harness as rows: its numbers as they are, our intervals beside them, no number where it has none."""

import io

import numpy as np
import pandas as pd
from tqdm import tqdm

from sp3f_lib.evaluation.harness import _bars_on_terminals_only, score_of


def items(*values: float) -> pd.DataFrame:
    """Items of which every two are about one passage."""
    return pd.DataFrame({"acc": values, "cluster": [str(k // 2) for k in range(len(values))]})


def test_the_packages_numbers_and_a_clustered_interval():
    found = score_of("t", "acc", {"acc,none": 0.5, "acc_stderr,none": 0.25}, items(1, 1, 0, 0))
    assert (found["value"], found["stderr"], found["clusters"], found["undefined"]) == (0.5, 0.25, 2, 0)
    apart = score_of("t", "acc", {"acc,none": 0.5}, items(1, 1, 0, 0).assign(cluster=list("abcd")))
    assert np.isnan(apart["stderr"]) and found["low"] < apart["low"] < 0.5 < apart["high"] < found["high"]


def test_an_item_without_a_number_leaves_the_task_without_one():
    found = score_of("t", "acc", {"acc,none": float("nan"), "acc_stderr,none": "N/A"}, items(1, np.nan, 0, 1))
    assert found["undefined"] == 1 and all(np.isnan(found[name]) for name in ("value", "stderr", "low", "high"))


def test_the_packages_bars_are_for_terminals():
    def bar() -> str:
        shown = io.StringIO()
        assert list(tqdm(range(3), disable=False, file=shown)) == [0, 1, 2]
        return shown.getvalue()

    assert "3/3" in bar()
    with _bars_on_terminals_only():
        assert not bar()
    assert "3/3" in bar()
