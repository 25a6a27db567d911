"""The arms about the judge, as the table has them: each has one idea, and these tests fail without it. No model is trained."""

import asyncio
import itertools
from statistics import fmean, pstdev

import numpy as np
import pytest

from sp3f_lib.audits.judge_probes import known_languages, lab_groups, lab_problems
from sp3f_lib.judges import make_judge
from sp3f_lib.judges.alignment import agreement
from sp3f_lib.judges.groups import Group, judge_groups
from sp3f_lib.judges.privilege import privileged_text
from sp3f_lib.methods.models import MODELS, apply_changes, find
from sp3f_lib.methods.sp3f import ARMS, TERMS, arm_of_terms, subsets_of_terms
from sp3f_lib.profiles import ProfileError, load_profile

LANGUAGES = known_languages(("sw", "de", "ru", "zh"))


@pytest.fixture(scope="module")
def groups():
    """(row, six responses, how far each stays correct) of forty problems."""
    rows, members = {}, {}
    for probe in lab_groups(lab_problems(40), LANGUAGES):
        rows[probe.problem], some = probe.row, members.setdefault(probe.problem, {})
        some |= dict(zip(probe.places, zip((probe.one, probe.other), probe.truth, strict=True), strict=True))
    return [(rows[k], *map(list, zip(*(some[place] for place in sorted(some)), strict=True))) for k, some in members.items()]


def rewards(name: str, groups, **overrides) -> list[list[float]]:
    """The judge's term of each response in the arm, by group."""
    judge = apply_changes(load_profile("lab", overrides), name).judge
    asked = [
        Group(row["query"], responses, privileged_text(row, judge.privilege), judge.privilege)
        for row, responses, _ in groups
    ]
    asyncio.run(judge_groups(make_judge(judge), asked, judge))
    return [group.rates(judge.schedule, judge.reward) for group in asked]


def correlation(found, groups) -> float:
    """Mean correlation within a group of the term with how far a response stays correct; 0 where there is no difference."""
    each = [
        np.corrcoef(got, truth)[0, 1] if pstdev(got) > 1e-9 else 0.0 for got, (*_, truth) in zip(found, groups, strict=True)
    ]
    return fmean(each)


def test_process_is_the_agreement_of_each_response_with_the_solution(groups):
    found = rewards("process", groups)
    expected = [[agreement(row["solution"], response) for response in responses] for row, responses, _ in groups]
    assert found == expected
    assert found != rewards("sp3f", groups)


def test_process_needs_no_judge_whatever_the_profile_has():
    other = {"judge.name": "api", "judge.model": "m", "judge.overlap": 2, "judge.schedule": "adaptive", "judge.calls": 9}
    for name in ("process", "process_matched"):
        judge = apply_changes(load_profile("lab", other), name).judge
        assert (judge.name, judge.schedule, judge.calls, judge.overlap) == ("alignment", "agreement", None, 1)


def test_matched_process_has_the_deviation_of_sp3fs_win_rates_and_plain_process_has_not(groups):
    wins, plain, matched = (rewards(name, groups) for name in ("sp3f", "process", "process_matched"))
    assert [pstdev(one) for one in matched] == pytest.approx([pstdev(one) for one in wins])
    assert [pstdev(one) for one in plain] != pytest.approx([pstdev(one) for one in wins])
    assert [np.corrcoef(one, other)[0, 1] for one, other in zip(matched, plain, strict=True)] == pytest.approx([1] * 40)
    assert min(np.corrcoef(one, other)[0, 1] for one, other in zip(matched, wins, strict=True)) < 0.99


def test_scores_are_raw_in_one_arm_and_ranked_in_the_other(groups):
    raw, ranked, wins = (rewards(name, groups) for name in ("score", "score_ranked", "sp3f"))
    assert all(round(10 * value, 9).is_integer() for one in raw for value in one)
    assert [fmean(one) for one in ranked] == pytest.approx([0.5] * 40)
    assert [fmean(one) for one in raw] != pytest.approx([0.5] * 40)
    assert ranked == wins  # whole points keep the order here


@pytest.mark.parametrize(("name", "calls"), [("listwise", 1), ("listwise_3", 3)])
def test_listwise_arms_ask_once_or_thrice_and_agree_with_all_pairs_where_the_judge_is_exact(groups, name, calls):
    judge = apply_changes(load_profile("lab", {"judge.schedule": "adaptive", "judge.calls": 9}), name).judge
    assert (judge.schedule, judge.calls, judge.reward) == ("listwise", calls, "win_rate")
    for found, wins in zip(rewards(name, groups), rewards("sp3f", groups), strict=True):
        assert found == pytest.approx(wins)


def test_three_rankings_of_a_noisy_judge_are_worth_more_than_one(groups):
    noisy = {"judge.accuracy": 0.75}
    one, three = (correlation(rewards(name, groups, **noisy), groups) for name in ("listwise", "listwise_3"))
    assert 0.2 < one < three - 0.05


def test_every_level_of_privilege_is_an_arm_and_only_what_is_shown_differs():
    arms = {"judge_unprivileged": "none", "judge_answer": "answer", "judge_translated": "translated", "judge_wrong": "wrong"}
    sp3f = apply_changes(load_profile("lab"), "sp3f")
    for name, level in arms.items():
        judge = apply_changes(load_profile("lab"), name).judge
        assert judge == sp3f.judge.model_copy(update={"privilege": level})


def test_a_wrong_reference_hurts_and_the_answer_alone_helps_less_than_the_solution(groups):
    found = {
        name: correlation(rewards(name, groups), groups)
        for name in ("sp3f", "judge_translated", "judge_answer", "judge_unprivileged", "judge_wrong")
    }
    assert found["sp3f"] == found["judge_translated"] > 0.95
    assert found["sp3f"] > found["judge_answer"] + 0.1 > found["judge_unprivileged"] + 0.1
    assert found["judge_wrong"] < found["sp3f"] - 0.2


def test_how_good_a_judge_is_decides_what_its_term_is_worth_in_every_arm(groups):
    for name in ("sp3f", "score", "score_ranked", "listwise", "process"):
        by_accuracy = [correlation(rewards(name, groups, **{"judge.accuracy": a}), groups) for a in (0.5, 0.75, 1.0)]
        assert abs(by_accuracy[0]) < 0.2 < by_accuracy[1] < by_accuracy[2] - 0.1, name


def test_an_arm_whose_judge_does_not_suit_the_profile_is_refused_in_our_own_words():
    with pytest.raises(ProfileError, match=r"^profile lab: judge: judge\.accuracy.*'implicit' errs by itself$"):
        apply_changes(load_profile("lab", {"judge.accuracy": 0.7}), "sp3f_implicit")


# ---- subsets of the four terms


def test_there_is_one_arm_for_each_of_the_15_subsets_of_the_terms():
    profile, found = load_profile("lab"), {}
    for letters in subsets_of_terms():
        rewards = apply_changes(profile, arm_of_terms(letters)).rewards
        found[letters] = tuple(getattr(rewards, name) for name in TERMS.values())
        assert found[letters] == tuple(float(letter in letters) for letter in TERMS)
    assert set(found.values()) == set(itertools.product((0.0, 1.0), repeat=4)) - {(0.0,) * 4}
    others = ("a", "p", "f", "af", "aw", "pf", "pw", "fw", "apw", "afw", "pfw")  # rlvr, judge_only, ... are the other four
    assert [name for name in MODELS if name.startswith("terms_")] == [f"terms_{letters}" for letters in others]


def test_a_subset_keeps_the_weights_of_the_profile_and_sp3fs_judge():
    profile = load_profile("lab", {"rewards.accuracy": 2.0, "judge.privilege": "none"})
    changed = apply_changes(profile, "terms_aw")
    assert (changed.rewards.accuracy, changed.judge.privilege) == (2.0, "solution")
    assert apply_changes(profile, "terms_af").judge == profile.judge  # which nobody asks


@pytest.mark.parametrize("name", ARMS)
def test_every_arm_applies_to_every_shipped_profile_that_has_stage_2(name):
    for profile in ("lab", "gpu1", "paper"):
        apply_changes(load_profile(profile), name)
    assert find(name).entry.section == "grpo" and find(name).entry.paper
