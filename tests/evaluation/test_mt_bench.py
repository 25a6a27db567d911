"""MT-Bench: what is read, what the judge is asked, scores by hand; a rating that cannot be read is missing, and no zero."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from sp3f_lib.data.schema import RowError
from sp3f_lib.evaluation.mt_bench import TEMPERATURES, read_questions, report, score_table

GOOD = {"question_id": 1, "category": "math", "turns": ["1 + 1?", "Plus 1?"], "reference": ["2", "3"]}


def write(tmp_path, *rows):
    path = tmp_path / "en.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_what_the_judge_is_asked(tmp_path):
    first, second = read_questions(write(tmp_path, GOOD))[0][0].ratings(["two", "three"], "en", repeats=1)
    assert (first.response, first.reference, first.earlier) == ("two", "2", ())
    assert (second.question, second.response, second.reference) == ("Plus 1?", "three", "3")
    assert [(turn.question, turn.answer, turn.reference) for turn in second.earlier] == [("1 + 1?", "two", "2")]
    # References of other categories, if there are any, are not shown.
    (plain,), _ = read_questions(write(tmp_path, GOOD | {"category": "writing"}))
    assert {rating.reference for rating in plain.ratings(["a", "b"], "en")} == {None}
    assert [rating.sample for rating in plain.ratings(["a", "b"], "en", repeats=2)] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"category": "maths"}, "line 2: field 'category' is 'maths'"),
        ({"turns": ["one"]}, "line 2: field 'turns' must be two texts"),
        ({"reference": ["2"]}, "line 2: field 'reference'"),
        ({"question_id": 1}, "question_id '1' is there already"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, said):
    with pytest.raises(RowError, match=said):
        read_questions(write(tmp_path, GOOD, GOOD | {"question_id": 2} | change))


def test_the_real_questions(shared_data):
    found = {lang: read_questions(shared_data / "mt_bench" / f"{lang}.jsonl")[0] for lang in ("en", "de", "ja")}
    for some in found.values():
        assert Counter(one.category for one in some) == dict.fromkeys(TEMPERATURES, 10)
        assert sum(one.references is not None for one in some) == 30
    assert [one.id for one in found["en"]] == [one.id for one in found["ja"]]
    few, _ = read_questions(shared_data / "mt_bench" / "de.jsonl", limit=2)
    assert Counter(one.category for one in few) == dict.fromkeys(TEMPERATURES, 2)


def test_a_question_with_an_empty_turn_is_left_out_by_name(tmp_path):
    (one,), empty = read_questions(write(tmp_path, GOOD, GOOD | {"question_id": 94, "turns": ["1 + 1?", ""]}))
    assert (one.id, empty) == ("1", ["94"])


def ratings(*values) -> pd.DataFrame:
    """Two questions of two turns each; the values are question 1 turn 1, turn 2, question 2 turn 1, turn 2."""
    return pd.DataFrame(
        [
            {"lang": "en", "question": str(k // 2), "category": ("math", "writing")[k // 2], "turn": k % 2 + 1, "sample": 0,
             "rating": value, "fidelity": float(k > 0), "finished": k != 3}
            for k, value in enumerate(values)
        ]
    )  # fmt: skip


def test_scores_by_hand():
    table = score_table(ratings(8, 4, 10, np.nan)).set_index("category")
    assert table.loc["math", ["score", "turn_1", "turn_2", "missing"]].tolist() == [6, 8, 4, 0]
    assert table.loc["writing", ["score", "turn_1", "missing"]].tolist() == [10, 10, 1] and np.isnan(
        table.loc["writing", "turn_2"]
    )
    everything = table.loc["all"]
    assert everything["score"] == pytest.approx((8 + 4 + 10) / 3) and (everything["missing"], everything["questions"]) == (
        1,
        2,
    )
    assert 1 <= everything["low"] < everything["score"] < everything["high"] <= 10
    assert (everything["fidelity"], everything["cut"]) == (0.75, 0.25)
    said = report(table.reset_index(), "sft", "m", 1, [])
    assert "MT-Bench of sft, rated 1 to 10 by m (once)" in said and "of 4." in said


def test_nothing_readable_is_no_score():
    table = score_table(ratings(np.nan, np.nan, np.nan, np.nan)).set_index("category")
    assert np.isnan(table.loc["all", "score"]) and table.loc["all", "missing"] == 4
    assert " - " in report(table.reset_index(), "sft", "m", 1, [])


def test_the_judges_own_noise_is_shown():
    both = pd.concat([ratings(8, 4, 10, 6), ratings(6, 4, 8, 6).assign(sample=1)])
    everything = score_table(both).set_index("category").loc["all"]
    # Means 7 and 6: half their difference times sqrt(2).
    assert everything["score"] == pytest.approx(6.5) and everything["deviation"] == pytest.approx(0.5**0.5)
    assert "sd of repeats" in report(score_table(both), "sft", "m", 2, [])
