"""The simulation of schedules: judges whose answers are known, and the issue's goals at a size that a test can afford."""

import numpy as np
import pytest
from scipy.special import expit

from sp3f_lib.audits.judge_simulation import (
    SLOT_A_ONLY,
    Cell,
    SimulatedJudge,
    compare,
    correlations,
    draw_groups,
    grid,
    judged_rates,
    simulate,
)

SHARP = SimulatedJudge(strength=1e6, slot_bias=0, noise=0, failures=0)
PLAUSIBLE = SimulatedJudge(strength=8, slot_bias=0.25, noise=0.05, failures=0.02)
JUDGE = ["strength", "slot_bias", "noise", "failures", "repeats"]
COLUMNS = ["schedule", "crediting", "calls", "n", *JUDGE, "correlation", "low", "high", "groups"]


def test_a_sharp_judge_gives_the_ranks():
    qualities, preferences = draw_groups(8, SHARP, groups=5, seed=0)
    for g in range(5):
        ranks = qualities[g].argsort().argsort()
        assert judged_rates(Cell("balanced", 8), preferences[g], seed=0) == pytest.approx(ranks / 7)
    expected = np.corrcoef(qualities[3], qualities[3].argsort().argsort())[0, 1]
    assert correlations(Cell("balanced", 8), SHARP, 5, seed=0)[3] == pytest.approx(expected)


def test_verdicts_have_the_probabilities_that_the_model_says():
    # 0.9 sigmoid(2 gap + 0.5) + 0.1 / 2, and 20 % missing, over 400 groups x 56 pairs.
    judge = SimulatedJudge(strength=2, slot_bias=0.5, noise=0.1, failures=0.2)
    qualities, preferences = draw_groups(8, judge, groups=400, seed=1)
    a, b = np.where(~np.eye(8, dtype=bool))
    answers, gaps = preferences[:, a, b], qualities[:, a] - qualities[:, b]
    assert np.isnan(answers).mean() == pytest.approx(0.2, abs=0.01)
    for low, high in ((-3, -1), (-0.5, 0.5), (1, 3)):
        here = (gaps > low) & (gaps < high) & ~np.isnan(answers)
        model = 0.9 * expit(2 * gaps[here] + 0.5) + 0.05
        assert answers[here].mean() == pytest.approx(model.mean(), abs=0.03)


def test_all_schedules_meet_the_same_groups_whatever_the_judge():
    one, two = (draw_groups(8, SimulatedJudge(strength), 3, seed=4)[0] for strength in (1, 8))
    assert one.tolist() == two.tolist()
    assert draw_groups(8, SimulatedJudge(1), 3, seed=5)[0].tolist() != one.tolist()


def test_a_judge_that_never_answers_teaches_nothing():
    silent = SimulatedJudge(failures=1)
    for cell in (Cell("balanced", 4), Cell("adaptive", 4), Cell("all_ordered", 4, crediting=SLOT_A_ONLY)):
        assert correlations(cell, silent, 3, seed=0).tolist() == [0, 0, 0]


def test_slot_a_only_leaves_the_verdicts_in_slot_b_out():
    # 0 and 1 win in slot A, 2 loses everything it says in slot A; the verdict 1 of (0, 2) does not count for 2.
    preferences = np.array([[np.nan, 1, 1], [1, np.nan, np.nan], [0, 0, np.nan]])
    assert judged_rates(Cell("all_ordered", 3, crediting=SLOT_A_ONLY), preferences, 0) == [1, 1, 0]


@pytest.mark.parametrize(("strength", "share"), [(0, 0.5), (1e6, 1.0)])
def test_accuracy_of_a_judge(strength, share):
    assert SimulatedJudge(strength, 0, noise=0).accuracy() == pytest.approx(share, abs=1e-4)
    assert SimulatedJudge(strength, 0, noise=0.1).accuracy() == pytest.approx(0.9 * share + 0.05, abs=1e-4)


def test_the_table_has_a_line_per_cell_and_an_interval_round_each_mean():
    table = simulate(grid(6), PLAUSIBLE, groups=10, seed=0)
    assert list(table.columns) == COLUMNS
    assert table.calls.tolist() == [30, 30, 15, 4, 6, 8, 12, 15, 4, 6, 8, 12, 15]
    assert ((table.low < table.correlation) & (table.correlation < table.high)).all()
    assert simulate(grid(6), PLAUSIBLE, groups=10, seed=0).equals(table)


def test_a_line_of_the_table_by_hand():
    found = correlations(Cell("balanced", 5), PLAUSIBLE, 4, seed=2)
    line = simulate([Cell("balanced", 5)], PLAUSIBLE, groups=4, seed=2).iloc[0]
    assert line.correlation == pytest.approx(found.mean())
    # t quantile with 3 degrees of freedom: 3.182
    assert line.high - line.low == pytest.approx(2 * 3.182 * found.std(ddof=1) / 2, rel=1e-3)


def test_a_cell_compared_with_itself_does_not_differ():
    line = compare(Cell("balanced", 6), Cell("balanced", 6), [PLAUSIBLE], groups=20, seed=0).iloc[0]
    assert line.difference == 0
    assert line.low < 0 < line.high


def test_balanced_is_within_3_hundredths_of_both_orders_for_groups_of_8_and_a_sharp_judge():
    line = compare(Cell("balanced", 8), Cell("all_ordered", 8), [PLAUSIBLE], groups=500, seed=11).iloc[0]
    assert line.low > -0.03
    assert line.high < 0


def test_crediting_both_sides_is_worth_more_than_slot_a_only():
    credited, slot_a = Cell("all_ordered", 8), Cell("all_ordered", 8, crediting=SLOT_A_ONLY)
    assert compare(credited, slot_a, [PLAUSIBLE], groups=200, seed=12).iloc[0].low > 0


def test_adaptive_with_half_of_the_calls_equals_balanced_for_groups_of_16_and_a_sharp_judge():
    line = compare(Cell("adaptive", 16, 60), Cell("balanced", 16), [PLAUSIBLE], groups=300, seed=13).iloc[0]
    assert line.low > -0.005


def test_adaptive_beats_sampled_with_the_same_calls():
    assert compare(Cell("adaptive", 16, 60), Cell("sampled", 16, 60), [PLAUSIBLE], groups=100, seed=14).iloc[0].low > 0


def test_a_judge_that_repeats_itself_contradicts_itself_only_by_the_slot():
    repeating = SimulatedJudge(strength=1, slot_bias=0, noise=0, failures=0, repeats=1)
    _, preferences = draw_groups(8, repeating, groups=50, seed=0)
    above = np.triu_indices(8, 1)
    assert (preferences[:, *above] == 1 - preferences.transpose(0, 2, 1)[:, *above]).all()
    _, preferences = draw_groups(8, SimulatedJudge(strength=1, slot_bias=0, noise=0, failures=0), groups=50, seed=0)
    agreeing = (preferences[:, *above] == 1 - preferences.transpose(0, 2, 1)[:, *above]).mean()
    assert 0.5 < agreeing < 0.8
