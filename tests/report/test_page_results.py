"""The tables behind the pictures, against the library's own statistics and numbers counted by hand."""

import pandas as pd
import pytest

from sp3f_lib.evaluation.statistics import over_seeds_and_problems
from sp3f_lib.report.page import results
from sp3f_lib.report.page.folder import read_run


@pytest.fixture(scope="module")
def run(run_folder):
    return read_run(run_folder)


def test_means_and_intervals_are_those_over_seeds_and_problems(run):
    table = results.estimates(results.read_scores(run)).set_index(["method", "metric"])
    found = table.loc[("sp3f", "accuracy")]
    # Seed 0 is right half the time on both problems, seed 1 always.
    expected = over_seeds_and_problems([[0.5, 0.5], [1, 1]])
    assert [found["mean"], found["low"], found["high"]] == pytest.approx(
        [100 * expected[k] for k in ("mean", "low", "high")]
    )
    assert (found["by_seed"], found["seeds"], found["problems"], found["answers"]) == ({0: 50.0, 1: 100.0}, 2, 2, 32)
    # Hebrew is never kept; right and kept at once is less than either.
    assert table.loc[("sp3f", "fidelity")]["mean"] == pytest.approx(75)
    assert table.loc[("sp3f", "both")]["mean"] == pytest.approx(75 * 0.75)


def test_seeds_with_other_problems_are_not_averaged():
    line = {"regime": "warm", "method": "sft", "greedy": False, "fidelity": 1.0, "both": 1.0}
    scores = pd.DataFrame([
        line | {"seed": 0, "problem": "a", "accuracy": 0.0},
        line | {"seed": 1, "problem": "b", "accuracy": 1.0},
        line | {"seed": 1, "problem": "c", "accuracy": 1.0},
    ])  # fmt: skip
    found = results.estimates(scores).set_index("metric").loc["accuracy"]
    assert (found["mean"], found["seeds"], found["problems"], found["shared"]) == (100, 1, 2, False)


def test_the_judge_is_summed_over_seeds(run):
    (line,) = results.judged(run)
    # Three steps of 10, 20, 30 comparisons a seed; slot A was preferred in 0.2, 0.4, 0.6 of them.
    assert (line["method"], line["seeds"], line["comparisons"], line["usd"]) == ("sp3f", 2, 120, 3.0)
    assert line["slot_a"] == pytest.approx((10 * 0.2 + 20 * 0.4 + 30 * 0.6) / 60)
    assert (line["no_verdict"], line["flips"]) == (0.0, None)


def test_the_ledger_is_that_of_this_run(run, run_folder, tmp_path):
    lines, nothing = results.read_ledger(run, run_folder.parent / "verdicts.sqlite")
    assert [(line["calls"], line["tokens_in"], line["usd"]) for line in lines] == [(1, 100, 0.25)]
    assert nothing == ""
    assert results.read_ledger(run, tmp_path / "none.sqlite")[0] == []
    (broken := tmp_path / "broken.sqlite").write_text("not a ledger at all")
    assert "could not be read" in results.read_ledger(run, broken)[1]


def test_curves_are_running_means(run):
    lines = results.curves(run)
    one = lines[(lines.method == "sp3f") & (lines.seed == 0) & (lines.metric == "rewards/accuracy/mean")]
    assert list(one.step) == [1, 2, 3]
    assert list(one.value) == pytest.approx([0.6, 0.65, 0.7])


def test_differences_are_said_within_a_seed(run):
    scores = results.read_scores(run)
    assert results.what_can_be_said(scores, "warm") == []  # no two methods that the claims are about
    scores = scores.assign(method=scores.method.replace("sft", "rlvr"))
    (sentence,) = results.what_can_be_said(scores, "warm")
    # Of two problems SFT has a quarter right in either seed, SP3F half and all.
    assert sentence.startswith("SP3F minus RLVR is +50.0 points of accuracy [") and "over 2 seeds" in sentence
