"""The Bradley-Terry fit: equations solved by hand or by another optimiser, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_expit

from sp3f_lib.judges.bradley_terry import PRIOR_BIAS, PRIOR_STRENGTH, difference_variances, fit
from sp3f_lib.judges.pairs import all_ordered, balanced


@st.composite
def verdicts(draw):
    """(n, pairs, preferences) with repeated and missing verdicts."""
    n = draw(st.integers(2, 6))
    pairs = draw(st.lists(st.sampled_from(list(all_ordered(n))), min_size=1, max_size=20))
    preference = st.sampled_from([0.0, 0.3, 0.5, 1.0, None])
    return n, pairs, [draw(preference) for _ in pairs]


def test_without_verdicts_the_prior_is_left():
    model = fit([], [], 3)
    assert model.strengths.tolist() == [0, 0, 0]
    assert model.covariance == pytest.approx(np.eye(3) * PRIOR_STRENGTH**2)
    assert model.variances() == pytest.approx(np.array([[0, 8, 8], [8, 0, 8], [8, 8, 0]]))
    assert model.probabilities() == pytest.approx(np.full((3, 3), 0.5))


def test_the_fit_to_one_win_solves_its_equation():
    # 0 won in slot A. By symmetry the strengths are x and -x, and the bias b: 1 - sigmoid(2x + b) = x / 4 = b / 0.25.
    x = brentq(lambda x: 1 - expit(2 * x + x / 16) - x / 4, 0, 4)
    model = fit([(0, 1)], [1.0], 2)
    assert model.strengths == pytest.approx([x, -x])
    assert model.slot_bias == pytest.approx(x / 16)


def test_a_judge_that_always_prefers_slot_a_is_biased_and_the_responses_are_equal():
    model = fit(list(all_ordered(5)), [1.0] * 20, 5)
    assert model.strengths == pytest.approx([0] * 5, abs=1e-9)
    assert model.slot_bias > 1


def test_one_who_won_everything_has_a_finite_strength():
    model = fit(list(all_ordered(8)) * 3, [float(i > j) for i, j in all_ordered(8)] * 3, 8)
    assert np.all(np.diff(model.strengths) > 0.5)
    assert np.abs(model.strengths).max() < 10


def test_a_probability_from_few_verdicts_is_nearer_to_one_half_than_the_strengths_say():
    model = fit([(0, 1)], [1.0], 2)
    assert 0.5 < model.probabilities()[0, 1] < expit(model.strengths[0] - model.strengths[1])


def test_true_strengths_are_found_from_many_verdicts():
    rng = np.random.default_rng(0)
    true = np.array([-1.5, -0.5, 0.0, 2.0])
    pairs = list(all_ordered(4)) * 2000
    gaps = np.array([true[i] - true[j] for i, j in pairs]) + 0.4
    model = fit(pairs, (rng.random(len(pairs)) < expit(gaps)).astype(float).tolist(), 4)
    assert model.strengths == pytest.approx(true, abs=0.1)
    assert model.slot_bias == pytest.approx(0.4, abs=0.1)


@given(verdicts())
def test_the_fit_is_the_maximum_that_another_optimiser_finds(group):
    n, pairs, preferences = group
    given = [(i, j, y) for (i, j), y in zip(pairs, preferences, strict=True) if y is not None]

    def loss(x):
        gaps = [(x[i] - x[j] + x[n], y) for i, j, y in given]
        likelihood = sum(y * log_expit(gap) + (1 - y) * log_expit(-gap) for gap, y in gaps)
        return (x[:n] ** 2).sum() / 2 / PRIOR_STRENGTH**2 + x[n] ** 2 / 2 / PRIOR_BIAS**2 - likelihood

    model = fit(pairs, preferences, n)
    assert [*model.strengths, model.slot_bias] == pytest.approx(minimize(loss, np.zeros(n + 1)).x, abs=1e-3)


@given(verdicts())
def test_probabilities_of_the_two_sides_sum_to_1(group):
    p = fit(group[1], group[2], group[0]).probabilities()
    assert p + p.T == pytest.approx(np.ones_like(p))


@given(verdicts())
def test_swapping_slots_turns_only_the_bias_round(group):
    n, pairs, preferences = group
    turned = fit([(j, i) for i, j in pairs], [None if y is None else 1 - y for y in preferences], n)
    model = fit(pairs, preferences, n)
    assert turned.strengths == pytest.approx(model.strengths, abs=1e-8)
    assert turned.slot_bias == pytest.approx(-model.slot_bias, abs=1e-8)


def test_variances_of_differences_by_hand():
    # 1 + 4 - 2 * 0.5
    assert difference_variances(np.array([[1.0, 0.5], [0.5, 4.0]])).tolist() == [[0, 4], [4, 0]]


def test_verdicts_make_differences_more_certain():
    before, after = (fit(pairs, [0.5] * len(pairs), 4).variances() for pairs in ([], list(balanced(4))))
    off = ~np.eye(4, dtype=bool)
    assert np.all(after[off] < before[off])
