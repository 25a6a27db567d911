"""The figure of ways to judge a group: a point with its interval for each, in a panel for each level or strength."""

import matplotlib
import pandas as pd

from sp3f_lib.audits.judge_simulation import SimulatedJudge, prices, ways
from sp3f_lib.audits.judge_ways import WAYS
from sp3f_lib.plots.judge_ways import STYLES, _style, plot_ways

matplotlib.use("Agg")


def test_every_way_is_a_point_where_the_table_has_it():
    table = pd.concat([prices(ways(4), SimulatedJudge(strength), 20, 0) for strength in (1.0, 4.0)])
    for unit in ("calls", "tokens"):
        figure = plot_ways(table, unit, "strength")
        assert len(figure.axes) == 2
        for axis, (_, rows) in zip(figure.axes, table.groupby("strength"), strict=True):
            points = [tuple(container[0].get_xydata()[0]) for container in axis.containers]
            assert points == list(zip(rows[unit].astype(float), rows.correlation, strict=True))
            assert "20 groups" in axis.get_xlabel()


def test_every_way_has_a_look_of_its_own_and_the_same_in_both_tables():
    simulated = list(prices(ways(4), SimulatedJudge(), 5, 0).way)
    measured = list(WAYS)
    for names in (simulated, measured):
        assert len({_style(name) for name in names}) == len(names)
    assert {_style(name) for name in measured} | {_style(name) for name in simulated} == set(STYLES.values())
    assert _style("listwise, 3 calls") == _style("three rankings")
    assert _style("score (raw), 8 calls") == _style("scores")
    assert _style("score, 8 calls") == _style("scores, ranked")
