"""What a base model can do is counted from its answers: a model that answers as it should has every ability, others lack theirs."""

import math

import pandas as pd
import pytest

from sp3f_lib.base import abilities as module
from sp3f_lib.base.abilities import abilities, compare, meets_goals, question
from sp3f_lib.evaluation.statistics import wilson
from sp3f_lib.generation.implicit_reward import conditioning_prompt
from sp3f_lib.generation.local import Completion
from sp3f_lib.generation.translation import CLOSE, translation_prompt
from sp3f_lib.lab.problems import render_solution, sample_problems

PROBLEMS = 8
DRAWN = sample_problems(PROBLEMS, module.SEED, (2, 3, 4), part="eval")
LANGUAGES = ["en", "sw", "es"]


def answers(reads="en", obeys=None, translated=lambda text: text) -> dict[str, str]:
    """What a model writes behind each prompt: to a question an answer in `reads`, "answer in X" in X or in `obeys`."""
    found = {}
    for problem in DRAWN:
        for lang in LANGUAGES:
            found[str(question(problem, lang))] = render_solution(problem, reads or lang)
            if lang != "en":
                found[str(conditioning_prompt(question(problem, "en"), lang))] = render_solution(problem, obeys or lang)
                for source, target in (("en", lang), (lang, "en")):
                    prompt = translation_prompt(render_solution(problem, source), source, target)
                    found[str(prompt)] = translated(render_solution(problem, target)) + CLOSE
    return found


def measured(monkeypatch, **how) -> pd.DataFrame:
    replies = answers(**how)

    def generator(model, tokenizer):
        def generate(prompts, sampling, seed, prefill="", stop=None):
            assert sampling.temperature == 0
            return [Completion(k, 0, True, replies[str(prompt)], 9, True) for k, prompt in enumerate(prompts)]

        return generate

    monkeypatch.setattr(module, "local_generator", generator)
    return abilities(None, None, LANGUAGES, PROBLEMS)


def shares(table: pd.DataFrame, lang: str = "sw") -> list[float]:
    assert list(table[table.lang == lang].ability) == ["reads", "writes", "obeys", "translates", "translates back"]
    return list(table[table.lang == lang]["mean"])


def test_the_base_that_is_wanted_reads_and_obeys_and_does_not_write_by_itself(monkeypatch):
    table = measured(monkeypatch)
    assert shares(table) == shares(table, "es") == [1, 0, 1, 1, 1]
    assert table[table.lang == "en"].ability.tolist() == ["reads"]
    assert table.lang.drop_duplicates().tolist() == LANGUAGES and set(table.n) == {PROBLEMS}
    assert meets_goals(table) == []
    row = table.iloc[0]
    assert (row.low, row.high) == wilson(1.0, PROBLEMS, 1.96)


def test_a_base_that_writes_by_itself_lacks_what_makes_a_base(monkeypatch):
    table = measured(monkeypatch, reads=None)
    assert shares(table) == [1, 1, 1, 1, 1]
    assert meets_goals(table) == [f"writes {lang} by itself: 100%, wanted at most 5%" for lang in ("sw", "es")]


def test_a_base_that_answers_in_english_whatever_it_is_told_does_not_obey(monkeypatch):
    table = measured(monkeypatch, obeys="en")
    assert shares(table) == [1, 0, 0, 1, 1]
    assert meets_goals(table) == [f"obeys {lang}: 0%, wanted at least 90%" for lang in ("sw", "es")]


@pytest.mark.parametrize(
    "translated",
    [lambda text: text.replace(" = ", " = 9"), lambda text: render_solution(DRAWN[0], "fr"), lambda text: "</sentence>"],
    ids=["other calculations", "another language", "tags"],
)
def test_a_translation_keeps_every_calculation_and_is_in_its_language(monkeypatch, translated):
    assert shares(measured(monkeypatch, translated=translated)) == [1, 0, 1, 0, 0]


def test_problems_are_those_that_no_training_holds():
    assert {problem.part for problem in DRAWN} == {"eval"}


# ---- goals and comparisons, by hand


def table(**means) -> pd.DataFrame:
    """Abilities in Swahili of 100 answers each."""
    rows = []
    for ability, mean in means.items():
        low, high = wilson(mean, 100, 1.96)
        rows.append({"lang": "sw", "ability": ability, "mean": mean, "low": low, "high": high, "n": 100})
    return pd.DataFrame(rows)


def test_goals_name_what_lacks_and_how_much():
    exactly = table(reads=0.95, obeys=0.90, translates=0.90, writes=0.05)
    assert meets_goals(exactly) == []
    assert meets_goals(table(reads=0.94, obeys=0.9, translates=0.5, writes=0.06)) == [
        "reads sw: 94%, wanted at least 95%",
        "translates sw: 50%, wanted at least 90%",
        "writes sw by itself: 6%, wanted at most 5%",
    ]


def test_a_model_agrees_with_itself():
    one = table(reads=0.98, writes=0.0, obeys=1.0, translates=0.5)
    found = compare(one, one)
    assert found.agrees.all() and (found.difference == 0).all()


@pytest.mark.parametrize(("here", "agrees"), [(0.2, False), (0.9, True), (0.83, True), (0.75, False), (0.99, False)])
def test_shares_agree_within_newcombes_interval(here, agrees):
    (row,) = compare(table(reads=here), table(reads=0.9)).itertuples()
    assert row.agrees == agrees
    assert row.difference == pytest.approx(here - 0.9)
    (back,) = compare(table(reads=0.9), table(reads=here)).itertuples()
    assert back.agrees == agrees


def test_newcombes_interval_by_hand():
    # 0.5 [0.4038, 0.5962] and 0.63 [0.5322, 0.7182] of 100 each: -0.13 + sqrt(0.0962² + 0.0978²) = +0.0072, so they agree;
    # 0.64 [0.5423, 0.7274]: -0.14 + sqrt(0.0962² + 0.0977²) = -0.0029.
    assert math.isclose(wilson(0.63, 100, 1.96)[0], 0.5322, abs_tol=1e-4)
    assert list(compare(table(reads=0.5), table(reads=0.63)).agrees) == [True]
    assert list(compare(table(reads=0.5), table(reads=0.64)).agrees) == [False]


def test_only_what_both_have_is_compared():
    assert list(compare(table(reads=1.0, obeys=1.0), table(reads=1.0, writes=0.0)).ability) == ["reads"]
