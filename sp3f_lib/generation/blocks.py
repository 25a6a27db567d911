"""Answers to many prompts in blocks: one answer to each of some prompts, each block a file that is named by what it was made from.

    blocks = blocks_of(prompts, languages, 128, Sampling(samples=8, temperature=0.7), {"model": "..."})
    reuse(folder, blocks)                              # files of folders beside this one that hold the same
    make_blocks(folder, missing(folder, blocks), generate)
    for table in read_blocks(folder, blocks): ...      # answers to some prompts at a time, in order

A block is complete or absent, so a kill costs one. Its random numbers are its own, made from its prompts and the number of the
sample: it does not matter which process makes it, or after which other. More samples are more blocks, fewer are some of them, and
another language adds its own. What the model is, and how it is run, is said by `made_by`, which is part of every name.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from sp3f_lib.generation.sampling import Generate, Sampling
from sp3f_lib.runs import atomic_path, content_hash

SCHEMA = pa.schema(
    [("prompt", pa.int64()), ("sample", pa.int64()), ("greedy", pa.bool_()), ("text", pa.string()), ("tokens", pa.int64()),
     ("finished", pa.bool_())]
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """One answer to each of `prompts`, the first of which has number `first`: sample number `sample`, or the greedy answer."""

    first: int
    prompts: list
    sample: int
    sampling: Sampling
    seed: int
    file: str


def blocks_of(
    prompts: Sequence[list[dict]], groups: Sequence[str], size: int, sampling: Sampling, made_by: dict
) -> list[Block]:
    """The blocks of a greedy answer to each prompt and `sampling.samples` (0: none) sampled ones, by prompts, then by sample.

    At most `size` prompts of one of `groups` (a label for each prompt) share a block. `made_by` is JSON-like; its `batch_size`
    counts for sampled answers only, which share random numbers within a batch.
    """
    found = []
    for _, members in groupby(range(len(prompts)), key=lambda number: groups[number]):
        numbers = list(members)
        for start in range(0, len(numbers), size):
            first = numbers[start]
            chunk = list(prompts[first : first + len(numbers[start : start + size])])
            asked = content_hash(chunk)
            for sample in range(-1, sampling.samples):
                how = replace(sampling, samples=1) if sample >= 0 else _greedy(sampling)
                made_from = made_by if sample >= 0 else {k: v for k, v in made_by.items() if k != "batch_size"}
                about = {key: value for key, value in asdict(how).items() if key != "batch_size"}
                name = content_hash({"prompts": asked, "sample": sample, "sampling": about, "by": made_from})
                seed = int(content_hash([asked, sample])[:8], 16)
                found.append(Block(first, chunk, max(sample, 0), how, seed, f"part-{name[:32]}.parquet"))
    return found


def _greedy(sampling: Sampling) -> Sampling:
    return replace(sampling, samples=1, temperature=0.0, top_p=1.0)


def missing(folder: Path, blocks: Iterable[Block]) -> list[Block]:
    """Those that are not there."""
    return [block for block in blocks if not (folder / block.file).is_file()]


def reuse(folder: Path, blocks: Iterable[Block]) -> int:
    """Takes over blocks from the same folder of other stages beside this one (other sample counts, languages); how many."""
    there = {path.name: path for path in folder.parent.parent.glob(f"*/{folder.name}/part-*.parquet")}
    wanted = [block.file for block in missing(folder, blocks) if block.file in there]
    for name in wanted:
        with atomic_path(folder / name) as temporary:
            try:
                os.link(there[name], temporary)
            except OSError:  # a file system without links
                shutil.copyfile(there[name], temporary)
    return len(wanted)


def make_blocks(
    folder: Path,
    blocks: Sequence[Block],
    generate: Generate,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Makes the blocks that are not there, one file each, in order."""
    for number, block in enumerate(blocks, 1):
        if not (folder / block.file).is_file():
            answers = generate(block.prompts, block.sampling, block.seed)
            rows = [asdict(answer) | {"sample": block.sample} for answer in answers]
            with atomic_path(folder / block.file) as temporary:
                pa.parquet.write_table(pa.Table.from_pylist(rows, SCHEMA), temporary)
        progress(number, len(blocks))


def collect(folder: Path, blocks: Sequence[Block], file: Path) -> None:
    """Writes all answers into one parquet file, a row group for the prompts of a block: memory does not grow with the answers."""
    with pa.parquet.ParquetWriter(file, SCHEMA) as out:
        for table in read_blocks(folder, blocks):
            out.write_table(table)


def read_blocks(folder: Path, blocks: Sequence[Block]) -> Iterator[pa.Table]:
    """The answers, columns of `SCHEMA`, a table for the prompts of a block at a time: by prompt, greedy first, then by sample."""
    for first, same in groupby(blocks, key=lambda block: block.first):
        tables = [pa.parquet.read_table(folder / block.file, schema=SCHEMA) for block in same]
        table = pa.concat_tables(tables).sort_by(
            [("prompt", "ascending"), ("greedy", "descending"), ("sample", "ascending")]
        )
        yield table.set_column(0, "prompt", pa.compute.add(table["prompt"], first))
