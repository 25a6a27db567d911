"""The embedded judge: with the reference it follows the chain, without it it can only look whether a chain holds."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.judges.alignment import AlignmentJudge, agreement, arrives, calculations, plausibility, reference_answer
from sp3f_lib.judges.base import LEVELS, Pair
from sp3f_lib.judges.privilege import wrong_solution
from sp3f_lib.lab.problems import (
    Event,
    Problem,
    lab_languages,
    render_question,
    render_solution,
    sample_problem,
    sample_problems,
)

QUESTION = "Maria has 5 apples. Maria buys 3 more apples. She gives half to a neighbor. How many does she have now?"
REFERENCE = r"At first, Maria has 5 apples. 5 + 3 = 8. 8 ÷ 2 = 4. Therefore, the answer is \boxed{4}."
RIGHT = r"5 + 3 = 8. 8 ÷ 2 = 4. \boxed{4}"
EVERY_LANGUAGE = pytest.mark.parametrize("lang", lab_languages())


def prefer(a: str, b: str, reference: str | None = REFERENCE, question: str = QUESTION, level: str = "solution") -> float:
    """The judge's preference of `a` over `b`."""
    (verdict,) = asyncio.run(AlignmentJudge().compare([Pair(question, a, b, reference, level=level)]))
    return verdict.preference


def corrupted(problem: Problem, rng: random.Random) -> str:
    """A solution of the problem with some equations wrong, missing, or said twice, perhaps without its answer."""
    equations = [e if rng.random() < 0.6 else e.rsplit(" ", 1)[0] + f" {rng.randint(0, 30)}" for e in problem.equations]
    equations = [e for e in equations if rng.random() < 0.9 for _ in range(1 + (rng.random() < 0.1))]
    answer = rng.choice([rf" \boxed{{{problem.answer}}}", rf" \boxed{{{rng.randint(0, 30)}}}", ""])
    return ". ".join(equations) + "." + answer


@st.composite
def lab_pairs(draw):
    """(English question, English reference, response, response) of one random problem."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    problem = sample_problem(rng)
    return render_question(problem, "en"), render_solution(problem, "en"), corrupted(problem, rng), corrupted(problem, rng)


# ---- reading calculations


@pytest.mark.parametrize(
    "text, found",
    [
        ("5 + 3 = 8", (("5+3", "8"),)),
        ("5+3=8", (("5+3", "8"),)),
        ("5 - 3 = 2, 5 − 3 = 2, 5 – 3 = 2", (("5-3", "2"),) * 3),
        ("5 × 3 = 15, 5 * 3 = 15, 5 x 3 = 15, 5 · 3 = 15, 5 ⋅ 3 = 15", (("5*3", "15"),) * 5),
        (r"$5 \times 3 = 15$ and $5 \cdot 3 = 15$", (("5*3", "15"),) * 2),
        (r"6 ÷ 3 = 2, 6 / 3 = 2, $6 \div 3 = 2$", (("6/3", "2"),) * 3),
        ("2 + 3 + 4 = 9", (("2+3+4", "9"),)),
        ("1,200 + 300 = 1,500", (("1200+300", "1500"),)),
        ("1.5 * 2 = 3.0", (("1.5*2", "3"),)),
        ("2 * 9 = $18", (("2*9", "18"),)),
        ("3 - 8 = -5", (("3-8", "-5"),)),
        ("১৬ - ৩ = ১৩", (("16-3", "13"),)),
        ("５＋３＝８", ()),  # full-width signs are not read, full-width digits are
        ("１６ - ３ = １３", (("16-3", "13"),)),
        ("16 - 3 = <<16-3=13>>13 eggs", (("16-3", "13"),)),
        ("<<16-3=13>> and <<13*2=26>>", (("16-3", "13"), ("13*2", "26"))),
        ("She has 5 apples, that is, 8 = 8.", ()),
        ("x + 3 = 8", ()),
        ("", ()),
    ],
)
def test_calculations_are_read_in_one_form(text, found):
    assert calculations(text) == found


@pytest.mark.parametrize(
    "reference, answer",
    [
        (r"so \boxed{4}", "4"),
        ("He has 8.\n#### 8", "8"),
        ("#### 1,234", "1234"),
        (r"\boxed{4} #### 8", "4"),
        ("no answer", None),
    ],
)
def test_the_answer_of_a_reference_is_boxed_or_behind_gsm8ks_mark(reference, answer):
    assert reference_answer(reference) == answer


# ---- with the reference


def test_the_whole_chain_and_the_answer_are_full_agreement():
    assert agreement(REFERENCE, RIGHT) == 1.0


@pytest.mark.parametrize(
    "response, share",
    [
        (r"5 + 3 = 8. 8 ÷ 2 = 4. \boxed{5}", 2 / 3),
        (r"5 + 3 = 8. 8 ÷ 2 = 3. \boxed{3}", 1 / 3),
        (r"5 + 3 = 8. 8 ÷ 2 = 3. \boxed{4}", 2 / 3),
        (r"5 + 3 = 9. 8 ÷ 2 = 4. \boxed{5}", 0),  # departs at once; what follows does not count
        (r"8 ÷ 2 = 4. 5 + 3 = 8. \boxed{5}", 0),
        (r"\boxed{4}", 1 / 3),
        ("5 + 3 = 8. 8 ÷ 2 = 4.", 2 / 3),
        ("I do not know.", 0),
        ("", 0),
    ],
)
def test_agreement_counts_the_calculations_shared_from_the_start_and_the_answer(response, share):
    assert agreement(REFERENCE, response) == pytest.approx(share)


@pytest.mark.parametrize(
    "reference, response, same",
    [
        ("5 + 3 = 8", "3 + 5 = 8", True),
        ("5 * 3 = 15", "3 × 5 = 15", True),
        ("2 + 3 + 4 = 9", "4 + 2 + 3 = 9", True),
        ("8 - 3 = 5", "3 - 8 = 5", False),
        ("8 / 2 = 4", "2 / 8 = 4", False),
        ("5 + 3 = 8", "5 × 3 = 8", False),
        ("4 * 3 = 12", "6 * 2 = 12", False),
        ("5 + 3 = 8", "5.0 + 3 = 8.00", True),
    ],
)
def test_sums_and_products_may_be_turned_round_and_nothing_else(reference, response, same):
    assert agreement(reference + r" \boxed{1}", response) == (0.5 if same else 0)


@given(lab_pairs(), st.integers(0, 5))
def test_each_calculation_more_that_follows_the_reference_is_worth_the_same(pair, count):
    _, reference, _, _ = pair
    chain = [f"{left}={right}" for left, right in calculations(reference)]
    assert agreement(reference, ". ".join(chain[:count])) == pytest.approx(min(count, len(chain)) / (len(chain) + 1))


def test_the_response_that_follows_the_reference_further_wins():
    further, shorter = r"5 + 3 = 8. 8 - 2 = 6. \boxed{6}", r"5 - 3 = 2. 2 ÷ 2 = 1. \boxed{1}"
    assert prefer(further, shorter) == 1.0
    assert prefer(shorter, further) == 0.0


def test_of_two_wrong_answers_the_closer_one_wins():
    # The signal that accuracy alone does not give: neither response is right.
    assert prefer(r"5 + 3 = 8. 8 ÷ 2 = 3. \boxed{3}", r"5 + 3 = 9. 9 ÷ 2 = 3. \boxed{3}") == 1.0


def test_equal_agreement_is_a_tie():
    assert prefer(RIGHT, "Maria: " + RIGHT) == 0.5


def test_without_calculations_in_the_reference_the_answers_decide():
    assert prefer(r"\boxed{4}", r"\boxed{5}", reference="By symmetry it is four. #### 4") == 1.0
    assert prefer(r"\boxed{6}", r"\boxed{5}", reference="By symmetry it is four. #### 4") == 0.5


# ---- with the bare answer, and with other solutions


@pytest.mark.parametrize(
    "a, b, preference",
    [
        (RIGHT, r"5 + 3 = 8. 8 - 2 = 6. \boxed{6}", 1.0),
        (r"\boxed{4}", r"5 + 3 = 8. 8 - 2 = 6. \boxed{6}", 1.0),  # whoever arrives wins, however it looks
        (RIGHT, r"\boxed{4}", 1.0),  # both arrive: what is in sight decides
        (r"5 + 3 = 8. \boxed{8}", r"5 + 3 = 9. \boxed{9}", 1.0),  # neither does
        (r"5 + 3 = 8. \boxed{8}", r"5 - 3 = 2. \boxed{2}", 0.5),  # the chain of the reference is not known here
        (RIGHT, RIGHT, 0.5),
    ],
)
def test_with_the_answer_arriving_decides_and_plausibility_breaks_ties(a, b, preference):
    assert prefer(a, b, "4", level="answer") == preference
    assert prefer(b, a, "4", level="answer") == 1 - preference


@pytest.mark.parametrize("gold, answer", [("18", "১৮"), (r"\frac{1}{2}", "0.5"), ("1234.5", "1.234,5"), (r"x^2", "x^{2}")])
def test_an_answer_arrives_in_any_form(gold, answer):
    assert arrives(gold, rf"\boxed{{{answer}}}")
    assert not arrives(gold, r"\boxed{7}")
    assert not arrives(gold, "no box")


@EVERY_LANGUAGE
def test_a_translated_reference_gives_the_verdicts_of_the_english_one(lang):
    for problem in sample_problems(30, seed=6):
        english, translated = render_solution(problem, "en"), render_solution(problem, lang)
        assert agreement(translated, translated) == agreement(translated, english) == 1.0
        wrong = wrong_solution(english)
        assert agreement(translated, wrong) == agreement(english, wrong) < 1.0


def test_who_follows_a_wrong_reference_wins():
    wrong = wrong_solution(REFERENCE)
    assert prefer(wrong, RIGHT, wrong, level="wrong") == 1.0


# ---- without the reference


@pytest.mark.parametrize(
    "response, score",
    [
        (RIGHT, 1.0),
        (r"5 + 3 = 9. 9 ÷ 2 = 4. \boxed{4}", (0 + 1 + 1 + 1) / 4),  # neither calculation holds
        (r"5 + 3 = 8. 8 ÷ 2 = 4.", (1 + 1 + 1 + 0) / 4),  # no answer
        (r"5 + 3 = 8. 8 ÷ 2 = 4. \boxed{5}", (1 + 1 + 1 + 0) / 4),  # not the last result
        (r"5 + 7 = 12. \boxed{12}", (1 + 1 / 2 + 1 / 2 + 1) / 4),  # 7 comes from nowhere, 3 is not used
        (r"\boxed{4}", 0.25),
        ("four", 0.0),
    ],
)
def test_plausibility_is_the_mean_of_sound_grounded_used_and_ended(response, score):
    assert plausibility(QUESTION, response) == pytest.approx(score)


@pytest.mark.parametrize(
    "chain, holds",
    [
        ("2 + 3 * 4 = 14", True),
        ("2 * 3 + 4 * 5 = 26", True),
        ("20 - 4 / 2 = 18", True),
        ("100 - 50% = 99.5", True),
        ("200 * 25% = 50", True),
        ("10 / 3 = 3.33", True),
        ("10 / 3 = 3.3", False),
        ("3 - 8 = -5", True),
        ("2 + 3 * 4 = 20", False),
        ("5 / 0 = 0", False),
        ("0 / 5 = 0", True),
    ],
)
def test_a_calculation_holds_by_the_usual_precedence(chain, holds):
    # All numbers stand in the question and are used, and there is no answer: what is left is whether it holds.
    question = chain.split("=")[0]
    assert plausibility(question, chain) == (holds + 1 + 1 + 0) / 4


def test_sound_arithmetic_beats_unsound_arithmetic():
    assert prefer(RIGHT, r"5 + 3 = 9. 9 ÷ 2 = 4. \boxed{4}", reference=None) == 1.0


def test_the_unprivileged_judge_does_not_read_the_reference():
    wrong = r"5 - 3 = 2. 2 × 2 = 4. \boxed{4}"
    assert plausibility(QUESTION, RIGHT) == plausibility(QUESTION, wrong)
    assert prefer(RIGHT, wrong, reference=None) == 0.5


def test_a_wrong_chain_that_agrees_with_itself_ties_without_the_reference_and_loses_with_it():
    wrong = r"5 - 3 = 2. 2 ÷ 2 = 1. \boxed{1}"
    assert prefer(RIGHT, wrong, reference=None) == 0.5
    assert prefer(RIGHT, wrong, reference=REFERENCE) == 1.0
    assert prefer(wrong, RIGHT, reference=REFERENCE) == 0.0


# ---- whatever the responses


def shown_at(level: str, reference: str) -> str | None:
    """A privileged text of each level for a lab problem; the lab's English solution is a translated one too."""
    known = {"none": None, "answer": reference_answer(reference), "wrong": wrong_solution(reference)}
    return known.get(level, reference)


@pytest.mark.parametrize("level", LEVELS)
@given(pair=lab_pairs())
def test_the_verdict_on_a_pair_turned_round_is_the_opposite(level, pair):
    question, reference, one, other = pair
    shown = shown_at(level, reference)
    assert prefer(one, other, shown, question, level) + prefer(other, one, shown, question, level) == 1.0


@pytest.mark.parametrize("level", LEVELS)
@given(pair=lab_pairs())
def test_a_response_ties_with_itself(level, pair):
    question, reference, one, _ = pair
    assert prefer(one, one, shown_at(level, reference), question, level) == 0.5


@given(lab_pairs())
def test_the_reference_itself_is_never_beaten(pair):
    question, reference, one, _ = pair
    assert prefer(reference, one, reference, question) >= 0.5


@given(lab_pairs())
def test_both_scores_lie_between_0_and_1(pair):
    question, reference, one, _ = pair
    assert 0 <= agreement(reference, one) <= 1
    assert 0 <= plausibility(question, one) <= 1


@EVERY_LANGUAGE
def test_a_solution_in_any_language_agrees_fully_with_the_english_reference(lang):
    for problem in sample_problems(100, seed=6):
        assert agreement(render_solution(problem, "en"), render_solution(problem, lang)) == 1.0


@EVERY_LANGUAGE
def test_a_solution_in_any_language_is_as_plausible_as_in_english(lang):
    for problem in sample_problems(100, seed=6):
        question = render_question(problem, "en")
        assert plausibility(question, render_solution(problem, lang)) == plausibility(
            question, render_solution(problem, "en")
        )


@EVERY_LANGUAGE
def test_a_pair_in_any_language_gets_the_verdict_of_the_same_pair_in_english(lang):
    problem = Problem("maria", "apple", 5, 0, (Event("buy", 3), Event("half"), Event("sell", 3)))
    late, early = (
        Problem("maria", "apple", 5, 0, events) for events in ((Event("buy", 3), Event("double")), (Event("half"),))
    )
    reference = render_solution(problem, "en")
    for shown in (reference, None):
        verdicts = {
            prefer(render_solution(late, code), render_solution(early, code), shown, render_question(problem, "en"))
            for code in ("en", lang)
        }
        assert len(verdicts) == 1


def test_every_pair_gets_a_verdict_with_the_name_of_the_judge_in_order():
    pairs = [
        Pair(QUESTION, RIGHT, "4", REFERENCE),
        Pair(QUESTION, "4", RIGHT, REFERENCE),
        Pair(QUESTION, "4", "5", REFERENCE),
    ]
    verdicts = asyncio.run(AlignmentJudge().compare(pairs))
    assert [verdict.preference for verdict in verdicts] == [1.0, 0.0, 0.5]
    assert {verdict.judge for verdict in verdicts} == {"alignment"}


# ---- cases that once went wrong


@pytest.mark.parametrize("text", [" + ".join("1" * 40) + " apples", "1 + " * 200, "1 " * 4 + "+ 1 " * 30 + "= x"])
def test_a_long_sum_without_a_result_is_read_at_once(text, never_endless):
    assert calculations(text) == ()


@pytest.mark.parametrize("chain", ["(5 + 3) * 2 = 16", "20 - (5 + 3) = 12", "2 * (5 + 3) = 16"])
def test_brackets_are_respected(chain):
    question, answer = "5 3 2 20 16", chain.rsplit("= ", 1)[1]
    wrong = chain.replace(f"= {answer}", "= 13")
    assert prefer(rf"{chain} \boxed{{{answer}}}", rf"{wrong} \boxed{{13}}", None, question) == 1.0


def test_a_decimal_without_a_leading_zero_is_read():
    assert calculations("<<30*.5=15>>") == (("30*.5", "15"),) or calculations("<<30*.5=15>>") == (("30*0.5", "15"),)


def test_an_answer_written_the_german_way_arrives():
    assert agreement(r"1200 + 34 = 1234 \boxed{1234}", r"1200 + 34 = 1234 \boxed{1.234}") == 1.0


# ---- what a real model wrote (SmolLM2 on GSM8K, LOG.md), and the judge does not follow

ONE_WAY = "She sold 60*1.50=<<60*1.50=90>>90 boxes on Sunday.\nThe total is 60+90=<<60+90=150>>150 boxes.\n#### 150"
UNITS = (
    "If each acre produces 5 tons of grapes per year, then her ten-acre farm produces 10*5=<<10*5=50>>50 tons of grapes per year.\n"
    "If each ton of grapes makes 2 barrels of wine, then 50 tons makes 2*50=<<50*2=100>>100 barrels of wine per year.\n"
    "#### 100"
)


@pytest.mark.xfail(strict=True, reason="known limit: it knows one way, that of the reference")
def test_a_right_first_step_by_another_way_beats_a_wrong_one():
    right = "50% * 60 = 30\n30 * 100 = 300\n300 - 30 = 200\n4 * 12 = 48\nTanika's final answer is within \\boxed{48}."
    wrong = "60 * 3 = 180\n(180 - 60) = 96\n60 + 50 = 110\n50 + 1 = 51\nSo the answer is \\boxed{51}."
    assert prefer(right, wrong, ONE_WAY) == 1


@pytest.mark.xfail(strict=True, reason="known limit: a unit within a calculation hides it")
def test_a_right_solution_with_units_and_without_a_box_beats_one_that_says_nothing():
    right = (
        "Josie grows grapes on her 10-acre farm.  Each acre produces 5 tons of grapes per year.  So, 10 acres of grapes produce "
        "10 * 5 tons = 50 tons of grapes per year.  So, 10 acres of grapes produce 50 * 2 barrels of wine.  Therefore, Josie "
        "produces 50 * 2 barrels of wine per year.  So, 50 * 2 = 100 barrels of wine are produced by Josie's farm."
        "\n\nThe answer is 100."
    )
    nothing = "To solve this problem, we need to determine the number of barrels of wine that Josie produces per year."
    assert prefer(right, nothing, UNITS) == 1
