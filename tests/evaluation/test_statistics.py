"""Intervals: by hand, against scipy, and by how often they hold what they should."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sp3f_lib.evaluation.statistics import clustered_mean, paired_difference, wilson

values_by_cluster = st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=5), min_size=2, max_size=12)


def flat(clusters) -> tuple[list[float], list[int]]:
    return [v for values in clusters for v in values], [number for number, values in enumerate(clusters) for _ in values]


# ---- Wilson's interval


@pytest.mark.parametrize("right, n", [(0, 10), (1, 10), (5, 10), (10, 10), (37, 250), (249, 250)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_is_scipys(right, n, confidence):
    expected = stats.binomtest(right, n).proportion_ci(confidence, method="wilson")
    assert wilson(right / n, n, stats.norm.ppf((1 + confidence) / 2)) == pytest.approx((expected.low, expected.high))


# ---- clustered means


def test_a_clustered_interval_by_hand():
    # Three problems with two answers each; mean 1/2, deviations of the clusters' sums +1, 0, -1.
    # Variance 3/2 * 2 / 6² = 1/12, so n_eff = (1/4) / (1/12) = 3; t with 2 degrees of freedom is 4.302653.
    # Wilson at p = 1/2: half = t / (2 sqrt(n_eff + t²)) = 4.302653 / (2 * 4.638196) = 0.463828.
    found = clustered_mean([1, 1, 1, 0, 0, 0], ["a", "a", "b", "b", "c", "c"])
    assert found == {
        "mean": 0.5,
        "low": pytest.approx(0.036172, abs=1e-6),
        "high": pytest.approx(0.963828, abs=1e-6),
        "answers": 6,
        "problems": 3,
    }


@pytest.mark.parametrize("right, n", [(1, 10), (13, 20), (37, 250)])
def test_with_one_answer_a_problem_it_is_wilsons_interval_with_a_t_quantile(right, n):
    # The variance has n - 1 in place of n, so n_eff is n - 1; and t in place of the normal quantile.
    found = clustered_mean([1] * right + [0] * (n - right), range(n))
    expected = wilson(right / n, n - 1, stats.t.ppf(0.975, n - 1))
    assert (found["low"], found["high"]) == pytest.approx(expected)


def test_with_one_answer_a_problem_and_many_problems_it_is_scipys_wilson():
    found = clustered_mean([1] * 700 + [0] * 1300, range(2000))
    expected = stats.binomtest(700, 2000).proportion_ci(0.95, method="wilson")
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_answers_that_repeat_within_a_problem_say_no_more_than_one_answer():
    once = clustered_mean([1, 0, 1, 1, 0, 0, 1, 1], range(8))
    eight_times = clustered_mean(np.repeat([1, 0, 1, 1, 0, 0, 1, 1], 8), np.repeat(range(8), 8))
    assert (eight_times["low"], eight_times["high"]) == pytest.approx((once["low"], once["high"]))
    assert (eight_times["answers"], eight_times["problems"]) == (64, 8)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_interval_has_a_width_where_every_answer_is_the_same(value):
    found = clustered_mean([value] * 80, np.repeat(range(10), 8))
    assert found["mean"] == value
    # Wilson at p = 1 with n = 10 problems: the far end is n / (n + t²).
    far = 10 / (10 + stats.t.ppf(0.975, 9) ** 2)
    assert (found["low"], found["high"]) == pytest.approx((0, 1 - far) if value == 0 else (far, 1))


def test_one_problem_says_nothing():
    found = clustered_mean([1, 1, 1, 0], ["a"] * 4)
    assert (found["mean"], found["low"], found["high"], found["problems"]) == (0.75, 0.0, 1.0, 1)


@given(values_by_cluster)
def test_the_interval_holds_the_mean_and_stays_between_0_and_1(clusters):
    found = clustered_mean(*flat(clusters))
    assert 0 <= found["low"] <= found["mean"] + 1e-9
    assert found["mean"] - 1e-9 <= found["high"] <= 1
    assert found["low"] < found["high"]


@given(values_by_cluster)
def test_counting_wrong_answers_in_place_of_right_ones_mirrors_the_interval(clusters):
    values, numbers = flat(clusters)
    right, wrong = clustered_mean(values, numbers), clustered_mean([1 - v for v in values], numbers)
    assert (wrong["low"], wrong["high"]) == pytest.approx((1 - right["high"], 1 - right["low"]))


@given(values_by_cluster, st.randoms())
def test_neither_the_order_of_the_answers_nor_the_names_of_the_problems_matter(clusters, shuffler):
    values, numbers = flat(clusters)
    pairs = list(zip(values, numbers, strict=True))
    shuffler.shuffle(pairs)
    shuffled = clustered_mean([v for v, _ in pairs], [f"problem {99 - n}" for _, n in pairs])
    assert shuffled == pytest.approx(clustered_mean(values, numbers))


def test_more_confidence_makes_a_wider_interval():
    values, problems = [1, 0, 1, 1, 0, 0, 1, 1], range(8)
    narrow, wide = (clustered_mean(values, problems, c) for c in (0.8, 0.99))
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]


@pytest.mark.parametrize("values", [[], [1.0, math.nan]])
def test_nothing_and_nan_cannot_be_averaged(values):
    with pytest.raises(ValueError, match="nothing to estimate"):
        clustered_mean(values, range(len(values)))


@pytest.mark.parametrize("mean, spread", [(0.5, 2.0), (0.8, 4.0)])
def test_95_of_100_intervals_hold_the_truth(mean, spread):
    # Beta-binomial: 60 problems of varying difficulty, 8 answers each; 1,000 runs, standard error of the share 0.7 %.
    rng = np.random.default_rng(7)
    problems = np.repeat(np.arange(60), 8)
    held = 0
    for _ in range(1000):
        difficulty = rng.beta(mean * spread, (1 - mean) * spread, 60)
        found = clustered_mean(rng.random(480) < difficulty[problems], problems)
        held += found["low"] <= mean <= found["high"]
    assert 0.92 <= held / 1000 <= 0.98


def test_intervals_that_ignore_the_problems_would_hold_the_truth_too_rarely():
    # The same simulation with every answer its own cluster: what clustering is for.
    rng = np.random.default_rng(7)
    problems = np.repeat(np.arange(60), 8)
    held = 0
    for _ in range(300):
        difficulty = rng.beta(1, 1, 60)
        found = clustered_mean(rng.random(480) < difficulty[problems], np.arange(480))
        held += found["low"] <= 0.5 <= found["high"]
    assert held / 300 < 0.85


# ---- paired differences


def test_a_paired_difference_is_the_mean_of_the_gaps_over_shared_problems():
    one = pd.Series({"a": 1.0, "b": 0.5, "c": 0.0, "only here": 1.0})
    other = pd.Series({"b": 0.0, "a": 0.75, "c": 0.25, "only there": 0.0})
    found = paired_difference(one, other)
    assert found["difference"] == pytest.approx((0.25 + 0.5 - 0.25) / 3)
    assert found["problems"] == 3


def test_a_paired_difference_turned_round_changes_its_sign():
    rng = np.random.default_rng(0)
    one, other = (pd.Series(rng.random(40)) for _ in range(2))
    forth, back = paired_difference(one, other), paired_difference(other, one)
    assert back["difference"] == pytest.approx(-forth["difference"])
    assert (back["low"], back["high"]) == pytest.approx((-forth["high"], -forth["low"]), abs=0.01)


def test_a_paired_interval_is_the_normal_one_where_there_are_many_problems():
    gaps = np.random.default_rng(1).normal(0.1, 0.3, 400)
    found = paired_difference(pd.Series(gaps), pd.Series(np.zeros(400)))
    half = 1.96 * gaps.std() / math.sqrt(400)
    assert (found["low"], found["high"]) == pytest.approx((gaps.mean() - half, gaps.mean() + half), abs=0.003)


def test_a_paired_difference_is_the_same_every_time():
    one, other = pd.Series([1.0, 0.0, 1.0, 0.5]), pd.Series([0.0, 0.0, 0.5, 0.25])
    assert paired_difference(one, other) == paired_difference(one, other)


def test_pairing_is_narrower_than_two_intervals_where_problems_differ_in_difficulty():
    rng = np.random.default_rng(2)
    difficulty = rng.random(100)
    one, other = pd.Series(difficulty + 0.05 + rng.normal(0, 0.01, 100)), pd.Series(difficulty)
    found = paired_difference(one, other)
    assert 0 < found["low"] < found["high"] < 0.06


@pytest.mark.parametrize("n", [1, 5])
def test_a_paired_interval_has_a_width_where_all_gaps_are_equal(n):
    found = paired_difference(pd.Series([1.0] * n), pd.Series([1.0] * n))
    assert found["low"] < found["high"]


def test_a_paired_difference_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="problem"):
        paired_difference(pd.Series({"a": 1.0}), pd.Series({"b": 1.0}))
