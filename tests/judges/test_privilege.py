"""What the judge is shown at each level of privilege, and the wrong solution that serves as the control."""

import pytest

from sp3f_lib.data.mgsm import read_gsm8k_test
from sp3f_lib.data.schema import RowError
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.judges.alignment import calculations, reference_answer
from sp3f_lib.judges.base import LEVELS, Pair
from sp3f_lib.judges.privilege import privileged_text, wrong_solution
from sp3f_lib.judges.prompts import messages
from sp3f_lib.lab.problems import lab_languages, render_solution, sample_problems
from sp3f_lib.rewards.answers import answers_equal

PROBLEMS = sample_problems(300, seed=8)


def test_each_level_shows_its_text(good_row):
    shown = {level: privileged_text(good_row, level) for level in LEVELS}
    assert shown["none"] is None
    assert shown["answer"] == "3"
    assert shown["solution"] == good_row["solution"]
    assert shown["translated"] == good_row["translated_solution"]
    assert shown["wrong"] == wrong_solution(good_row["solution"]) != good_row["solution"]


def test_an_unknown_level_is_an_error_that_names_the_known_ones(good_row):
    with pytest.raises(ValueError, match=r"'half'; known: none, answer, solution, translated, wrong"):
        privileged_text(good_row, "half")


@pytest.mark.parametrize("lost", [None, ""])
def test_a_row_without_a_translation_stops_only_the_level_that_needs_it(good_row, lost):
    good_row["translated_solution"] = lost
    with pytest.raises(RowError, match=r"'sum-1' \(de\) has no 'translated_solution'"):
        privileged_text(good_row, "translated")
    assert [privileged_text(good_row, level) is None for level in LEVELS if level != "translated"] == [
        True,
        False,
        False,
        False,
    ]


def test_without_privilege_nothing_of_the_reference_reaches_the_judge():
    for row in lab_rows(PROBLEMS[:50], ("sw",)):
        pair = Pair(row["query"], "I do not know.", "Nor do I.", privileged_text(row, "none"), level="none")
        text = "\n".join(message["content"] for message in messages(pair, b"secret"))
        assert pair.shown == "none"
        assert row["solution"] not in text
        assert row["translated_solution"] not in text
        assert "correct answer of the problem" not in text
        assert not calculations(text)


# ---- the control


def test_a_wrong_solution_ends_with_another_answer():
    for problem in PROBLEMS:
        solution = render_solution(problem, "en")
        wrong = reference_answer(wrong_solution(solution))
        assert wrong is not None
        assert not answers_equal(wrong, str(problem.answer))


@pytest.mark.parametrize("lang", lab_languages())
def test_a_wrong_solution_can_be_made_in_every_language(lang):
    for problem in PROBLEMS[:30]:
        wrong = reference_answer(wrong_solution(render_solution(problem, lang)))
        assert not answers_equal(wrong, str(problem.answer))


def test_a_wrong_solution_goes_astray_and_keeps_style_and_length():
    for problem in PROBLEMS:
        solution = render_solution(problem, "en")
        wrong = wrong_solution(solution)
        assert calculations(wrong) != calculations(solution)
        assert len(calculations(wrong)) == len(calculations(solution))
        assert len(wrong.split()) == len(solution.split())


def test_a_wrong_solution_is_the_same_for_the_same_text_in_every_process():
    # A fixed value: the keys of the ledger hang on it, and a change of it would be paid for.
    assert wrong_solution(r"5 + 3 = 8. \boxed{8}") == r"5 + 3 = 12. \boxed{12}"


@pytest.mark.parametrize(
    "solution",
    [
        r"By symmetry it is \boxed{\frac{1}{2}}.",
        r"So \boxed{x}.",
        "It is 7.\n#### 7",
        "Nobody knows.",
        "",
        r"\boxed{}",
        "5 + 3 = 8",
    ],
)
def test_any_solution_has_a_wrong_one(solution):
    wrong = wrong_solution(solution)
    assert wrong != solution
    if reference_answer(solution):
        assert not answers_equal(reference_answer(wrong), reference_answer(solution))


def test_wrong_solutions_of_real_problems_have_another_answer(shared_data):
    for _, solution in read_gsm8k_test(shared_data)[:250]:
        wrong = wrong_solution(solution)
        assert not answers_equal(reference_answer(wrong), reference_answer(solution)), (solution, wrong)
