"""Models beside each other: hand-made answers, in which the table and the outcomes are known."""

import pandas as pd
import pytest

from sp3f_lib.evaluation.side_by_side import outcomes_by_truth, side_by_side


def answers(rights: dict[str, list[list[int]]], lang: str = "de", task: str = "t", fidelity: float = 1.0) -> pd.DataFrame:
    """`rights`: by method, for each problem whether each of its samples is right."""
    return pd.DataFrame(
        [
            {"task": task, "lang": lang, "problem": f"{task}-{number}", "cluster": f"{task}-{number}", "method": method}
            | {"accuracy": float(right), "fidelity": fidelity, "greedy": False}
            for method, problems in rights.items()
            for number, samples in enumerate(problems)
            for right in samples
        ]
    )


def test_what_differs_after_the_correction_is_marked():
    some = [[k % 2, 0] for k in range(40)]
    better = [[1, int(k % 8 > 0)] for k in range(40)]
    table = side_by_side(answers({"sft": some, "same": some, "sp3f": better}), "sft", {"t": 0.25}).set_index("method")
    assert table.accuracy.to_dict() == pytest.approx({"sft": 0.25, "same": 0.25, "sp3f": 0.9375})
    assert table.verdict.to_dict() == {"sft": "", "same": "", "sp3f": "above"}
    assert table["mean"]["sp3f"] == pytest.approx(68.75) and table["mean"]["same"] == 0 and pd.isna(table["mean"]["sft"])
    assert (table.accuracy_low <= table.accuracy).all() and (table.accuracy <= table.accuracy_high).all()
    assert set(table.chance) == {0.25} and side_by_side(answers({"sft": better, "x": some}), "sft", {}).verdict[1] == "below"


def test_one_significant_language_of_many_is_corrected_for_them():
    """p is about 0.03 in one language: a mark if it is the only one, none among six."""
    start = [[0]] * 30
    slightly = [[int(k < 5)] for k in range(30)]
    alone = answers({"sft": start, "sp3f": slightly})
    assert side_by_side(alone, "sft", {}).set_index("method").verdict["sp3f"] == "above"
    others = [
        answers({"sft": start, "sp3f": [[int(k == 0)] for k in range(30)]}, lang) for lang in ("en", "es", "ru", "zh", "sw")
    ]
    table = side_by_side(pd.concat([alone, *others]), "sft", {})
    assert set(table[(table.lang != "all")].verdict) == {""}


def test_a_right_answer_in_the_language_beats_one_that_is_not():
    table = outcomes_by_truth(
        answers({"one": [[1, 1], [1, 0], [0, 0]], "other": [[0, 0], [1, 0], [1, 1]]}), [("one", "other")]
    )
    (row,) = table.to_dict("records")
    assert row["win"] == pytest.approx((1 + 0.25 + 0) / 3) and row["loss"] == pytest.approx((0 + 0.25 + 1) / 3)
    assert row["win"] + row["tie"] + row["loss"] == pytest.approx(1) and row["problems"] == 3
    # right, but in another language
    unfaithful = answers({"one": [[1, 1]]}, fidelity=0.0)
    both = pd.concat([unfaithful, answers({"other": [[0, 0]]})])
    assert outcomes_by_truth(both, [("one", "other")]).tie[0] == 1


def test_all_languages_count_alike():
    table = pd.concat([answers({"one": [[1]] * 9, "other": [[0]] * 9}), answers({"one": [[0]], "other": [[0]]}, "sw")])
    found = outcomes_by_truth(table, [("one", "other")]).set_index("lang")
    assert found.win.to_dict() == {"de": 1, "sw": 0, "all": 0.5}
