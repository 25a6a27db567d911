"""Where problems come from: disjoint splits, the same evaluation for every seed, and errors that name the file."""

import json
import re
from pathlib import Path

import pytest

from sp3f_lib.base.model import base_problems
from sp3f_lib.data import sources
from sp3f_lib.data.mgsm import MGSM_LANGUAGES, read_gsm8k_test, read_mgsm
from sp3f_lib.data.schema import RowError, problem_id, write_rows
from sp3f_lib.data.sources import load_splits
from sp3f_lib.data.translate import english_text, equations_solution
from sp3f_lib.evaluation.score import score
from sp3f_lib.judges.alignment import agreement, calculations
from sp3f_lib.lab.problems import lab_languages
from sp3f_lib.profiles.sections import Data, LabModel

SMALL = {"sft_problems": 20, "rl_problems": 30, "eval_problems": 10}


def ids(rows) -> set[str]:
    return {problem_id(row) for row in rows}


def languages_of(rows) -> set[str]:
    return {row["extra_info"]["lang"] for row in rows}


def assert_disjoint(splits):
    for one, other in (("sft", "rl"), ("sft", "eval"), ("rl", "eval")):
        assert not ids(splits[one]) & ids(splits[other])


# ---- the lab


def test_lab_splits_are_disjoint():
    assert_disjoint(load_splits(Data(languages=("en", "sw"), sft_problems=300, rl_problems=300, eval_problems=100), 0))


def test_lab_splits_hold_the_number_of_problems_asked_for_in_every_language():
    splits = load_splits(Data(languages=("en", "sw"), **SMALL), 0)
    assert {name: len(ids(rows)) for name, rows in splits.items()} == {"sft": 20, "rl": 30, "eval": 10}
    assert {name: len(rows) for name, rows in splits.items()} == {"sft": 40, "rl": 60, "eval": 20}


def test_lab_evaluation_is_the_same_for_every_seed_and_training_is_not():
    data = Data(languages=("en", "sw"), **SMALL)
    one, other = load_splits(data, 0), load_splits(data, 1)
    assert one["eval"] == other["eval"]
    assert one["sft"] != other["sft"]
    assert one["rl"] != other["rl"]


def test_lab_splits_are_the_same_for_the_same_seed():
    data = Data(languages=("en", "sw"), **SMALL)
    assert load_splits(data, 5) == load_splits(data, 5)


def test_no_split_holds_a_problem_that_a_base_model_was_trained_on():
    data = Data(languages=("en",), sft_problems=300, rl_problems=300, eval_problems=100)
    trained_on = {problem.id for seed in (0, 1) for problem in base_problems(LabModel(problems=3000), seed)}
    for rows in (load_splits(data, 0) | {"other seed": load_splits(data, 1)["rl"]}).values():
        assert not ids(rows) & trained_on


def test_each_split_has_its_own_languages():
    splits = load_splits(Data(languages=("en",), rl_languages=("sw", "bn"), eval_languages=("de",), **SMALL), 0)
    assert [languages_of(splits[name]) for name in ("sft", "rl", "eval")] == [{"en"}, {"sw", "bn"}, {"de"}]


def test_each_split_has_its_own_number_of_operations():
    data = Data(languages=("sw",), sft_operations=(2,), rl_operations=(4,), eval_operations=(3,), **SMALL)
    for name, operations in (("sft", 2), ("rl", 4), ("eval", 3)):
        assert {len(calculations(row["solution"])) for row in load_splits(data, 0)[name]} == {operations}


def test_the_evaluation_has_the_operations_of_rl_unless_told_otherwise():
    data = Data(languages=("sw",), sft_operations=(2,), rl_operations=(4,), **SMALL)
    assert {len(calculations(row["solution"])) for row in load_splits(data, 0)["eval"]} == {4}


def test_rows_of_one_lab_problem_share_reference_and_answer_over_languages():
    rows = load_splits(Data(languages=lab_languages(), **SMALL), 0)["rl"]
    for start in range(0, len(rows), len(lab_languages())):
        group = rows[start : start + len(lab_languages())]
        assert languages_of(group) == set(lab_languages())
        assert len({(problem_id(r), r["query"], r["solution"], r["reward_model"]["ground_truth"]) for r in group}) == 1


def test_lab_references_score_full_marks():
    for row in load_splits(Data(languages=lab_languages(), **SMALL), 0)["eval"]:
        scored = score(row, row["translated_solution"], 0.7)
        assert (scored["accuracy"], scored["parseable"]) == (1.0, 1.0)


def test_a_language_that_the_lab_cannot_write_is_refused():
    with pytest.raises(ValueError, match="no sentences in 'he'"):
        load_splits(Data(languages=("en", "he"), **SMALL), 0)


def test_splits_that_share_a_problem_are_refused(monkeypatch):
    data = Data(languages=("en",), **SMALL)
    splits = load_splits(data, 0)
    leaking = splits | {"eval": splits["rl"][:1]}
    monkeypatch.setattr(sources, "lab_splits", lambda *_: leaking)
    with pytest.raises(RowError, match=r"splits 'rl' and 'eval' share 1 problems, such as 'lab-"):
        load_splits(data, 0)


# ---- MGSM, from a folder made on the spot


@pytest.fixture
def mgsm_folder(tmp_path) -> Path:
    """Two languages of 250 made-up problems, and GSM8K's file with 260 of which MGSM's are the first 250."""
    (tmp_path / "mgsm").mkdir()
    for lang, question in (("de", "Wie viel ist {} + 1000?"), ("sw", "Ni ngapi {} + 1000?")):
        lines = [f"{question.format(n)}\t{n + 1000:,}\n" for n in range(250)]
        (tmp_path / "mgsm" / f"mgsm_{lang}.tsv").write_text("".join(lines), encoding="utf-8")
    write_gsm8k(tmp_path, 260)
    return tmp_path


def write_gsm8k(folder: Path, count: int) -> Path:
    (folder / "gsm8k").mkdir(exist_ok=True)
    items = [
        {"question": f"What is {n} + 1000?", "answer": f"It is {n}+1000=<<{n}+1000={n + 1000}>>{n + 1000}.\n#### {n + 1000}"}
        for n in range(count)
    ]
    path = folder / "gsm8k" / "test.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def mgsm(folder: Path | None, languages=("de", "sw"), **counts) -> Data:
    return Data(source="mgsm", folder=folder and str(folder), languages=languages, **SMALL | counts)


def test_mgsm_splits_are_disjoint_and_parallel(mgsm_folder):
    splits = load_splits(mgsm(mgsm_folder), 0)
    assert_disjoint(splits)
    assert {name: len(rows) for name, rows in splits.items()} == {"sft": 40, "rl": 60, "eval": 20}
    for rows in splits.values():
        assert [problem_id(row) for row in rows[::2]] == [problem_id(row) for row in rows[1::2]]


def test_mgsm_can_be_used_up_to_the_last_problem(mgsm_folder):
    splits = load_splits(mgsm(mgsm_folder, sft_problems=100, rl_problems=100, eval_problems=50), 0)
    assert set().union(*map(ids, splits.values())) == {f"mgsm-{n}" for n in range(250)}


def test_more_problems_than_mgsm_has_are_refused_with_the_numbers(mgsm_folder):
    with pytest.raises(RowError, match=r"250 problems.*251 in all"):
        load_splits(mgsm(mgsm_folder, sft_problems=211), 0)


def test_an_mgsm_row_pairs_the_translated_question_with_gsm8ks_solution(mgsm_folder):
    rows = [row for rows in load_splits(mgsm(mgsm_folder), 0).values() for row in rows]
    row = next(row for row in rows if row["extra_info"]["lang"] == "sw")
    n = int(problem_id(row).removeprefix("mgsm-"))
    assert row["query"] == f"What is {n} + 1000?"
    assert row["raw_prompt"] == row["input"][-1]["content"] == f"Ni ngapi {n} + 1000?"
    assert row["solution"].endswith(f"#### {n + 1000}")
    assert row["reward_model"]["ground_truth"] == str(n + 1000)
    assert row["translated_solution"] == f"{n} + 1000 = {n + 1000}\nKwa hiyo, jibu ni \\boxed{{{n + 1000}}}."


@pytest.mark.parametrize("count", [249, 251, 0])
def test_a_file_with_the_wrong_number_of_problems_is_named(mgsm_folder, count):
    path = mgsm_folder / "mgsm" / "mgsm_sw.tsv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines, *lines][:count]), encoding="utf-8")
    with pytest.raises(RowError, match=re.escape(f"{path}: {count} problems instead of 250")):
        load_splits(mgsm(mgsm_folder), 0)


@pytest.mark.parametrize("line", ["Ni ngapi?\n", "Ni ngapi?\t\n", "Ni ngapi?\t3\t4\n"])
def test_a_broken_line_is_named_with_its_file(mgsm_folder, line):
    path = mgsm_folder / "mgsm" / "mgsm_sw.tsv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:7], line, *lines[8:]]), encoding="utf-8")
    with pytest.raises(RowError, match=re.escape(f"{path}, row 7")):
        load_splits(mgsm(mgsm_folder), 0)


def test_a_question_with_quotation_marks_is_read_as_it_stands(mgsm_folder):
    path = mgsm_folder / "mgsm" / "mgsm_sw.tsv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(['"Ndiyo", alisema. Ngapi?\t5\n', *lines[1:]]), encoding="utf-8")
    assert read_mgsm("sw", mgsm_folder)[0] == ('"Ndiyo", alisema. Ngapi?', "5")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(RowError, match=re.escape(str(tmp_path / "nowhere"))):
        load_splits(mgsm(tmp_path / "nowhere"), 0)


def test_a_folder_without_the_language_is_named_with_the_file_that_it_lacks(mgsm_folder):
    with pytest.raises(RowError, match=re.escape(str(mgsm_folder)) + r".*mgsm_fr\.tsv"):
        load_splits(mgsm(mgsm_folder, languages=("de", "fr")), 0)


def test_a_folder_without_gsm8k_is_named(mgsm_folder):
    (mgsm_folder / "gsm8k" / "test.jsonl").unlink()
    with pytest.raises(RowError, match=re.escape(str(mgsm_folder)) + r".*gsm8k/test\.jsonl"):
        load_splits(mgsm(mgsm_folder), 0)


def test_a_language_that_mgsm_does_not_have_is_named_with_those_it_has(mgsm_folder):
    with pytest.raises(RowError, match="MGSM has no Korean; it has bn, de"):
        load_splits(mgsm(mgsm_folder, languages=("ko",)), 0)


def test_indonesian_is_never_asked_of_the_hub():
    with pytest.raises(RowError, match="mgsm_id"):
        read_mgsm("id", None)


@pytest.mark.parametrize("count", [100, 0])
def test_a_gsm8k_file_that_was_cut_off_is_named(mgsm_folder, count):
    path = write_gsm8k(mgsm_folder, count)
    with pytest.raises(RowError, match=re.escape(str(path))):
        load_splits(mgsm(mgsm_folder, sft_problems=100, rl_problems=100, eval_problems=50), 0)


def test_a_gsm8k_line_that_was_cut_off_is_named(mgsm_folder):
    path = mgsm_folder / "gsm8k" / "test.jsonl"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(RowError, match=re.escape(str(path))):
        read_gsm8k_test(mgsm_folder)


# ---- MGSM as it is


@pytest.fixture
def real_mgsm(shared_data) -> dict[str, list[dict]]:
    languages = (*MGSM_LANGUAGES, "id")
    return load_splits(mgsm(shared_data, languages=languages, sft_problems=100, rl_problems=100, eval_problems=50), 0)


def test_real_mgsm_holds_250_problems_in_12_languages(real_mgsm):
    rows = [row for rows in real_mgsm.values() for row in rows]
    assert len(rows) == 12 * 250
    assert len(languages_of(rows)) == 12
    assert len(ids(rows)) == 250


def test_real_mgsm_references_are_correct_in_every_language(real_mgsm):
    for rows in real_mgsm.values():
        for row in rows:
            assert score(row, row["translated_solution"], 0.7)["accuracy"] == 1.0, row["extra_info"]


def test_real_mgsm_answers_are_those_of_gsm8k_in_every_language(real_mgsm):
    for rows in real_mgsm.values():
        for row in rows:
            assert row["solution"].rsplit("#### ", 1)[1].replace(",", "") == row["reward_model"]["ground_truth"]


def test_real_mgsm_references_agree_with_the_english_solution(real_mgsm):
    # Four of the 250 solutions carry no annotations, so that their chain of calculations cannot be carried over.
    rows = [row for rows in real_mgsm.values() for row in rows if "<<" in row["solution"]]
    assert len(rows) == 12 * 246
    assert all(agreement(row["solution"], row["translated_solution"]) == 1.0 for row in rows)


# ---- rows of one's own


@pytest.fixture
def rows_folder(tmp_path) -> Path:
    splits = load_splits(Data(languages=("de", "sw"), **SMALL), 0)
    write_rows(splits["sft"], tmp_path / "sft.parquet")
    write_rows(splits["rl"], tmp_path / "rl.parquet")
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in splits["eval"]]
    (tmp_path / "eval.jsonl").write_text("".join(lines), encoding="utf-8")
    return tmp_path


def rows_data(folder: Path | None, **changes) -> Data:
    return Data(source="rows", folder=folder and str(folder), **{"languages": ("de", "sw")} | SMALL | changes)


def test_rows_of_ones_own_are_read_unchanged(rows_folder):
    assert load_splits(rows_data(rows_folder), 0) == load_splits(Data(languages=("de", "sw"), **SMALL), 0)


def test_rows_in_other_languages_are_left_out(rows_folder):
    splits = load_splits(rows_data(rows_folder, languages=("sw",)), 0)
    assert {name: (len(rows), languages_of(rows)) for name, rows in splits.items()} == {
        "sft": (20, {"sw"}),
        "rl": (30, {"sw"}),
        "eval": (10, {"sw"}),
    }


def test_a_split_without_a_row_in_the_languages_is_named_with_its_languages(rows_folder):
    with pytest.raises(RowError, match=re.escape(f"{rows_folder / 'sft.parquet'}: no row in fr") + ".*de, sw"):
        load_splits(rows_data(rows_folder, languages=("fr",)), 0)


def test_a_missing_split_is_named(rows_folder):
    (rows_folder / "rl.parquet").unlink()
    with pytest.raises(RowError, match=re.escape(str(rows_folder)) + r".*rl\.parquet or rl\.jsonl"):
        load_splits(rows_data(rows_folder), 0)


def test_an_empty_split_is_named(rows_folder):
    (rows_folder / "eval.jsonl").write_text("")
    with pytest.raises(RowError, match=re.escape(f"{rows_folder / 'eval.jsonl'}: there are no rows")):
        load_splits(rows_data(rows_folder), 0)


def test_rows_without_a_folder_are_refused_with_the_setting_that_is_missing():
    with pytest.raises(RowError, match=r"data\.folder"):
        load_splits(rows_data(None), 0)


def test_rows_for_sft_need_a_translated_solution(rows_folder):
    rows = [row | {"translated_solution": None} for row in load_splits(rows_data(rows_folder), 0)["sft"]]
    write_rows(rows, rows_folder / "sft.parquet")
    with pytest.raises(RowError, match=r"sft\.parquet, row 0: field 'translated_solution' is empty"):
        load_splits(rows_data(rows_folder), 0)


def test_rows_that_stand_in_two_splits_are_refused(rows_folder):
    write_rows(load_splits(rows_data(rows_folder), 0)["sft"][:2], rows_folder / "rl.parquet")
    with pytest.raises(RowError, match="splits 'sft' and 'rl' share 1 problems"):
        load_splits(rows_data(rows_folder), 0)


# ---- solutions in another language


def test_a_solution_is_carried_over_as_its_calculations_and_the_closing_sentence():
    english = "Half of 10 is 10/2=<<10/2=5>>5. He has 5+3=<<5 + 3=8>>8 left.\n#### 8"
    assert equations_solution(english, "es", "8") == "10 / 2 = 5\n5 + 3 = 8\nPor lo tanto, la respuesta es \\boxed{8}."


def test_a_solution_without_calculations_is_the_closing_sentence_alone():
    assert equations_solution("It is eight.\n#### 8", "es", "8") == "Por lo tanto, la respuesta es \\boxed{8}."


def test_english_text_is_the_solution_without_annotations():
    assert english_text("He has 5+3=<<5+3=8>>8 left.\n#### 8") == "He has 5+3=8 left.\n#### 8"
