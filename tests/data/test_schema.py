"""Rows: read and written unchanged, and refused with file, row and field where they cannot be used."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.data.schema import (
    FIELDS,
    RowError,
    check_rows,
    english_question,
    make_row,
    problem_id,
    read_json_lines,
    read_rows,
    write_rows,
)
from sp3f_lib.languages import LANGUAGES, get_language


def write_jsonl(rows, path: Path) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def refused(rows, for_sft: bool = False) -> str:
    """The message with which `rows` are refused; it names the file."""
    with pytest.raises(RowError) as error:
        check_rows(rows, "folder/mine.parquet", for_sft=for_sft)
    assert str(error.value).startswith("folder/mine.parquet")
    return str(error.value)


def second(row: dict, **changes) -> list[dict]:
    """Two rows, the first as it is, the second another problem with changes."""
    other = row | {"extra_info": row["extra_info"] | {"id": "sum-2"}} | changes
    return [row, other]


# ---- round trips


def test_rows_come_back_from_parquet_unchanged(good_row, tmp_path):
    rows = second(good_row)
    assert read_rows(write_rows(rows, tmp_path / "rows.parquet")) == rows


def test_rows_come_back_from_jsonl_unchanged(good_row, tmp_path):
    rows = second(good_row)
    assert read_rows(write_jsonl(rows, tmp_path / "rows.jsonl")) == rows


def test_rows_of_the_required_fields_alone_are_enough(good_row, tmp_path):
    small = {field: good_row[field] for field in ("solution", "input", "reward_model")} | {"extra_info": {"lang": "de"}}
    assert read_rows(write_rows([small], tmp_path / "rows.parquet")) == [small]


def test_columns_that_the_schema_does_not_know_are_kept(good_row, tmp_path):
    rows = [good_row | {"difficulty": 0.25, "tags": ["easy", "sum"]}]
    assert read_rows(write_rows(rows, tmp_path / "rows.parquet")) == rows


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(LANGUAGES)),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_text_survives_parquet(tmp_path_factory, texts):
    rows = [
        make_row(id=str(n), lang=lang, query=q, solution=q, question=q, translated=t, answer="7", task="any")
        for n, (lang, q, t) in enumerate(texts)
    ]
    # An assistant's turn that only some rows have does not change the type of the column.
    path = tmp_path_factory.mktemp("any") / "rows.parquet"
    assert read_rows(write_rows(rows, path)) == rows


def test_bad_rows_are_not_written_and_the_old_file_stays(good_row, tmp_path):
    path = write_rows([good_row], tmp_path / "rows.parquet")
    with pytest.raises(RowError):
        write_rows([good_row | {"solution": None}], path)
    assert read_rows(path) == [good_row]


# ---- made rows


def test_a_made_row_has_every_field_of_the_schema_in_order():
    row = make_row(id="1", lang="sw", query="q", solution="s", question="swali", translated="t", answer="3", task="lab")
    assert tuple(row) == FIELDS


def test_a_made_row_holds_the_instruction_in_its_language_and_the_assistants_turn():
    row = make_row(id="1", lang="sw", query="q", solution="s", question="swali", translated="t", answer="3", task="lab")
    assert row["input"] == [
        {"role": "system", "content": get_language("sw").instruction},
        {"role": "user", "content": "swali"},
    ]
    assert row["messages"] == [*row["input"], {"role": "assistant", "content": "t"}]


def test_an_answer_given_as_a_number_becomes_text():
    row = make_row(id="1", lang="sw", query="q", solution="s", question="x", translated="t", answer=3, task="lab")
    assert row["reward_model"] == {"ground_truth": "3"}
    assert row["extra_info"]["ground_truth"] == "3"


def test_a_row_without_translation_has_no_assistants_turn():
    row = make_row(id="1", lang="sw", query="q", solution="s", question="x", translated=None, answer="3", task="lab")
    assert row["messages"] == row["input"]


# ---- what rows share


def test_rows_of_one_problem_share_its_id_over_languages(good_row):
    english = good_row | {"extra_info": good_row["extra_info"] | {"lang": "en"}, "raw_prompt": good_row["query"]}
    assert problem_id(english) == problem_id(good_row) == "sum-1"


def test_without_an_id_the_english_question_tells_the_problem(good_row):
    one, same, other = ({**good_row, "extra_info": {"lang": lang}} for lang in ("de", "en", "de"))
    other["query"] = "What is 2 + 2?"
    assert problem_id(one) == problem_id(same) != problem_id(other)


def test_without_id_and_question_the_english_solution_tells_the_problem(good_row):
    one, other = ({**good_row, "query": None, "extra_info": {"lang": "de"}} for _ in range(2))
    other["solution"] += " So 3."
    assert problem_id(one) != problem_id(other)


def test_the_judge_reads_the_english_question_or_the_users_turn(good_row):
    assert english_question(good_row) == "What is 1 + 2?"
    del good_row["query"]
    assert english_question(good_row) == "Wie viel ist 1 + 2?"


def test_one_problem_may_be_there_in_several_languages(good_row):
    rows = [good_row, good_row | {"extra_info": good_row["extra_info"] | {"lang": "en"}}]
    assert check_rows(rows, "mine") == rows


# ---- rows that cannot be used


@pytest.mark.parametrize("field", ["solution", "input", "reward_model", "extra_info"])
def test_a_missing_column_is_named_with_file_and_row(good_row, field):
    first, other = second(good_row)
    del other[field]
    message = refused([first, other])
    assert "row 1" in message
    assert f"field '{field}' is missing" in message


def test_the_message_on_a_misspelt_column_shows_the_columns_that_are_there(good_row):
    good_row["translated_solutoin"] = good_row.pop("translated_solution")
    message = refused([good_row], for_sft=True)
    assert "row 0: field 'translated_solution' is missing" in message
    assert "translated_solutoin" in message


def test_a_translated_solution_is_needed_for_sft_only(good_row):
    del good_row["translated_solution"]
    assert check_rows([good_row], "mine") == [good_row]
    assert "translated_solution" in refused([good_row], for_sft=True)


@pytest.mark.parametrize("field", ["solution", "input", "reward_model", "extra_info", "translated_solution"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_field_is_named_with_file_and_row(good_row, field, nothing):
    message = refused(second(good_row, **{field: nothing}), for_sft=True)
    assert f"row 1: field '{field}' is empty" in message


@pytest.mark.parametrize("field", ["solution", "translated_solution"])
def test_a_solution_that_is_not_text_is_named(good_row, field):
    assert f"row 1: field '{field}' must be text, not list" in refused(second(good_row, **{field: ["3"]}))


def test_an_unknown_language_is_named_with_the_nearest(good_row):
    message = refused(second(good_row, extra_info={"lang": "sww", "id": "2"}))
    assert "row 1: field 'extra_info.lang': unknown language 'sww'; nearest: 'sw'" in message


def test_a_missing_language_is_named(good_row):
    assert "row 1: field 'extra_info.lang'" in refused(second(good_row, extra_info={"id": "2"}))


def test_a_second_row_of_one_problem_in_one_language_is_named_with_the_first(good_row):
    message = refused([*second(good_row), good_row])
    assert re.search(r"row 2: problem 'sum-1' in 'de' is there already, in row 0", message)


@pytest.mark.parametrize("truth", [3, 3.0, None, "", "  ", ["3"]])
def test_a_ground_truth_that_is_not_a_text_is_named(good_row, truth):
    assert "row 1: field 'reward_model.ground_truth'" in refused(second(good_row, reward_model={"ground_truth": truth}))


@pytest.mark.parametrize("truth", [r"\frac{1}{2", "18 +", "None", "$$", "7" * 1001])
def test_a_ground_truth_that_no_answer_could_equal_is_named(good_row, truth):
    message = refused(second(good_row, reward_model={"ground_truth": truth}))
    assert "row 1: field 'reward_model.ground_truth': " in message


@pytest.mark.parametrize("truth", [r"\frac{1}{2}", "B", r"\text{Monday}", "1,234", r"\binom{2n}{n}"])
def test_a_ground_truth_that_can_be_compared_at_least_as_text_is_used(good_row, truth):
    good_row["reward_model"] = {"ground_truth": truth}
    assert check_rows([good_row], "mine") == [good_row]


@pytest.mark.parametrize("model", ["3", ["3"], {"truth": "3"}])
def test_a_reward_model_without_a_ground_truth_is_named(good_row, model):
    assert "row 1: field 'reward_model" in refused(second(good_row, reward_model=model))


@pytest.mark.parametrize(
    "roles", [["user", "system"], ["system"], ["user", "user"], ["system", "user", "assistant"], ["User"]]
)
def test_wrong_roles_are_named(good_row, roles):
    turns = [{"role": role, "content": "text"} for role in roles]
    message = refused(second(good_row, input=turns))
    assert "row 1: field 'input'" in message
    assert str(roles) in message


def test_a_prompt_that_is_no_list_of_messages_is_named(good_row):
    assert "row 1: field 'input'" in refused(second(good_row, input="Wie viel ist 1 + 2?"))


def test_a_user_message_alone_is_a_prompt(good_row):
    good_row["input"] = good_row["input"][1:]
    assert check_rows([good_row], "mine") == [good_row]


def test_no_rows_at_all_are_refused():
    assert refused([]) == "folder/mine.parquet: there are no rows"


# ---- files that cannot be read


def test_a_parquet_file_that_was_cut_off_is_named(good_row, tmp_path):
    path = write_rows([good_row], tmp_path / "rows.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RowError, match=rf"{re.escape(str(path))}: not a readable parquet file \(cut off\?\)"):
        read_rows(path)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl"])
def test_an_empty_file_is_named(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(RowError, match=re.escape(str(tmp_path / name))):
        read_rows(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RowError, match=re.escape(f"{tmp_path / 'rows.parquet'}: there is no such file")):
        read_rows(tmp_path / "rows.parquet")


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "rows.csv").write_text("solution\n")
    with pytest.raises(RowError, match=re.escape(str(tmp_path / "rows.csv"))):
        read_rows(tmp_path / "rows.csv")


def test_a_jsonl_file_that_was_cut_off_is_named_with_its_line(good_row, tmp_path):
    path = write_jsonl(second(good_row), tmp_path / "rows.jsonl")
    path.write_text(path.read_text(encoding="utf-8")[:-30], encoding="utf-8")
    with pytest.raises(RowError, match=re.escape(f"{path}, line 2: not JSON")):
        read_rows(path)


def test_a_line_that_is_no_object_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text("[1, 2]\n")
    with pytest.raises(RowError, match=r"rows\.jsonl, line 1: not a JSON object"):
        read_rows(tmp_path / "rows.jsonl")


def test_a_bad_row_in_a_file_is_named_with_the_file(good_row, tmp_path):
    path = write_jsonl(second(good_row, solution=None), tmp_path / "rows.jsonl")
    with pytest.raises(RowError, match=re.escape(f"{path}, row 1: field 'solution' is empty")):
        read_rows(path)


# ---- nested values and bytes that a reader could stumble over


@pytest.mark.parametrize(
    "changes",
    [
        {"extra_info": "de"},
        {"extra_info": {"lang": ["de"]}},
        {"input": ["Wie viel ist 1 + 2?"]},
        {"query": 3, "extra_info": {"lang": "de"}},
    ],
    ids=["extra_info is text", "lang is a list", "messages are texts", "query is a number"],
)
def test_a_nested_field_of_the_wrong_type_is_named(good_row, changes):
    assert "row 1" in refused(second(good_row, **changes))


@pytest.mark.parametrize("content", [None, "", 3])
def test_a_message_without_text_is_named(good_row, content):
    assert "row 1: field 'input'" in refused(second(good_row, input=[{"role": "user", "content": content}]))


def test_a_jsonl_file_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes('{"solution": "für"}\n'.encode("latin-1"))
    with pytest.raises(RowError, match=r"rows\.jsonl"):
        read_rows(tmp_path / "rows.jsonl")


def test_a_line_separator_inside_a_text_a_mark_at_the_beginning_and_empty_lines_at_the_end_do_no_harm(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('\ufeff{"a": "one\u2028two"}\n{"a": "three\x85four"}\n\n', encoding="utf-8")
    assert read_json_lines(path) == [{"a": "one\u2028two"}, {"a": "three\x85four"}]
