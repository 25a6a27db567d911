"""The English reference solution over wrong answers: for a model that has no right ones."""

import pandas as pd

from sp3f_lib.methods.english_reference import NOT_WRONG, PAIRED, UNSOLVED, boxed_solution, reference_pairs
from sp3f_lib.methods.models import before
from sp3f_lib.profiles import load_profile

from .test_english_start import RIGHT, WRONG, responses, row, sides

ALSO_WRONG = r"Three, or \boxed{5}."


def test_the_solution_is_chosen_over_wrong_answers_of_each_prompt():
    pairs, counts = reference_pairs(responses(WRONG, ALSO_WRONG, RIGHT, " "), [row("a"), row("a", "de")], 0.7, 3, seed=0)
    assert sorted(sides(pairs)) == sorted([(RIGHT, WRONG), (RIGHT, ALSO_WRONG)])
    assert (pairs[0]["lang"], pairs[0]["prompt"]) == ("en", row("a")["input"])
    assert len(reference_pairs(responses(WRONG, ALSO_WRONG), [row("a")], 0.7, 1, seed=0)[0]) == 1
    assert counts.set_index("prompts")["number"].to_dict() == {PAIRED: 1, NOT_WRONG: 0, UNSOLVED: 0}


def test_what_gives_no_pair_is_counted():
    unsolved = row("c") | {"solution": ""}
    frame = pd.concat([responses(RIGHT), responses(WRONG, id="b"), responses(WRONG, id="c")])
    pairs, counts = reference_pairs(frame, [row("a"), row("b"), unsolved], 0.7, 1, seed=0)
    assert [pair["id"] for pair in pairs] == ["b"] and counts["number"].tolist() == [1, 1, 1]


def test_a_solution_of_gsm8k_ends_in_the_box_that_the_prompt_asks_for():
    told = row("a") | {"solution": "She has 1+2=<<1+2=3>>3 eggs.\n#### 3"}
    assert boxed_solution(told) == "She has 1+2=3 eggs.\nTherefore, the answer is \\boxed{3}."


def test_on_a_laptop_it_is_one_step_from_the_model_as_it_comes():
    profile = load_profile("laptop", {"methods.start": "dpo_reference", "methods.prompts": "some/folder"})
    assert before(profile, "icr_1") == ("base", "dpo_reference")
