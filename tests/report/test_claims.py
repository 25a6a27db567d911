"""What is said of a table of differences: significant only where the interval leaves out 0, and nothing of a single seed."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sp3f_lib.evaluation.seeds import differences
from sp3f_lib.report.claims import beside_committed, prediction_interval, sentences


def gaps(sft, rlvr, regime="cold") -> pd.DataFrame:
    """The differences between two methods from their accuracies, seed by seed."""
    rows = [
        {"regime": regime, "method": method, "seed": seed, "accuracy": accuracy}
        for method, values in (("sft", sft), ("rlvr", rlvr))
        for seed, accuracy in enumerate(values)
    ]
    return differences(pd.DataFrame(rows))


def test_an_interval_that_leaves_out_0_is_significant():
    # 10, 11 and 12 points: mean 11, standard deviation 1, 4.303 / sqrt(3) = 2.5
    (said,) = sentences(gaps([0.1, 0.2, 0.3], [0.2, 0.31, 0.42]))
    assert said == "cold: RLVR minus SFT is +11.0 points of accuracy [+8.5, +13.5] over 3 seeds: significant."
    (said,) = sentences(gaps([0.2, 0.31, 0.42], [0.1, 0.2, 0.3]))
    assert said == "cold: RLVR minus SFT is -11.0 points of accuracy [-13.5, -8.5] over 3 seeds: significant."


def test_an_interval_that_holds_0_is_not():
    (said,) = sentences(gaps([0.1, 0.2, 0.3], [0.12, 0.24, 0.36]))
    assert said.endswith("+4.0 points of accuracy [-1.0, +9.0] over 3 seeds: not significant: the interval holds 0.")


def test_of_one_seed_nothing_is_significant():
    (said,) = sentences(gaps([0.1], [0.9]))
    assert said == "cold: RLVR minus SFT is +80.0 points of accuracy in one seed, which says nothing about another."


def test_of_equal_differences_no_interval_is_told():
    (said,) = sentences(gaps([0.25, 0.5], [0.5, 0.75]))
    assert said == "cold: RLVR minus SFT is +25.0 points of accuracy in each of 2 seeds, without any spread."


def test_every_line_of_the_table_has_a_sentence():
    table = pd.concat([gaps([0.1, 0.2], [0.3, 0.5]), gaps([0.1], [0.3], "warm")])
    assert [said.split(":")[0] for said in sentences(table)] == ["cold", "warm"]


# ---- beside the committed seeds


def test_a_prediction_interval_by_hand():
    # Mean 20, standard deviation 10 of five; t(4) = 2.7764; three new seeds: 2.7764 * 10 * sqrt(1/5 + 1/3) = 20.276
    values = np.array([20, 20 + math.sqrt(200), 20 - math.sqrt(200), 20, 20])
    assert prediction_interval(values, 3) == pytest.approx((20 - 20.276, 20 + 20.276), abs=1e-3)


def test_of_many_new_seeds_the_prediction_is_the_interval_of_the_mean():
    values = np.array([3.0, 5.0, 4.0, 9.0])
    expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert prediction_interval(values, 10**9) == pytest.approx(expected, rel=1e-6)


def test_95_of_100_means_of_new_seeds_lie_in_the_prediction():
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):  # standard error 0.7 %
        low, high = prediction_interval(rng.normal(18, 8, 10), 3)
        held += low <= rng.normal(18, 8, 3).mean() <= high
    assert 0.93 <= held / 1000 <= 0.97


COMMITTED = gaps([0.1, 0.2, 0.3, 0.1], [0.3, 0.5, 0.4, 0.4])  # +20, +30, +10, +30: 22.5 ± 15.2; of one new seed ± 34.1


def test_a_run_is_told_where_it_lies_beside_the_committed_seeds():
    (said,) = beside_committed(gaps([0.1], [0.5]), COMMITTED)
    assert said == (
        "cold: your RLVR minus SFT (1 seed): +40.0; committed, 4 seeds: +22.5 ± 15.2; within what they predict [-11.6, +56.6]"
    )
    (said,) = beside_committed(gaps([0.3, 0.4], [0.1, 0.1]), COMMITTED)
    assert "(2 seeds): -25.0;" in said and "OUTSIDE what they predict" in said


def test_only_what_both_tables_hold_is_compared():
    assert beside_committed(gaps([0.1], [0.5], "warm"), COMMITTED) == []
    assert beside_committed(gaps([0.1], [0.5]).assign(value="fidelity"), COMMITTED.assign(value="fidelity")) == []
