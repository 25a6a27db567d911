r"""Expressions within bounds: what cannot be computed at once is never computed, in whatever thread, and nothing raises."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.languages import LANGUAGES
from sp3f_lib.rewards.answers import answers_equal, extract_answer, is_correct
from sp3f_lib.rewards.expressions import equal
from sp3f_lib.rewards.latex import Unreadable, evaluate

# ---- what is computed


@pytest.mark.parametrize(
    "expression",
    [
        "9^{9^9}", "((3!)!)!", "(x+1)^{13}", r"(\sqrt{2}+\sqrt{3})^{13}", "x^{61}", "1" * 26, r"\arccos(2)",
        r"\arccos(\sqrt{5})", r"\ln(-\pi)", "2^3^2", r"\prod i", "(" * 11 + "1" + ")" * 11, "1+", "", "(1", "1 2", r"\frac{1}",
        "word word", r"\sin\sin\sin\sin\sin\sin\sin x", "1/0", r"10^9 \ln 2", r"1000(1000 \log 3 + 1)", "(x+1)^{x+99999}",
        r"(5-i)^{20}", "(2n+k-1000)!",
    ],
)  # fmt: skip
def test_what_is_beyond_the_bounds_is_not_computed(expression):
    with pytest.raises(Unreadable):
        evaluate(expression)


@pytest.mark.parametrize(
    "expression, value",
    [
        (r"\frac12", 0.5), (r"2\frac{1}{2}", 2.5), ("2^{10}", 1024), (r"\sqrt[3]{8}", 2), (r"\log_2 8", 3), ("|3-5|", 2),
        ("5!", 120), ("-2^2", -4), (r"\lfloor 2.5 \rfloor", 2), ("(1+i)^2", 2j), ("6/2*3", 9), ("6/2(3)", 1), ("2(3+4)", 14),
        (r"\binom{5}{2}", 10), ("1:4", 0.25), (r"\sin^{-1} 1", 1.5707963), ("--3", 3), (r"2 \cdot -3", -6),
        ("90^\\circ", 90), ("e^0", 1),
    ],
)  # fmt: skip
def test_expressions_are_worth_what_one_computes_by_hand(expression, value):
    values, _ = evaluate(expression)
    assert values == pytest.approx((value, value))


# ---- hostile answers


def finishes(function, *arguments):
    """What `function` returns in a thread of its own, as TRL calls rewards; a failure if it hangs or raises."""
    results = []

    def work():
        try:
            results.append(function(*arguments))
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "still at work after 20 s"
    assert not isinstance(results[0], BaseException), results[0]
    return results[0]


HOSTILE = {
    "boxes": "\\boxed{" * 100_000,
    "closed boxes": "\\boxed{17}" * 100_000,
    "braces": "\\boxed{" + "{" * 10_000 + "17" + "}" * 10_000 + "}",
    "long": "\\boxed{" + "a" * 1_000_000 + "}",
    "digits": "\\boxed{" + "9" * 1_000_000 + "}",
    "backslashes": "\\" * 1_000_000 + "boxed{17}",
    "spaces": ("\\boxed" + " " * 100) * 10_000,
    "thoughts": "<think>" * 100_000 + "\\boxed{18}",
    "ends of thoughts": "\\boxed{18}" + "</think>" * 100_000,
    "roots": "\\boxed{" + "\\sqrt{" * 1000 + "2" + "}" * 1000 + "}",
    "ligatures": "\\boxed{" + "ﷺ" * 999 + "}",
    "raised": "\\boxed{" + "⁹" * 900 + "}",
    "texts": "\\boxed{" + "\\text{" * 160 + "}" * 160 + "}",
    "digits in text": "\\boxed{\\text{" + "1" * 900 + "}}",
    "words": "\\boxed{18 " + "ab-" * 75 + "!}",
    "abbreviations": "\\boxed{18 " + "a." * 100 + "!}",
    "scales": "\\boxed{" + "1 million " * 24 + "}",
    "characters": "\\boxed{" + "十" * 240 + "}",
    "brackets": "\\boxed{" + "(" * 120 + ")" * 120 + "}",
    "bars": "\\boxed{" + "|" * 240 + "}",
    "commas": "\\boxed{" + "1," * 120 + "}",
    "unions": "\\boxed{" + "(1,2)\\cup" * 24 + "(3,4)}",
    "fractions": "\\boxed{" + "\\frac{1}{1+" * 16 + "1" + "}" * 16 + "}",
    "surrogates": "\\boxed{\ud800\udfff}",
}
EXPENSIVE = [
    r"9**9**9", r"9^{9^{9^9}}", r"9!!!", r"((3!)!)!", r"1000000!", r"(99999!)", r"2^{999999999}", r"\sqrt{2}^{999}",
    r"(x+1)^{500}", r"(x+y+z)^{99}", r"((x+y)^9)^9", r"((9^{99})^{99})^{99}", r"(9^{9^9},1)", r"[9^{9^9},1)",
    r"1e999999999", r"\binom{10000}{5000}", r"\exp(\exp(\exp(99)))", r"e^{e^{e^{e^9}}}", r"\sin(10^{300})", r"\arccos(99)",
    r"\sqrt{(\arccos(99))^2}", r"\log(\log(\log(0)))", r"1.0000001^{999999}", r"(\frac{10000001}{10000000})^{999999}",
    r"x^{x^{x^x}}", r"x^{100000}", r"\prod_{i=1}^{99999}i", r"\sum_{i=1}^{\infty}i", r"\int_0^1x", r"\gcd(10^{99},3)",
    r"\operatorname{eye}(99999)", r"\Gamma(99999)", r"\sqrt[0]{2}", r"0^{-1}", r"\frac{0}{0}", r"x^5-x-1=0",
    r"\sin(x)=x^{12}", r"i^{i^{i}}", r"(\frac{i}{0.5})^{100}", r"\frac{d}{dx}x^{99}", r"\tan(\tan(\tan(\tan(\tan(x)))))",
    r"__import__('os')", r"\infty-\infty",
]  # fmt: skip
GOLDS = ["18", r"\sqrt{2}", "x^2+1", "(1,2)", "1,2", "y=2x+1", "x>2", r"[1,2)\cup(3,4)", "B", r"\text{Monday}"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_response_is_wrong_and_soon_so_in_any_thread(name):
    assert (
        finishes(lambda: [is_correct(HOSTILE[name], gold, lang) for gold in GOLDS for lang in ("de", "zh")]) == [False] * 20
    )


@pytest.mark.parametrize("answer", EXPENSIVE)
def test_an_expensive_answer_is_wrong_and_soon_so_in_any_thread(answer):
    assert finishes(lambda: [answers_equal(answer, gold) for gold in GOLDS]) == [False] * len(GOLDS)
    # Also where it is worth what the gold answer is, so that nothing but its cost speaks against it.
    assert finishes(equal, f"0+{answer}", answer) in (True, False)


@given(st.binary(), st.sampled_from([None, *sorted(LANGUAGES)]))
def test_whatever_the_bytes_an_answer_or_none_comes_back_and_a_verdict(data, lang):
    text = data.decode("utf-8", errors="surrogateescape")
    answer = extract_answer(text)
    assert answer is None or answer.strip() == answer != ""
    assert is_correct(text, "18", lang) in (True, False)
    assert answers_equal(text, "18", lang) in (True, False)


@given(st.text("0123456789xyi+-*/^_=<>!|.,:;(){}[]\\ &%$'", max_size=30), st.sampled_from(GOLDS))
def test_no_string_of_signs_breaks_the_comparison(answer, gold):
    assert answers_equal(answer, gold) in (True, False)


LATEX = [
    "\\frac{", "\\sqrt{", "\\sin ", "\\pi", "\\left(", "\\right)", "\\text{", "\\cup", "\\{", "\\}", "\\begin{pmatrix}",
    "\\\\", "^{", "_{", "}", "{", "(", ")", "[", "]", "|", "!", ",", ";", "=", "<", "\\le ", "\\pm ", "1", "18", "x", "y",
    "i", " ", "+", "-", "/", "%", "^\\circ", "million", "十", "½",
]  # fmt: skip


@given(st.lists(st.sampled_from(LATEX), max_size=15), st.sampled_from(GOLDS), st.sampled_from(["en", "de", "zh"]))
def test_no_string_of_latex_breaks_the_comparison(pieces, gold, lang):
    answer = "".join(pieces)
    assert answers_equal(answer, gold, lang) in (True, False)
    assert answers_equal(answer, answer, lang) in (True, False)
