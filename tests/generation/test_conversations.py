"""Conversations: the second turn sees the first answer, each has its temperature, and a kill costs one turn of some of them."""

import pytest

from sp3f_lib.generation.conversations import Conversation, answers, chains_of, make_chain, take_over
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
            Completion(k, 0, not sampling.temperature, self.answer(prompt) + f" at {sampling.temperature:g}", 3, True)
            for k, prompt in enumerate(prompts)
        ]

    @staticmethod
    def answer(prompt) -> str:
        return "|".join(message["content"] for message in prompt)


def chains(size: int = 2, talks=TALKS):
    return chains_of(talks, size, Sampling(), {"model": "echo"})


def converse(folder, generate, wanted) -> list[tuple]:
    for chain in wanted:
        make_chain(folder, chain, generate)
    found = answers(folder, wanted)
    return list(zip(found["id"], found["turn"], found["text"], strict=True))


def test_every_turn_sees_the_answers_before_it(tmp_path):
    assert converse(tmp_path, Echo(), chains()) == [
        ("b", 1, "one at 0"),
        ("a", 1, "four at 0"),
        ("b", 2, "one|one at 0|two at 0"),
        ("a", 2, "four|four at 0|five at 0"),
        ("c", 1, "three at 0.7"),
    ]


def test_a_kill_costs_one_turn(tmp_path):
    with pytest.raises(RuntimeError):
        converse(tmp_path, Echo(3), chains(1))
    second = Echo()
    resumed = converse(tmp_path, second, chains(1))
    assert second.asked == 2  # the second turn of "a", and "c"
    assert resumed == converse(tmp_path / "again", Echo(), chains(1))


def test_what_another_stage_has_is_taken_over_turn_by_turn(tmp_path):
    here, there = tmp_path / "here" / "blocks", tmp_path / "there" / "blocks"
    converse(there, Echo(), chains(2)[:1])
    assert [take_over(here, chain) for chain in chains(2)] == [True, False]
    other = [Conversation("b", ("one", "three")), Conversation("a", ("four", "five"))]  # the same first turn
    generate = Echo()
    (chain,) = chains(2, other)
    assert not take_over(here, chain)
    make_chain(here, chain, generate)
    assert generate.asked == 2
