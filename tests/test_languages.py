r"""The one table of languages; \boxed is never translated, and every closing sentence gives its answer back."""

import re

import pytest

from sp3f_lib.languages import INSTRUCTION_EN, LANGUAGES, closing_sentence, get_language
from sp3f_lib.rewards.answers import extract_answer
from sp3f_lib.rewards.detector import covered

EVERY_LANGUAGE = pytest.mark.parametrize("lang", sorted(LANGUAGES))


def test_the_languages_sp3f_trains_on_are_the_18_of_the_paper():
    seen = {code for code, language in LANGUAGES.items() if language.seen}
    assert " ".join(sorted(seen)) == "ar bn de en es fr hi id it ja ko pt ru sw te th yo zh"


def test_the_unseen_languages_are_the_8_of_the_paper():
    unseen = {code for code, language in LANGUAGES.items() if not language.seen}
    assert " ".join(sorted(unseen)) == "af gu he nl pa tl tr vi"


def test_the_english_instruction_is_the_authors():
    assert (
        get_language("en").instruction == INSTRUCTION_EN == r"Reason step by step and put your final answer within \boxed{}."
    )


@EVERY_LANGUAGE
def test_the_instruction_holds_one_empty_box(lang):
    instruction = LANGUAGES[lang].instruction
    assert instruction.count(r"\boxed{}") == 1
    assert instruction.count("\\") == 1
    assert "boxed" not in instruction.replace(r"\boxed{}", "")


@EVERY_LANGUAGE
def test_the_closing_sentence_holds_one_box_with_the_marker(lang):
    closing = LANGUAGES[lang].closing
    assert closing.count(r"\boxed{ANSWER}") == 1
    assert closing.count("\\") == 1
    assert closing.count("ANSWER") == 1


@EVERY_LANGUAGE
@pytest.mark.parametrize("answer", ["18", r"\frac{1}{2}", "-3.5", "x_{1}"])
def test_the_answer_of_a_closing_sentence_can_be_read(lang, answer):
    assert extract_answer(closing_sentence(lang, answer)) == answer


def test_a_closing_sentence_takes_a_number():
    assert closing_sentence("sw", 18) == r"Kwa hiyo, jibu ni \boxed{18}."


def test_every_language_of_the_table_can_be_recognised():
    assert covered() == set(LANGUAGES)


def test_every_language_has_words_of_its_own():
    assert len({language.instruction for language in LANGUAGES.values()}) == len(LANGUAGES)
    assert len({language.closing for language in LANGUAGES.values()}) == len(LANGUAGES)
    assert len({language.name for language in LANGUAGES.values()}) == len(LANGUAGES)


SCRIPTS = {
    "Latn": "A-Za-z", "Arab": "\u0600-\u06ff", "Beng": "\u0980-\u09ff", "Deva": "\u0900-\u097f",
    "Jpan": "\u3040-\u30ff", "Kore": "\uac00-\ud7af", "Cyrl": "\u0400-\u04ff", "Telu": "\u0c00-\u0c7f",
    "Thai": "\u0e00-\u0e7f", "Hans": "\u4e00-\u9fff", "Hebr": "\u0590-\u05ff", "Gujr": "\u0a80-\u0aff",
    "Guru": "\u0a00-\u0a7f",
}  # fmt: skip


@EVERY_LANGUAGE
def test_instruction_and_closing_are_written_in_the_script_of_the_table(lang):
    language = LANGUAGES[lang]
    for text in (language.instruction, language.closing):
        assert re.search(f"[{SCRIPTS[language.script]}]", text)
        if language.script != "Latn":
            assert not re.search(r"[A-Za-z]", text.replace(r"\boxed{}", "").replace(r"\boxed{ANSWER}", ""))


@pytest.mark.parametrize("code, nearest", [("sww", "sw"), ("BN", "bn"), ("germn", "de"), ("Swahilli", "sw")])
def test_an_unknown_code_is_named_with_the_nearest(code, nearest):
    with pytest.raises(ValueError, match=f"unknown language '{code}'.*nearest: '{nearest}'"):
        get_language(code)


def test_the_name_of_a_language_is_answered_with_its_code():
    with pytest.raises(ValueError, match="unknown language 'Swahili': write its code, 'sw'"):
        get_language("Swahili")


@pytest.mark.parametrize("code", ["??", "", None])
def test_a_code_near_to_nothing_is_answered_with_all_codes(code):
    with pytest.raises(ValueError, match=r"unknown language .*known: af, ar, bn, .*, zh"):
        get_language(code)
