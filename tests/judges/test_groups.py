"""Groups through a schedule and a judge: every group gets its own verdicts, round by round, the same after a restart."""

import asyncio

import pytest

from sp3f_lib.judges.base import Verdict
from sp3f_lib.judges.groups import Group, judge_groups
from sp3f_lib.judges.pairs import SCHEDULES, calls_per_group
from sp3f_lib.profiles.judge_section import Judge as Settings


class Longer:
    """Prefers the longer response; remembers every round that it was asked."""

    name = "longer"

    def __init__(self, missing=()):
        self.rounds, self.missing = [], missing

    async def compare(self, pairs):
        self.rounds.append(list(pairs))
        found = [(len(pair.response_a), len(pair.response_b)) for pair in pairs]
        said = [None if pair.question in self.missing else float(a > b) for pair, (a, b) in zip(pairs, found, strict=True)]
        return [Verdict(preference, "" if preference is not None else "timeout") for preference in said]


def groups(sizes=(8, 8, 8)) -> list[Group]:
    return [Group(f"question {k}", ["x" * (1 + (5 * i) % n) for i in range(n)], f"ref {k}") for k, n in enumerate(sizes)]


def judged(schedule, some=None, judge=None, **more):
    some, judge = some or groups(), judge or Longer()
    asyncio.run(judge_groups(judge, some, Settings(schedule=schedule, **more)))
    return some, judge


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_group_gets_its_verdicts_and_win_rates_that_follow_them(schedule):
    found, judge = judged(schedule)
    for group in found:
        assert len(group.pairs) == len(group.verdicts) == calls_per_group(schedule, 8)
        assert {(pair.question, pair.reference) for pair in group.pairs} == {(group.question, group.reference)}
        for pair, verdict in zip(group.pairs, group.verdicts, strict=True):
            assert (pair.response_a, pair.response_b) == (group.responses[pair.first], group.responses[pair.second])
            assert verdict.preference == float(len(pair.response_a) > len(pair.response_b))
        rates = group.rates(schedule)
        order = sorted(range(8), key=lambda i: len(group.responses[i]))
        assert rates[order[-1]] > rates[order[0]]
        assert schedule == "sampled" or rates.index(max(rates)) == order[-1]  # half of the pairs may miss the very best
    # All groups share their rounds: a schedule costs its rounds, not its rounds times the groups.
    assert len(judge.rounds) == (5 if schedule == "adaptive" else 1)


def test_a_budget_is_the_most_that_a_group_asks():
    found, _ = judged("adaptive", calls=10)
    assert [len(group.pairs) for group in found] == [10, 10, 10]


@pytest.mark.parametrize("schedule", ["sampled", "adaptive"])
def test_the_same_group_is_judged_by_the_same_comparisons_and_other_groups_by_others(schedule):
    once, _ = judged(schedule)
    again, _ = judged(schedule)
    assert [group.pairs for group in once] == [group.pairs for group in again]
    order = [[(pair.first, pair.second) for pair in group.pairs] for group in once]
    assert order[0] != order[1]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_groups_of_other_sizes_and_without_any_verdict_do_not_disturb_each_other(schedule):
    some, _ = judged(schedule, groups((8, 4, 2, 1)), Longer(missing={"question 1"}))
    assert [group.rates(schedule) is None for group in some] == [False, True, False, True]
    alone, _ = judged(schedule, groups((8, 4, 2, 1))[:1])
    assert some[0].rates(schedule) == alone[0].rates(schedule)
