"""Intervals over seeds and problems at once, and the sign test: by hand, and by how often they hold what they should."""

import numpy as np
import pytest

from sp3f_lib.evaluation import statistics
from sp3f_lib.evaluation.statistics import clustered_mean, over_seeds_and_problems, sign_test


def simulated(rng, seeds=10, problems=60, spread=0.4, answers=8) -> np.ndarray:
    """Shares of right answers (seeds, problems) around 1/2: seeds and problems of varying luck, on the scale of logits."""
    logits = rng.normal(0, spread, (seeds, 1)) + rng.normal(0, 1, (1, problems))
    return rng.binomial(answers, 1 / (1 + np.exp(-logits)), (seeds, problems)) / answers


def width(found: dict) -> float:
    return found["high"] - found["low"]


def test_an_interval_over_seeds_and_problems_by_hand():
    # Two seeds, all wrong and all right: resampling draws the first twice, both, or the second twice, in 1/4, 1/2 and 1/4.
    assert over_seeds_and_problems([[0.0] * 3, [1.0] * 3]) == {"mean": 0.5, "low": 0.0, "high": 1.0}
    # The middle half of it is certain: both.
    assert over_seeds_and_problems([[0.0] * 3, [1.0] * 3], 0.4) == {"mean": 0.5, "low": 0.5, "high": 0.5}


def test_many_seeds_and_problems_have_the_normal_interval_of_a_crossed_design():
    rng = np.random.default_rng(3)
    seeds, problems = rng.normal(0, 0.1, (60, 1)), rng.normal(0, 0.2, (1, 80))
    found = over_seeds_and_problems(0.5 + seeds + problems)
    error = np.sqrt(seeds.var() / 60 + problems.var() / 80)
    assert width(found) == pytest.approx(2 * 1.96 * error, rel=0.03)


@pytest.mark.parametrize("spread", [0.1, 0.4])
def test_9_of_10_intervals_hold_the_truth_at_least(spread, monkeypatch):
    # Symmetric about 1/2. 200 data sets; about 95 % are expected, and a little less of fewer seeds.
    rng, held = np.random.default_rng(7), 0
    monkeypatch.setattr(statistics, "RESAMPLES", 1000)  # the ends of an interval move by some hundredths of its width
    for _ in range(200):
        found = over_seeds_and_problems(simulated(rng, spread=spread))
        held += found["low"] <= 0.5 <= found["high"]
    assert 180 <= held < 200


def test_intervals_over_problems_alone_would_hold_it_too_rarely():
    # Three seeds taken as one: what the second level is for.
    rng, held = np.random.default_rng(7), 0
    for _ in range(100):
        found = clustered_mean(simulated(rng, seeds=3, problems=240, spread=0.6).mean(0), range(240))
        held += found["low"] <= 0.5 <= found["high"]
    assert held < 75


def test_the_interval_widens_where_seeds_differ_and_where_problems_do():
    rng = np.random.default_rng(1)
    alike = rng.permuted(np.tile([0.25, 0.5, 0.75], (6, 10)), axis=1)
    seeds = alike + np.linspace(-0.25, 0.25, 6)[:, None]
    problems = np.sort(alike, axis=1)  # the same ones are hard for every seed
    assert width(over_seeds_and_problems(seeds)) > 1.5 * width(over_seeds_and_problems(alike))
    assert width(over_seeds_and_problems(problems)) > 1.5 * width(over_seeds_and_problems(alike))


def test_one_seed_has_no_interval_over_seeds():
    with pytest.raises(ValueError, match="take clustered_mean"):
        over_seeds_and_problems([[0.5, 1.0]])


def test_the_same_shares_have_the_same_interval_whatever_their_order():
    shares = simulated(np.random.default_rng(2))
    found = over_seeds_and_problems(shares)
    assert over_seeds_and_problems(shares) == found
    turned = over_seeds_and_problems(shares[::-1, ::-1])
    assert turned["mean"] == pytest.approx(found["mean"])
    assert (turned["low"], turned["high"]) == pytest.approx((found["low"], found["high"]), abs=0.01)


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_seed_without_an_answer_to_a_problem_is_an_error(seeds):
    with pytest.raises(ValueError, match="every seed must have an answer"):
        over_seeds_and_problems([[0.5, float("nan")]] * seeds)


# ---- the sign test


@pytest.mark.parametrize(
    ("gaps", "p"),
    [
        ([1, 2, 3], 2 / 8),  # all three above: 1/8, and as much below
        ([1, 2, -3], 1.0),  # two of three: nothing is less extreme
        ([-1, -2, -3, -4, 5], 2 * (1 + 5) / 32),
        ([5, 0, 0, 1], 2 / 4),  # zeros say nothing
        ([0, 0], 1.0),
        ([], 1.0),
        ([7], 1.0),
    ],
)
def test_the_sign_test_by_hand(gaps, p):
    assert sign_test(gaps) == pytest.approx(p)
    assert sign_test([-gap for gap in gaps]) == pytest.approx(p)
