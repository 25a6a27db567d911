"""English problems of all shapes: what is read, what is left out and why, and DeepScaleR as a source."""

import json

import pandas as pd
import pytest

from sp3f_lib.data.deepscaler import deepscaler_splits
from sp3f_lib.data.english import (
    NO_ANSWER,
    NO_QUESTION,
    NO_SOLUTION,
    NOT_COMPARABLE,
    OTHER_ANSWER,
    SAME,
    SEVERAL,
    TWICE,
    Problem,
    read_problems,
    with_box,
)
from sp3f_lib.data.schema import RowError, make_row
from sp3f_lib.data.sources import load_splits
from sp3f_lib.profiles.sections import Data

GSM8K = {"question": "What is 2 + 3?", "answer": "It is 2+3=<<2+3=5>>5.\n#### 5"}
MATH = {"problem": "What is $2 + 3$?", "solution": r"It is $\boxed{5}$.", "answer": "5"}


def write(path, items):
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), encoding="utf-8")
    return path


def test_gsm8k_deepscaler_and_rows_are_read_alike(tmp_path):
    row = make_row(
        id="a", lang="en", query=MATH["problem"], solution=MATH["solution"], question=MATH["problem"], translated=None,
        answer="5", task="t",
    )  # fmt: skip
    (tmp_path / "list.json").write_text(json.dumps([MATH]))
    pd.DataFrame([row]).to_parquet(tmp_path / "rows.parquet")
    (gsm8k,), left = read_problems(write(tmp_path / "gsm8k.jsonl", [GSM8K]))
    assert (gsm8k.question, gsm8k.solution, gsm8k.text, gsm8k.answer) == (
        "What is 2 + 3?", GSM8K["answer"], "It is 2+3=5.", "5",
    )  # fmt: skip
    assert (gsm8k.task, left.rows) == ("gsm8k", [])
    (listed,), _ = read_problems(tmp_path / "list.json")
    (own,), _ = read_problems(tmp_path / "rows.parquet")
    assert (
        (listed.question, listed.solution, listed.answer) == (own.question, own.solution, own.answer) == tuple(MATH.values())
    )
    assert own.id == "a"


def test_without_an_id_a_problem_is_known_by_its_question_not_by_its_place(tmp_path):
    other = GSM8K | {"question": "What is 5?"}
    first, _ = read_problems(write(tmp_path / "x.jsonl", [GSM8K, other]))
    again, _ = read_problems(write(tmp_path / "x.jsonl", [other, GSM8K]))
    assert {problem.question: problem.id for problem in first} == {problem.question: problem.id for problem in again}


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"solution": "x", "answer": "5"}, NO_QUESTION),
        (MATH | {"solution": None}, NO_SOLUTION),
        (MATH | {"solution": "None"}, NO_SOLUTION),
        (MATH | {"answer": " "}, NO_ANSWER),
        ({"problem": "x", "solution": "y"}, NO_ANSWER),
        (MATH | {"answer": ["5", "6"]}, SEVERAL),
        (MATH | {"answer": r"\frac{1}{2"}, NOT_COMPARABLE),
        (MATH | {"answer": "6"}, OTHER_ANSWER),
        (MATH | {"id": "a"}, TWICE),
        (GSM8K | {"id": "b"}, SAME),
        (GSM8K | {"extra_info": "none", "reward_model": None}, SAME),
    ],
)
def test_what_cannot_be_used_is_left_out_named_and_counted(tmp_path, item, reason):
    problems, left = read_problems(write(tmp_path / "p.jsonl", [GSM8K | {"id": "a"}, item]))
    assert len(problems) == 1
    assert [why for _, why in left.rows] == [reason]
    assert str(left) == f"  1 x {reason}, first: p.jsonl, row 1"


def test_one_answer_in_a_list_is_an_answer(tmp_path):
    (problem,), _ = read_problems(write(tmp_path / "p.jsonl", [MATH | {"answer": ["5"]}]))
    assert problem.answer == "5"


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path):
    with pytest.raises(RowError, match="there is no such file"):
        read_problems(tmp_path / "no.jsonl")
    with pytest.raises(RowError, match=r"read from \.jsonl, \.json or \.parquet"):
        read_problems(write(tmp_path / "p.txt", []))
    with pytest.raises(RowError, match=r"p\.jsonl: no problem can be used\n  1 x no solution"):
        read_problems(write(tmp_path / "p.jsonl", [MATH | {"solution": ""}]))
    with pytest.raises(RowError, match="line 1: not JSON"):
        (tmp_path / "p.jsonl").write_text("{")
        read_problems(tmp_path / "p.jsonl")
    (tmp_path / "p.json").write_text('{"a": 1}')
    with pytest.raises(RowError, match="expected a list of objects"):
        read_problems(tmp_path / "p.json")
    row = make_row(id="a", lang="de", query="q", solution="s", question="q", translated=None, answer="5", task="t")
    with pytest.raises(RowError, match="row 0: is in 'de'"):
        read_problems(write(tmp_path / "p.jsonl", [row]))


def test_a_solution_ends_in_a_box_in_its_language():
    problem = Problem("a", "q", GSM8K["answer"], "5", "t")
    assert with_box(problem.text, "sw", "5") == "It is 2+3=5.\nKwa hiyo, jibu ni \\boxed{5}."
    assert with_box(r"So \boxed{5}.", "sw", "5") == r"So \boxed{5}."


# ---- the source


@pytest.fixture
def deepscaler(tmp_path):
    (tmp_path / "train").mkdir()
    items = [
        MATH | {"problem": f"What is ${k} + 3$?", "solution": rf"$\boxed{{{k + 3}}}$", "answer": str(k + 3)}
        for k in range(12)
    ]
    (tmp_path / "train" / "a.json").write_text(json.dumps([*items, {"problem": "x", "answer": "1"}]))
    (tmp_path / "train" / "b.json").write_text(json.dumps([{"problem": "y", "answer": "1"}]))
    return tmp_path


def data(folder, **changes) -> Data:
    given = {"languages": ("en",), "sft_problems": 4, "rl_problems": 5, "eval_problems": 3}
    return Data(source="deepscaler", folder=str(folder), **given | changes)


def test_deepscaler_gives_english_rows_in_three_splits(deepscaler, capsys):
    splits = load_splits(data(deepscaler), seed=0)
    assert {name: len(rows) for name, rows in splits.items()} == {"sft": 4, "rl": 5, "eval": 3}
    row = splits["sft"][0]
    assert row["translated_solution"] == row["solution"]
    assert row["input"][-1]["content"] == row["query"]
    told = capsys.readouterr().out
    assert "1 rows of" in told
    assert "1 x no solution, first: b.json, row 0" in told


def test_deepscaler_in_other_languages_says_how_to_make_them(deepscaler, tmp_path):
    with pytest.raises(
        RowError, match=r"English only; for bn, sw make rows by sp3f translate FILE --languages bn sw --out FOLDER"
    ):
        deepscaler_splits(data(deepscaler, languages=("en", "sw"), rl_languages=("bn",)), 0)
    with pytest.raises(RowError, match="has 12 problems that can be used; data asks for"):
        deepscaler_splits(data(deepscaler, rl_problems=50), 0)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(RowError, match=r"no \.json file of DeepScaleR"):
        deepscaler_splits(data(tmp_path / "nothing"), 0)


def test_deepscaler_itself_is_read(shared_data):
    splits = load_splits(data(shared_data, sft_problems=500, rl_problems=400, eval_problems=75), seed=0)
    assert [len(splits[name]) for name in ("sft", "rl", "eval")] == [500, 400, 75]
