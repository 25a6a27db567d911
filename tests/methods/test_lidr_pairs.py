"""LIDR's pairs by hand: both directions, all languages, what is dropped and why, and the controls."""

import pandas as pd
import pytest

from sp3f_lib.generation.local import Completion
from sp3f_lib.methods import lidr_pairs as lidr
from sp3f_lib.methods.lidr_controls import (
    BOTH,
    CONTENT,
    LANGUAGE,
    UNFAITHFUL,
    UNTOLD,
    classify_pair,
    equal_numbers,
    fidelity_control_pairs,
)
from sp3f_lib.methods.lidr_pairs import alignment_rows, answer_prompts, lidr_pairs, translate_answers

from ..tiny_models import parallel, user

PROMPTS = parallel(
    ("a", {"en": "Who?", "de": "Wer?", "es": "¿Quién?"}),
    (
        "t",
        {"en": "Translate 'one' into French.", "de": "Übersetze 'one' ins Französische.", "es": "Traduce 'one' al francés."},
    ),
)


def answers_frame(**texts):
    """{id_lang: text}; a text that ends in ... was cut off."""
    rows = [(*key.split("_"), text, not text.endswith("...")) for key, text in texts.items()]
    frame = pd.DataFrame(rows, columns=["id", "lang", "text", "finished"])
    return frame.sort_values("lang", key=lambda lang: lang != "en", kind="stable").assign(characters=frame.text.str.len())


def translations_frame(**texts):
    rows = [(*key.split("_"), 9, text, None if text else "no closing tag") for key, text in texts.items()]
    return pd.DataFrame(rows, columns=["id", "source", "target", "characters", "text", "reason"])


ANSWERS = {"a_en": "Maria.", "a_de": "Peter.", "a_es": "Pedro."}
TRANSLATED = {"a_en_de": "Die Maria.", "a_de_en": "The Peter.", "a_en_es": "La María.", "a_es_en": "El Peter."}


def make(answers=ANSWERS, translated=TRANSLATED, prompts=PROMPTS[:1]):
    """([(lang, partner, chosen, rejected)], report by language)."""
    pairs, report = lidr_pairs(prompts, answers_frame(**answers), translations_frame(**translated))
    short = [(p["lang"], p["partner"], p["chosen"][0]["content"], p["rejected"][0]["content"]) for p in pairs]
    return short, report.set_index("lang")


def test_both_directions_of_every_language():
    pairs, report = make()
    assert pairs == [
        ("de", "en", "Die Maria.", "Peter."),
        ("en", "de", "Maria.", "The Peter."),
        ("es", "en", "La María.", "Pedro."),
        ("en", "es", "Maria.", "El Peter."),
    ]
    assert report["pairs"].tolist() == report["English pairs"].tolist() == [1, 1]


def test_pairs_stand_on_the_prompt_of_their_language():
    pairs, _ = lidr_pairs(PROMPTS[:1], answers_frame(**ANSWERS), translations_frame(**TRANSLATED))
    assert [(p["id"], p["prompt"]) for p in pairs[:2]] == [("a", user("Wer?")), ("a", user("Who?"))]
    assert pairs[0]["chosen"][0]["role"] == "assistant"


@pytest.mark.parametrize(
    ("answers", "translated", "reason", "lost"),
    [
        ({}, {"a_en_de": None}, lidr.FAILED, 2),
        ({}, {"a_de_en": None}, lidr.FAILED, 2),
        ({"a_de": ""}, {"a_de_en": None}, lidr.EMPTY, 2),
        ({}, {"a_en_de": "Peter."}, lidr.SAME, 1),
        ({}, {"a_de_en": "Maria."}, lidr.SAME, 1),
    ],
)
def test_what_is_dropped_is_counted_with_its_reason(answers, translated, reason, lost):
    _, report = make(ANSWERS | answers, TRANSLATED | translated)
    assert report.loc["de", reason] == lost
    assert report.loc["de", ["pairs", "English pairs"]].sum() == 2 - lost
    assert report.loc["es", ["pairs", "English pairs"]].sum() == 2  # the other language keeps both
    assert report[[lidr.EMPTY, lidr.CUT, lidr.FAILED, lidr.SAME]].sum().sum() == lost


def test_an_english_answer_that_was_cut_off_is_on_no_chosen_side():
    pairs, report = make(ANSWERS | {"a_en": "Maria and..."})
    assert pairs == []
    assert report[lidr.CUT].tolist() == [2, 2]
    pairs, _ = make(ANSWERS | {"a_de": "Peter und..."})
    assert pairs[0] == ("de", "en", "Die Maria.", "Peter und...")  # as the rejected side it is welcome


def test_prompts_that_ask_for_a_translation_keep_the_english_runs_answer():
    answers = {"t_en": "un", "t_de": "eins", "t_es": "uno"}
    translated = {"t_en_de": None, "t_de_en": "one", "t_en_es": None, "t_es_en": None}
    pairs, report = make(answers, translated, PROMPTS[1:])
    assert pairs == [("de", "en", "un", "eins"), ("en", "de", "un", "one")]
    assert report[lidr.FAILED].tolist() == [0, 2]


def capitals(prompts, sampling, seed, prefill="", stop=None):
    """Answers are the prompt with a mark; translations the text in capitals."""
    assert sampling.temperature == 0
    if prefill:
        assert sampling.repetition_penalty == 1.0
        texts = [p[-1]["content"].split("<sentence>")[-1].removesuffix("</sentence>").upper() + stop for p in prompts]
    else:
        assert sampling.repetition_penalty == 1.1
        texts = [f"{p[-1]['content']} - yes" for p in prompts]
    return [Completion(k, 0, True, text, 3, "Quién" not in text) for k, text in enumerate(texts)]


def test_answers_and_translations_on_files(tmp_path):
    answers = answer_prompts(tmp_path / "answers", capitals, PROMPTS, ("en", "de", "es"), prompts_per_part=4)
    assert answers.columns.tolist() == ["id", "lang", "text", "finished", "tokens", "characters"]
    translations = translate_answers(tmp_path / "translations", capitals, PROMPTS, answers, answers_per_part=3)
    found = {(r.id, r.source, r.target): (None if pd.isna(r.text) else r.text, r.reason) for r in translations.itertuples()}
    assert found["a", "en", "de"][0] == "WHO? - YES"
    assert found["a", "es", "en"][0] == "¿QUIÉN? - YES"  # cut off, but only ever rejected
    assert found["t", "en", "de"] == (None, lidr.NOT_NEEDED)
    assert len(found) == 2 * 2 * 2
    pairs, _ = lidr_pairs(PROMPTS, answers, translations)
    assert len(pairs) == 8
    again = translate_answers(tmp_path / "translations", None, PROMPTS, answers, answers_per_part=3)
    pd.testing.assert_frame_equal(again, translations)


def test_beside_a_cut_off_english_answer_nothing_is_translated(tmp_path):
    answers = answers_frame(a_en="Maria and...", a_de="Peter.", a_es="Pedro.")
    translations = translate_answers(tmp_path, None, PROMPTS[:1], answers)
    assert translations["reason"].tolist() == [lidr.CUT] * 4
    assert translations["text"].isna().all()


def test_rows_of_the_sft_baseline():
    answers = {**ANSWERS, "t_en": "un", "t_de": "eins", "t_es": "uno"}
    translated = TRANSLATED | {"a_en_es": None, "t_en_de": None, "t_de_en": "one", "t_en_es": None, "t_es_en": None}
    rows = alignment_rows(PROMPTS, answers_frame(**answers), translations_frame(**translated))
    assert [(r["extra_info"]["id"], r["extra_info"]["lang"], r["translated_solution"]) for r in rows] == [
        ("a", "de", "Die Maria."), ("t", "de", "un"), ("t", "es", "un"),
    ]  # fmt: skip
    assert rows[0]["input"] == user("Wer?")
    assert alignment_rows(PROMPTS[:1], answers_frame(**ANSWERS | {"a_en": "cut..."}), translations_frame(**TRANSLATED)) == []


# ---- controls

ENGLISH = "She bought three apples at the market and gave one of them to her neighbour."
GERMAN = "Sie kaufte auf dem Markt drei Äpfel und gab einen davon ihrer Nachbarin."
OTHER_GERMAN = "Niemand weiß, wie viele Äpfel am Ende des Tages noch übrig gewesen sind."
OTHER_ENGLISH = "Nobody knows how many apples were left over at the end of the day."
SPANISH = "Ella compró tres manzanas en el mercado y le dio una de ellas a su vecina."


@pytest.mark.parametrize(
    ("lang", "chosen", "rejected", "kind"),
    [
        ("de", GERMAN, OTHER_GERMAN, CONTENT),
        ("de", GERMAN, OTHER_ENGLISH, BOTH),
        ("de", ENGLISH, OTHER_GERMAN, UNFAITHFUL),
        ("en", ENGLISH, OTHER_ENGLISH, CONTENT),
        ("de", GERMAN, "$3 + 4 = 7$", UNTOLD),
        ("de", "7", OTHER_GERMAN, UNTOLD),
    ],
)
def test_what_the_sides_of_a_pair_differ_in(lang, chosen, rejected, kind):
    sides = {"chosen": [{"role": "assistant", "content": chosen}], "rejected": [{"role": "assistant", "content": rejected}]}
    assert classify_pair({"lang": lang, **sides}) == kind


def test_controls_separate_language_from_content():
    answers = answers_frame(a_en=ENGLISH, a_de=OTHER_ENGLISH, a_es=OTHER_GERMAN, t_en="un", t_de=GERMAN, t_es=SPANISH)
    translations = translations_frame(
        a_en_de=GERMAN, a_de_en=OTHER_ENGLISH, a_en_es=SPANISH, a_es_en=OTHER_ENGLISH,
        t_en_de=None, t_de_en=ENGLISH, t_en_es=None, t_es_en=ENGLISH,
    )  # fmt: skip
    pairs, _ = lidr_pairs(PROMPTS, answers, translations)
    assert len(pairs) == 8
    controls, counts = fidelity_control_pairs(PROMPTS, pairs, answers, translations)
    short = {
        kind: [(p["lang"], p["partner"], p["chosen"][0]["content"], p["rejected"][0]["content"]) for p in found]
        for kind, found in controls.items()
    }
    assert short == {
        CONTENT: [("en", "de", ENGLISH, OTHER_ENGLISH), ("en", "es", ENGLISH, OTHER_ENGLISH)],
        LANGUAGE: [
            ("de", "en", GERMAN, ENGLISH), ("en", "de", ENGLISH, GERMAN),
            ("es", "en", SPANISH, ENGLISH), ("en", "es", ENGLISH, SPANISH),
        ],
        BOTH: [("de", "en", GERMAN, OTHER_ENGLISH), ("es", "en", SPANISH, OTHER_GERMAN)],
    }  # fmt: skip
    assert counts["pairs"].sum() == 8
    assert {p["id"] for found in controls.values() for p in found} == {"a"}


def test_a_translation_that_is_still_english_is_no_language_pair():
    translations = translations_frame(a_en_de=OTHER_ENGLISH, a_de_en=ENGLISH, a_en_es=SPANISH, a_es_en=None)
    answers = answers_frame(a_en=ENGLISH, a_de=GERMAN, a_es=SPANISH)
    controls, counts = fidelity_control_pairs(PROMPTS[:1], [], answers, translations)
    assert [(p["lang"], p["partner"]) for p in controls[LANGUAGE]] == [("es", "en"), ("en", "es")]
    assert counts.set_index("kind")["pairs"].filter(like="not in its language").sum() == 2


def test_controls_of_equal_size():
    pair = {"lang": "de", "partner": "en"}
    controls = {CONTENT: [pair | {"id": k} for k in range(5)], LANGUAGE: [pair | {"id": 10 + k} for k in range(3)], BOTH: []}
    controls[LANGUAGE].append({"lang": "en", "partner": "de", "id": 20})
    cut = equal_numbers(controls)
    assert len(cut[CONTENT]) == len(cut[LANGUAGE]) == 3
    assert {p["lang"] for p in cut[LANGUAGE]} == {"de"}
    assert equal_numbers(controls) == cut
    assert any(equal_numbers(controls, seed=seed) != cut for seed in range(1, 9))
