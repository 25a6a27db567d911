"""Graded English pairs: which answer has which grade, and what is preferred to what."""

import pandas as pd
import pytest

from sp3f_lib.methods.english_grades import BARE, CUT, SAMPLED, STEPS, WRONG, graded_pairs, grades
from sp3f_lib.methods.english_start import ALL_RIGHT, ALL_WRONG, PAIRED, english_pairs
from sp3f_lib.runs import StageError

from .test_english_start import GERMAN, responses, row, sides

WITH = r"She has 1 and then 2 more. 1 + 2 = 3. Therefore, the answer is \boxed{3}."
WITH_TOO = r"First there is 1 apple. Then 1 + 2 = 3 of them. So the answer to the question is \boxed{3}."
WITHOUT = r"The number of apples that she has in the end is \boxed{3}."
LAST, OTHER_LAST = r"Therefore, the answer is \boxed{3}.", r"So the answer to the question is \boxed{3}."
BAD, BAD_TOO = r"She has 1 + 2 = 4. Therefore, the answer is \boxed{4}.", r"Therefore, the answer is \boxed{5}."


def test_the_grade_of_an_answer():
    answers = [(text, True) for text in (WITH, WITHOUT, BAD, BAD_TOO, GERMAN, " ", WITH)] + [(WITH_TOO, False)]
    # In another language or cut off, a right answer is neither good nor bad.
    assert grades(row("a"), answers, 0.7) == {STEPS: [WITH], BARE: [WITHOUT], WRONG: [BAD, BAD_TOO]}


def test_each_grade_is_preferred_to_the_next_one_below():
    pairs, counts = graded_pairs(responses(BAD, BAD_TOO, WITH, WITHOUT), [row("a")], 0.7, 9, seed=0)
    assert {(chosen, rejected in (BAD, BAD_TOO)) for chosen, rejected in sides(pairs)} == {(WITH, False), (WITHOUT, True)}
    assert len(pairs) == 2 and pairs[0]["prompt"] == row("a")["input"]
    found = counts.set_index("prompts")["number"].to_dict()
    assert found == {
        **{PAIRED: 1, ALL_RIGHT: 0, ALL_WRONG: 0},
        **{f"{STEPS} over {BARE}": 1, f"{BARE} over {WRONG}": 1, SAMPLED: 1, CUT: 0},
    }


def test_a_last_sentence_stands_for_an_answer_without_steps_that_was_not_sampled():
    pairs, counts = graded_pairs(responses(BAD, BAD_TOO, WITH, WITH_TOO), [row("a")], 0.7, 9, seed=0)
    of_steps = {(WITH, LAST), (WITH, OTHER_LAST), (WITH_TOO, LAST), (WITH_TOO, OTHER_LAST)}
    assert len(pairs) == 2 and len(of_steps & set(sides(pairs))) == 1
    ((chosen, rejected),) = set(sides(pairs)) - of_steps
    assert chosen in (LAST, OTHER_LAST) and rejected in (BAD, BAD_TOO)
    assert counts.set_index("prompts")["number"][[SAMPLED, CUT]].tolist() == [0, 2]


def test_of_a_prompt_both_kinds_come_in_turn_and_no_more_than_asked():
    frame = pd.concat([responses(BAD, BAD_TOO, WITH, WITH_TOO, WITHOUT, LAST, id=f"p{k}") for k in range(12)])
    rows = [row(f"p{k}") for k in range(12)]
    two, _ = graded_pairs(frame, rows, 0.7, 2, seed=0)
    kinds = {pair["id"]: set() for pair in two}
    for pair, (chosen, _) in zip(two, sides(two), strict=True):
        kinds[pair["id"]].add(STEPS if chosen in (WITH, WITH_TOO) else BARE)
    assert len(two) == 24 and all(found == {STEPS, BARE} for found in kinds.values())
    one, counts = graded_pairs(frame, rows, 0.7, 1, seed=0)
    assert len(one) == 12 and 0 < counts.set_index("prompts")["number"][f"{STEPS} over {BARE}"] < 12
    assert graded_pairs(frame, rows, 0.7, 2, seed=0)[0] == two
    # As many as `dpo` takes of the same answers, whatever may be taken.
    assert len(graded_pairs(frame, rows, 0.7, 9, seed=0)[0]) == len(english_pairs(frame, rows, 0.7, 9, seed=0)[0]) == 24


def test_a_prompt_without_a_wrong_or_a_right_answer_gives_no_pair():
    frame = pd.concat([responses(WITH, WITHOUT), responses(BAD, id="b")])
    pairs, counts = graded_pairs(frame, [row("a"), row("b")], 0.7, 2, seed=0)
    assert pairs == []
    assert counts["number"].tolist()[:3] == [0, 1, 1]
    with pytest.raises(StageError, match="prompt 'z' has no row with an answer"):
        graded_pairs(responses(WITH, id="z"), [row("a")], 0.7, 1, seed=0)
