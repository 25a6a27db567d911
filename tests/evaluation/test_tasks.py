"""Tasks: what their files say, what is refused in them and in their rows, and the real rows that are here."""

import json

import pytest
import yaml

from sp3f_lib.data.schema import RowError
from sp3f_lib.evaluation.task_rows import covered, task_rows
from sp3f_lib.evaluation.tasks import load_task, task_names
from sp3f_lib.languages import LANGUAGES
from sp3f_lib.profiles import ProfileError

SEEN = [code for code, language in LANGUAGES.items() if language.seen]
OWN = {
    "about": "made up",
    "kind": "choice",
    "languages": {"en": "en", "de": "german"},
    "file": "{config}.jsonl",
    "question": "{passage}\n{question}",
    "options": ["a", "b", "c", "d"],
    "gold": "answer",
    "gold_is": "letter",
}
ROW = {
    "passage": "It {rains}.",
    "question": "What falls?",
    "a": "snow",
    "b": "rain",
    "c": "hail",
    "d": "night",
    "answer": "B",
}


def own(folder, rows, lang="en", **changes):
    """A task of one's own, with a file of its rows."""
    (folder / "weather.yaml").write_text(yaml.safe_dump(OWN | changes, sort_keys=False))
    name = {"en": "en", "de": "german"}[lang]
    (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return load_task(str(folder / "weather.yaml"))


def test_the_tasks_of_the_paper_cover_what_it_says():
    assert task_names() == ["belebele", "global_mmlu_lite", "mgsm", "mt_math100"]
    seen = {name: len([code for code in load_task(name).languages if code in SEEN]) for name in task_names()}
    assert seen == {"belebele": 18, "global_mmlu_lite": 15, "mgsm": 12, "mt_math100": 17}
    assert "yo" not in load_task("mt_math100").languages and load_task("mt_math100").problems == 99
    assert [load_task(name).chance for name in task_names()] == [0.25, 0.25, 0, 0]


def test_an_unknown_task_and_an_unknown_key_are_refused_with_the_nearest_one(tmp_path):
    with pytest.raises(ProfileError, match="unknown task 'belebelle'; nearest known: 'belebele'"):
        load_task("belebelle")
    with pytest.raises(ProfileError, match="unknown key optionen; nearest known: 'options'"):
        own(tmp_path, [ROW], optionen=["a"])
    with pytest.raises(ProfileError, match="unknown language 'xx'"):
        own(tmp_path, [ROW], languages={"xx": "xx"})
    with pytest.raises(ProfileError, match="say in `choices`"):
        own(tmp_path, [ROW], options=["list"])
    with pytest.raises(ProfileError, match="kind choice has `options`"):
        own(tmp_path, [ROW], kind="number")


def test_a_task_of_ones_own_is_asked_in_the_language_of_the_question(tmp_path):
    task = own(tmp_path, [ROW, ROW | {"answer": "D"}], lang="de")
    rows = task_rows(task, ["de"], tmp_path)
    assert rows[0]["input"] == [
        {"role": "system", "content": LANGUAGES["de"].instruction},
        {"role": "user", "content": "It {rains}.\nWhat falls?\n\nA) snow\nB) rain\nC) hail\nD) night"},
    ]
    assert [row["gold"] for row in rows] == ["B", "D"] and [row["id"] for row in rows] == ["0", "1"]
    assert task_rows(task, ["de"], tmp_path, limit=1) == rows[:1]


@pytest.mark.parametrize(
    "gold_is, answer, options, letter",
    [("number", 3, None, "C"), ("number", "1", None, "A"), ("text", "night", None, "D"), ("letter", "E", "list", "E")],
)
def test_the_gold_answer_may_be_a_letter_a_number_or_a_text(tmp_path, gold_is, answer, options, letter):
    row = ROW | {"answer": answer, "list": ["p", "q", "r", "s", "t"]}
    changes = {"options": ["list"], "choices": 5} if options else {}
    assert task_rows(own(tmp_path, [row], gold_is=gold_is, **changes), ["en"], tmp_path)[0]["gold"] == letter


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"e": "fog"}, "5 options; task weather says 4"),
        ({"d": ""}, "field 'd' is empty"),
        ({"d": None}, "field 'd' is empty"),
        ({"answer": ""}, "field 'answer' is empty"),
        ({"answer": None}, "field 'answer' is empty"),
        ({"answer": "E"}, "field 'answer' is 'E', which is none of the options"),
        ({"answer": "b"}, "field 'answer' is 'b', which is none"),
        ({"question": ["What?"]}, "field 'question' must be text, not list"),
    ],
)
def test_a_bad_row_is_named_by_file_row_and_field(tmp_path, changes, message):
    task = own(tmp_path, [ROW, ROW, ROW | changes])
    with pytest.raises(RowError) as error:
        task_rows(task, ["en"], tmp_path)
    assert f"{tmp_path / 'en.jsonl'}, row 3: {message}" in str(error.value)


def test_a_missing_field_a_double_id_and_a_wrong_number_of_rows_are_named(tmp_path):
    without = {name: value for name, value in ROW.items() if name != "answer"}
    with pytest.raises(RowError, match=r"row 2: field 'answer' is missing; the row has \['a', 'b'"):
        task_rows(own(tmp_path, [ROW, without]), ["en"], tmp_path)
    with pytest.raises(RowError, match=r"row 2: passage 'It \{rains\}\.' is there already, in row 1"):
        task_rows(own(tmp_path, [ROW, ROW], id="passage"), ["en"], tmp_path)
    with pytest.raises(RowError, match=r"en\.jsonl: 2 rows instead of 3"):
        task_rows(own(tmp_path, [ROW, ROW], problems=3), ["en"], tmp_path)
    with pytest.raises(RowError, match="2 options; task weather says 4"):
        task_rows(own(tmp_path, [ROW | {"list": ["p", "q"]}], options=["list"], choices=4), ["en"], tmp_path)


def test_languages_that_a_task_or_folder_does_not_have(tmp_path):
    task = own(tmp_path, [ROW])
    assert covered(task, ["sw", "de", "en"], tmp_path) == ["en"] and covered(task, ["sw", "de", "en"], None) == ["de", "en"]
    with pytest.raises(RowError, match="weather has none of sw; it is in en, de"):
        covered(task, ["sw"], tmp_path)
    with pytest.raises(RowError, match=f"weather has none of de in {tmp_path}"):
        covered(task, ["de"], tmp_path)
    with pytest.raises(RowError, match="nowhere: there is no such folder"):
        covered(task, ["en"], tmp_path / "nowhere")
    with pytest.raises(RowError, match=r"weather has no Swahili \(sw\); it is in en, de"):
        task_rows(task, ["sw"], tmp_path)
    with pytest.raises(RowError, match=r"there is no weather/german\.jsonl or german\.jsonl"):
        task_rows(task, ["de"], tmp_path)
    with pytest.raises(RowError, match="weather in English is not on the hub: give the folder"):
        task_rows(task, ["en"], None)


def test_a_column_of_each_language_and_golds_of_latex(tmp_path):
    texts = {"en": "What is {}?", "zh-cn": "{} 是什么？", "zh-tw": "{} 是什麼？"}
    rows = [{lang: text.format(k) for lang, text in texts.items()} | {"answer": r"\sqrt{51}"} for k in range(99)]
    (tmp_path / "mt_math100.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    found = task_rows(load_task("mt_math100"), ["en", "zh"], tmp_path)
    assert found[0]["input"][1]["content"] == "What is 0?" and found[99]["input"][1]["content"] == "0 是什么？"
    assert found[0]["gold"] == r"\sqrt{51}" and found[0]["id"] == found[99]["id"] and found[0]["options"] == []
    # Both kinds of Chinese are the language's rows, and one cluster.
    assert found[198]["input"][1]["content"] == "0 是什麼？" and [row["lang"] for row in found].count("zh") == 2 * 99
    assert found[198]["id"] == "0 zh-tw" and found[198]["cluster"] == found[99]["cluster"] == "0"


def test_parts_of_a_task_by_numbers_of_rows_or_by_a_field(tmp_path, shared_data):
    rows = task_rows(load_task("mgsm"), ["en", "sw"], shared_data)
    wrong = [row for row in rows if row["subset"] == "English is wrong"]
    assert len(wrong) == 2 * 22 and len(rows) == 2 * 250 and {row["id"] for row in wrong} >= {"2", "12", "241"}
    rows = task_rows(load_task("global_mmlu_lite"), ["en"], shared_data)
    assert [sum(row["subset"] == name for row in rows) for name in ("CS", "CA")] == [200, 200]
    assert task_rows(own(tmp_path, [ROW]), ["en"], tmp_path)[0]["subset"] is None


@pytest.mark.parametrize("name, languages, rows, clusters", [
    ("belebele", 6, 900, 488), ("global_mmlu_lite", 4, 400, 400), ("mgsm", 12, 250, 250),
])  # fmt: skip
def test_the_real_rows_that_are_here(shared_data, name, languages, rows, clusters):
    task = load_task(name)
    there = covered(task, LANGUAGES, shared_data)
    found = task_rows(task, there, shared_data)
    assert len(there) == languages and len(found) == languages * rows
    by_language = {lang: [row for row in found if row["lang"] == lang] for lang in there}
    golds = {lang: [row["gold"] for row in part] for lang, part in by_language.items()}
    assert all(found == golds["en"] for found in golds.values())
    assert all([row["id"] for row in part] == [row["id"] for row in by_language["en"]] for part in by_language.values())
    passages = {row["cluster"] for row in by_language[there[0]]}
    assert len(passages) == clusters
