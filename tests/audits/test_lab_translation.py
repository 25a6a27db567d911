"""Translations of rendered solutions: every mark has a case by hand, and a model's report is its rows, counted."""

import pandas as pd
import pytest

from sp3f_lib.audits import lab_translation
from sp3f_lib.audits.lab_translation import (
    translate_solutions,
    translation_marks,
    translation_report,
    translation_table,
)
from sp3f_lib.base.model import new_model, train_tokenizer
from sp3f_lib.generation.local import Completion
from sp3f_lib.generation.translation import CLOSE
from sp3f_lib.lab.problems import Event, Problem, render_solution
from sp3f_lib.profiles.sections import LabModel

MARIA = Problem("maria", "apple", 5, 0, (Event("buy", 3), Event("half")))
OMAR = Problem("omar", "coin", 9, 0, (Event("lose", 4), Event("double")))
SPANISH = render_solution(MARIA, "es")


@pytest.mark.parametrize(
    ("text", "exact", "calculations", "fidelity"),
    [
        (SPANISH, 1, 1, 1),
        (SPANISH.replace("María", "Ana"), 0, 1, 1),
        (SPANISH.replace("5 + 3 = 8", "5 + 4 = 9"), 0, 0, 1),
        (SPANISH.replace("8 ÷ 2 = 4", "5 + 3 = 8").replace("5 + 3 = 8", "8 ÷ 2 = 4", 1), 0, 0, 1),  # in another order
        (render_solution(MARIA, "en"), 0, 1, 0),
    ],
)
def test_a_translation_is_exact_keeps_its_calculations_in_order_or_its_language(text, exact, calculations, fidelity):
    usable = calculations * fidelity
    expected = {"failed": 0, "exact": exact, "calculations": calculations, "fidelity": fidelity, "usable": usable}
    assert translation_marks(text, SPANISH, "es") == expected


def test_a_failed_translation_is_nothing_else():
    marks = translation_marks(None, SPANISH, "es")
    assert marks == {"failed": 1, "exact": 0, "calculations": 0, "fidelity": 0, "usable": 0}


def test_both_directions_of_every_language_are_asked_for_and_kept_with_their_reason(monkeypatch):
    def generator(model, tokenizer):
        def generate(prompts, sampling, seed, prefill="", stop=None):
            assert (sampling.temperature, sampling.max_new_tokens, sampling.batch_size) == (0, 90, 4)
            texts = [answers.pop(0) for _ in prompts]
            return [Completion(k, 0, True, text, 9, True) for k, text in enumerate(texts)]

        return generate

    answers = [SPANISH + CLOSE, "Al principio", *(render_solution(p, "en") + CLOSE for p in (MARIA, MARIA))]
    monkeypatch.setattr(lab_translation, "local_generator", generator)
    rows = translate_solutions(None, None, [MARIA, OMAR], ["en", "es"], 90, 4)
    assert list(zip(rows["source"], rows["target"], strict=True)) == [("en", "es")] * 2 + [("es", "en")] * 2
    assert list(rows["problem"]) == [MARIA.id, OMAR.id] * 2
    assert list(rows["reason"].fillna("")) == ["", "no closing tag", "", ""]
    assert list(rows["text"].isna()) == [False, True, False, False]
    assert list(rows["exact"]) == [1, 0, 1, 0]
    assert list(rows["usable"]) == [1, 0, 1, 0]  # the last one is Maria's solution, where Omar's was asked for


def test_the_table_has_every_share_with_its_interval():
    good, bad = translation_marks(SPANISH, SPANISH, "es"), translation_marks(None, SPANISH, "es")
    rows = [{"problem": str(k), "source": "en", "target": "es"} | (bad if k % 4 == 0 else good) for k in range(40)]
    rows += [{"problem": str(k), "source": "es", "target": "en"} | good for k in range(20)]
    into, back = translation_table(pd.DataFrame(rows)).to_dict("records")
    assert (into["target"], into["n"], into["failed"], into["usable"]) == ("es", 40, 0.25, 0.75)
    # Wilson's interval at p = 1/4, n = 39 (one less than the clusters) and t = 2.0227: 0.2737 - 0.1355 and 0.2737 + 0.1355.
    assert (into["failed_low"], into["failed_high"]) == pytest.approx((0.1382, 0.4093), abs=1e-4)
    assert (back["target"], back["n"], back["exact"], back["exact_high"]) == ("en", 20, 1, 1)
    assert 0.8 < back["exact_low"] < 0.9


def test_a_model_without_any_training_fails(tmp_path):
    recipe = LabModel(hidden_size=16, layers=1, heads=2, intermediate_size=16, vocab_size=300, shares={"es": 0.1})
    tokenizer = train_tokenizer(recipe, ("es",), tmp_path)
    table = translation_report(new_model(recipe, tokenizer, 0), tokenizer, [MARIA, OMAR], ["en", "es"], 8, 4)
    assert list(table["failed"]) == [1, 1] and list(table["n"]) == [2, 2]
