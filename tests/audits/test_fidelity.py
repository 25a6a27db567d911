"""The audit of the fidelity reward: its arithmetic on made texts, and the goals of the reward on real ones."""

import pandas as pd
import pytest

from sp3f_lib.audits import fidelity as audit
from sp3f_lib.evaluation.two_class import two_class_share, two_class_words
from sp3f_lib.languages import LANGUAGES
from sp3f_lib.plots.confusion import confusion_table
from sp3f_lib.rewards.fidelity import language_share


def texts(*rows):
    return pd.DataFrame(rows, columns=audit.COLUMNS)


MADE = texts(("a", "de", "1", "eins"), ("a", "de", "2", "zwei"), ("a", "fr", "1", "un"))


def test_acceptances_are_counted_by_language_and_target():
    counts = audit.accepted(MADE, ["de", "fr", "en"], lambda text, lang: {"eins": 0.7, "zwei": 0.69}.get(text))
    assert counts.loc["de"].to_dict() == {"de": 1, "fr": 1, "en": 1, "texts": 2}
    assert counts.loc["fr"].to_dict() == {"de": 0, "fr": 0, "en": 0, "texts": 1}
    assert audit.summary(counts) == {"texts": 3, "own": pytest.approx(1 / 3), "other": pytest.approx(2 / 3)}
    table = confusion_table({"made": counts}).set_index(["lang", "target"])
    assert table.accepted["de", "fr"] == 50.0
    assert table.texts["de", "fr"] == 2


def test_a_language_that_is_no_target_is_an_error():
    with pytest.raises(ValueError, match=r"texts in \['fr'\], which are not among the targets"):
        audit.accepted(MADE, ["de"], language_share)


def test_texts_that_are_not_in_one_language_are_dropped_with_their_translations():
    rows = texts(
        ("a", "en", "1", "Translate this sentence into Polish."), ("a", "sw", "1", "Tafsiri sentensi hii."),
        ("a", "en", "2", "What do bees eat?"), ("a", "sw", "2", "Nyuki hula nini?"),
        ("b", "sw", "1", "Nyuki hula nini?"), ("a", "en", "3", "Explain: for x in y: print(x)"),
        ("a", "en", "4", "The word яблоко"),
    )  # fmt: skip
    assert [tuple(row) for row in audit.one_language(rows)[["source", "id"]].to_numpy()] == [
        ("a", "2"),
        ("a", "2"),
        ("b", "1"),
    ]


def test_the_error_of_a_mixture_is_measured_against_its_parts():
    mixed = pd.DataFrame([("de", "fr", "aaa bbb", "aaa", "b")], columns=["lang", "other", "text", "first", "second"])
    errors = audit.mixture_errors(mixed, lambda text, lang: 0.5, lambda text, lang: len(text))
    assert list(errors) == [0.25]  # 3 of 4 letters are German, half of them were seen


def test_letters_count_a_chinese_or_japanese_character_twice():
    assert [audit.letters(text) for text in ("abc 12.", "卖鸡蛋", "きょう", "달걀", "ẹyin")] == [3, 6, 6, 4, 4]


def test_the_authors_detector_takes_spanish_for_french_and_knows_its_own():
    french, spanish = "Le fermier vend des œufs au marché.", "El granjero vende huevos en el mercado."
    assert two_class_share(french, "fr") == 1.0
    assert two_class_share(spanish, "fr") > 0.5
    assert two_class_words(french, "fr") == 7
    assert two_class_share("...", "fr") is None


def test_the_labs_own_texts_are_accepted_in_their_language_and_no_other():
    lab = audit.lab_texts(25)
    assert lab.groupby("lang").size().eq(25).all()
    result = audit.summary(audit.accepted(lab, list(LANGUAGES), language_share))
    assert result["own"] >= 0.99
    assert result["other"] <= 0.01


@pytest.fixture(scope="module")
def real(shared_data):
    return audit.one_language(audit.read_texts(shared_data))


def test_real_texts_are_accepted_in_their_language_and_no_other(real):
    assert real.lang.nunique() == 15
    long = real[real.text.str.len() >= audit.LONG]
    sample = long.groupby("lang").head(60)
    result = audit.summary(audit.accepted(sample, list(LANGUAGES), language_share))
    assert result["own"] >= 0.99
    assert result["other"] <= 0.01


def test_the_share_of_mixtures_is_near_the_true_one(real):
    errors = audit.mixture_errors(audit.mixtures(real, 400), language_share, audit.letters)
    assert errors.mean() <= 0.08
