"""LIDR's premise on a handful of answers whose truth is known, and the published numbers against each other."""

import math

import pandas as pd
import pytest
from scipy.stats import binomtest

from sp3f_lib.audits import lidr as audit
from sp3f_lib.audits.icr import ALL, DECIDED, EQUAL
from sp3f_lib.data.parallel import prompts_from_rows
from sp3f_lib.data.schema import make_row
from sp3f_lib.generation.translation import CUT, NOT_NEEDED, OPEN
from sp3f_lib.methods.lidr_controls import fidelity_control_pairs
from sp3f_lib.methods.lidr_pairs import lidr_pairs
from sp3f_lib.plots.theme import PUBLISHED

from .texts import TEXTS, WRONG

ROWS = [
    make_row(
        id=id, lang=lang, query="q", solution="s", question=f"Wie viele? {id}", translated=None, answer="7", task="test"
    )
    for id in ("p1", "p2", "p3")
    for lang in ("en", "de")
]
# English, own German answer, and both translations (None: failed).
CASES = {
    "p1": (TEXTS["en"], WRONG["de"], TEXTS["de"], WRONG["en"]),  # English is right, German is wrong: content
    "p2": (WRONG["en"], TEXTS["en"], WRONG["de"], TEXTS["en"] + " Yes, it is so."),  # German is right, in English: both
    "p3": (TEXTS["en"], TEXTS["de"], None, TEXTS["en"]),  # translation failed
}


@pytest.fixture(scope="module")
def run():
    prompts, _ = prompts_from_rows(ROWS, ("en", "de"))
    answers = pd.DataFrame(
        [
            {"id": id, "lang": lang, "text": text, "finished": True, "tokens": 9, "characters": len(text)}
            for lang, place in (("en", 0), ("de", 1))
            for id, texts in CASES.items()
            for text in [texts[place]]
        ]
    )
    translations = pd.DataFrame(
        [
            {"id": id, "source": source, "target": target, "characters": len(texts[given]), "text": texts[given + 2]}
            for id, texts in CASES.items()
            for source, target, given in (("en", "de", 0), ("de", "en", 1))
        ]
    )
    translations["reason"] = translations["text"].isna().map({True: OPEN, False: None})
    pairs, _ = lidr_pairs(prompts, answers, translations)
    return prompts, answers, translations, pairs


def test_agreement_by_language_and_partner(run):
    *_, pairs = run
    assert len(pairs) == 4
    found = audit.agreement(pairs, ROWS)
    assert set(found["partner"]) == {audit.EVERY, "de"}
    found = found.set_index(["truth", "lang", "partner", "outcome"])
    # In German: p1 right over wrong; p2 wrong over right, but German over English.
    assert found.loc[("correct", "de", audit.EVERY, DECIDED), ["mean", "n"]].tolist() == [0.5, 2]
    assert found.loc[("faithful", "de", audit.EVERY, DECIDED), ["mean", "n"]].tolist() == [1.0, 1]
    assert found.loc[("good", "de", audit.EVERY, DECIDED), ["mean", "n"]].tolist() == [1.0, 1]
    assert found.loc[("good", "de", audit.EVERY, EQUAL), ["mean", "n"]].tolist() == [0.5, 2]
    # In English: p1 right over wrong, p2 wrong over right; all is English. The only partner is German.
    for partner in (audit.EVERY, "de"):
        assert found.loc[("good", "en", partner, DECIDED), ["mean", "n"]].tolist() == [0.5, 2]
        assert found.loc[("faithful", "en", partner, EQUAL), "mean"] == 1.0
    assert found.loc[("correct", ALL, audit.EVERY, DECIDED), ["n", "problems"]].tolist() == [4, 2]


def test_swapping_the_sides_turns_agreement_round(run):
    *_, pairs = run
    swapped = [pair | {"chosen": pair["rejected"], "rejected": pair["chosen"]} for pair in pairs]
    one, other = (audit.agreement(each, ROWS).query("outcome == @DECIDED") for each in (pairs, swapped))
    assert one["n"].tolist() == other["n"].tolist()
    known = one["n"] > 0
    assert other["mean"][known].tolist() == pytest.approx((1 - one["mean"][known]).tolist())


def test_controls_separate_the_right_language_from_the_right_answer(run):
    prompts, answers, translations, pairs = run
    controls, counts = fidelity_control_pairs(prompts, pairs, answers, translations)
    found = audit.agreement_by_control(controls, ROWS).set_index(["kind", "truth", "lang", "outcome"])
    # Both sides in the language: p1 in German, p1 and p2 in English.
    assert found.loc[("content", "faithful", ALL, DECIDED), "n"] == 0
    assert found.loc[("content", "correct", ALL, DECIDED), ["mean", "n"]].tolist() == [pytest.approx(2 / 3), 3]
    # One answer in two languages: never a difference in correctness, always one in language.
    assert found.loc[("language", "correct", ALL, EQUAL), "mean"] == 1.0
    assert found.loc[("language", "faithful", ALL, DECIDED), ["mean", "n"]].tolist() == [1.0, 4]
    assert found.loc[("both", "correct", "de", DECIDED), ["mean", "n"]].tolist() == [0.0, 1]

    shares = audit.control_shares(counts).set_index(["lang", "partner"])
    assert shares.loc[("de", "en"), ["LIDR pairs", "content", "both", "language"]].tolist() == [2, 1, 1, 2]
    assert shares.loc[("de", "en"), "both: share"] == 0.5
    assert shares.loc[("en", "de"), ["LIDR pairs", "content", "both", "content: share"]].tolist() == [2, 2, 0, 1.0]


def test_no_pairs_in_any_control_are_an_error():
    with pytest.raises(ValueError, match="no pairs in any of the controls content, both"):
        audit.agreement_by_control({"content": [], "both": []}, ROWS)


def test_own_answers_beside_translated_ones_of_the_same_prompts(run):
    _, answers, translations, _ = run
    found = audit.own_and_translated(answers, translations, ROWS).set_index(["truth", "lang", "side"])
    assert (found["n"] == 2).all() and (found["missing"] == 1).all()  # p3 has no translation
    expected = {"correct": (0.5, 0.5), "faithful": (0.5, 1.0), "good": (0.0, 0.5)}
    for truth, (own, translated) in expected.items():
        assert found.loc[(truth, "de", audit.OWN), "mean"] == own
        assert found.loc[(truth, "de", audit.TRANSLATED), "mean"] == translated


def test_failures_have_wilsons_interval_and_leave_out_what_was_not_tried():
    lines = [("en", "de", 10, "x", None)] * 7 + [("en", "de", 10, None, OPEN)] * 3 + [("en", "de", 3000, "x", None)] * 2
    lines += [("en", "de", 10, None, NOT_NEEDED), ("de", "en", 10, None, CUT)]
    table = pd.DataFrame(lines, columns=["source", "target", "characters", "text", "reason"])
    found = audit.failures(table)
    assert found["length"].tolist() == ["0+", "2000+"]
    assert found["failed"].tolist() == [3, 0]
    assert found["translations"].tolist() == [10, 2]
    for line in found.itertuples():
        by_scipy = binomtest(line.failed, line.translations).proportion_ci(method="wilson")
        assert (line.low, line.high) == pytest.approx((by_scipy.low, by_scipy.high))
    assert found[OPEN].tolist() == [3, 0]


@pytest.mark.parametrize("name, value, rounding", [("lidr_xalpacaeval", "wr", 0.01), ("lidr_mgsm", "accuracy", 0.05)])
def test_published_means_are_those_of_the_published_languages(name, value, rounding):
    wide = pd.read_csv(PUBLISHED / f"{name}.csv").pivot(index="model", columns="lang", values=value).dropna()
    assert len(wide) == (3 if value == "wr" else 2)
    assert wide.drop(columns="mean").mean(axis=1).to_numpy() == pytest.approx(wide["mean"].to_numpy(), abs=rounding)


def test_published_wins_ties_and_losses_are_everything():
    table = pd.read_csv(PUBLISHED / "lidr_head_to_head.csv")
    assert table[["win", "tie", "lose"]].sum(axis=1).to_numpy() == pytest.approx(100, abs=0.15)


def test_published_accuracies_are_of_250_problems_but_where_the_source_says_so():
    for line in pd.read_csv(PUBLISHED / "lidr_mgsm.csv").query("lang != 'mean'").itertuples():
        right = line.accuracy * 250 / 100
        assert math.isclose(right, round(right), abs_tol=1e-6) != ("cannot be" in line.source)
