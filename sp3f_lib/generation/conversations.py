"""Conversations of one or more turns with a model, in parts on disk: what judged evaluations (X-AlpacaEval, MT-Bench) ask.

Every question of a conversation is known before; the model sees its own earlier answers. All of one part have one temperature, as
MT-Bench wants another one for each category.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from sp3f_lib.generation.parts import in_parts, part_seed
from sp3f_lib.generation.sampling import Generate, Sampling

PART = 64  # conversations


@dataclass(frozen=True)
class Conversation:
    """The person's side of a conversation; temperature 0 is greedy."""

    id: str
    questions: tuple[str, ...]
    temperature: float = 0.0


def converse(
    folder: Path,
    generate: Generate,
    conversations: Sequence[Conversation],
    sampling: Sampling,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """A row for each answer, in the order of the conversations: id, turn (from 1), text, finished, tokens. Goes on after a kill.

    Parts lie in a folder for each temperature.
    """
    kinds, parts, before = _by_temperature(conversations), [], 0
    total = sum(-(-len(some) // PART) for some in kinds.values())
    for temperature, some in kinds.items():
        sampled = replace(sampling, temperature=temperature)

        def work(chunk, number, sampled=sampled):
            return _talk(generate, chunk, sampled, part_seed(seed, number))

        def show(done, _, before=before):
            progress(before + done, total)

        items = [[one.id, list(one.questions)] for one in some]
        settings = {"sampling": asdict(sampled), "seed": seed}
        parts.append(in_parts(folder / f"temperature-{temperature:g}", items, PART, work, settings, show))
        before += -(-len(some) // PART)
    order = {one.id: number for number, one in enumerate(conversations)}
    found = pd.concat(parts, ignore_index=True)
    return found.assign(place=found["id"].map(order)).sort_values(["place", "turn"], ignore_index=True).drop(columns="place")


def _by_temperature(conversations: Sequence[Conversation]) -> dict[float, list[Conversation]]:
    return {
        temperature: [one for one in conversations if one.temperature == temperature]
        for temperature in sorted({one.temperature for one in conversations})
    }


def _talk(generate: Generate, chunk: list, sampling: Sampling, seed: int) -> list[dict]:
    """The answers to every turn of some conversations, each turn of all of them at once."""
    rows, said = [], [[] for _ in chunk]
    for turn in range(max(len(questions) for _, questions in chunk)):
        going = [k for k, (_, questions) in enumerate(chunk) if turn < len(questions)]
        for k in going:
            said[k].append({"role": "user", "content": chunk[k][1][turn]})
        found = generate([said[k] for k in going], sampling, part_seed(seed, turn))
        for k, one in zip(going, found, strict=True):
            said[k].append({"role": "assistant", "content": one.text})
            rows.append(
                {"id": chunk[k][0], "turn": turn + 1, "text": one.text, "finished": one.finished, "tokens": one.tokens}
            )
    return rows
