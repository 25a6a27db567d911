"""Which pairs are compared: all of them, and no slot is favoured."""

from collections import Counter

import pytest

from sp3f_lib.judges.pairs import SCHEDULES, all_ordered, balanced, group_pairs

SIZES = pytest.mark.parametrize("n", range(2, 17))


@SIZES
def test_all_ordered_shows_every_pair_in_both_orders_once(n):
    assert sorted(all_ordered(n)) == [(i, j) for i in range(n) for j in range(n) if i != j]


def test_a_group_of_8_costs_56_comparisons_in_both_orders_and_28_balanced():
    assert len(list(all_ordered(8))) == 56
    assert len(list(balanced(8))) == 28


@SIZES
def test_balanced_shows_every_pair_once(n):
    assert sorted(tuple(sorted(pair)) for pair in balanced(n)) == [(i, j) for i in range(n) for j in range(i + 1, n)]


@SIZES
def test_balanced_puts_each_response_as_often_in_slot_a_as_in_slot_b(n):
    first, second = Counter(i for i, _ in balanced(n)), Counter(j for _, j in balanced(n))
    assert all(abs(first[i] - second[i]) == (n + 1) % 2 for i in range(n))


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_less_than_two_responses_make_no_pair(schedule, n):
    assert list(SCHEDULES[schedule](n)) == []


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_a_pair_holds_the_texts_at_the_places_it_names(schedule):
    responses = [f"response {i}" for i in range(5)]
    pairs = group_pairs(schedule, "How many?", responses, "the reference")
    assert len(pairs) == len(list(SCHEDULES[schedule](5)))
    for pair in pairs:
        assert (pair.response_a, pair.response_b) == (responses[pair.first], responses[pair.second])
        assert (pair.question, pair.reference) == ("How many?", "the reference")


def test_pairs_stand_in_the_order_of_the_schedule():
    pairs = group_pairs("balanced", "q", ["a", "b", "c", "d"], None)
    assert [(pair.first, pair.second) for pair in pairs] == list(balanced(4))


def test_without_privilege_a_pair_holds_no_reference():
    assert {pair.reference for pair in group_pairs("all_ordered", "q", ["a", "b", "c"], None)} == {None}
