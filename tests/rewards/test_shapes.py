"""The shapes of the language term by hand: what an answer is worth, right or wrong, in its language or not."""

import pytest

from sp3f_lib.profiles.sections import Rewards
from sp3f_lib.rewards.shapes import growth, shape_term
from sp3f_lib.rewards.verifiable import term_weights, verifiable_terms


def worth(shape, right, faithful, progress=0.5, win_rate=0.0, **weights):
    """The whole reward of an answer with a box."""
    rewards = Rewards(language_shape=shape, **weights)
    others = rewards.accuracy * right + rewards.parseable + win_rate
    return others + rewards.fidelity * faithful + shape_term(rewards, others, right, faithful, progress)


def test_gated_pays_in_the_right_language_what_adding_pays_and_nothing_in_another():
    for accuracy in (0.0, 1.0):
        for win_rate in (0.0, 0.4):
            assert worth("gated", accuracy, 1.0, win_rate=win_rate) == worth("add", accuracy, 1.0, win_rate=win_rate)
            assert worth("gated", accuracy, 0.0, win_rate=win_rate) == 0
            assert worth("add", accuracy, 0.0, win_rate=win_rate) == 1 + accuracy + win_rate


def test_adaptive_pays_for_the_language_of_right_answers_alone_and_more_with_every_step():
    assert worth("adaptive", 0.0, 1.0) == worth("adaptive", 0.0, 0.0) == 1
    assert worth("adaptive", 1.0, 0.0) == 2
    # 2 g(x): 0.2 from the start until (1 - cos(pi x)) / 2 is 0.1; a quarter: (1 - 0.7071) / 2; half: 0.5; the end: 1.
    for progress, bonus in ((0.0, 0.2), (0.1, 0.2), (0.25, 0.2929), (0.5, 1.0), (1.0, 2.0)):
        assert worth("adaptive", 1.0, 1.0, progress) == pytest.approx(2 + bonus, abs=1e-4)
    assert worth("adaptive", 1.0, 1.0, 1.0, fidelity=0.5, language_bonus=3.0) == 2 + 1.5
    assert [growth(k / 10) for k in range(11)] == sorted(growth(k / 10) for k in range(11))


def test_the_term_stands_behind_the_others_and_before_the_judges_and_only_where_it_is_needed():
    names = {
        shape: [term.__name__ for term in verifiable_terms(Rewards(language_shape=shape))] for shape in ("add", "gated")
    }
    assert names == {"add": ["accuracy", "parseable", "fidelity"], "gated": ["accuracy", "parseable", "fidelity", "shape"]}
    assert term_weights(Rewards(fidelity=3, win_rate=4, language_shape="gated"), judged=True) == [1, 1, 3, 1, 4]
    assert term_weights(Rewards(fidelity=3, win_rate=4), judged=True) == [1, 1, 3, 4]
