"""Parallel prompts: the three formats as they are released, our own rows, and what is not parallel."""

import json

import pytest

from sp3f_lib.data.parallel import prompts_from_rows, read_prompts
from sp3f_lib.data.schema import RowError
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.lab.problems import sample_problems


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def ultrafeedback(folder, **texts):
    for lang, rows in texts.items():
        write(folder / f"{lang}.jsonl", [{"instruction": text, "instruction_id": id} for id, text in rows.items()])
    return folder


def test_ultrafeedback(tmp_path):
    ultrafeedback(tmp_path, en={"a": "Who?", "b": "Why?"}, de={"b": "Warum?", "a": "Wer?"}, fr={"a": "Qui ?"})
    prompts, missing = read_prompts(tmp_path, ("en", "de"))
    assert [(p.id, p.english, p.messages["de"][0]["content"]) for p in prompts] == [
        ("a", "Who?", "Wer?"),
        ("b", "Why?", "Warum?"),
    ]
    assert prompts[0].messages["en"] == [{"role": "user", "content": "Who?"}]
    assert missing == {"en": 0, "de": 0}


def test_alpagasus_files_follow_each_other_by_number(tmp_path):
    for lang in ("en", "de"):
        for start, end in ((0, 2), (2, 4), (10, 12)):
            rows = [{"id": f"alpagasus-{k}", "instruction": f"{lang} {k}"} for k in range(start, end)]
            write(tmp_path / f"id_{start}_{end}__{lang}.jsonl", rows)
    prompts, _ = read_prompts(tmp_path, ("en", "de"), limit=5)
    assert [p.id for p in prompts] == [f"alpagasus-{k}" for k in (0, 1, 2, 3, 10)]
    assert prompts[4].messages["de"][0]["content"] == "de 10"


def test_gsm8k_is_english_by_line_and_translated_by_number(tmp_path):
    write(tmp_path / "gsm8k" / "train.jsonl", [{"question": f"Q{k}", "answer": "#### 1"} for k in range(3)])
    rows = [{"id": f"degsm8k_{k}", "instruction": f"F{k}", "answer": "", "final_answer": "1"} for k in (1, 0)]
    write(tmp_path / "translated" / "train_de.first2000.jsonl", rows)
    with pytest.raises(RowError, match=r"train_de.first2000.jsonl lacks 1 ids in 'de' .* such as 'gsm8k-2'"):
        read_prompts(tmp_path / "translated", ("en", "de"))
    prompts, missing = read_prompts(tmp_path / "translated", ("en", "de"), intersect=True)
    assert [(p.english, p.messages["de"][0]["content"]) for p in prompts] == [("Q0", "F0"), ("Q1", "F1")]
    assert missing == {"en": 0, "de": 1}


def test_missing_ids_name_language_id_and_file_or_are_counted(tmp_path):
    ultrafeedback(tmp_path, en={"a": "A", "b": "B", "c": "C"}, de={"c": "C", "a": "A", "d": "D"}, fr={"a": "A", "b": "B"})
    with pytest.raises(
        RowError, match=r"fr.jsonl lacks 2 ids in 'fr' that other languages have, such as 'c'.*intersect=True\) .* 1 "
    ):
        read_prompts(tmp_path, ("en", "de", "fr"))
    prompts, missing = read_prompts(tmp_path, ("en", "de", "fr"), intersect=True)
    assert [p.id for p in prompts] == ["a"]
    assert missing == {"en": 1, "de": 1, "fr": 2}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"instruction_id": "a", "instruction": " "}], r"de.jsonl, line 1: the instruction of id 'a' is empty"),
        ([{"instruction_id": "a", "instruction": "A"}] * 2, r"de.jsonl, line 2: id 'a' is there twice"),
        ([{"text": "A"}], r"de.jsonl, line 1: expected instruction and instruction_id.*; found text"),
        ([{"instruction_id": "z", "instruction": "A"}], r"no prompt is there in every one of en, de"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, rows, message):
    ultrafeedback(tmp_path, en={"a": "A"})
    write(tmp_path / "de.jsonl", rows)
    with pytest.raises(RowError, match=message):
        read_prompts(tmp_path, ("en", "de"), intersect=True)


def test_languages_that_are_unknown_or_not_there(tmp_path):
    ultrafeedback(tmp_path, en={"a": "A"}, de={"a": "A"})
    with pytest.raises(ValueError, match="unknown language 'German': write its code, 'de'"):
        read_prompts(tmp_path, ("en", "German"))
    with pytest.raises(RowError, match="no file of prompts in 'sw'; there are de, en"):
        read_prompts(tmp_path, ("en", "sw"))
    with pytest.raises(RowError, match="add 'en' to the languages de"):
        read_prompts(tmp_path, ("de",))
    with pytest.raises(RowError, match="there is no such folder"):
        read_prompts(tmp_path / "nowhere", ("en",))


def test_our_rows_keep_their_system_message():
    rows = lab_rows(sample_problems(3, 0), ("en", "sw", "de"))
    prompts, missing = prompts_from_rows(rows, ("en", "sw"))
    assert [p.id for p in prompts] == [row["extra_info"]["id"] for row in rows[::3]]
    assert prompts[1].messages == {"en": rows[3]["input"], "sw": rows[4]["input"]}
    assert missing == {"en": 0, "sw": 0}
    with pytest.raises(RowError, match="lacks 1 ids in 'sw'"):
        prompts_from_rows([*rows[:1], *rows[3:]], ("en", "sw"))
    with pytest.raises(RowError, match=r"row 9: problem .* is there twice in 'en'"):
        prompts_from_rows([*rows, rows[0]], ("en", "sw"))


def test_the_released_files_are_parallel(shared_data):
    prompts, missing = read_prompts(shared_data / "ultrafeedback_prompts_multilingual", ("en", "sw", "bn", "th", "zh"))
    assert len(prompts) == 1000
    assert set(missing.values()) == {0}
    prompts, missing = read_prompts(shared_data / "alpagasus_multilingual", ("en", "ja", "ar"))
    assert [p.id for p in prompts] == [f"alpagasus-{k}" for k in range(2000)]
    prompts, missing = read_prompts(shared_data / "gsm8k_translated", ("en", "de", "es", "fr", "ru"), intersect=True)
    assert (len(prompts), missing["en"], missing["ru"]) == (2000, 0, 5473)
    assert all(p.english[:7] in ("Natalia", "Weng ea") for p in prompts[:2])
    assert "Natalia" in prompts[0].messages["es"][0]["content"]
