"""Which pairs are compared: no slot is favoured, no budget exceeded, and adaptive asks where the ranks are undecided."""

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sp3f_lib.judges.pairs import (
    ROUNDS,
    SCHEDULES,
    all_ordered,
    assign_slots,
    balanced,
    calls_per_group,
    group_pairs,
    next_pairs,
    sampled,
    undecided,
)

SIZES = pytest.mark.parametrize("n", range(2, 17))
ONE_ROUND = [schedule for schedule in SCHEDULES if schedule != "adaptive"]


def run(schedule, n, answer, calls=None, seed=0) -> tuple[list, list[int]]:
    """All pairs that were asked, and the size of each round; `answer` is a function (A, B) -> preference or None."""
    asked, preferences, rounds = [], [], []
    while pairs := next_pairs(schedule, n, asked, preferences, calls, seed):
        asked, preferences = asked + pairs, preferences + [answer(a, b) for a, b in pairs]
        rounds.append(len(pairs))
    return asked, rounds


def excess(pairs, n) -> list[int]:
    """How much more often each response stands in slot A than in B."""
    return [sum(a == i for a, _ in pairs) - sum(b == i for _, b in pairs) for i in range(n)]


def unordered(pairs) -> list[tuple[int, int]]:
    return sorted(tuple(sorted(pair)) for pair in pairs)


@st.composite
def budgets(draw, largest: int = 9):
    """(n, calls): a group size and a budget that it can spend."""
    n = draw(st.integers(2, largest))
    return n, draw(st.integers(1, n * (n - 1) // 2))


ANSWERS = st.dictionaries(
    st.tuples(st.integers(0, 8), st.integers(0, 8)), st.sampled_from([0.0, 0.5, 1.0, None]), max_size=30
)


# ---- all_ordered and balanced


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


# ---- sampled


@given(budgets(12), st.integers(0, 5))
def test_sampled_shows_each_response_equally_often_and_no_pair_twice(size, seed):
    n, calls = size
    pairs = sampled(n, calls, seed)
    shown = Counter(i for pair in pairs for i in pair)
    assert len(set(unordered(pairs))) == calls
    assert max(shown[i] for i in range(n)) - min(shown[i] for i in range(n)) <= 1


@given(budgets(12), st.integers(0, 5))
def test_sampled_puts_each_response_as_often_in_slot_a_as_in_slot_b(size, seed):
    n, calls = size
    pairs = sampled(n, calls, seed)
    shown = Counter(i for pair in pairs for i in pair)
    assert all(abs(more) == shown[i] % 2 for i, more in enumerate(excess(pairs, n)))


def test_the_seed_decides_which_pairs_are_sampled():
    assert sampled(8, 14, seed=3) == sampled(8, 14, seed=3)
    assert len({tuple(unordered(sampled(8, 14, seed))) for seed in range(20)}) == 20


def test_every_pair_is_sampled_about_equally_often():
    # 400 groups of 14 of 28 pairs: 200 expected of each, with a standard deviation of 10.
    counts = Counter(pair for seed in range(400) for pair in unordered(sampled(8, 14, seed)))
    assert len(counts) == 28
    assert all(150 < count < 250 for count in counts.values())


# ---- adaptive


def test_adaptive_first_gives_each_response_a_verdict_or_two():
    first = next_pairs("adaptive", 8, [], [])
    assert len(first) == 8
    assert set(Counter(i for pair in first for i in pair).values()) <= {1, 2, 3}


def test_adaptive_asks_next_where_ranks_are_undecided():
    # 0 and 1 beat 2 and 3 in every meeting; nothing is known of 0 against 1, nor of 2 against 3.
    asked, preferences = [(0, 2), (2, 1), (0, 3), (3, 1)], [1.0, 0.0, 1.0, 0.0]
    assert unordered(undecided(4, 2, asked, preferences, seed=0)) == [(0, 1), (2, 3)]


def test_adaptive_asks_first_about_the_response_that_the_judge_failed_on():
    asked = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 0), (1, 4), (2, 3), (3, 0)]
    without = [None if 4 in pair else 0.5 for pair in asked]
    assert unordered(undecided(5, 1, asked, without, seed=0)) == [(2, 4)]  # the only pair left with 4


def test_one_round_of_adaptive_does_not_ask_the_same_thing_twice():
    # Without verdicts all pairs are worth the same, one by one; together, disjoint pairs tell most.
    for seed in range(5):
        assert sorted(i for pair in undecided(8, 4, [], [], seed) for i in pair) == list(range(8))


def test_with_a_sharp_judge_adaptive_asks_neighbours_in_rank():
    asked, _ = run("adaptive", 16, lambda a, b: float(a > b), calls=60)
    apart = [abs(a - b) for a, b in asked]
    everywhere = [abs(a - b) for a, b in balanced(16)]
    assert sum(apart[16:]) / 44 < 0.65 * sum(everywhere) / 120
    assert len({(i, i + 1) for i in range(15)} & set(unordered(asked))) >= 13  # half of the 15 by chance


@settings(max_examples=60, deadline=None)
@given(budgets(), st.integers(0, 3), ANSWERS)
def test_adaptive_keeps_to_its_budget_and_never_asks_a_pair_twice(size, seed, answers):
    n, calls = size
    asked, rounds = run("adaptive", n, answers.get, calls, seed)
    assert len(asked) == calls
    assert len(set(unordered(asked))) == calls
    assert len(rounds) <= ROUNDS


@settings(max_examples=60, deadline=None)
@given(budgets(), st.integers(0, 3), ANSWERS)
def test_adaptive_keeps_slots_balanced(size, seed, answers):
    n, calls = size
    asked, _ = run("adaptive", n, answers.get, calls, seed)
    assert max(map(abs, excess(asked, n))) <= 4  # 3 in the worst of 14,000 random groups
    assert sum(map(abs, excess(asked, n))) <= 1.5 * n


def test_adaptive_ends_in_five_rounds_although_every_verdict_is_missing():
    asked, rounds = run("adaptive", 16, lambda a, b: None)
    assert (len(asked), rounds) == (60, [16, 11, 11, 11, 11])


def test_no_response_is_favoured_by_its_place_in_the_group():
    # With verdicts that are all ties, who meets whom is decided by the seed alone.
    shown = Counter(i for seed in range(60) for pair in run("adaptive", 6, lambda a, b: 0.5, 4, seed)[0] for i in pair)
    assert all(50 < shown[i] < 110 for i in range(6))  # 80 expected


# ---- slots


@given(budgets(12), st.randoms())
def test_slots_given_at_once_are_within_one(size, random):
    n, count = size
    pairs = random.sample(list(combinations(range(n), 2)), count)
    ordered = assign_slots(pairs, [0] * n)
    assert [tuple(sorted(pair)) for pair in ordered] == pairs
    assert max(map(abs, excess(ordered, n))) <= 1


def test_slots_make_up_for_earlier_rounds():
    assert assign_slots([(0, 1), (1, 2)], [1, 0, -1]) == [(1, 0), (2, 1)]


def test_slots_are_turned_round_along_a_chain():
    # One by one: (1, 2), then (0, 1), and 0 stands in A twice more than in B. Turned round, nobody does.
    assert assign_slots([(1, 2), (0, 1)], [1, 0, 0, -1]) == [(2, 1), (1, 0)]


# ---- rounds and budgets


@pytest.mark.parametrize("schedule", SCHEDULES)
@SIZES
def test_a_group_costs_what_was_forecast(schedule, n):
    asked, rounds = run(schedule, n, lambda a, b: 1.0)
    assert len(asked) == calls_per_group(schedule, n)
    assert len(rounds) <= (ROUNDS if schedule == "adaptive" else 1)


def test_calls_of_a_group():
    assert [calls_per_group(schedule, 8) for schedule in SCHEDULES] == [56, 28, 14, 14]
    assert [calls_per_group(schedule, 16) for schedule in SCHEDULES] == [240, 120, 60, 60]
    assert calls_per_group("adaptive", 16, 40) == calls_per_group("sampled", 16, 40) == 40
    assert calls_per_group("sampled", 3) == 2  # half of 3, rounded up


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_that_was_interrupted_goes_on_with_what_is_left(schedule):
    asked, rounds = run(schedule, 6, lambda a, b: float(a < b))
    part = next_pairs(schedule, 6, asked[:3], [float(a < b) for a, b in asked[:3]])
    assert len(part) == rounds[0] - 3
    assert not set(part) & set(asked[:3])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_next_round_depends_on_the_arguments_alone(schedule):
    one, two = ([next_pairs(schedule, 7, [(0, 1)], [0.0], seed=5) for _ in range(2)] for _ in range(2))
    assert one == two and one[0] == one[1]


def test_an_unknown_schedule_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"'swiss'.*all_ordered, balanced, sampled, adaptive"):
        next_pairs("swiss", 8, [], [])


@pytest.mark.parametrize("schedule", ["sampled", "adaptive"])
@pytest.mark.parametrize("calls", [-1, 0, 29])
def test_an_impossible_budget_is_an_error(schedule, calls):
    with pytest.raises(ValueError, match=f"{calls} calls for 8 responses.*1 to 28"):
        next_pairs(schedule, 8, [], [], calls=calls)


def test_a_fixed_schedule_takes_no_other_budget():
    assert calls_per_group("balanced", 8, 28) == 28
    with pytest.raises(ValueError, match="balanced takes 28 calls for 8 responses, not 20"):
        calls_per_group("balanced", 8, 20)


def test_pairs_without_their_preferences_are_an_error():
    with pytest.raises(ValueError, match="2 pairs asked, but 1 preferences"):
        next_pairs("adaptive", 4, [(0, 1), (2, 3)], [1.0])


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_less_than_two_responses_make_no_pair(schedule, n):
    assert next_pairs(schedule, n, [], []) == []
    assert calls_per_group(schedule, n) == 0


# ---- pairs with their texts


@pytest.mark.parametrize("schedule", ONE_ROUND)
def test_a_pair_holds_the_texts_at_the_places_it_names(schedule):
    responses = [f"response {i}" for i in range(5)]
    pairs = group_pairs(schedule, "How many?", responses, "the reference")
    assert len(pairs) == calls_per_group(schedule, 5)
    for pair in pairs:
        assert (pair.response_a, pair.response_b) == (responses[pair.first], responses[pair.second])
        assert (pair.question, pair.reference) == ("How many?", "the reference")


def test_pairs_stand_in_the_order_of_the_schedule():
    pairs = group_pairs("balanced", "q", ["a", "b", "c", "d"], None)
    assert [(pair.first, pair.second) for pair in pairs] == list(balanced(4))


def test_without_privilege_a_pair_holds_no_reference():
    assert {pair.reference for pair in group_pairs("all_ordered", "q", ["a", "b", "c"], None)} == {None}


def test_adaptive_pairs_cannot_be_had_without_verdicts():
    with pytest.raises(ValueError, match="next_pairs"):
        group_pairs("adaptive", "q", ["a", "b", "c"], None)
