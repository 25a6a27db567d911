r"""Choices in many scripts, a row a case: what chooses an option counts, what only looks like it does not.

Each case is (response, language, letter or why there is none), on the options below unless it has its own.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sp3f_lib.evaluation.choice_words import ALPHABETS, WORDS
from sp3f_lib.evaluation.choices import authors_rule, read_choice
from sp3f_lib.languages import LANGUAGES, closing_sentence

OPTIONS = ("Less noise", "More speed", "Because of rain", "Both of the two")
NUMBERS = ("12", "3", "7", "2")

BOXED = [  # what stands in the box, language, result
    ("B", None, "B"), ("b", None, "B"), ("(B)", None, "B"), ("[B]", None, "B"), ("B)", None, "B"), ("B.", None, "B"),
    ("B:", None, "B"), ("b.", None, "B"), (" B ", None, "B"), ("**B**", None, "B"), ("**(B)**", None, "B"),
    ("`B`", None, "B"),
    ('"B"', None, "B"), ("$B$", None, "B"), (r"\text{B}", None, "B"), (r"\text{(B)}", None, "B"),
    (r"\textbf{B}", None, "B"),
    (r"\textbf{(B)}", None, "B"), (r"\mathrm{B}", None, "B"), (r"\mathbf{B}", None, "B"), (r"\text{ B. }", None, "B"),
    (r"\textbf{B) More speed}", None, "B"), (r"\text{B: More speed}", None, "B"), ("B) More speed", None, "B"),
    ("B. More speed", None, "B"), ("(B) More speed", None, "B"), ("B More speed", None, "B"),
    ("B - More speed", None, "B"),
    ("B) it says so in the text", None, "B"), ("Ｂ", None, "B"), ("（Ｂ）", None, "B"), ("【B】", None, "B"),
    ("Ⓑ", None, "B"),
    ("ⓑ", None, "B"), ("⒝", None, "B"), ("𝐁", None, "B"), ("\u200fB\u200e", None, "B"), ("Option B", None, "B"),
    (r"\text{Option B}", None, "B"), ("choice (B)", None, "B"), ("Answer: B", None, "B"), ("the answer is B", None, "B"),
    ("B and B", None, "B"), ("More speed", None, "B"), ("more speed.", None, "B"), (r"\text{More speed}", None, "B"),
    ("«More  speed»", None, "B"), ("Both of the two", None, "D"),
    ("أ", "ar", "A"), ("ا", "ar", "A"), ("ب", "ar", "B"), ("(ج)", "ar", "C"), ("د", "ar", "D"), ("ت", "ar", "C"),
    ("الخيار ب", "ar", "B"),
    ("ক", "bn", "A"), ("(খ)", "bn", "B"), ("গ।", "bn", "C"), ("ঘ", "bn", "D"), ("বিকল্প খ", "bn", "B"),
    ("क", "hi", "A"), ("(ख)", "hi", "B"), ("ग)", "hi", "C"), ("घ", "hi", "D"), ("विकल्प B", "hi", "B"), ("ब", "hi", "B"),
    ("स", "hi", "C"),
    ("甲", "zh", "A"), ("乙", "zh", "B"), ("丙。", "zh", "C"), ("丁", "zh", "D"), ("选项B", "zh", "B"),
    ("B项", "zh", "B"), ("二", "zh", "B"),
    ("（四）", "zh", "D"), ("イ", "ja", "B"), ("選択肢B", "ja", "B"), ("나", "ko", "B"), ("ㄷ", "ko", "C"),
    ("B번", "ko", "B"),
    ("ก", "th", "A"), ("ข", "th", "B"), ("ค.", "th", "C"), ("ข้อ ง", "th", "D"), ("ตัวเลือก B", "th", "B"),
    ("А", "ru", "A"), ("Б", "ru", "B"), ("С", "ru", "C"), ("Г)", "ru", "D"), ("вариант Б", "ru", "B"), ("г", "ru", "D"),
    ("ב", "he", "B"), ("ב'", "he", "B"), ("ג׳", "he", "C"), ("ખ", "gu", "B"), ("બ", "gu", "B"), ("ਖ", "pa", "B"),
    ("ਸ", "pa", "D"),
    ("ఖ", "te", "B"), ("Seçenek B", "tr", "B"), ("Opción B", "es", "B"), ("phương án B", "vi", "B"),
    # neighbours
    ("В", "ru", "ambiguous"), ("в", "ru", "ambiguous"), ("ક", "gu", "ambiguous"), ("A or B", None, "ambiguous"),
    ("A, B", None, "ambiguous"), ("A/C", None, "ambiguous"), ("A und B", "de", "ambiguous"), ("A و B", "ar", "ambiguous"),
    ("A和B", "zh", "nothing"), ("(A) or (B)", None, "ambiguous"), ("A) More speed", None, "ambiguous"),
    ("A. More speed", None, "ambiguous"), ("A and C and D", None, "ambiguous"),
    ("Because", None, "nothing"), ("Better", None, "nothing"), ("BB", None, "nothing"), ("AB", None, "nothing"),
    ("E", None, "nothing"),
    ("e.", None, "nothing"), ("not B", None, "nothing"), ("Д", "ru", "nothing"), ("2", None, "nothing"),
    ("戊", "zh", "nothing"),
    ("五", "zh", "nothing"), ("β-decay", None, "nothing"), ("B. Franklin", None, "nothing"), ("speed", None, "nothing"),
    ("More", None, "nothing"), ("A dog", None, "nothing"), ("", None, "nothing"), ("?", None, "nothing"),
    ("B1", None, "nothing"),
    ("18", None, "nothing"), ("vitamin B", None, "nothing"), (r"\text{None}", None, "nothing"), ("กข", "th", "nothing"),
]  # fmt: skip
SPOKEN = [  # the whole response, language, result
    ("The answer is B.", "en", "B"), ("Therefore, the answer is (B).", "en", "B"),
    ("The correct answer is: **B**", "en", "B"),
    ("**Answer:** B", "en", "B"), ("Answer: B) More speed", "en", "B"),
    ("The answer is B. It says so. It is fast.", "en", "B"),
    ("The answer is B, because it is fast.", "en", "B"), ("The answer is option B.", "en", "B"),
    ("The answer is More speed.", "en", "B"),
    ("The answer is A. No: the answer is B.", "en", "B"), ("B", "en", "B"), ("(B) More speed", "en", "B"),
    ("More speed", "en", "B"),
    ("<think>The answer is A.</think>The answer is B.", "en", "B"), ("The answer is A</think>B", "en", "B"),
    ("Die Antwort ist B.", "de", "B"), ("Antwort: b", "de", "B"), ("Die richtige Antwort ist also B", "de", "B"),
    ("The answer is B.", "de", "B"),
    ("La respuesta es b.", "es", "B"), ("La réponse est B.", "fr", "B"), ("Réponse : B", "fr", "B"),
    ("答案是B。", "zh", "B"),
    ("答案：乙", "zh", "B"), ("答案是B，因为很快。", "zh", "B"), ("したがって、答えはBです。", "ja", "B"),
    ("답은 B입니다.", "ko", "B"),
    ("정답: B", "ko", "B"), ("الإجابة هي ب.", "ar", "B"), ("الجواب: (ب)", "ar", "B"), ("उत्तर ख है।", "hi", "B"),
    ("উত্তর হলো খ।", "bn", "B"),
    ("คำตอบคือ ข", "th", "B"), ("คำตอบคือ B", "th", "B"), ("Ответ: Б", "ru", "B"), ("Jibu ni B.", "sw", "B"),
    ("సమాధానం: B", "te", "B"),
    ("Ìdáhùn náà ni B.", "yo", "B"), ("Jadi, jawabannya adalah B.", "id", "B"), ("Jawaban: B", "id", "B"),
    ("Cevap: B", "tr", "B"),
    ("Đáp án: B", "vi", "B"), ("câu trả lời là B.", "vi", "B"), ("התשובה היא ב", "he", "B"),
    ("Ang sagot ay B.", "tl", "B"),
    # neighbours
    ("The answer is a dog.", "en", "nothing"), ("The answer is Because.", "en", "nothing"),
    ("La respuesta es a veces", "es", "nothing"),
    ("I like B.", "en", "nothing"), ("B is wrong", "en", "nothing"), ("The answer is not B.", "en", "nothing"),
    ("The answer is A or B.", "en", "ambiguous"), ("The answer is B) Less noise", "en", "ambiguous"),
    ("", "en", "nothing"),
    ("A) Less noise\nB) More speed", "en", "ambiguous"), ("The answer is B. The answer is unclear.", "en", "nothing"),
    (r"The answer is B. \boxed{}", "en", "nothing"), (r"The answer is B. \boxed{B", "en", "nothing"),
    ("<think>The answer is B.", "en", "nothing"), ("答案是不确定的", "zh", "nothing"), ("Ответ: В", "ru", "ambiguous"),
]  # fmt: skip
OWN_OPTIONS = [  # options, response, result
    (NUMBERS, r"\boxed{3}", "B"), (NUMBERS, r"\boxed{2}", "D"), (NUMBERS, r"\boxed{B) 3}", "B"),
    (NUMBERS, r"\boxed{三}", "nothing"),
    (NUMBERS, r"\boxed{12}", "A"), (NUMBERS, r"\boxed{23}", "nothing"), (("B", "A", "C", "D"), r"\boxed{A}", "ambiguous"),
    (("B", "A", "C", "D"), r"\boxed{C}", "C"), (("Booth", "J. Davis", "A. Lincoln", "Grant"), r"\boxed{A. Lincoln}", "C"),
    (("Booth", "J. Davis", "A. Lincoln", "Grant"), "The answer is A. Lincoln", "C"),
    (("dog", "cat", "A dog", "A cat"), r"\boxed{A dog}", "C"),
    (("Aa", "AA", "aa", "AO"), r"\boxed{AA}", "B"), (("Aa", "AA", "aa", "AO"), r"\boxed{aA}", "ambiguous"),
    (("same", "same", "c", "d"), r"\boxed{same}", "ambiguous"), (("w", "x", "y", "z", "v"), r"\boxed{E}", "E"),
    (("yes", "no"), r"\boxed{B}", "B"), (("yes", "no"), r"\boxed{C}", "nothing"),
    (("1990", "1991", "1992", "1993"), r"\boxed{1991}", "B"), (("Z" * 5, "I", "J", "K"), r"\boxed{I}", "B"),
    ((r"$\frac{1}{2}$", "$x^2$", "0", "1"), r"\boxed{\dfrac{1}{2}}", "A"),
    (("快", "慢", "多", "少"), r"\boxed{慢。}", "B"),
]  # fmt: skip
ROWS = [(rf"Therefore \boxed{{{inside}}}.", lang, OPTIONS, wanted) for inside, lang, wanted in BOXED]
ROWS += [(text, lang, OPTIONS, wanted) for text, lang, wanted in SPOKEN]
ROWS += [(text, "en", options, wanted) for options, text, wanted in OWN_OPTIONS]


@pytest.mark.parametrize("response, lang, options, wanted", ROWS, ids=[str(number) for number in range(len(ROWS))])
def test_conformance(response, lang, options, wanted):
    found = read_choice(response, options, lang)
    assert (found.letter or found.how) == wanted, response


def test_the_suite_holds_60_forms_and_neighbours_in_ten_scripts():
    chosen = [row for row in ROWS if len(row[3]) == 1]
    assert len(chosen) >= 60 and len(ROWS) - len(chosen) >= 40
    assert len({LANGUAGES[lang].script for _, lang, _, _ in chosen if lang}) >= 10


@pytest.mark.parametrize("lang", sorted(LANGUAGES))
def test_the_closing_sentence_of_every_language_is_read_with_and_without_a_box(lang):
    for letter, text in zip("ABCD", OPTIONS, strict=True):
        for answer in (letter, f"({letter})", f"**{letter}**", text, f"{letter}) {text}"):
            sentence = closing_sentence(lang, answer)
            assert read_choice(sentence, OPTIONS, lang).letter == letter
            assert read_choice(sentence.replace(r"\boxed{", "").replace("}", ""), OPTIONS, lang).letter == letter, sentence
    assert (
        read_choice(closing_sentence(lang, "Elephant").replace(r"\boxed{", "").replace("}", ""), OPTIONS, lang).how
        == "nothing"
    )


def test_every_language_has_its_words_and_every_alphabet_its_places():
    assert set(WORDS) == set(LANGUAGES)
    for order in ALPHABETS:
        for place, sign in enumerate(order[:4]):
            found = read_choice(rf"\boxed{{{sign}}}", OPTIONS)
            assert found.letter == "ABCD"[place] or found.how == "ambiguous", sign


def test_digits_are_labels_only_where_options_are_numbered():
    for sign in ("2", "(2)", "2.", "②", "২", "٢", "２"):
        assert read_choice(rf"\boxed{{{sign}}}", OPTIONS, numbered=True).letter == "B"
        assert read_choice(rf"\boxed{{{sign}}}", OPTIONS).letter is None
    assert read_choice(r"\boxed{5}", OPTIONS, numbered=True).how == "nothing"
    # Numbered options that are numbers: the text of one and the number of another.
    assert read_choice(r"\boxed{3}", NUMBERS, numbered=True).how == "ambiguous"


def test_one_option_or_eleven_are_no_question():
    for options in (("a",), tuple("abcdefghijk")):
        with pytest.raises(ValueError, match="2 to 10 options"):
            read_choice("B", options)


def test_the_authors_rule_on_the_cases_on_which_theirs_was_run():
    for passes in ("B", r"\text{B}", "B) More speed", "b."):
        assert authors_rule(rf"\boxed{{{passes}}}", "B", "More speed"), passes
    for fails in (
        r"\boxed{(B)}",
        r"\boxed{\text{(B)}}",
        r"\boxed{\textbf{B}}",
        r"\boxed { B}",
        r"\boxed{খ}",
        "The answer is B",
    ):
        assert not authors_rule(fails, "B", "More speed"), fails
    assert authors_rule(r"\boxed{Because}", "B", "More speed")
    assert authors_rule(r"\boxed{more speed}", "B", "More speed")
    assert authors_rule(r"\boxed{A} or \boxed{B}", "B", "x") and not authors_rule(r"\boxed{B} or \boxed{A}", "B", "x")


@pytest.mark.parametrize(
    "piece", ["the answer is ", "the answer is B. ", "B, ", "(A) ", "{", r"\boxed{", "Answer: A, ", "** "]
)
def test_endless_text_takes_no_time(piece, never_endless):
    for text in (piece * 20_000, "The answer is " + piece * 20_000, rf"\boxed{{{piece * 20_000}}}"):
        assert read_choice(text, OPTIONS, "en").how in ("letter", "ambiguous", "nothing")


@settings(max_examples=300)
@given(st.text(max_size=80), st.sampled_from([*LANGUAGES, None]), st.booleans())
def test_no_response_raises(text, lang, numbered):
    for response in (text, rf"\boxed{{{text}}}", f"The answer is {text}"):
        found = read_choice(response, OPTIONS, lang, numbered)
        assert (found.letter is None) == (found.how in ("ambiguous", "nothing"))


def test_signs_that_are_digits_and_no_numbers_raise_nothing():
    for sign in ("፩", "²", "₂", "①", "⑴", "፩፪", "🄀"):
        read_choice(rf"\boxed{{{sign}}}", OPTIONS, numbered=True)
    for text in ("번" * 1_900, "the answer is " * 130):
        assert read_choice(rf"\boxed{{{text}}}", OPTIONS, "ko").how == "nothing"
