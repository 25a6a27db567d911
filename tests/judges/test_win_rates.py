"""Win rates: each verdict credits both, a missing one nobody, and the order in which things were shown does not matter.

The same holds of win rates expected from some of the pairs; and flips, the verdicts that the slot decided.
"""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.judges.base import Pair, Verdict
from sp3f_lib.judges.pairs import FIXED, all_ordered, balanced, sampled
from sp3f_lib.judges.win_rates import expected_win_rates, flips, win_rates

NOTHING = Verdict(None, "timeout")


def pair(first: int, second: int) -> Pair:
    return Pair("q", f"response {first}", f"response {second}", first=first, second=second)


def judged(order, preference) -> tuple[list[Pair], list[Verdict]]:
    """The pairs of `order` with the verdicts of a function (first, second) -> preference or None."""
    pairs = [pair(i, j) for i, j in order]
    return pairs, [Verdict(preference(p.first, p.second)) for p in pairs]


@st.composite
def groups(draw, missing: bool = False, partly: bool = False):
    """(n, pairs, verdicts) of a group with any verdicts on either schedule of all pairs, or on some of its pairs."""
    n = draw(st.integers(2, 6))
    order = list(FIXED[draw(st.sampled_from(sorted(FIXED)))](n))
    if partly:
        order = draw(st.lists(st.sampled_from(order), min_size=1, unique=True))
    pairs = [pair(i, j) for i, j in order]
    preference = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0])
    preference = preference | st.none() if missing else preference
    return n, pairs, [Verdict(draw(preference)) for _ in pairs]


# ---- by hand


def test_the_win_rate_is_the_share_of_the_others_that_were_beaten():
    # 0 beats 1 and 2; 1 beats 2.
    assert win_rates(*judged([(0, 1), (0, 2), (1, 2)], lambda i, j: 1.0), 3) == [1.0, 0.5, 0.0]


def test_both_responses_of_a_verdict_are_credited():
    assert win_rates([pair(0, 1)], [Verdict(0.25)], 2) == [0.25, 0.75]


def test_a_tie_is_half_a_win_for_both():
    assert win_rates([pair(0, 1)], [Verdict(0.5)], 2) == [0.5, 0.5]


def test_a_pair_shown_in_both_orders_counts_once_with_its_mean():
    # 0 against 1: 1 in slot A, and 1 - 0.5 in slot B, so 0.75. 0 against 2: lost.
    pairs = [pair(0, 1), pair(1, 0), pair(2, 0)]
    assert win_rates(pairs, [Verdict(1.0), Verdict(0.5), Verdict(1.0)], 3) == [(0.75 + 0) / 2, 0.25, 1.0]


def test_a_cycle_leaves_everyone_equal():
    assert win_rates(*judged([(0, 1), (1, 2), (2, 0)], lambda i, j: 1.0), 3) == [0.5, 0.5, 0.5]


def test_a_missing_verdict_is_left_out_and_is_no_loss():
    pairs = [pair(0, 1), pair(0, 2), pair(1, 2)]
    assert win_rates(pairs, [Verdict(1.0), NOTHING, Verdict(0.0)], 3) == [1.0, 0.0, 1.0]


def test_a_pair_with_one_of_its_two_verdicts_missing_counts_by_the_other():
    assert win_rates([pair(0, 1), pair(1, 0)], [NOTHING, Verdict(0.0)], 2) == [1.0, 0.0]


def test_a_response_without_any_verdict_takes_the_mean_of_the_others():
    pairs = [pair(0, 1), pair(0, 2), pair(1, 2)]
    assert win_rates(pairs, [Verdict(0.75), NOTHING, NOTHING], 3) == [0.75, 0.25, 0.5]


def test_without_any_verdict_there_are_no_win_rates():
    assert win_rates([pair(0, 1), pair(1, 2)], [NOTHING, NOTHING], 3) is None


def test_without_any_pair_there_are_no_win_rates():
    assert win_rates([], [], 1) is None


def test_a_missing_or_superfluous_verdict_is_an_error():
    with pytest.raises(ValueError, match="zip"):
        win_rates([pair(0, 1)], [], 2)


# ---- whatever the verdicts


@given(groups(missing=True))
def test_win_rates_lie_between_0_and_1(group):
    n, pairs, verdicts = group
    rates = win_rates(pairs, verdicts, n)
    assert rates is None or (len(rates) == n and all(0 <= rate <= 1 for rate in rates))


@given(groups())
def test_a_fully_judged_group_has_the_mean_one_half(group):
    n, pairs, verdicts = group
    assert sum(win_rates(pairs, verdicts, n)) / n == pytest.approx(0.5)


@given(groups(missing=True), st.randoms())
def test_permuting_the_responses_permutes_the_win_rates(group, random):
    n, pairs, verdicts = group
    place = list(range(n))
    random.shuffle(place)
    moved = [pair(place[p.first], place[p.second]) for p in pairs]
    before, after = win_rates(pairs, verdicts, n), win_rates(moved, verdicts, n)
    assert (before is None) == (after is None)
    assert before is None or [after[place[i]] for i in range(n)] == pytest.approx(before)


@given(groups(missing=True), st.randoms())
def test_the_order_of_the_verdicts_does_not_matter(group, random):
    n, pairs, verdicts = group
    shuffled = list(zip(pairs, verdicts, strict=True))
    random.shuffle(shuffled)
    before, after = win_rates(pairs, verdicts, n), win_rates(*map(list, zip(*shuffled, strict=True)), n)
    assert before == after if before is None else after == pytest.approx(before)


@given(groups(missing=True))
def test_swapping_the_slots_of_every_pair_changes_nothing(group):
    n, pairs, verdicts = group
    turned = [pair(p.second, p.first) for p in pairs]
    opposite = [Verdict(None if v.preference is None else 1 - v.preference) for v in verdicts]
    before, after = win_rates(pairs, verdicts, n), win_rates(turned, opposite, n)
    assert before == after if before is None else after == pytest.approx(before)


@given(groups())
def test_turning_every_verdict_round_turns_the_win_rates_round(group):
    n, pairs, verdicts = group
    losers = win_rates(pairs, [Verdict(1 - v.preference) for v in verdicts], n)
    assert losers == pytest.approx([1 - rate for rate in win_rates(pairs, verdicts, n)])


@given(st.integers(2, 6), st.floats(-0.3, 0.3), st.data())
def test_a_constant_preference_for_a_slot_cancels_when_both_orders_are_judged(n, bias, data):
    true = {(i, j): data.draw(st.floats(0.3, 0.7)) for i, j in combinations(range(n), 2)}
    true |= {(j, i): 1 - value for (i, j), value in true.items()}
    fair = win_rates(*judged(all_ordered(n), lambda i, j: true[i, j]), n)
    biased = win_rates(*judged(all_ordered(n), lambda i, j: true[i, j] + bias), n)
    assert biased == pytest.approx(fair)


def test_a_judge_that_always_prefers_slot_a_says_nothing_when_both_orders_are_judged():
    assert win_rates(*judged(all_ordered(8), lambda i, j: 1.0), 8) == [0.5] * 8


def test_a_judge_that_always_prefers_slot_a_says_almost_nothing_on_the_balanced_schedule():
    rates = win_rates(*judged(balanced(8), lambda i, j: 1.0), 8)
    assert set(rates) == {3 / 7, 4 / 7}


@pytest.mark.parametrize("schedule", sorted(FIXED))
@given(qualities=st.lists(st.integers(0, 3), min_size=2, max_size=8))
def test_with_a_consistent_judge_the_better_response_never_has_the_lower_rate(schedule, qualities):
    n = len(qualities)

    def preference(i, j):
        return 0.5 if qualities[i] == qualities[j] else float(qualities[i] > qualities[j])

    rates = win_rates(*judged(FIXED[schedule](n), preference), n)
    for i, j in combinations(range(n), 2):
        assert (rates[i] > rates[j]) == (qualities[i] > qualities[j])


# ---- win rates expected from some of the pairs


def test_a_pair_that_was_judged_counts_as_it_was_judged():
    # 0 beats 1 and 1 beats 2; 0 against 2 was not judged.
    first, second, third = expected_win_rates(*judged([(0, 1), (1, 2)], lambda i, j: 1.0), 3)
    assert second == 0.5
    assert 0.75 < first < 1  # (1 + P(0 beats 2)) / 2, and the fit says that 0 is the better one
    assert third == pytest.approx(1 - first)


def test_weak_opponents_are_no_merit():
    # 0 and 3 won their only pair, but 0 beat the one that beat 1, and 3 the one that lost to 1.
    pairs, verdicts = judged([(4, 1), (1, 5), (0, 4), (3, 5)], lambda i, j: 1.0)
    raw, expected = win_rates(pairs, verdicts, 6), expected_win_rates(pairs, verdicts, 6)
    assert raw[0] == raw[3] == 1.0
    assert expected[0] > expected[3] + 0.05


def test_a_response_without_any_verdict_gets_one_half_and_is_not_compared_with():
    pairs = [pair(0, 1), pair(0, 2), pair(1, 2)]
    assert expected_win_rates(pairs, [Verdict(0.75), NOTHING, NOTHING], 3) == [0.75, 0.25, 0.5]


def test_without_any_verdict_there_are_no_expected_win_rates():
    assert expected_win_rates([pair(0, 1)], [NOTHING], 3) is None
    assert expected_win_rates([], [], 1) is None


def test_expected_win_rates_miss_no_verdict():
    with pytest.raises(ValueError, match="zip"):
        expected_win_rates([pair(0, 1)], [], 2)


@given(groups())
def test_where_every_pair_was_judged_both_kinds_of_win_rate_are_equal(group):
    n, pairs, verdicts = group
    assert expected_win_rates(pairs, verdicts, n) == pytest.approx(win_rates(pairs, verdicts, n))


@given(groups(missing=True, partly=True))
def test_expected_win_rates_lie_between_0_and_1_with_the_mean_one_half(group):
    n, pairs, verdicts = group
    rates = expected_win_rates(pairs, verdicts, n)
    assert (rates is None) == all(verdict.preference is None for verdict in verdicts)
    if rates is not None:
        assert len(rates) == n and all(0 <= rate <= 1 for rate in rates)
        assert sum(rates) / n == pytest.approx(0.5)


@given(groups(missing=True, partly=True), st.randoms())
def test_permuting_the_responses_permutes_the_expected_win_rates(group, random):
    n, pairs, verdicts = group
    place = list(range(n))
    random.shuffle(place)
    moved = [pair(place[p.first], place[p.second]) for p in pairs]
    before, after = expected_win_rates(pairs, verdicts, n), expected_win_rates(moved, verdicts, n)
    assert (before is None) == (after is None)
    assert before is None or [after[place[i]] for i in range(n)] == pytest.approx(before)


@given(groups(missing=True, partly=True))
def test_swapping_the_slots_of_every_pair_leaves_the_expected_win_rates(group):
    n, pairs, verdicts = group
    turned = [pair(p.second, p.first) for p in pairs]
    opposite = [Verdict(None if v.preference is None else 1 - v.preference) for v in verdicts]
    before, after = expected_win_rates(pairs, verdicts, n), expected_win_rates(turned, opposite, n)
    assert before == after if before is None else after == pytest.approx(before)


@given(st.permutations(range(8)), st.integers(0, 20))
def test_with_half_of_the_pairs_a_consistent_judge_still_orders_best_and_worst(ranks, seed):
    pairs, verdicts = judged(sampled(8, 14, seed), lambda i, j: float(ranks[i] > ranks[j]))
    rates = expected_win_rates(pairs, verdicts, 8)
    assert rates[ranks.index(7)] > 0.5 > rates[ranks.index(0)]


# ---- flips


def test_a_judge_that_prefers_slot_a_in_both_orders_contradicts_itself():
    assert flips([pair(0, 1), pair(1, 0)], [Verdict(1.0), Verdict(1.0)]) == (1, 1)
    assert flips([pair(0, 1), pair(1, 0)], [Verdict(0.2), Verdict(0.4)]) == (1, 1)


def test_a_judge_that_prefers_one_response_in_both_orders_does_not():
    assert flips([pair(0, 1), pair(1, 0)], [Verdict(1.0), Verdict(0.0)]) == (0, 1)


@pytest.mark.parametrize("other", [0.0, 0.5, 1.0])
def test_a_tie_contradicts_nothing(other):
    assert flips([pair(0, 1), pair(1, 0)], [Verdict(0.5), Verdict(other)]) == (0, 1)
    assert flips([pair(0, 1), pair(1, 0)], [Verdict(other), Verdict(0.5)]) == (0, 1)


def test_only_pairs_with_a_verdict_in_both_orders_count():
    order = [(0, 1), (1, 0), (0, 2), (2, 1), (1, 2)]
    verdicts = [Verdict(1.0), NOTHING, Verdict(1.0), Verdict(0.0), Verdict(0.0)]
    assert flips([pair(i, j) for i, j in order], verdicts) == (1, 1)


def test_a_judge_that_always_prefers_slot_a_flips_on_every_pair():
    assert flips(*judged(all_ordered(8), lambda i, j: 1.0)) == (28, 28)
    assert flips(*judged(balanced(8), lambda i, j: 1.0)) == (0, 0)
