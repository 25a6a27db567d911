"""GSM8K in translation: questions and solutions belong together, the splits share nothing, the evaluation is MGSM."""

import pytest

from sp3f_lib.data.schema import RowError, problem_id
from sp3f_lib.data.sources import load_splits
from sp3f_lib.profiles import load_profile
from sp3f_lib.rewards.answers import is_correct
from sp3f_lib.rewards.calculations import calculations, reference_answer


def data(folder, **changes):
    return load_profile("laptop", {f"data.{key}": value for key, value in changes.items()}, folder=str(folder)).data


@pytest.fixture(scope="module")
def splits(shared_data):
    return load_splits(data(shared_data), seed=0)


def test_each_split_has_its_problems_in_every_language(splits):
    for name, problems, task in (("sft", 60, "gsm8k"), ("rl", 60, "gsm8k"), ("eval", 25, "mgsm")):
        rows = splits[name]
        assert len({problem_id(row) for row in rows}) == problems
        assert [row["extra_info"]["lang"] for row in rows[:4]] == ["en", "es", "de", "fr"]
        assert len(rows) == 4 * problems and {row["data_source"] for row in rows} == {task}


def test_question_solution_and_answer_belong_together(splits):
    first = next(row for row in splits["sft"] + splits["rl"] if row["extra_info"]["lang"] == "en")
    assert first["raw_prompt"] == first["query"]
    for row in splits["sft"] + splits["rl"]:
        gold = row["reward_model"]["ground_truth"]
        assert reference_answer(row["solution"]) == gold
        assert is_correct(row["translated_solution"], gold, row["extra_info"]["lang"])
        assert calculations(row["translated_solution"]) == calculations(row["solution"])


def test_a_question_keeps_most_of_its_numbers_in_translation(splits):
    """Row i of a translated file is row i of GSM8K: were it another problem's, the numbers would be too."""
    kept = []
    for row in splits["rl"]:
        numbers = {word.strip("$.,?") for word in row["query"].split() if word.strip("$.,?").isdigit()}
        kept += [number in row["raw_prompt"] for number in numbers]
    assert sum(kept) / len(kept) > 0.9


def test_another_seed_trains_on_other_problems_and_is_scored_on_the_same(shared_data, splits):
    other = load_splits(data(shared_data), seed=1)
    ids = {name: {problem_id(row) for row in rows} for name, rows in splits.items()}
    others = {name: {problem_id(row) for row in rows} for name, rows in other.items()}
    assert ids["eval"] == others["eval"]
    assert len(ids["sft"] & others["sft"]) < 10


def test_without_a_folder_it_says_what_to_set():
    with pytest.raises(RowError, match=r"set data\.folder"):
        load_splits(data("").model_copy(update={"folder": None}), seed=0)


def test_more_problems_than_there_are_is_an_error_with_the_number(shared_data):
    with pytest.raises(RowError, match="1972 problems, fewer than the 2060"):
        load_splits(data(shared_data, sft_problems=2000), seed=0)
    with pytest.raises(RowError, match="MGSM has 250 problems, not 251"):
        load_splits(data(shared_data, eval_problems=251), seed=0)


def test_a_language_that_nobody_translated_is_named_with_those_that_are_there(shared_data):
    with pytest.raises(RowError, match=r"no file of prompts in 'sw'; there are de, es, fr, ru"):
        load_splits(data(shared_data, languages=["en", "sw"]), seed=0)
