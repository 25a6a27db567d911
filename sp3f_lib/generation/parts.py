"""Long work in parts: each part is one parquet file, complete or absent, so that a kill costs one part.

    frame = in_parts(directory / "responses", items, 16, work, settings)

`work(items of the part, number of the part)` returns rows. A part that is there is read, not made again. Each part carries a
hash of its items and of `settings`; a folder that was made from other ones is an error, never a mixture.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from sp3f_lib.runs import StageError, atomic_path, content_hash


def in_parts(
    folder: Path,
    items: Sequence,
    size: int,
    work: Callable[[Sequence, int], list[dict]],
    settings,
    progress: Callable[[int, int], None] = lambda done, total: None,
    share: tuple[int, int] = (0, 1),
) -> pd.DataFrame:
    """All rows of all parts, `size` items each, in order; `items` and `settings` are JSON-like.

    `share` = (k, n): only the parts k, k + n, k + 2n ..., for n processes that share a folder; a process may find none.
    """
    tables, total = [], -(-len(items) // size)
    for number in range(share[0], total, share[1]):
        chunk = items[number * size : (number + 1) * size]
        path = Path(folder) / f"part-{number:05d}.parquet"
        made_from = content_hash({"items": list(chunk), "settings": settings, "part": number})
        if path.is_file():
            table = pa.parquet.read_table(path)
            if (table.schema.metadata or {}).get(b"made_from", b"").decode() != made_from:
                raise StageError(f"{path} was made from other prompts or settings; remove {folder} to make it again")
        else:
            table = pa.Table.from_pylist(work(chunk, number))
            with atomic_path(path) as temporary:
                pa.parquet.write_table(table.replace_schema_metadata({"made_from": made_from}), temporary)
        tables.append(table)
        progress(number + 1, total)
    return pd.DataFrame() if total and not tables else _together(tables, folder)


def read_parts(folder: Path) -> pd.DataFrame:
    """All rows of the parts that are there, in order."""
    return _together([pa.parquet.read_table(path) for path in sorted(Path(folder).glob("part-*.parquet"))], folder)


def _together(tables: list[pa.Table], folder: Path) -> pd.DataFrame:
    if not tables:
        raise StageError(f"{folder}: there is nothing to work on")
    return pa.concat_tables(tables, promote_options="permissive").to_pandas()


def part_seed(seed: int, number: int) -> int:
    """The seed of one part: what a part holds does not depend on where a run was killed."""
    return int(content_hash([seed, number])[:8], 16)
