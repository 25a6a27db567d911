"""What a notebook answers: each sentence is made from its run's tables, and claims no more than the interval allows."""

import asyncio

import pandas as pd
import pytest

from sp3f_lib.audits import judge as audit
from sp3f_lib.audits import judge_probes
from sp3f_lib.audits.icr import DECIDED
from sp3f_lib.audits.judge_attacks import attack_probes
from sp3f_lib.evaluation.comparisons import compare_problems
from sp3f_lib.evaluation.seeds import differences
from sp3f_lib.judges import AlignmentJudge, Verdict
from sp3f_lib.judges.base import LEVELS
from sp3f_lib.report.answers import audits, preference, sp3f
from sp3f_lib.report.answers.words import Answer


def test_an_answer_is_text_for_the_notebook_and_for_the_log():
    answer = Answer(["One.", "Two."])
    assert repr(answer) == "One.\nTwo." and answer._repr_markdown_() == "- One.\n- Two."


def results(**methods) -> pd.DataFrame:
    """A `seed_table` of one regime: the accuracies of each method, seed by seed; all in the right language but those of base."""
    return pd.DataFrame(
        [
            {"regime": "cold", "method": m, "seed": k, "accuracy": a, "both": a * (m != "base"), "problems": 100}
            for m, values in methods.items()
            for k, a in enumerate(values)
        ]
    )


def on_problems() -> pd.DataFrame:
    """What `compare_problems` says of SP3F and RLVR in one language."""
    line = {"regime": "cold", "lang": "sw", "one": "sp3f", "other": "rlvr", "value": "accuracy", "mean": 79.5, "low": 70.1}
    return pd.DataFrame([line | {"high": 88.0, "p_holm": 0.001, "detectable": 9.0, "problems": 40}])


@pytest.mark.parametrize(
    ("rlvr", "sp3f_", "verdict"),
    [
        ([0.1, 0.12, 0.11], [0.5, 0.52, 0.54], "yes"),
        ([0.5, 0.52, 0.54], [0.1, 0.12, 0.11], "no, it teaches less"),
        ([0.1, 0.12, 0.11], [0.1, 0.2, 0.05], "not shown"),
        ([0.1], [0.9], "one seed does not say"),
    ],
)
def test_whether_the_judge_teaches_more_is_decided_by_the_interval_over_seeds(rlvr, sp3f_, verdict):
    (said,) = sp3f.stage_two(results(base=[0.98], rlvr=rlvr, sp3f=sp3f_), on_problems())
    assert said.startswith(f"cold: {verdict}. Accuracy: RLVR {100 * sum(rlvr) / len(rlvr):.1f} %; SP3F ")
    assert "SP3F minus RLVR is " in said and "Base" not in said
    of_one_seed = (
        "is +79.5 points [+70.1, +88.0] (a rise) on the same 40 problems, one seed, which says nothing about another."
    )
    assert (of_one_seed in said) == (len(rlvr) == 1)


def test_without_both_arms_the_question_was_not_asked():
    (said,) = sp3f.stage_two(results(sft=[0.1], sp3f=[0.5]), on_problems())
    assert said == "cold: not asked, for that takes both rlvr and sp3f. Accuracy: SFT 10.0 %; SP3F 50.0 %."


def test_the_best_method_stands_first_and_a_right_answer_in_english_does_not_count():
    table = results(base=[0.98], sft=[0.1, 0.2], rlvr=[0.3, 0.4])
    (said,) = sp3f.pareto(table, differences(table, "both"), on_problems())
    assert said == (
        "cold: right and in the right language: RLVR 35.0 %; SFT 15.0 %; Base 0.0 % (100 problems, 2 seeds). "
        "RLVR minus SFT is +20.0 points in each of 2 seeds, without any spread."
    )


def test_sft_is_told_with_intervals_and_as_one_seed():
    rows = [("base", 1.0, 0.0), ("sft", 0.0, 1.0)]
    samples = pd.DataFrame(
        [
            {"regime": "cold", "lang": "sw", "method": m, "problem": k, "greedy": False, "accuracy": a, "fidelity": f}
            for m, a, f in rows
            for k in range(4)
        ]
    )
    abilities = [("en", "reads", 1.0)]
    abilities += [(lang, *one) for lang in ("sw", "zh") for one in (("reads", 0.98), ("writes", 0.0), ("obeys", 0.96))]
    gaps = compare_problems(samples, [("sft", "base"), ("sp3f", "rlvr")])  # a pair that is not there has no line
    assert gaps.p.tolist() == [2 / 2**4] * 2
    base, cold = sp3f.sft(samples, gaps, pd.DataFrame(abilities, columns=["lang", "ability", "mean"]))
    assert base == (
        "Of the questions in each of 2 languages beside English the base model answers 98 % right in whatever language, 0 % right "
        "and in the language of the question, and 96 % when it is told to use that one."
    )
    # Wilson's interval of 4 of 4 at t(3) = 3.18: from 4 / (4 + 3.18²) on.
    assert cold == (
        "cold: SFT takes accuracy from 100.0 % [28.3, 100.0] to 0.0 % [0.0, 71.7], -100.0 points [-100.0, -2.0] (not told from 0: "
        "less than ±70.0 would be missed), and fidelity from 0.0 % [0.0, 71.7] to 100.0 % [28.3, 100.0], +100.0 points [+2.0, "
        "+100.0] (not told from 0: less than ±70.0 would be missed); 4 problems, one seed, which says nothing about another."
    )


def test_a_problem_in_two_splits_is_counted():
    rows = [("cold", split, "sw", id) for split, id in (("sft", "1"), ("rl", "1"), ("eval", "2"))]
    checked = pd.DataFrame({"regime": ["cold"], "accuracy": [1.0], "fidelity": [1.0]})
    translated = pd.DataFrame({"kept": [9], "box": [1], "lost": [0.1]}, index=["de"])
    damaged = pd.DataFrame({"damage": ["nothing", "number changed"], "reason": [None, "box"]})
    counts = pd.DataFrame(rows, columns=["regime", "split", "lang", "problem"])
    said = sp3f.data(counts, checked, translated, damaged)[0]
    assert "1 problems for SFT, 1 for RL, 1 for the evaluation, in Swahili; 1 problem is in two splits." in said


CHANGES = {"accuracy": (-8.2, -12.0, -4.9, 0.001, 5.0), "fidelity": (-0.6, -2.0, 0.8, 0.4, 2.1)}


def changed(*models: str) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"one": m, "other": "dpo", "value": value, "lang": lang, "problems": 40}
            | dict(zip(("mean", "low", "high", "p_holm", "detectable"), found, strict=True))
            for m in models
            for value, found in CHANGES.items()
            for lang in ("en", "sw", "zh", "not en", "all")
        ]
    )


def line(lang: str, mean: float, half: float, n: int, **about) -> dict:
    return {"truth": "good", "lang": lang, "mean": mean, "low": mean - half, "high": mean + half, "n": n, **about}


def test_a_reward_whose_interval_holds_a_half_is_no_better_than_a_coin():
    rewards = {"R_c": 0.485, "R_m": 0.354, "shorter": 0.26}
    table = [line(lang, m, 0.04, 5574, reward=r) for r, m in rewards.items() for lang in ("en", "sw", "zh", "not en", "all")]
    first, second = preference.icr(pd.DataFrame(table), changed("icr_1", "icr_2"), "icr_2")
    assert first == (
        "R_c prefers the good one of two responses in another language in 48.5 % [44.5, 52.5] of 5,574 pairs (the interval holds "
        "50 %), in English in 48.5 % [44.5, 52.5]; beside it: R_m 35.4 % [31.4, 39.4], the shorter of the two 26.0 % [22.0, 30.0]."
    )
    assert second == (
        "ICR 2 minus DPO in the other languages: accuracy -8.2 points [-12.0, -4.9] (a fall), fidelity -0.6 points [-2.0, +0.8] "
        "(not told from 0: less than ±2.1 would be missed); 40 problems, one seed, which says nothing about another."
    )


def test_without_a_pair_that_differs_nothing_is_told():
    nothing = float("nan")
    table = [line(lang, nothing, nothing, 0, reward="R_c") for lang in ("en", "sw", "all")]
    first, _ = preference.icr(pd.DataFrame(table), changed("icr_1"), "icr_1")
    assert first == "In other languages no prompt has a good response beside another one, so R_c was not put to the test."


def test_lidr_is_told_with_its_controls_or_without():
    whole = pd.DataFrame([line(lang, 0.875, 0.09, 64, partner="all", outcome=DECIDED) for lang in ("en", "sw", "all")])
    content = whole.assign(kind="content", mean=0.4, low=0.2, high=0.45)
    first, second, third = preference.lidr(
        whole, content, changed("lidr_1", "lidr_2", "lidr_sft", "lidr_content_1"), "lidr_2"
    )
    assert first == (
        "In other languages where one side alone is right and in the language, LIDR chose that one in 87.5 % [78.5, 96.5] of 64 "
        "pairs (more often than a coin); where both are in the language and one alone is right, LIDR chose that one in 40.0 % "
        "[20.0, 45.0] of 64 pairs (less often than a coin)."
    )
    assert second.startswith("LIDR 2 minus DPO in the other languages: accuracy -8.2 points")
    assert (
        third.startswith("Beside it: LIDR sft accuracy -8.2 points") and "LIDR content 1" in third and "LIDR 1" not in third
    )
    first, _, third = preference.lidr(whole, None, changed("lidr_2", "lidr_sft"), "lidr_2")
    assert first.endswith("; there is no pair where both are in the language and one alone is right.")
    assert third.endswith("The controls were not trained in this run.")


def test_changes_are_by_language_and_over_all_but_english():
    rows = [
        {"regime": "common", "method": m, "problem": k, "lang": lang, "greedy": greedy, "fidelity": 1.0}
        | {"accuracy": float(m == "icr_1" and lang != "en" and not greedy)}
        for m in ("dpo", "icr_1")
        for k in range(4)
        for lang in ("en", "sw", "zh")
        for greedy in (False, True)
    ]
    found = preference.changes(pd.DataFrame(rows), ["icr_1"], "dpo").set_index(["value", "lang"])
    means = {"en": 0, "sw": 100, "zh": 100, "all": 200 / 3, "not en": 100}
    assert found["mean"]["accuracy"].to_dict() == pytest.approx(means)
    assert set(found["mean"]["fidelity"]) == {0} and set(found.problems) == {4} and set(found.other) == {"dpo"}


class Nobody:
    """A judge that never gives a verdict."""

    async def compare(self, pairs):
        return [Verdict(None, reason="out of reach") for _ in pairs]


@pytest.fixture(scope="module")
def plan():
    lab = judge_probes.lab_problems(4)
    contests = judge_probes.lab_probes(lab, ["sw"])
    two = ("none", "solution")
    return {
        "contests": (contests, LEVELS),
        "groups": (judge_probes.lab_groups(lab[:2], ["sw"]), two),
        "attacks": (attack_probes(contests, 2), two),
    }


def test_the_judge_is_told_by_what_it_sees(plan):
    asked = asyncio.run(audit.ask_all(AlignmentJudge(), plan))
    accuracies, misled, cost = audits.judge("judge 'alignment'", asked)
    pairs = len(plan["contests"][0])
    assert accuracies.startswith(
        f"Lab pairs, {pairs}: the judge 'alignment' prefers the better response without a reference "
    )
    assert "with the English solution 100.0 % [" in accuracies and accuracies.endswith(": it helps.")
    assert misled.startswith("With the solution it prefers slot A in 50.0 % [")
    assert "the slot decides in 0.0 % [0.0, " in misled and "attacks helps a wrong response (2 problems)." in misled
    assert cost.startswith(
        "The win rates of a group cost 15 calls (0.0000 USD) and follow the truth with a correlation of 1.00 ["
    )


def test_a_judge_without_verdicts_is_told_as_such(plan):
    asked = asyncio.run(audit.ask_all(Nobody(), plan))
    accuracies, misled, _ = audits.judge("judge 'nobody'", asked)
    assert "without a reference an unknown share" in accuracies and "helps." not in accuracies
    assert misled == "With the solution no pair has both verdicts. No attack was tried."
