"""The figure shows what the table holds: a panel per group size and strength, a line per schedule, its intervals."""

import pytest

from sp3f_lib.audits.judge_simulation import SimulatedJudge, grid, simulate
from sp3f_lib.plots.judge_simulation import STYLES, plot_judge_simulation


@pytest.fixture(scope="module")
def table():
    return simulate(grid(4) + grid(6), SimulatedJudge(4), groups=6, seed=0)


def test_each_line_of_the_figure_is_a_schedule_of_the_table(table):
    figure = plot_judge_simulation(table)
    assert [axis.get_title() for axis in figure.axes] == [f"N = {n}, judge strength 4\n6 groups a point" for n in (4, 6)]
    for axis, n in zip(figure.axes, (4, 6), strict=True):
        drawn, rows = {bar.get_label(): bar for bar in axis.containers}, table[table.n == n]
        assert set(drawn) == {STYLES[way][0] for way in zip(rows.schedule, rows.crediting, strict=True)}
        adaptive = rows[rows.schedule == "adaptive"]
        assert drawn["adaptive"].lines[0].get_ydata() == pytest.approx(adaptive.correlation.to_numpy())
        ends = [tuple(segment[:, 1]) for segment in drawn["adaptive"].lines[2][0].get_segments()]
        assert ends == [pytest.approx(pair) for pair in zip(adaptive.low, adaptive.high, strict=True)]


def test_a_schedule_that_was_not_simulated_is_not_drawn(table):
    (axis,) = plot_judge_simulation(table[(table.n == 4) & (table.schedule == "balanced")]).axes
    assert [bar.get_label() for bar in axis.containers] == ["balanced: each pair once"]
