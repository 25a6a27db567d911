"""The figures of notebook 09 show every number of their tables."""

import pandas as pd
import pytest

from sp3f_lib.plots.figure1 import our_points, plot_figure1
from sp3f_lib.plots.head_to_head import plot_map, plot_outcomes, plot_tax
from sp3f_lib.plots.theme import PUBLISHED


def texts(figure) -> list[str]:
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def test_the_map_has_each_cell_its_interval_and_its_mark():
    about = {"accuracy_low": 0.1, "accuracy_high": 0.3, "chance": 0.25, "task": "belebele"}
    table = pd.DataFrame(
        [
            about | {"method": method, "lang": lang, "accuracy": share, "verdict": verdict}
            for method, share, verdict in (("sft", 0.2, ""), ("sp3f", 0.7, "above"), ("rlvr", 0.1, "below"))
            for lang in ("en", "all")
        ]
    )
    figure = plot_map(table, "sft")
    assert texts(figure) == ["20\n[10, 30]"] * 2 + ["70▲\n[10, 30]"] * 2 + ["10▼\n[10, 30]"] * 2
    (axis,) = figure.axes
    assert "guessing 25 %" in axis.get_title(loc="left")


def test_outcomes_are_bars_that_sum_to_100():
    table = pd.DataFrame({"one": "sp3f", "other": "sft", "lang": ["en", "all"], "win": 0.5, "tie": 0.3, "loss": 0.2})
    (axis,) = plot_outcomes(table).axes
    widths = [patch.get_width() for patch in axis.patches]
    assert sorted(widths) == pytest.approx([20, 20, 30, 30, 50, 50])


def test_the_tax_is_drawn_in_points():
    table = pd.DataFrame({"one": ["sp3f", "sp3f"], "task": ["arc_de", "m_mmlu_de"], "mean": [-2.0, 1.0]})
    figure = plot_tax(table.assign(low=table["mean"] - 1, high=table["mean"] + 1), "base")
    (axis,) = figure.axes
    assert list(axis.lines[0].get_xdata()) == pytest.approx([-2, 1])


def test_figure_1_has_the_published_points_and_ours():
    published = pd.read_csv(PUBLISHED / "sp3f_figure1.csv")
    ours = pd.DataFrame({"profile": "paper", "method": ["sft", "sp3f"], "fidelity": [80.0, 97.0], "accuracy": [20.0, 88.0]})
    without, both = plot_figure1(published, ours.head(0)), plot_figure1(published, ours.assign(coverage=62))
    points = [axis.lines for figure in (without, both) for axis in figure.axes]
    assert [len(lines) for lines in points] == [len(published), len(published) + 2]
    assert "No run of ours" in without.axes[0].get_title() and "No run" not in both.axes[0].get_title()
    assert both.axes[0].get_ylim()[1] > 88


def test_our_points_are_read_from_the_tables_of_evaluations(tmp_path):
    assert our_points(tmp_path).empty
    folder = tmp_path / "paper" / "tables" / "sp3f-sp3f"
    folder.mkdir(parents=True)
    averages = {"average": ["mean of tasks", "mean of cells"], "accuracy": [0.5, 0.6], "fidelity": [0.9, 0.8], "cells": 62}
    pd.DataFrame(averages).to_csv(folder / "averages.csv", index=False)
    (row,) = our_points(tmp_path).to_dict("records")
    assert row == {"profile": "paper", "method": "sp3f", "fidelity": 90, "accuracy": 50, "coverage": 62}
