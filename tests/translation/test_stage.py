"""The rounds: what passes is kept, what fails goes back once with its reason, what fails again is counted."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from sp3f_lib.data.english import Problem
from sp3f_lib.data.schema import check_rows, problem_id
from sp3f_lib.data.suspects import sift
from sp3f_lib.endpoint.store import FAILED
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.runs import StageError
from sp3f_lib.translation.endpoint import call_of
from sp3f_lib.translation.output import by_split, translated_row
from sp3f_lib.translation.stage import OWN_MARKS, check_languages, translate

from .conftest import LANGS, Table, english_problems

SETTINGS = Translate(model="m")
# What a fault of the server's is called here; "other" is another language.
REASONS = {
    "number": {"numbers", "calculations"},
    "sentence": {"numbers", "calculations", "sentences", "length", "placeholders"},
    "english": {"language"},
    "solves": {"format"},
    "mark": {"placeholders"},
    "format": {"format"},
    "cut": {"cut off"},
    "refused": {"refused"},
    "other": {"language"},
}


def test_a_good_translator_loses_nothing_and_every_row_is_in_its_place():
    problems = english_problems(30)
    results = translate(problems, LANGS, Table(SETTINGS), SETTINGS)
    assert [(kept.problem.id, kept.lang) for kept in results.kept] == [(one.id, lang) for one in problems for lang in LANGS]
    assert not results.failures
    rows = [translated_row(kept, SETTINGS, {}) for kept in results.kept]
    assert sift(check_rows(rows, "rows", for_sft=True), "rows", 0.0) == rows
    assert all(kept.candidate == 1 for kept in results.kept)


@pytest.mark.parametrize("fault", REASONS)
def test_each_fault_is_found_for_its_reason_and_mended_at_the_second_try(fault):
    problems = english_problems(30)
    results = translate(problems, LANGS, Table(SETTINGS, mistakes=0.3, which=[fault]), SETTINGS)
    found = Counter(failure[2].reason for failure in results.failures)
    assert set(found) <= REASONS[fault]
    assert found.total() >= 15
    lost = fault == "refused"  # a refusal is not asked again
    assert results.lost().total() == (found.total() if lost else 0)
    assert Counter(kept.candidate for kept in results.kept) == {1: 90 - found.total()} | ({} if lost else {2: found.total()})


def test_what_fails_again_is_dropped_and_counted_and_the_same_in_any_order():
    problems = english_problems(40)
    one = translate(problems, LANGS, Table(SETTINGS, mistakes=0.3, stubborn=True), SETTINGS)
    assert len(one.kept) + one.lost().total() == 120
    assert one.lost().total() >= 20
    assert sum(final for *_, final in one.failures) == one.lost().total()

    class Shuffled(Table):
        def ask(self, requests, seen):
            super().ask(random.Random(1).sample(requests, len(requests)), seen)

    other = translate(problems, LANGS, Shuffled(SETTINGS, mistakes=0.3, stubborn=True), SETTINGS)
    assert other == one


def test_more_tries_are_made_where_the_profile_says_so():
    settings = Translate(model="m", candidates=4)
    table = Table(settings, mistakes=1.0, which=["mark"], stubborn=True)
    with pytest.raises(StageError):  # all of them fail
        translate(english_problems(60), ("de",), table, settings)
    few = Table(settings, mistakes=1.0, which=["mark"], stubborn=True)
    results = translate(english_problems(5), ("de",), few, settings)
    assert (len(few.asked), len(set(few.asked))) == (20, 20)
    assert results.lost() == {"placeholders": 5}


def test_a_translator_that_answers_in_another_language_throughout_is_not_paid_for_all():
    class InOrder(Table):
        def ask(self, requests, seen):
            super().ask(requests[::-1], seen)

    table = InOrder(SETTINGS, mistakes=1.0, which=["other"], stubborn=True)
    with pytest.raises(
        StageError, match=r"of the first 50 translations into '\w\w' cannot be used \(50 x language\).*give_up=1"
    ):
        translate(english_problems(200), ("de",), table, SETTINGS)
    assert len(table.asked) == 50
    with pytest.raises(StageError, match="50 of the first 50"):  # the same in whatever order the replies come
        translate(english_problems(60), ("de",), Table(SETTINGS, mistakes=1.0, which=["other"], stubborn=True), SETTINGS)
    anyway = Translate(model="m", give_up=1.0, candidates=1)
    assert translate(english_problems(60), ("de",), Table(anyway, mistakes=1.0, which=["other"]), anyway).lost() == {
        "language": 60
    }


def test_requests_that_fail_are_lost_rows_that_the_same_command_asks_for_again():
    class Unreachable(Table):
        def ask(self, requests, seen):
            for request in requests:
                seen(request, call_of(request, self.settings, "", FAILED, "", "no reply in time"))

    results = translate(english_problems(3), ("de",), Unreachable(SETTINGS), SETTINGS)
    assert (results.unanswered, dict(results.lost())) == (3, {"request failed": 3})


def test_a_problem_with_marks_of_its_own_is_counted_and_the_others_go_on():
    strange = Problem("x", "What is ⟦1⟧ + 2?", "3", "3", "t")
    results = translate([strange, *english_problems(2)], ("de",), Table(SETTINGS), SETTINGS)
    assert dict(results.lost()) == {OWN_MARKS: 1}
    assert len(results.kept) == 2


@pytest.mark.parametrize(("digits", "wanted"), [("ascii", False), ("language", True)])
def test_native_digits_are_kept_only_where_the_profile_says_so(digits, wanted):
    settings = Translate(model="m", digits=digits)

    class Native(Table):
        def ask(self, requests, seen):
            super().ask(requests, lambda request, call: seen(request, replace(call, text=call.text.translate(NATIVE))))

    results = translate(english_problems(5), ("bn",), Native(settings), settings)
    assert len(results.kept) == 5
    assert all(any(char in kept.solution for char in "০১২৩৪৫৬৭৮৯") == wanted for kept in results.kept)


NATIVE = {ord(str(digit)): chr(ord("০") + digit) for digit in range(10)}


def test_a_solution_without_a_box_gets_the_closing_sentence_of_its_language():
    bare = [
        replace(one, solution=one.solution.split(" Therefore,")[0] + f"\n#### {one.answer}") for one in english_problems(3)
    ]
    results = translate(bare, ("sw",), Table(SETTINGS), SETTINGS)
    assert all(kept.solution.endswith(f"\nKwa hiyo, jibu ni \\boxed{{{kept.problem.answer}}}.") for kept in results.kept)
    assert len(results.kept) == 3


def test_languages_are_checked_before_anything_is_asked():
    assert check_languages(["sw", "de", "sw"]) == ("sw", "de")
    with pytest.raises(ValueError, match="unknown language 'swa'"):
        check_languages(["swa"])
    with pytest.raises(StageError, match="'en' is no language to translate into"):
        check_languages(["en", "sw"])


def test_splits_are_by_problem_and_do_not_depend_on_the_order():
    results = translate(english_problems(20), LANGS, Table(SETTINGS), SETTINGS)
    rows = [translated_row(kept, SETTINGS, {}) for kept in results.kept]
    splits = by_split(rows, SETTINGS)
    ids = [{problem_id(row) for row in part} for part in splits.values()]
    assert [len(some) for some in ids] == [9, 9, 2]
    assert len(set.union(*ids)) == 20
    again = by_split(rows[::-1], SETTINGS)
    assert {name: {problem_id(row) for row in part} for name, part in again.items()} == dict(zip(splits, ids, strict=True))
