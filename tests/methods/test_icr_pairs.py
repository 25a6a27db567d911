"""ICR's pairs by hand: the length penalty, and which responses become a pair."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sp3f_lib.methods import icr_pairs as icr
from sp3f_lib.methods.icr_pairs import GRID, fit_length_penalty, select_pairs

NAN = np.nan
SHAPES = st.tuples(st.integers(1, 5), st.integers(2, 5))


def pairs_and_reasons(rewards, responses, alpha=0.0, **more):
    lengths = [[len(text) for text in row] for row in responses]
    found = select_pairs(np.array(rewards, float), np.array(lengths), alpha, responses, **more)
    return found.pairs, {k: n for k, n in found.prompts.items() if n}, {k: n for k, n in found.responses.items() if n}


# ---- the length penalty


def gap(rewards, lengths, alpha) -> float:
    """|mean length of best - mean length of worst|, one prompt after the other."""
    total = 0
    for row, sizes in zip(rewards, lengths, strict=True):
        values = [r - alpha * n for r, n in zip(row, sizes, strict=True)]
        total += int(sizes[values.index(max(values))]) - int(sizes[values.index(min(values))])
    return abs(total)


def test_the_penalty_by_hand():
    # One prompt: best 50 longer than worst for 5 more; the two change places beyond 0.1, and the gap stays 50. The first is kept.
    assert fit_length_penalty(np.array([[5.2, 0.0]]), np.array([[60, 10]])) == 0.0
    # Two prompts: the first changes places beyond 5.2 / 50 = 0.104, then the gaps cancel.
    assert fit_length_penalty(np.array([[5.2, 0.0], [90.0, 0.0]]), np.array([[60, 10], [60, 10]])) == 0.105
    # Three lengths; beyond 0.02 the middle one is best: its gap to the worst is 20, not 90.
    assert fit_length_penalty(np.array([[3.0, 1.6, 0.0]]), np.array([[100, 30, 10]])) == 0.021


def test_a_penalty_never_leaves_the_grid():
    rewards, lengths = np.array([[900.0, 0.0], [5.0, 0.0]]), np.array([[1000, 10], [20, 15]])
    assert fit_length_penalty(rewards, lengths) in GRID
    assert (GRID[0], GRID[-1], len(GRID)) == (0.0, 0.999, 1000)


def test_rewards_of_equal_length_need_no_penalty():
    assert fit_length_penalty(np.array([[5.0, 1.0, 2.0]]), np.full((1, 3), 40)) == 0.0


def test_prompts_without_two_rewards_and_responses_that_cannot_be_chosen_do_not_count():
    rewards, lengths = np.array([[5.2, 0.0], [90.0, 0.0]]), np.array([[60, 10], [60, 10]])
    more, longer = np.vstack([rewards, [[NAN, 7.0]]]), np.vstack([lengths, [[1, 999]]])
    assert fit_length_penalty(more, longer) == fit_length_penalty(rewards, lengths) == 0.105
    assert fit_length_penalty(np.array([[NAN, 1.0]]), np.array([[1, 2]])) == 0.0
    # Without the first response as best, the middle one is best from the start.
    cut = np.array([[False, True, True]])
    assert fit_length_penalty(np.array([[3.0, 1.6, 0.0]]), np.array([[100, 30, 10]]), cut) == 0.0


@given(st.data(), SHAPES)
def test_the_penalty_is_the_smallest_of_the_best_on_the_grid(data, shape):
    rewards = data.draw(arrays.arrays(float, shape, elements=st.floats(-50, 50)))
    lengths = data.draw(arrays.arrays(int, shape, elements=st.integers(0, 200)))
    gaps = [gap(rewards, lengths, alpha) for alpha in GRID[::37]]
    found = fit_length_penalty(rewards, lengths)
    assert gap(rewards, lengths, found) <= min(gaps)
    smaller = [alpha for alpha in GRID if alpha < found]
    assert all(gap(rewards, lengths, alpha) > gap(rewards, lengths, found) for alpha in smaller[-40:])


# ---- pairs


def test_best_and_worst_with_and_without_the_penalty():
    rewards, responses = [[3.0, 1.0, 2.5]], [["a" * 40, "b" * 10, "c" * 10]]
    assert pairs_and_reasons(rewards, responses)[0] == [(0, 0, 1)]
    # 3 - 2 = 1, 1 - 0.5 = 0.5, 2.5 - 0.5 = 2
    assert pairs_and_reasons(rewards, responses, alpha=0.05)[0] == [(0, 2, 1)]


def test_responses_at_the_upper_bound_are_not_chosen():
    rewards, responses = [[3.0, 1.0, 2.5]], [["a", "b", "c"]]
    assert pairs_and_reasons(rewards, responses, upper_bound=3.0) == ([(0, 2, 1)], {}, {icr.BOUND: 1})
    assert pairs_and_reasons(rewards, responses, upper_bound=3.01) == ([(0, 0, 1)], {}, {})
    assert pairs_and_reasons(rewards, responses, upper_bound=0.5) == ([], {icr.BARRED: 1}, {icr.BOUND: 3})
    # The bound is on the reward with its penalty: 3 - 0.5 * 1 = 2.5.
    assert pairs_and_reasons(rewards, responses, alpha=0.5, upper_bound=2.6) == ([(0, 0, 1)], {}, {})


def test_a_response_that_was_cut_off_may_be_rejected_but_not_chosen():
    finished = np.array([[False, True, True], [True, True, False], [False, False, False]])
    found = pairs_and_reasons([[3.0, 1.0, 2.0]] * 2 + [[1.0, 2.0, 3.0]], [["a", "b", "c"]] * 3, finished=finished)
    assert found == ([(0, 2, 1), (1, 0, 1)], {icr.BARRED: 1}, {icr.CUT: 5})
    assert pairs_and_reasons([[1.0, 2.0]], [["a", "b"]], finished=np.array([[False, True]]))[0] == [(0, 1, 0)]


def test_every_prompt_without_a_pair_has_its_reason():
    rewards = [[1.0, 2.0, 3.0], [1.0, 2.0, 1.5], [NAN, 1.0, 2.0], [NAN, 1.0, 2.0], [1.0, 9.0, 1.0], [NAN, NAN, NAN]]
    responses = [["a", "a", "a"], ["a", "a", "b"], ["a", "b", "c"], ["a", "b", ""], ["a", " ", "b"], ["a", "b", "c"]]
    pairs, prompts, left_out = pairs_and_reasons(rewards, responses)
    assert pairs == [(2, 2, 1)]
    # Row 4: the two that are left have equal rewards, so the first is best and worst.
    assert prompts == {icr.IDENTICAL: 1, icr.SAME: 2, icr.FEW: 2}
    assert left_out == {icr.EMPTY: 2, icr.UNSCORED: 5}
    assert len(pairs) + sum(prompts.values()) == len(rewards)


@given(st.data(), SHAPES)
def test_every_pair_is_best_over_worst_and_the_counts_add_up(data, shape):
    rewards = data.draw(arrays.arrays(float, shape, elements=st.one_of(st.floats(-9, 9), st.just(NAN))))
    row = st.lists(st.sampled_from(["", "x", "yy", "zzz"]), min_size=shape[1], max_size=shape[1])
    texts = data.draw(st.lists(row, min_size=shape[0], max_size=shape[0]))
    finished = data.draw(arrays.arrays(bool, shape))
    alpha, bound = data.draw(st.sampled_from([0.0, 0.5])), data.draw(st.sampled_from([None, 3.0]))
    lengths = np.array([[len(t) for t in row] for row in texts])
    found = select_pairs(rewards, lengths, alpha, texts, bound, finished)
    assert len(found.pairs) + sum(found.prompts.values()) == len(texts)
    values = rewards - alpha * lengths
    for prompt, best, worst in found.pairs:
        assert texts[prompt][best] != texts[prompt][worst]
        assert texts[prompt][best] and texts[prompt][worst] and finished[prompt, best]
        usable = [k for k in range(shape[1]) if texts[prompt][k] and not np.isnan(values[prompt, k])]
        allowed = [k for k in usable if finished[prompt, k] and (bound is None or values[prompt, k] < bound)]
        assert values[prompt, best] == max(values[prompt, k] for k in allowed)
        assert values[prompt, worst] == min(values[prompt, k] for k in usable)


def test_the_order_of_the_responses_does_not_matter():
    rng = np.random.default_rng(0)
    rewards, lengths = rng.normal(size=(6, 5)), rng.integers(1, 90, (6, 5))
    texts = [["t" * n + str(k) for k, n in enumerate(row)] for row in lengths]
    order = [3, 0, 4, 1, 2]
    one = select_pairs(rewards, lengths, 0.01, texts)
    other = select_pairs(rewards[:, order], lengths[:, order], 0.01, [[row[k] for k in order] for row in texts])
    assert one.pairs == [(p, order[best], order[worst]) for p, best, worst in other.pairs]
    assert fit_length_penalty(rewards, lengths) == fit_length_penalty(rewards[:, order], lengths[:, order])
