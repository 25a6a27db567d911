"""The figures of notebook 04 show their tables: means, intervals, seeds, costs."""

import pandas as pd
import pytest

from sp3f_lib.plots.ablations import (
    judge_accuracy_table,
    plot_arms,
    plot_cost,
    plot_judge_accuracy,
    plot_starts,
    start_table,
)

ACCURACIES = {"rlvr": [0.1, 0.2, 0.3], "sp3f": [0.6, 0.6, 0.9], "hint": [0.3, 0.2, 0.4]}


def cells(regime="cold", shift=0.0, names=ACCURACIES, unsolved=0.8) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"regime": regime, "method": name, "seed": seed, "accuracy": value + shift, "unsolved": unsolved}
            for name, values in names.items()
            for seed, value in enumerate(values)
        ]
    )


def intervals(axis) -> list[list[float]]:
    return [list(bar.lines[2][0].get_segments()[0].T[0]) for bar in axis.containers]


def test_arms_stand_in_the_order_of_their_means_with_their_gaps_beside_them():
    left, right = plot_arms(cells(), (("sp3f", "rlvr"), ("hint", "rlvr")), "cold").axes
    assert next(label.get_text() for label in left.get_yticklabels()) == "SP3F"
    means = [bar.lines[0].get_xdata()[0] for bar in left.containers]
    assert means == pytest.approx([70, 30, 20])
    gaps = [bar.lines[0].get_xdata()[0] for bar in right.containers]
    assert gaps == pytest.approx([50, 10])
    # 50, 40 and 60 points: 4.303 * 10 / sqrt(3)
    assert intervals(right)[0] == pytest.approx([50 - 24.84, 50 + 24.84], abs=0.01)
    assert left.get_title() == "regime cold: 3 seeds, 95 % t intervals"


def test_judges_stand_at_their_accuracy():
    names = ACCURACIES | {"sp3f at 60 %": [0.2, 0.2, 0.4]}
    table = judge_accuracy_table(cells(names=names), "cold")
    assert list(table.judge) == [60, 100] and list(table["mean"]) == pytest.approx([20 / 3, 50])
    published = pd.DataFrame({"case": ["both wrong"], "level": ["solution"], "accuracy": [59.9], "judge": ["GPT-4o-mini"]})
    (axis,) = plot_judge_accuracy(cells(names=names), "cold", published).axes
    assert [text.get_text() for text in axis.texts] == [" GPT-4o-mini with reference"]
    assert list(axis.containers[0].lines[0].get_xdata()) == [60, 100]


def test_starts_stand_at_their_share_of_groups_without_a_right_answer():
    easy = {"rlvr": [0.7, 0.8, 0.6], "sp3f": [0.7, 0.8, 0.7], "hint": [0.7, 0.8, 0.6]}
    both = pd.concat([cells(), cells("easy", names=easy, unsolved=0.2)])
    table = start_table(both, ["cold", "easy"])
    assert list(table.query("one == 'sp3f'").unsolved) == pytest.approx([0.8, 0.2])
    (axis,) = plot_starts(table).axes
    line = axis.containers[0].lines[0]
    assert list(line.get_xdata()) == pytest.approx([20, 80], abs=0.5)  # the arms stand beside each other
    assert list(line.get_ydata()) == pytest.approx([10 / 3, 50])
    seeds = [sorted(one.get_ydata()) for one in axis.lines if one.get_markersize() == 3.5]
    assert seeds[0] == pytest.approx([0, 0, 10]) and len(seeds) == 4


def test_costs_are_means_over_seeds_and_an_arm_without_judge_has_no_line_on_the_right():
    curves = pd.DataFrame(
        [
            {"regime": "cold", "method": name, "seed": seed, "step": step, "generated_tokens": 1000.0 * step * (1 + seed)}
            | {"judge_calls": 100.0 * step if name == "sp3f" else 0.0, "accuracy": 0.1 * step}
            for name in ("rlvr", "sp3f")
            for seed in (0, 1)
            for step in (5, 10)
        ]
    )
    left, right = plot_cost(curves, "cold", ["rlvr", "sp3f"]).axes
    assert list(left.lines[0].get_xdata()) == pytest.approx([7.5, 15]) and len(left.lines) == 2
    assert [list(line.get_xdata()) for line in right.lines] == [pytest.approx([0.5, 1.0])]
