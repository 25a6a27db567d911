"""From scores to rewards: missing ones add no advantage, and `matched` has the win rates' deviation and no other."""

import random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.judges.credit import filled, matched, orders, preferred

values = st.lists(st.integers(0, 20).map(lambda k: k / 20), min_size=2, max_size=8)


def test_a_missing_score_gets_the_mean_of_the_others_and_not_0():
    assert filled([0.9, None, 0.3, None]) == [0.9, pytest.approx(0.6), 0.3, pytest.approx(0.6)]
    assert filled([None, None]) is None
    assert filled([0.0, 0.0]) == [0.0, 0.0]  # a score of 0 is a score


@given(values, values)
def test_matched_has_the_deviation_of_the_rates_and_the_order_of_the_values(some, rates):
    rates = (rates * len(some))[: len(some)]
    found = matched(some, rates)
    assert fmean(found) == pytest.approx(0.5)
    if pstdev(some) > 1e-9:
        assert pstdev(found) == pytest.approx(pstdev(rates))
        shifted = [(value - fmean(some)) / pstdev(some) for value in some]
        assert found == pytest.approx([0.5 + pstdev(rates) * value for value in shifted])
    else:
        assert found == [0.5] * len(some)


def test_preferences_of_two_scores():
    assert [preferred(0.7, 0.3), preferred(0.3, 0.7), preferred(0.3, 0.3)] == [1.0, 0.0, 0.5]
    assert preferred(None, 0.3) is preferred(0.3, None) is None


def test_every_second_order_is_the_one_before_turned_round():
    one, two, three, four = orders(8, 4, random.Random(1))
    assert two == one[::-1] and four == three[::-1] and three not in (one, two)
    assert all(sorted(order) == list(range(8)) for order in (one, three))
    assert orders(8, 3, random.Random(1)) == [one, two, three]
