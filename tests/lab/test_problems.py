"""The abstract problems of the lab: whole numbers from 1 to 99, parts that never meet, no answer worth guessing."""

import random
import re
from collections import Counter

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.lab import problems as lab
from sp3f_lib.lab.problems import (
    EVENTS,
    LARGEST,
    NUMBERS,
    OBJECTS,
    PARTS,
    PERSONS,
    STARTS,
    Event,
    Problem,
    lab_languages,
    sample_problem,
    sample_problems,
)

PROBLEMS = sample_problems(300, seed=2024)
problems = st.integers(0, 2**32).map(lambda seed: sample_problem(random.Random(seed)))


def test_equations_of_a_problem_with_boxes_start_with_the_product():
    problem = Problem("ali", "coin", 4, 3, (Event("lose", 5), Event("double"), Event("give", 9)))
    assert problem.equations == ("3 × 4 = 12", "12 - 5 = 7", "7 × 2 = 14", "14 - 9 = 5")
    assert problem.answer == 5


@given(problems)
def test_every_result_lies_between_1_and_99(problem):
    results = [int(equation.rsplit("= ", 1)[1]) for equation in problem.equations]
    assert LARGEST == 99 and all(1 <= result <= LARGEST for result in results)


@given(problems)
def test_the_numbers_of_the_text_are_those_that_may_stand_there(problem):
    assert problem.start in STARTS
    assert {event.n for event in problem.events if event.n} <= set(NUMBERS)


@pytest.mark.parametrize("lang", lab_languages())
def test_no_number_of_the_text_needs_a_plural_form_that_3_to_12_do_not_need(lang):
    # 21, 31, ... take the singular in Russian; no text file has one.
    category = Locale.parse(lang).plural_form
    assert {category(n) for n in (*STARTS, *NUMBERS)} <= {category(n) for n in range(3, 13)}


def test_a_start_is_left_out_only_where_some_language_needs_another_plural_form():
    for n in set(range(3, max(STARTS) + 1)) - set(STARTS):
        categories = [Locale.parse(lang).plural_form for lang in lab_languages()]
        assert any(category(n) not in {category(k) for k in range(3, 13)} for category in categories), n


def test_no_answer_is_worth_guessing():
    # The most frequent one is that of 1.7 % of the problems; 20,000 draws have a standard error of 0.1.
    rng = random.Random(0)
    counts = Counter(sample_problem(rng, (3, 4)).answer for _ in range(20_000))
    assert len(counts) > 90
    assert max(counts.values()) <= 0.02 * counts.total()


@given(problems)
def test_every_equation_holds_and_starts_from_the_result_before(problem):
    value = None
    for equation in problem.equations:
        left, sign, right, result = re.fullmatch(r"(\d+) ([-+×÷]) (\d+) = (\d+)", equation).groups()
        one, other = int(left), int(right)
        computed = {"+": one + other, "-": one - other, "×": one * other, "÷": one / other}[sign]
        assert computed == int(result)
        assert value is None or one == value
        value = int(result)


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3, 4, 6]))
def test_a_problem_has_the_number_of_operations_asked_for(seed, operations):
    assert len(sample_problem(random.Random(seed), (operations,)).equations) == operations


def test_the_same_seed_gives_the_same_problems():
    assert sample_problems(50, seed=3) == sample_problems(50, seed=3)


def test_different_seeds_give_different_problems():
    assert sample_problems(50, seed=3) != sample_problems(50, seed=4)


def test_sampled_problems_are_all_different():
    assert len({problem.id for problem in PROBLEMS}) == len(PROBLEMS)


def test_excluded_problems_do_not_come_back():
    first = sample_problems(50, seed=3)
    again = sample_problems(50, seed=3, exclude=frozenset(problem.id for problem in first))
    assert not {problem.id for problem in first} & {problem.id for problem in again}


def test_problems_of_different_parts_never_meet_whatever_the_seed():
    ids = {part: {p.id for seed in range(5) for p in sample_problems(300, seed, part=part)} for part in set(PARTS)}
    assert set(ids) == {"eval", "base", "train"}
    assert sum(map(len, ids.values())) == len(set.union(*ids.values()))


def test_an_eighth_of_the_problems_is_for_evaluation_and_a_half_is_the_base_models():
    rng = random.Random(0)
    counts = Counter(sample_problem(rng).part for _ in range(4000))
    # Binomial: standard deviations of 21, 32 and 31.
    assert abs(counts["eval"] - 500) < 80 and abs(counts["base"] - 2000) < 120 and abs(counts["train"] - 1500) < 120


def test_problems_for_training_are_drawn_unless_told_otherwise():
    assert {problem.part for problem in PROBLEMS} == {"train"}


def test_ids_do_not_change_from_one_version_to_the_next():
    problem = Problem("maria", "apple", 5, 0, (Event("buy", 3), Event("half")))
    assert (problem.id, problem.part) == ("lab-063d23fd3ff28a18", "eval")


def test_sampling_reaches_every_person_object_and_event():
    assert {problem.person for problem in PROBLEMS} == set(PERSONS)
    assert {problem.thing for problem in PROBLEMS} == set(OBJECTS)
    assert {event.kind for problem in PROBLEMS for event in problem.events} == set(EVENTS)
    assert {problem.boxes for problem in PROBLEMS} == {0, 3, 4}


def test_asking_for_more_problems_than_there_are_is_an_error(monkeypatch, never_endless):
    monkeypatch.setattr(lab, "PERSONS", ("maria",))
    monkeypatch.setattr(lab, "OBJECTS", ("apple",))
    with pytest.raises(ValueError, match=r"no 3000 different problems with \(1,\) operations; it gave \d+"):
        sample_problems(3000, seed=0, operations=(1,))
