"""The detector for many rows agrees with the detector, and is asked less."""

import random

from sp3f_lib.audits.row_checks import lab_translations
from sp3f_lib.data import vocabulary
from sp3f_lib.data.vocabulary import Vocabulary
from sp3f_lib.rewards.fidelity import language_share


def test_known_words_are_not_asked_about_again_and_foreign_ones_are(monkeypatch):
    asked = []
    monkeypatch.setattr(vocabulary, "language_share", lambda text, lang: asked.append(text) or language_share(text, lang))
    texts = [row["raw_prompt"] for row in lab_translations(("de",), problems=60)]
    seen = Vocabulary()
    assert all(seen.share(text, "de") >= 0.7 for text in texts)
    assert len(asked) < 30
    english = [row["raw_prompt"] for row in lab_translations(("en",), problems=20)]
    assert all(seen.share(text, "de") < 0.7 for text in english)


def test_a_text_with_a_third_of_another_language_is_not_taken_for_known():
    rng, seen = random.Random(0), Vocabulary()
    rows = lab_translations(("de", "fr"), problems=80)
    german = [row["raw_prompt"] for row in rows if row["extra_info"]["lang"] == "de"]
    french = [row["raw_prompt"] for row in rows if row["extra_info"]["lang"] == "fr"]
    for text in german:
        seen.share(text, "de")
    for text in german[:20]:
        words, others = text.split(), rng.choice(french).split()
        mixed = " ".join([*words, *others[: int(len(words) * 0.6)]])
        assert (seen.share(mixed, "de") >= 0.7) == (language_share(mixed, "de") >= 0.7)


def test_too_little_text_is_for_the_detector():
    assert Vocabulary().share("5 + 3", "de") is None
