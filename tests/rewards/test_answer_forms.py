r"""Answers: what stands around a number, choices, and gold answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.rewards.answers import answers_equal, check_gold, is_correct

# ---- what stands around a number


@pytest.mark.parametrize(
    "answer",
    [
        r"18\,\mathrm{kg}", r"18\text{ cm}^2", "18 m^2", "18 m²", "18 km/h", "18 m/s^2", r"18^\circ", "18°C", "18th",
        "18 (dollars)", r"18\%", "18 percent", "$18.00", r"\$18", "US$18", "18 dollars per day", r"\text{18 dollars}",
        r"\textbf{18 \text{ dollars}}", "18¢", "~18", "≈ 18", "18 m", "18m", "18 s", "“18”", "`18`", r"\(18\)", r"\[18\]",
        "{18}", "18 p.m.", "18-year", "2 \\cdot 9 = 18", "18, dollars",
    ],
)  # fmt: skip
def test_units_and_decorations_leave_a_number_what_it_is(answer):
    assert answers_equal(answer, "18")
    assert not answers_equal(answer.replace("18", "19"), "18")


@pytest.mark.parametrize(
    "answer",
    [
        "18x", "18xy", "18ab", "18 x", "x18", "18\\pi", "18π", "18 pi", "18i", "18e", "18t", "18 c", "18k", "18M", "$18m",
        "18cosx", "log 18", r"\sin 18", "f(18)", "18!", "18²", "18^2", r"18^{-1}", "10^18", "18_7", "18,5", "18.5", "1.8",
        ".18", "0.18%", "18‰", "180", "1 8", "18 18", "18, 18", "(18, 18)", "18/20", "18:30", "18-20", "18–20", "18 or 20",
        "3 apples and 18 pears", "18 hours 30 minutes", "more than 18", "18 million", "18 hundred", "18 dozen",
        "18 thousand five hundred", r"18\text{ million}", "minus 18", "-18", "18-", "half of 18", "18 and a half",
        "18 1/2", "not 18", "18 squared", "twice 18", "<18", r"\neq 18", r"\pm 18", "eighteen", "18+", "17 = 18 - 1 = 17",
    ],
)  # fmt: skip
def test_what_is_not_18_is_not_18(answer):
    assert not answers_equal(answer, "18")
    assert not answers_equal(answer, "18", "de")


def test_a_percent_sign_may_be_left_out_or_worked_out():
    assert answers_equal("18", r"18\%")
    assert answers_equal("0.18", r"18\%")
    assert answers_equal("18%", "0.18")
    assert not answers_equal("0.18%", "18")
    assert not answers_equal("18%", "1.8")


@pytest.mark.parametrize(
    "answer, gold, lang",
    [
        (r"\frac{3}{4} \text{ cup}", "0.75", None),
        ("3/4 cup", "0.75", None),
        ("12π cm", r"12\pi", None),
        (r"12\sqrt{13}\text{ feet}", r"12\sqrt{13}", None),
        ("√(13)", r"\sqrt{13}", None),
        ("√13", r"\sqrt{13}", None),
        ("sqrt(13)", r"\sqrt{13}", None),
        ("-3 and 3", "3,-3", None),
        (r"3 \text{ or } {-3}", "3,-3", None),
        ("x=3, x=-3", "3,-3", None),
        (r"2 \pm \sqrt{3}", r"2+\sqrt{3}, 2-\sqrt{3}", None),
        ("(1,5; 2)", "(1.5, 2)", "de"),
        ("2,1", "1,2", "de"),  # a list of two numbers, as the gold answer is one
        ("[1;2[", "[1;2[", "fr"),
        (r"[1, 2) \cup \{3\}", r"\{3\}\cup[1,2)", None),
        ("y = 2x + 1", "2x - y + 1 = 0", None),
        ("2x+1", "y=2x+1", None),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ \frac{4}{2} \end{pmatrix}", None),
        ("(x-1)(x+1)", "x^2-1", None),
        (r"\dfrac{1}{29322216}", r"\frac{1}{29,\!322,\!216}", None),
        ("203", "203_7", None),
        ("203_{7}", "203_7", None),
        ("1.5e3", "1500", None),
        (r"1.5 \times 10^{-19}", r"1.5\cdot10^{-19}", None),
        (r"\sin^2 x + \cos^2 x", "1", None),
        ("evelyn.", r"\text{Evelyn}", None),
        (r"\binom{2n}{n}", r"\binom{2n}{n}", None),  # compared as text
        ("0.333333", r"\frac{1}{3}", None),
    ],
)
def test_equal_expressions(answer, gold, lang):
    assert answers_equal(answer, gold, lang)


@pytest.mark.parametrize(
    "answer, gold",
    [
        ("(2,1)", "(1,2)"),
        ("[1,2)", "(1,2)"),
        ("(1,2]", "[1,2)"),
        ("1,2", "1,2,2"),
        ("y=2x", "y=2x+1"),
        ("x=3", "y=3"),
        ("x>2", "x<2"),
        ("0.33", r"\frac{1}{3}"),
        ("2.98e-19", r"2.88 \times 10^{-19}"),  # as floats with six places both are 0
        ("0", r"\frac{\pi}{10^{9}}"),
        ("R^2", "r^2"),
        (r"\sqrt{x^2}", "x"),
        ("203_8", "203_7"),
        ("Evelyn", "Eve"),
        (r"\text{even}", r"\text{odd}"),
        ("5", "5m"),
        ("x", "2"),
    ],
)
def test_different_expressions(answer, gold):
    assert not answers_equal(answer, gold)


# ---- multiple choice


@pytest.mark.parametrize(
    "answer",
    [
        "B", "(B)", "B)", "B.", "[B]", "b", "(b)", r"\text{B}", r"\textbf{(B)}", r"\mathrm{B}", "$B$", "**B**", "B. 18", "(B) 18",
        "B: a dog", r"\textbf{(B)}\ 18", "Ｂ", "（Ｂ）", "【B】", "В", "Β", "Option B", "Answer: B", "উত্তর: B", "选项B",
    ],
)  # fmt: skip
@pytest.mark.parametrize("gold", ["B", "(B)", r"\text{(B)}"])
def test_a_choice_is_read(answer, gold):
    assert answers_equal(answer, gold)
    assert not answers_equal(answer, gold.replace("B", "A"))


@pytest.mark.parametrize(
    "answer",
    [
        "Because",
        "A dog",
        "AB",
        "A, B",
        "A and B",
        "B or A",
        "Vitamin B",
        "Bob",
        "not B",
        "E.g. B",
        "B18",
        "18",
        "ব",
        "Б",
        "BB",
    ],
)
@pytest.mark.parametrize("gold", ["A", "B", "E"])
def test_a_word_is_no_choice(answer, gold):
    assert not answers_equal(answer, gold)


def test_the_text_of_an_option_counts_where_the_options_are_known():
    options = {"A": "17", "B": "18 apples", "C": r"\frac{1}{2}"}
    assert is_correct(r"\boxed{18}", "B", options=options)
    assert is_correct(r"\boxed{0.5}", "C", options=options)
    assert is_correct(r"\boxed{(B)}", "18", options=options)
    assert is_correct(r"\boxed{১৮}", "B", "bn", options=options)
    assert not is_correct(r"\boxed{17}", "B", options=options)
    assert not is_correct(r"\boxed{A}", "18", options=options)
    assert not is_correct(r"\boxed{D}", "18", options=options)
    assert not is_correct(r"\boxed{18}", "D", options=options)


def test_a_gold_that_is_an_options_text_is_found_behind_its_letter():
    assert answers_equal("B. 18", "18")
    assert answers_equal(r"\textbf{(B)}\ 18", "18")
    assert not answers_equal("B. 19", "18")


# ---- gold answers


@pytest.mark.parametrize(
    "gold",
    [
        "", " ", ".", "$$", "?", r"\text{}", r"\frac{1}{2", "1}2", "}{", r"\boxed{", "18 +", "3//4", "--", "1/0", "9^9^9", "None",
        "nan", "<think>", "\ud800", "1" * 1001,
    ],
)  # fmt: skip
def test_a_gold_that_nothing_could_equal_is_an_error(gold):
    with pytest.raises(ValueError):
        check_gold(gold)


@pytest.mark.parametrize(
    "gold",
    [
        "18", "-3.5", "1,234", r"\frac{1}{2}", r"\text{Monday}", "B", r"\boxed{18}", r"\binom{2n}{n}", "12:30", "2024-01-05",
        "১৮", "十八", r"\text{None}", "9^{9^{9^9}}", r"\left\{ x", "f(x) = x, where x > 0", "3万5",
    ],
)  # fmt: skip
def test_a_gold_that_can_be_compared_at_least_as_text_passes(gold):
    check_gold(gold)
    assert is_correct(rf"\boxed{{{gold}}}", gold)


@given(st.text())
def test_a_gold_that_passes_is_equal_to_itself(gold):
    try:
        check_gold(gold)
    except ValueError:
        return
    assert is_correct(rf"\boxed{{{gold}}}", gold)


def test_every_gold_of_deepscaler_is_equal_to_itself_or_refused(shared_data):
    files = sorted((shared_data / "deepscaler").glob("*/*.json"))
    answers = [row["answer"] for path in files for row in json.loads(path.read_text(encoding="utf-8"))]
    golds = [str(gold) for answer in answers for gold in (answer if isinstance(answer, list) else [answer])]
    refused = []
    for gold in golds:
        try:
            check_gold(gold)
        except ValueError:
            refused.append(gold)
        else:
            assert is_correct(rf"The answer is \boxed{{{gold}}}.", gold), gold
    assert len(golds) > 10_000
    assert sorted(refused) == ["", "", "None", "None"]  # two answers are empty, two are null
