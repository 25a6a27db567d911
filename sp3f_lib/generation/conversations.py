"""Conversations of one or more turns with a model, in blocks (blocks.py): what judged evaluations (X-AlpacaEval, MT-Bench) ask.

    chains = chains_of(conversations, 128, Sampling(max_new_tokens=2048), {"model": "..."})
    make_chain(folder, chain, generate)                # for each that is not `complete`; in whatever process
    answers(folder, chains)                            # a row for each answer

Every question of a conversation is known before; the model sees its own earlier answers. So what some conversations come to is a
chain of blocks, one for each turn, of which the next can be named only when the one before is there. All of one chain have one
temperature, as MT-Bench wants another one for each category.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet

from sp3f_lib.generation.blocks import SCHEMA, Block, blocks_of, make_blocks, missing, reuse
from sp3f_lib.generation.sampling import Generate, Sampling


@dataclass(frozen=True)
class Conversation:
    """The person's side of a conversation; temperature 0 is greedy."""

    id: str
    questions: tuple[str, ...]
    temperature: float = 0.0


@dataclass(frozen=True)
class Chain:
    """Conversations of one temperature and equally many turns, which are had together, and how."""

    conversations: tuple[Conversation, ...]
    sampling: Sampling
    made_by: dict

    @property
    def file(self) -> str:
        """The file of the first block, by which a chain is named."""
        return self.block([[_said("user", one.questions[0])] for one in self.conversations]).file

    def block(self, prompts: list[list[dict]]) -> Block:
        """The block of one turn: greedy, or one sample."""
        temperature = self.conversations[0].temperature
        sampling = replace(self.sampling, samples=int(temperature > 0), temperature=temperature)
        return blocks_of(prompts, [""] * len(prompts), len(prompts), sampling, self.made_by)[-1]


def chains_of(conversations: Sequence[Conversation], size: int, sampling: Sampling, made_by: dict) -> list[Chain]:
    """Chains of at most `size` conversations, by temperature and number of turns, otherwise in order."""
    kinds: dict[tuple, list[Conversation]] = {}
    for one in conversations:
        kinds.setdefault((one.temperature, len(one.questions)), []).append(one)
    return [
        Chain(tuple(some[start : start + size]), sampling, made_by)
        for _, some in sorted(kinds.items())
        for start in range(0, len(some), size)
    ]


def turns(folder: Path, chain: Chain) -> Iterator[Block]:
    """The block of each turn; it must be there before another one is asked for."""
    prompts: list[list[dict]] = [[] for _ in chain.conversations]
    for asked in zip(*(one.questions for one in chain.conversations), strict=True):
        prompts = [[*prompt, _said("user", question)] for prompt, question in zip(prompts, asked, strict=True)]
        block = chain.block(prompts)
        yield block
        texts = _read(folder, block)["text"].to_pylist()
        prompts = [[*prompt, _said("assistant", text)] for prompt, text in zip(prompts, texts, strict=True)]


def take_over(folder: Path, chain: Chain) -> bool:
    """Takes the blocks of a chain over from other stages beside this one, as far as they go; whether the chain is complete."""
    for block in turns(folder, chain):
        reuse(folder, [block])
        if missing(folder, [block]):
            return False
    return True


def make_chain(folder: Path, chain: Chain, generate: Generate) -> None:
    """Has the conversations of a chain, from the first turn that is not there."""
    for block in turns(folder, chain):
        make_blocks(folder, [block], generate)


def answers(folder: Path, chains: Sequence[Chain]) -> pd.DataFrame:
    """A row for each answer of complete chains: id, turn (from 1), text, finished, tokens."""
    found = []
    for chain in chains:
        ids = [one.id for one in chain.conversations]
        for turn, block in enumerate(turns(folder, chain), 1):
            table = _read(folder, block).select(["text", "finished", "tokens"]).to_pandas()
            found.append(table.assign(id=ids, turn=turn))
    return pd.concat(found, ignore_index=True)[["id", "turn", "text", "finished", "tokens"]]


def _read(folder: Path, block: Block):
    return pyarrow.parquet.read_table(folder / block.file, schema=SCHEMA).sort_by("prompt")


def _said(role: str, content: str) -> dict:
    return {"role": role, "content": content}
