"""Conversations: the second turn sees the first answer, each has its temperature, the order stays, and a kill costs one part."""

import pytest

from sp3f_lib.generation import conversations
from sp3f_lib.generation.conversations import Conversation, converse
from sp3f_lib.generation.local import Completion
from sp3f_lib.generation.sampling import Sampling

TALKS = [Conversation("b", ("one", "two")), Conversation("c", ("three",), 0.7), Conversation("a", ("four", "five"))]


class Echo:
    """Answers with all that was said so far and the temperature; fails when it is called once too often."""

    def __init__(self, calls: int = 100):
        self.left, self.asked = calls, 0

    def __call__(self, prompts, sampling, seed):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("killed")
        self.asked += len(prompts)
        return [
            Completion(k, 0, False, "|".join(m["content"] for m in prompt) + f" at {sampling.temperature:g}", 3, True)
            for k, prompt in enumerate(prompts)
        ]


def test_every_turn_sees_the_answers_before_it(tmp_path):
    found = converse(tmp_path, Echo(), TALKS, Sampling())
    assert list(zip(found["id"], found["turn"], strict=True)) == [("b", 1), ("b", 2), ("c", 1), ("a", 1), ("a", 2)]
    assert found["text"].tolist() == [
        "one at 0",
        "one|one at 0|two at 0",
        "three at 0.7",
        "four at 0",
        "four|four at 0|five at 0",
    ]


def test_a_kill_costs_one_part(tmp_path, monkeypatch):
    monkeypatch.setattr(conversations, "PART", 1)
    shown = []
    with pytest.raises(RuntimeError):
        converse(tmp_path, Echo(3), TALKS, Sampling(), progress=lambda *at: shown.append(at))
    assert shown == [(1, 3)]
    second = Echo()
    resumed = converse(tmp_path, second, TALKS, Sampling(), progress=lambda *at: shown.append(at))
    assert shown[1:] == [(1, 3), (2, 3), (3, 3)] and second.asked == 3  # two turns of "a", one of "c"
    assert resumed["text"].tolist() == converse(tmp_path / "again", Echo(), TALKS, Sampling())["text"].tolist()
