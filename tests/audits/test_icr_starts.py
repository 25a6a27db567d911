"""Conditions of ICR's reward: which pairs count, means over seeds, and what one ingredient changes, by hand."""

import math

import pandas as pd
import pytest

from sp3f_lib.audits.icr import OTHERS
from sp3f_lib.audits.icr_starts import (
    ALL_PAIRS,
    ITSELF,
    REFERENCE,
    SAME_LANGUAGE,
    Condition,
    effects,
    judged_condition,
    over_seeds,
)
from sp3f_lib.data.schema import make_row

from .texts import TEXTS, WRONG


def rows(*languages):
    return [
        make_row(id="p", lang=lang, query="q", solution="s", question="?", translated=None, answer="7", task="t")
        for lang in languages
    ]


def responses(lang, *answers):
    found = pd.DataFrame(answers, columns=["text", "R_c"])
    return found.assign(id="p", lang=lang, characters=found.text.str.len(), finished=True)


def test_pairs_of_one_language_leave_out_what_is_won_by_language_alone():
    # An English reward: the English answers are above the German ones, and among these the wrong one is above the right one.
    table = responses("de", (TEXTS["en"], 9.0), (WRONG["en"], 8.0), (WRONG["de"], 3.0), (TEXTS["de"], 2.0))
    found = judged_condition(table, rows("de"), 0.7, Condition("dpo", REFERENCE, 0.7), seed=4)
    assert found[["start", "answers", "temperature", "seed"]].drop_duplicates().to_numpy().tolist() == [
        ["dpo", REFERENCE, 0.7, 4]
    ]
    shown = found.set_index(["pairs", "truth"])
    # correct: right 9 and 2 against wrong 8 and 3: won, won, lost, lost.
    assert shown.loc[(ALL_PAIRS, "correct"), ["mean", "n"]].tolist() == [0.5, 4]
    assert shown.loc[(ALL_PAIRS, "faithful"), ["mean", "n"]].tolist() == [0.0, 4]
    assert shown.loc[(ALL_PAIRS, "good"), ["mean", "n"]].tolist() == [0.0, 3]
    assert shown.loc[(SAME_LANGUAGE, "correct"), ["mean", "n"]].tolist() == [0.0, 1]
    assert shown[["correct", "faithful"]].drop_duplicates().to_numpy().tolist() == [[0.5, 0.5]]


def line(seed, mean, temperature=0.7, answers=ITSELF, n=10, start="dpo", lang=OTHERS):
    found = {
        "start": start,
        "answers": answers,
        "temperature": temperature,
        "seed": seed,
        "pairs": ALL_PAIRS,
        "truth": "good",
    }
    return found | {"lang": lang, "mean": mean, "low": 0.1, "high": 0.9, "n": n, "correct": 0.5, "faithful": 1.0}


def test_the_mean_over_seeds_has_their_interval_and_one_seed_that_of_its_problems():
    table = pd.DataFrame([line(0, 0.4), line(1, 0.5), line(2, 0.6), line(3, math.nan, n=0), line(0, 0.7, temperature=0.9)])
    several, single = over_seeds(table).to_dict("records")
    half = 4.302653 * 0.1 / math.sqrt(3)  # t quantile of two degrees of freedom
    assert (several["mean"], several["low"], several["high"]) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=1e-6)
    assert (several["seeds"], several["n"], several["by_seed"]) == (3, 30, "40.0 50.0 60.0")
    assert (single["mean"], single["low"], single["high"], single["seeds"]) == (0.7, 0.1, 0.9, 1)
    (none,) = over_seeds(table[table.n == 0]).to_dict("records")
    assert math.isnan(none["mean"]) and none["seeds"] == 0


def test_an_effect_is_of_one_ingredient_within_a_seed():
    means = {(0.7, ITSELF): (0.4, 0.6), (0.9, ITSELF): (0.5, 0.7), (0.7, REFERENCE): (0.7, 0.7)}
    table = pd.DataFrame([line(s, mean, t, a) for (t, a), found in means.items() for s, mean in enumerate(found)])
    found = effects(table, ALL_PAIRS, "good").set_index("ingredient")
    assert set(found.index) == {"temperature", "answers"} and len(found) == 2  # the third two differ in both
    hotter, others = found.loc["temperature"], found.loc["answers"]
    assert (hotter["one"], hotter["other"], hotter["held"], hotter["by_seed"]) == (0.9, 0.7, f"dpo, {ITSELF}", "+10.0 +10.0")
    assert (others["one"], others["other"], others["difference"]) == (REFERENCE, ITSELF, pytest.approx(0.2))
    half = 12.706205 * 0.1 * math.sqrt(2) / math.sqrt(2)  # gaps 0.3 and 0.1
    assert (others["low"], others["high"]) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-5)
