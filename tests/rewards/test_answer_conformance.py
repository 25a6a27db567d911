r"""Answers in all 26 languages of the table, one row a case: what is written natively counts, what only looks like it does not.

`answer_cases/languages.yaml` holds what is a language's own; the patterns below are filled with it for every language. Numbers with
separators are written by Babel (Unicode's CLDR), which knows nothing of the library's table. Every row is a whole response: the
answer stands in the closing sentence of its language.
"""

import unicodedata
from pathlib import Path

import pytest
import yaml
from babel.numbers import format_decimal

from sp3f_lib.data.mgsm import MGSM_LANGUAGES, read_mgsm
from sp3f_lib.languages import LANGUAGES, closing_sentence
from sp3f_lib.rewards.answers import is_correct

TABLE = yaml.safe_load((Path(__file__).parent / "answer_cases" / "languages.yaml").read_text(encoding="utf-8"))
CLDR = {"zh": "zh_Hans", "tl": "fil"}
ZEROS = {"ar": "٠", "bn": "০", "hi": "०", "te": "౦", "th": "๐", "gu": "૦", "pa": "੦", "ja": "０", "zh": "０", "ko": "０"}

# Filled with the entries of `common`; {n} in them is the number.
EQUAL = [
    ("plain", "18", "18"),
    ("with a plus", "+18", "18"),
    ("in dollar signs", "$18$", "18"),
    ("bold", "**18**", "18"),
    ("bold in LaTeX", r"\textbf{18}", "18"),
    ("with a full stop", "18.", "18"),
    ("as text", r"\text{18}", "18"),
    ("full width", "１８", "18"),
    ("marks of direction", "\u200f18\u200e", "18"),
    ("zero-width spaces", "1\u200b8\ufeff", "18"),
    ("noun", "{noun:18}", "18"),
    ("noun and a no-break space", "{noun:18|nbsp}", "18"),
    ("noun as text", r"{noun:18|text}", "18"),
    ("noun as roman", r"{noun:18|mathrm}", "18"),
    ("noun with native digits", "{noun:18|native}", "18"),
    ("money", "{money:18}", "18"),
    ("money with native digits", "{money:18|native}", "18"),
    ("percent sign", r"18\%", "18"),
    ("percent in words", "{percent:18}", "18"),
    ("a sentence", "{answer} 18", "18"),
    ("an announcement", "{answer}: {money:18}", "18"),
    ("an equation", "x = 18", "18"),
    ("a fraction", r"\frac{36}{2}", "18"),
    ("grouped", "{decimal:1234567}", "1234567"),
    ("grouped, native digits", "{decimal:1234567|native}", "1234567"),
    ("a decimal", "{decimal:1234.5}", "1234.5"),
    ("a small decimal", "{decimal:0.75}", r"\frac{3}{4}"),
    ("a negative number", "-{decimal:1234567}", "-1234567"),
    ("minus in words", "{minus:18}", "-18"),
    ("a scale word", "{scale:3}", "{value:3}"),
    ("a list", "3 {or} -3", "3, -3"),
]
DIFFERENT = [
    ("one less", "17", "18"),
    ("one more of the noun", "{noun:19}", "18"),
    ("one more of money", "{money:19|native}", "18"),
    ("one more when grouped", "{decimal:1234568|native}", "1234567"),
    ("ten times", "180", "18"),
    ("a tenth", "{decimal:1.8}", "18"),
    ("minus", "-18", "18"),
    ("minus in words", "{minus:18}", "18"),
    ("a scale word", "{scale:18}", "18"),
    ("a half more", "{half:18}", "18"),
    ("one or the other", "18 {or} 20", "18"),
    ("two nouns", "{noun:3}, {noun:18}", "18"),
    ("a fraction", "18/20", "18"),
    ("a variable", "18x", "18"),
    ("a factorial", "18!", "18"),
    ("a power", "18²", "18"),
    ("no number", "{answer}", "18"),
    ("a choice", "B", "18"),
]


def filled(lang: str, pattern: str) -> str:
    """A pattern with `{noun:18|native}` and the like replaced by what the language writes."""
    before, brace, rest = pattern.partition("{")
    inside, _, after = rest.partition("}")
    name, _, how = inside.partition(":")
    common = TABLE[lang]["common"]
    if not brace or (name not in common and name not in ("decimal", "value")):
        return pattern if not brace else before + "{" + inside + "}" + filled(lang, after)
    number, _, style = how.partition("|")
    if name == "decimal":
        text = format_decimal(float(number) if "." in number else int(number), locale=CLDR.get(lang, lang))
    elif name == "value":
        text = str(int(number) * common["scale"][1])
    else:
        phrase = common["scale"][0] if name == "scale" else common[name]
        text = styled(phrase, style).replace("{n}", number)
    if style == "native" and lang in ZEROS:
        text = "".join(chr(ord(ZEROS[lang]) + int(char)) if char.isdecimal() else char for char in text)
    return before + text + filled(lang, after)


def styled(phrase: str, style: str) -> str:
    """A noun set apart by a no-break space, or as LaTeX text."""
    if style == "nbsp":
        return phrase.replace(" ", "\u00a0")
    if style in ("text", "mathrm"):
        before, after = phrase.split("{n}")
        return (rf"\{style}{{{before}}}" if before else "") + "{n}" + (rf"\{style}{{{after}}}" if after else "")
    return phrase


def rows() -> list:
    found = []
    for lang in LANGUAGES:
        for correct, patterns, own in ((True, EQUAL, "equal"), (False, DIFFERENT, "different")):
            sign = "is" if correct else "is not"
            for name, answer, gold in patterns:
                answer, gold = filled(lang, answer), filled(lang, gold)
                found.append(pytest.param(lang, answer, gold, correct, id=f"{lang}-{name} {sign} {gold}"))
            # pytest escapes what is not ASCII in a name, so the answers of a language's own are numbered.
            for number, (answer, gold) in enumerate(TABLE[lang][own].items(), 1):
                found.append(pytest.param(lang, answer, gold, correct, id=f"{lang}-its own {own} {number} {sign} {gold}"))
    return found


ROWS = rows()


@pytest.mark.parametrize("lang, answer, gold, correct", ROWS)
def test_conformance(lang, answer, gold, correct):
    assert is_correct(closing_sentence(lang, answer), gold, lang) is correct


# ---- the suite itself


def test_every_language_of_the_table_is_covered():
    assert set(TABLE) == set(LANGUAGES)


@pytest.mark.parametrize("lang", sorted(LANGUAGES))
def test_a_language_has_40_cases_of_which_20_are_its_own(lang):
    cases = {row.values[1:] for row in ROWS if row.values[0] == lang}
    assert len(cases) >= 40
    own = TABLE[lang]["equal"].items(), TABLE[lang]["different"].items()
    assert len(own[0]) >= 12
    assert len(own[1]) >= 8


@pytest.mark.parametrize("lang", sorted(LANGUAGES))
def test_a_languages_common_phrases_are_in_its_script(lang):
    names = {"Jpan": ("CJK", "KATAKANA", "HIRAGANA"), "Hans": ("CJK",), "Latn": ("LATIN",), "Kore": ("HANGUL",)}
    scripts = {
        "Arab": "ARABIC",
        "Beng": "BENGALI",
        "Deva": "DEVANAGARI",
        "Cyrl": "CYRILLIC",
        "Telu": "TELUGU",
        "Thai": "THAI",
    }
    scripts |= {"Hebr": "HEBREW", "Gujr": "GUJARATI", "Guru": "GURMUKHI"}
    script = LANGUAGES[lang].script
    for name in ("noun", "minus", "half", "or", "answer"):
        letters = [char for char in TABLE[lang]["common"][name].replace("{n}", "") if char.isalpha()]
        assert letters
        assert all(unicodedata.name(char).startswith(names.get(script, scripts.get(script))) for char in letters), letters


# ---- MGSM's gold answers as real rewards


@pytest.mark.parametrize("lang", (*MGSM_LANGUAGES, "id"))
def test_the_gold_answers_of_mgsm_count_in_every_native_form_and_their_neighbours_never(lang, shared_data):
    golds = {answer for _, answer in read_mgsm(lang, shared_data)}
    assert len(golds) > 100
    for gold in golds:
        for form in native_forms(lang, int(gold)):
            assert is_correct(closing_sentence(lang, form), gold, lang), form
        for wrong in (int(gold) - 1, int(gold) + 1, 10 * int(gold) + 1, -int(gold) - 1):
            for form in native_forms(lang, wrong):
                assert not is_correct(closing_sentence(lang, form), gold, lang), form


def native_forms(lang: str, number: int) -> list[str]:
    """An integer as the language writes it: plain, grouped, with native digits, full width, with units and currency."""
    grouped = format_decimal(number, locale=CLDR.get(lang, lang))
    zero = ZEROS.get(lang, "0")
    plain = [str(number), grouped]
    native = ["".join(chr(ord(zero) + int(char)) if char.isdecimal() else char for char in form) for form in plain]
    wide = ["".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in form) for form in plain]
    common = TABLE[lang]["common"]
    units = [common[name].replace("{n}", form) for name in ("noun", "money", "percent") for form in (*plain, *native)]
    return [*plain, *native, *wide, *units]
