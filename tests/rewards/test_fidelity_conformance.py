"""Fidelity, language by language: `fidelity_cases.yaml` was written without looking at what the code says."""

from pathlib import Path

import pytest
import yaml

from sp3f_lib.languages import LANGUAGES
from sp3f_lib.rewards.fidelity import THRESHOLD, language_share

CASES = yaml.safe_load(Path(__file__).with_name("fidelity_cases.yaml").read_text("utf-8"))
# What the detectors cannot tell: languages that neither knows well, beside their nearest kin.
LIMITS = {
    ("de", "SmolLM2 after RLVR, apples in calculations"),  # two short words, for Swedish
    ("es", "Asturian"),
    ("es", "SmolLM2, one word over and over"),  # taken for Asturian
    ("es", "SmolLM2 after SFT, two words beside the closing sentence"),  # "Le dije" for Yoruba
    ("fr", "Haitian Creole"),
    ("fr", "SmolLM2, a French question within an English sentence"),  # a sentence is judged as a whole: for French
    ("he", "Biblical Aramaic in Hebrew letters"),
    ("hi", "Maithili"),
    ("it", "Corsican"),
    ("pt", "Galician (human rights declaration)"),
    ("tr", "Uzbek"),
}


def rows():
    for lang, cases in CASES.items():
        for number, case in enumerate(cases, 1):
            limit = pytest.mark.xfail(strict=True, reason="known limit") if (lang, case["why"]) in LIMITS else ()
            name = f"{lang}-{number}-{case['why'][:40].replace(' ', '_')}"
            yield pytest.param(lang, case["text"], case["faithful"], id=name, marks=limit)


def test_every_language_has_at_least_twenty_cases():
    assert set(CASES) == set(LANGUAGES)
    assert min(len(cases) for cases in CASES.values()) >= 20


def test_every_known_limit_is_a_case():
    assert {(lang, case["why"]) for lang, cases in CASES.items() for case in cases} >= LIMITS


@pytest.mark.parametrize("lang, text, faithful", rows())
def test_a_text_is_faithful_or_not(lang, text, faithful):
    share = language_share(text, lang)
    found = "none" if share is None else "yes" if share >= THRESHOLD else "no"
    assert found == faithful, f"share {share}"
