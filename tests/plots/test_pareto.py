"""The picture shows what its table holds: the mean of a method over seeds, each seed beside it, and the way from SFT."""

import pandas as pd
import pytest

from sp3f_lib.evaluation.statistics import clustered_mean, over_seeds_and_problems
from sp3f_lib.machine import processor
from sp3f_lib.plots.pareto import MEAN, pareto_table, plot_pareto, save_pareto
from sp3f_lib.plots.theme import METHOD_NAMES, PUBLISHED

# Right answers of two to each of three problems, by method and seed; half of the answers are in the language.
RIGHT = {
    ("base", 0): (2, 2, 1),
    ("base", 1): (2, 2, 1),
    ("sft", 0): (0, 1, 2),
    ("sft", 1): (1, 1, 2),
    ("sp3f", 0): (2, 1, 2),
    ("sp3f", 1): (1, 2, 2),
}


def scored(right=RIGHT, regime="cold") -> pd.DataFrame:
    rows = [
        {"regime": regime, "method": method, "seed": seed, "problem": f"p{number}", "greedy": False}
        | {"accuracy": float(k < count), "fidelity": float(k)}
        for (method, seed), counts in right.items()
        for number, count in enumerate(counts)
        for k in (0, 1)
    ]
    greedy = [row | {"greedy": True, "accuracy": 0.0} for row in rows[::2]]
    return pd.DataFrame([*rows, *greedy])


def test_the_mean_comes_first_and_then_each_seed():
    table = pareto_table(scored())
    sft = table[table.method == "sft"].to_dict("records")
    assert [row["seed"] for row in sft] == [MEAN, 0, 1]
    assert [row["accuracy"] for row in sft] == pytest.approx([100 * 7 / 12, 50, 100 * 4 / 6])
    found = over_seeds_and_problems([[0, 0.5, 1], [0.5, 0.5, 1]])
    assert (sft[0]["accuracy_low"], sft[0]["accuracy_high"]) == pytest.approx((100 * found["low"], 100 * found["high"]))
    assert [row["fidelity"] for row in sft] == [50, 50, 50]
    assert [row["seeds"] for row in sft] == [2, 1, 1]
    assert {(row["problems"], row["answers"], row["processor"]) for row in sft} == {(3, 6, processor())}
    assert pd.isna(sft[1]["accuracy_low"])


def test_the_base_model_has_no_seeds():
    table = pareto_table(scored())
    mean, one = table[table.method == "base"].to_dict("records")
    expected = clustered_mean([1, 1, 1, 1, 1, 0], [0, 0, 1, 1, 2, 2])
    assert (mean["seeds"], mean["accuracy"], one["accuracy"]) == (1, pytest.approx(100 * 5 / 6), pytest.approx(100 * 5 / 6))
    assert (mean["accuracy_low"], mean["accuracy_high"]) == pytest.approx((100 * expected["low"], 100 * expected["high"]))


def test_seeds_that_are_not_there_yet_change_nothing_of_the_others():
    early = pareto_table(scored({key: counts for key, counts in RIGHT.items() if key != ("sp3f", 1)}))
    late = pareto_table(scored())
    assert early[early.method == "sp3f"].seeds.iloc[0] == 1
    pd.testing.assert_frame_equal(early[early.method == "sft"], late[late.method == "sft"])


@pytest.fixture
def points():
    one = {key: counts for key, counts in RIGHT.items() if key[1] == 0}
    return pareto_table(pd.concat([scored(), scored(one, "warm")]))


def test_a_regime_is_a_panel_and_a_method_is_its_mean_with_both_intervals(points):
    cold, warm, *_ = plot_pareto(points).axes
    assert cold.get_title() == "This repository: cold\n2 seeds, 3 problems, 6 answers a seed"
    assert warm.get_title() == "This repository: warm\n1 seed, 3 problems, 6 answers a seed"
    drawn = {bar.get_label(): bar for bar in cold.containers if not bar.get_label().startswith("_")}
    assert set(drawn) == {METHOD_NAMES[name] for name in ("base", "sft", "sp3f")}
    row = points[(points.regime == "cold") & (points.method == "sft") & (points.seed == MEAN)].iloc[0]
    line, _, (across, upward) = drawn["SFT"].lines
    assert (line.get_xdata()[0], line.get_ydata()[0]) == pytest.approx((row.fidelity, row.accuracy))
    assert across.get_segments()[0][:, 0] == pytest.approx([row.fidelity_low, row.fidelity_high])
    assert upward.get_segments()[0][:, 1] == pytest.approx([row.accuracy_low, row.accuracy_high])


def test_each_seed_is_a_small_mark_where_there_are_several(points):
    def small(axis):
        return [bar.lines[0] for bar in axis.containers if bar.get_label().startswith("_")]

    cold, warm, *_ = plot_pareto(points).axes
    assert [list(line.get_ydata()) for line in small(cold)] == [
        pytest.approx([50, 100 * 4 / 6]),
        pytest.approx([100 * 5 / 6, 100 * 5 / 6]),
    ]
    assert small(warm) == []


def test_what_is_saved_is_drawn_with_the_published_picture_beside_it(tmp_path, points):
    path = save_pareto(scored(), tmp_path / "figures")
    assert {p.name for p in path.parent.iterdir()} == {f"pareto.{end}" for end in ("csv", "pdf", "png")}
    again = pd.read_csv(path.with_suffix(".csv"))
    assert list(again.seed) == ["mean", "0", "mean", "0", "1", "mean", "0", "1"]
    assert again.accuracy.to_numpy() == pytest.approx(pareto_table(scored()).accuracy.to_numpy(), rel=1e-5)
    published = plot_pareto(points, pd.read_csv(PUBLISHED / "sp3f_figure1.csv")).axes
    assert [axis.get_title().split(",")[0] for axis in published][2] == "Published"


def test_the_picture_is_the_same_with_and_without_its_pdf(tmp_path):
    """Notebook 05 writes again, with a PDF, what notebook 03 has drawn: else the second run would think it was changed."""
    regimes = pd.concat([scored(regime=regime) for regime in ("cold", "warm", "tempted")])
    quick, whole = (save_pareto(regimes, tmp_path / str(pdf), pdf=pdf) for pdf in (False, True))
    assert quick.read_bytes() == whole.read_bytes() and whole.with_suffix(".pdf").is_file()


def test_below_each_panel_stand_its_accuracies_method_by_method(points):
    *_, below, _ = plot_pareto(points).axes
    means = points[(points.regime == "cold") & (points.seed == MEAN)]
    assert [label.get_text() for label in below.get_xticklabels()] == [METHOD_NAMES[name] for name in means.method]
    drawn = [bar.lines[0].get_ydata()[0] for bar in below.containers if len(bar.lines[0].get_ydata()) == 1]
    assert drawn == pytest.approx(means.accuracy.tolist())
    assert [text.get_text() for text in below.texts] == [f"{mean:.0f}" for mean in means.accuracy]
