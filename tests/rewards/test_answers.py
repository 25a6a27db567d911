r"""Answers: the last box, one form for all scripts, and no number that equals another by accident."""

import subprocess
import sys
import unicodedata

import pytest
from babel.numbers import format_decimal
from hypothesis import example, given
from hypothesis import strategies as st

from sp3f_lib.languages import LANGUAGES
from sp3f_lib.rewards.answers import answers_equal, extract_answer, is_correct, normalise

# ---- extraction


@pytest.mark.parametrize(
    "text, answer",
    [
        (r"so \boxed{18}.", "18"),
        (r"\boxed{3}, no: \boxed{4}", "4"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{ 18 }", "18"),
        (r"\boxed {18}", "18"),
        (r"$$\boxed{18}$$", "18"),
        (r"\fboxed{18}", "18"),
        (r"\boxed{\text{a {b} c}}", r"\text{a {b} c}"),
        (r"\boxed{\boxed{3}}", "3"),
        ("\\boxed{1\n8}", "1\n8"),
        (r"<think>\boxed{3}</think> \boxed{4}", "4"),
        (r"<think>a</think>\boxed{4}<think>\boxed{5}</think>", "4"),
        (r"opened by the prompt: \boxed{3}</think> \boxed{4}", "4"),
        (r"\fbox{18}", "18"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{[0, 1) \cup \{2\}}", r"[0, 1) \cup \{2\}"),
        (r"\boxed{\left\{ x}", r"\left\{ x"),  # an escaped brace needs no partner
        ("\\boxed{a \\\\ {b}}", "a \\\\ {b}"),  # a line break before a brace escapes nothing
    ],
)
def test_the_answer_is_what_stands_in_the_last_box(text, answer):
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The answer is 18.",
        r"\boxed 18",
        "boxed{18}",
        r"\boxed{}",
        r"\boxed{  }",
        r"cut off \boxed{18",
        r"cut off \boxed{\frac{1}{2}",
        r"\boxed{18} and then cut off \boxed{19",  # the last word is missing: an earlier box is not the answer
        r"<think>\boxed{18}</think> no answer",
        r"<think>thinking that never ends \boxed{18}",
        r"opened by the prompt: \boxed{18}</think> no answer",
        r"\boxed{18} and then cut off \boxed",
        r"\boxed{18} and then cut off \fbox ",
        r"cut off \boxed{\{1, 2\}",
    ],
)
def test_without_a_box_that_is_closed_and_filled_there_is_no_answer(text):
    assert extract_answer(text) is None


@given(st.text())
def test_an_answer_or_none_comes_out_of_any_text(text):
    answer = extract_answer(text)
    assert answer is None or (answer and answer in text)


@given(st.text(st.characters(exclude_characters="{}\\<", exclude_categories=["Cs"])).filter(str.strip), st.text("ab {}\\"))
def test_what_is_boxed_last_comes_out(answer, before):
    assert extract_answer(before + rf" \boxed{{{answer}}}") == answer.strip()


# ---- one form for all scripts

NATIVE_DIGITS = {
    "bn": "০১২৩৪৫৬৭৮৯", "ar": "٠١٢٣٤٥٦٧٨٩", "fa": "۰۱۲۳۴۵۶۷۸۹", "hi": "०१२३४५६७८९", "te": "౦౧౨౩౪౫౬౭౮౯",
    "th": "๐๑๒๓๔๕๖๗๘๙", "gu": "૦૧૨૩૪૫૬૭૮૯", "pa": "੦੧੨੩੪੫੬੭੮੯", "ja": "０１２３４５６７８９",
}  # fmt: skip


@pytest.mark.parametrize("lang", NATIVE_DIGITS)
@given(number=st.integers(0, 10**9))
def test_native_digits_are_read(lang, number):
    native = str(number).translate(str.maketrans("0123456789", NATIVE_DIGITS[lang]))
    assert normalise(native) == str(number)
    assert answers_equal(native, str(number), lang if lang in LANGUAGES else None)


@pytest.mark.parametrize(
    "answer, lang, form",
    [
        ("1.234,5", "de", "1234.5"),
        ("1.234", "de", "1234"),
        ("1,234", "de", "1.234"),
        ("1,5", "fr", "1.5"),
        ("3.5", "de", "3.5"),  # no grouping of thousands: a decimal point after all
        ("1 234,5", "fr", "1234.5"),
        ("1\u202f234", "fr", "1234"),
        ("1\u00a0234", "ru", "1234"),
        ("1,234", "en", "1234"),
        ("1.234", "en", "1.234"),
        ("1,234,567.5", "en", "1234567.5"),
        ("1,00,000", "hi", "100000"),
        ("১,০০,০০০", "bn", "100000"),
        ("1.234.567", "id", "1234567"),
        ("١٬٢٣٤٫٥", "ar", "1234.5"),
        ("-1.234", "de", "-1234"),
        ("−5", None, "-5"),
        ("+5", None, "+5"),
        ("18。", "ja", "18"),
        ("18।", "hi", "18"),
        ("$18$", None, "18"),
        ("$18", None, "18"),
        ("\u200e18\u200f", "ar", "18"),  # marks of writing direction
        ("1.000", "en", "1.000"),
        ("12,34", "en", "12,34"),  # neither thousands nor a decimal: left alone
        ("x + 1", "de", "x + 1"),
        ("", None, ""),
    ],
)
def test_an_answer_is_brought_into_one_form(answer, lang, form):
    assert normalise(answer, lang) == form


@given(st.integers(-(10**12), 10**12), st.sampled_from(sorted(LANGUAGES)))
def test_a_plain_integer_is_left_as_it_is_in_every_language(number, lang):
    assert normalise(str(number), lang) == str(number)


@given(st.integers(0, 10**9), st.sampled_from(["en", "sw", "zh", "bn"]))
def test_english_thousands_are_read(number, lang):
    assert normalise(f"{number:,}", lang) == str(number)


@given(st.integers(0, 10**9), st.sampled_from(["de", "es", "fr", "id", "it", "pt", "ru", "nl", "tr", "vi", "af"]))
def test_continental_thousands_are_read(number, lang):
    assert normalise(f"{number:,}".replace(",", "."), lang) == str(number)


# ---- equality


@pytest.mark.parametrize(
    "answer, gold, lang",
    [
        ("18", "18", None),
        ("18.0", "18", None),
        ("018", "18", None),
        ("+18", "18", None),
        ("18.", "18", None),
        ("$18", "18", None),
        (r"18 \text{ dollars}", "18", None),
        (r"\frac{36}{2}", "18", None),
        ("1/2", "0.5", None),
        ("0.5", r"\frac{1}{2}", None),
        ("0,5", r"\frac{1}{2}", "de"),
        ("x=18", "18", None),
        ("A", "A", None),
        (r"\text{A}", "A", None),
        ("-18", "−18", None),
        ("1.234", "1234", "de"),
        ("1,234", "1234", "en"),
        ("1234", "1,234", "de"),  # gold is written the English way, whatever the language
    ],
)
def test_equal_answers(answer, gold, lang):
    assert answers_equal(answer, gold, lang)


@pytest.mark.parametrize(
    "answer, gold, lang",
    [
        ("17", "18", None),
        ("-18", "18", None),
        ("180", "18", None),
        ("1.8", "18", None),
        ("", "18", None),
        ("18 or 19", "19", None),
        ("1,234", "1234", "de"),
        ("1.234", "1234", "en"),
        ("12 3", "123", None),
        ("(1,2)", "12", None),
        ("B", "A", None),
        ("A", "18", None),
        ("eighteen", "18", None),
        ("1" * 201, "1" * 200, None),
        ("1" * 1001, "1" * 1001, None),  # too long to be an answer
    ],
)
def test_different_answers(answer, gold, lang):
    assert not answers_equal(answer, gold, lang)


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_integers_are_equal_only_to_themselves(one, other):
    assert answers_equal(str(one), str(other)) == (one == other)


@given(st.text("0123456789+-*/^=.,(){}[]\\ abcdefgnqrstx%$_", max_size=12))
def test_no_answer_breaks_the_comparison(answer):
    assert answers_equal(answer, "18") in (True, False)


@pytest.mark.parametrize(
    "hostile", [r"\frac{1}{0}", "}{", r"\sqrt{-1}", "1e999", "\\", "∞", r"\int", "__import__('os')", "\x00"]
)
def test_a_hostile_answer_is_just_wrong(hostile):
    assert not answers_equal(hostile, "18")


def test_a_response_is_correct_if_its_last_box_is():
    assert is_correct(r"First \boxed{17}, no, \boxed{18}.", "18")
    assert not is_correct(r"First \boxed{18}, no, \boxed{17}.", "18")


def test_a_response_without_a_box_is_not_correct():
    assert not is_correct("18", "18")


# ---- digits, numerals and separators

ZEROS = [
    char
    for char in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(char) == "Nd" and unicodedata.digit(char) == 0
]


def in_digits(number: int | str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(char)) if char in "0123456789" else char for char in str(number))


@pytest.mark.parametrize("zero", ZEROS, ids=lambda zero: unicodedata.name(zero).lower())
@given(number=st.integers(-(10**15), 10**15))
def test_a_gold_is_equal_to_itself_in_every_digit_system_and_its_neighbours_never(zero, number):
    assert answers_equal(in_digits(number, zero), str(number))
    assert not answers_equal(in_digits(number + 1, zero), str(number))
    assert not answers_equal(in_digits(number - 1, zero), str(number))


CLDR = {"zh": "zh_Hans", "tl": "fil"}
WRITINGS = {
    "plain": lambda number, lang: str(number),
    "grouped": lambda number, lang: format_decimal(number, locale=CLDR.get(lang, lang)),
    "by spaces": lambda number, lang: f"{number:,}".replace(",", "\u202f"),
    "by apostrophes": lambda number, lang: f"{number:,}".replace(",", "’"),
    "LaTeX": lambda number, lang: f"{number:,}".replace(",", r"\,"),
    "with a decimal": lambda number, lang: format_decimal(number, "#,##0.0", locale=CLDR.get(lang, lang)),
    "full width": lambda number, lang: in_digits(number, "０"),
    "as a fraction": lambda number, lang: rf"\frac{{{3 * number}}}{{3}}",
    "as text": lambda number, lang: rf"\text{{{number}}}",
    "in euros": lambda number, lang: f"€{number}",
    "in percent": lambda number, lang: f"{number}\u00a0%",
    "after an equals sign": lambda number, lang: f"n = {number}",
    "in a sentence": lambda number, lang: f"**{number}**.",
}


@pytest.mark.parametrize("how", WRITINGS)
@given(number=st.integers(0, 10**9), lang=st.sampled_from(sorted(LANGUAGES)))
@example(number=999, lang="de")
@example(number=1000, lang="fr")
def test_a_number_and_its_neighbours_are_never_equal_however_they_are_written(how, number, lang):
    for other in (number - 1, number, number + 1):
        if other >= 0:
            assert answers_equal(WRITINGS[how](other, lang), str(number), lang) == (other == number)


@given(number=st.decimals(0, 10**6, places=2), lang=st.sampled_from(sorted(LANGUAGES)))
def test_decimals_are_read_as_the_language_writes_them(number, lang):
    written = format_decimal(number, "#,##0.00", locale=CLDR.get(lang, lang))
    assert answers_equal(written, str(number), lang)
    assert not answers_equal(written, str(number + 1), lang)


def chinese(number: int) -> str:
    """An integer below 10^12 in Chinese characters, by the schoolbook."""
    if number >= 10**4:
        power, char = (10**8, "亿") if number >= 10**8 else (10**4, "万")
        above, below = divmod(number, power)
        return chinese(above) + char + (("零" if below < power // 10 else "") + chinese(below) if below else "")
    text = ""
    for power, char in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, power)
        if digit:
            text += "零一二三四五六七八九"[digit] + char
        elif text and number and not text.endswith("零"):
            text += "零"
    return text or "零"


@given(number=st.integers(0, 10**12 - 1))
@example(number=10)
@example(number=100_000_000)
def test_chinese_numerals_are_read(number):
    assert answers_equal(chinese(number), str(number), "zh")
    assert answers_equal(chinese(number) + "元", str(number), "zh")
    assert not answers_equal(chinese(number), str(number + 1), "zh")


@given(number=st.integers(1, 10**8 - 1))
def test_korean_numerals_are_read(number):
    # As in Chinese, without a zero and without a one before ten, hundred and thousand.
    text = chinese(number).replace("零", "").replace("一十", "十").replace("一百", "百").replace("一千", "千")
    korean = text.translate(str.maketrans("一二三四五六七八九十百千万亿", "일이삼사오육칠팔구십백천만억"))
    assert answers_equal(korean, str(number), "ko")
    assert not answers_equal(korean, str(number + 1), "ko")


@pytest.mark.parametrize(
    "answer, lang, form",
    [
        ("1.234,5", "en", "1234.5"),  # both signs, or one of them twice: the same number in every language
        ("1,234.5", "de", "1234.5"),
        ("1,234,567", "de", "1234567"),
        ("1.234.567", "en", "1234567"),
        ("0.123", "de", "0.123"),  # no grouping begins with a zero
        ("1234.567", "de", "1234.567"),
        ("1'234.5", None, "1234.5"),
        ("1,23,456", "hi", "123456"),
        ("1,23,456", "en", "1,23,456"),
        ("12,5", "ar", "12.5"),
        ("12,5", "de", "12.5"),
        ("12,5", None, "12,5"),
        ("(3,128)", "en", "(3,128)"),  # a pair
        ("1 23", "fr", "1 23"),
        ("百五", "ja", "105"),
        ("一百五", "zh", "150"),
        ("一百五", None, "一百五"),
        ("十百", "ja", "十百"),
        ("3万5", "zh", "3万5"),
        ("백 이십 원", "ko", "백 이십 원"),  # not 100
        ("18 billion", "en", "18000000000"),
        ("18 billions", "fr", "18000000000000"),
        ("3 1/2", None, "3 1/2"),
        ("3½", None, "3 1/2"),
        ("½", None, "1/2"),
    ],
)
def test_what_is_ambiguous_is_read_as_documented(answer, lang, form):
    assert normalise(answer, lang) == form


# ---- what is needed to compare


def test_plain_numbers_need_no_computer_algebra():
    code = (
        "import sys; from sp3f_lib.rewards.answers import is_correct, check_gold; check_gold('18'); check_gold('1/2')\n"
        "assert is_correct(r'\\boxed{18}', '18', 'de') and not is_correct(r'\\boxed{1.234,5 Euro}', '18', 'de')\n"
        "assert is_correct(r'\\boxed{१८ रुपये}', '18', 'hi') and not is_correct(r'\\boxed{\\frac{1}{\\sqrt{2}}}', '18', 'de')\n"
        "assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- cases that once went wrong


@pytest.mark.parametrize("answer, gold", [("5²", "52"), ("2³", "23"), ("x₁", "x1")])
def test_raised_and_lowered_digits_are_not_plain_ones(answer, gold):
    assert not answers_equal(answer, gold)


def test_a_fraction_in_one_character_is_read():
    assert answers_equal("½", r"\frac{1}{2}")


@pytest.mark.parametrize(
    "answer, lang", [("18 dollars", "en"), ("18€", "de"), ("18円", "ja"), ("18 টাকা", "bn"), ("18 yai", "sw")]
)
def test_units_are_taken_off(answer, lang):
    assert answers_equal(answer, "18", lang)


@pytest.mark.parametrize("hostile", ["9^{9^9}", "2^{9^{9^9}}", "10000000!", "99999999999999^{99999999}"])
def test_a_number_too_large_to_compute_is_just_wrong(hostile, never_endless):
    assert not answers_equal(hostile, "18")
