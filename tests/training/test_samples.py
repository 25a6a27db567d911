"""Sampled completions on disk: rewards in their columns, every verdict with both of its responses, and a known name each."""

import asyncio
import json
import math

import pandas as pd
import pytest

from sp3f_lib.judges import AlignmentJudge
from sp3f_lib.judges.base import Verdict
from sp3f_lib.judges.groups import Group, judge_groups
from sp3f_lib.profiles.judge_section import Judge as Settings
from sp3f_lib.training.metrics import describe, is_documented
from sp3f_lib.training.samples import add_verdicts, read_samples, sample_rows, write_samples


class FirstWins:
    name = "first"

    async def compare(self, pairs):
        return [Verdict(None, "timeout") if pair.first + pair.second == 3 else Verdict(1.0) for pair in pairs]


ROWS = [{"id": f"p{k // 3}", "lang": "sw", "question": "q", "completion": f"text {k}"} for k in range(6)]


def lines():
    return sample_rows(7, ROWS, [[1.0, 0.5]] * 6, ["accuracy", "win_rate"], [1.0, 2.0], 3)


def test_rewards_stand_in_their_columns_and_their_weighted_sum_beside_them():
    found = pd.DataFrame(lines())
    assert found.group.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.place.tolist() == [0, 1, 2, 0, 1, 2]
    assert set(found.accuracy) == {1.0} and set(found.win_rate) == {0.5} and set(found.reward) == {2.0}
    assert found.completion.tolist() == [f"text {k}" for k in range(6)]


def test_a_verdict_is_shown_with_both_of_its_responses_wherever_the_part_put_them():
    groups = [Group(f"q{g}", [f"{g}{k}" for k in range(3)], None) for g in range(2)]
    asyncio.run(judge_groups(FirstWins(), groups, Settings(schedule="balanced")))  # (0, 1), (2, 0), (1, 2)
    found = lines()
    # The second group was gathered first.
    add_verdicts(found, [([3, 4, 5], groups[:1]), ([0, 1, 2], groups[1:])])
    for start in (0, 3):
        assert found[start]["verdicts"] == [
            {"other": 1, "slot": "A", "preference": 1.0, "reason": ""},
            {"other": 2, "slot": "B", "preference": 0.0, "reason": ""},
        ]
        assert found[start + 2]["verdicts"][1] == {"other": 1, "slot": "B", "preference": None, "reason": "timeout"}


SOLUTION = "1 + 2 = 3. 3 + 4 = 7. The answer is \\boxed{7}."
HALF, WRONG = "1 + 2 = 3. The answer is \\boxed{5}.", "The answer is \\boxed{5}."


def judged(responses: list[str], **settings) -> list[dict]:
    """The lines of a group that the embedded judge was asked about in one of its ways."""
    group, rows = Group("q", responses, SOLUTION), [ROWS[0]] * len(responses)
    asyncio.run(judge_groups(AlignmentJudge(), [group], Settings(**settings)))
    found = sample_rows(7, rows, [[1.0]] * len(rows), ["accuracy"], [1.0], len(rows))
    add_verdicts(found, [(range(len(rows)), [group])])
    return found


def test_a_score_and_a_rank_stand_with_the_response_they_are_of():
    responses = [WRONG, SOLUTION, HALF, SOLUTION]
    # Of two calculations and the answer none, all, one.
    assert [line["judge_score"] for line in judged(responses, schedule="agreement")] == pytest.approx([0, 1, 1 / 3, 1])
    assert [line["judge_score"] for line in judged(responses, schedule="score")] == pytest.approx([0, 1, 0.3, 1])
    for calls in (1, 3):
        assert [line["judge_rank"] for line in judged(responses, schedule="listwise", calls=calls)] == [3, 1, 2, 1]
    assert not {"judge_score", "judge_rank"} & set(judged(responses, schedule="balanced")[0])


def test_without_a_ranking_there_is_no_rank():
    assert all(math.isnan(line["judge_rank"]) for line in judged([HALF, HALF], schedule="listwise"))


def test_samples_are_read_back_in_the_order_of_the_steps(tmp_path):
    for step in (10, 2):
        write_samples(tmp_path, step, [line | {"step": step} for line in lines()])
    assert read_samples(tmp_path).step.tolist() == [2] * 6 + [10] * 6
    with pytest.raises(FileNotFoundError, match=r"tracking\.samples_every"):
        read_samples(tmp_path / "elsewhere")


def test_a_metric_is_documented_by_its_name():
    assert is_documented("rewards/fidelity/mean") and is_documented("judge/flips") and is_documented("loss")
    assert not is_documented("judge/mood") and not is_documented("rewards/fidelity/median")
    table = describe()
    assert table.metric.is_unique and table.meaning.str.len().min() > 5
    assert json.dumps(table.to_dict("records"))
