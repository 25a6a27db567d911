"""The figure of differences shows its table: a line per pair, its interval over seeds, and every seed; and what is saved of it."""

import pandas as pd
import pytest

from sp3f_lib.evaluation.seeds import differences
from sp3f_lib.machine import processor
from sp3f_lib.plots.seeds import plot_differences, save_seeds


def results(regime="cold", seeds=3) -> pd.DataFrame:
    values = {"sft": [0.1, 0.2, 0.3], "rlvr": [0.2, 0.3, 0.5], "sp3f": [0.6, 0.5, 0.9]}
    rows = [
        {"regime": regime, "method": method, "seed": seed, "accuracy": value, "fidelity": 1.0, "both": value}
        for method, shares in values.items()
        for seed, value in enumerate(shares[:seeds])
    ]
    return pd.DataFrame(rows)


def gaps(regime="cold", seeds=3) -> pd.DataFrame:
    return differences(results(regime, seeds))


def test_a_pair_is_a_line_with_its_interval_and_its_seeds():
    table = gaps()
    (axis,) = plot_differences(table).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["RLVR minus\nSFT", "SP3F minus\nRLVR"]
    assert axis.get_title() == "cold: 3 seeds, 95 % t intervals"
    for place, (row, bar) in enumerate(zip(table.itertuples(), axis.containers, strict=True)):
        mean, _, (interval,) = bar.lines
        assert (mean.get_xdata()[0], mean.get_ydata()[0]) == pytest.approx((row.mean, place))
        assert interval.get_segments()[0][:, 0] == pytest.approx([row.low, row.high])
    seeds = [list(line.get_xdata()) for line in axis.lines if len(line.get_xdata()) == 3]
    assert seeds == [pytest.approx([10, 10, 20]), pytest.approx([40, 20, 40])]


def test_one_seed_has_no_interval():
    (axis,) = plot_differences(gaps(seeds=1)).axes
    assert [bar.lines[2] for bar in axis.containers] == [(), ()]


def test_a_regime_is_a_panel():
    titles = [axis.get_title() for axis in plot_differences(pd.concat([gaps(), gaps("warm")])).axes]
    assert [title.split(":")[0] for title in titles] == ["cold", "warm"]


def test_what_is_saved_can_be_drawn_and_compared_again(tmp_path):
    table = results()
    path = save_seeds(table, tmp_path / "seeds")
    assert path == tmp_path / "seeds" / "seed_differences.png"
    assert {p.name for p in path.parent.iterdir()} == {
        "seeds.csv",
        *(f"seed_differences.{end}" for end in ("csv", "pdf", "png")),
    }
    seeds, gaps = (pd.read_csv(path.parent / name) for name in ("seeds.csv", "seed_differences.csv"))
    assert set(seeds.processor) == set(gaps.processor) == {processor()}
    assert set(gaps.value) == {"accuracy", "fidelity", "both"}
    pd.testing.assert_frame_equal(seeds.drop(columns="processor"), table, check_dtype=False)
    kept = gaps[gaps.value == "accuracy"].drop(columns="processor")
    pd.testing.assert_frame_equal(kept, differences(table), check_dtype=False, rtol=1e-5)
