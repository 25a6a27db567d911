r"""Rows: one problem in one language, in the schema of the SP3F authors' released data, read and written unchanged.

| field | what |
| --- | --- |
| `query`, `solution` | the English question and its English step-by-step solution, the judge's privileged reference |
| `raw_prompt`, `translated_solution` | the same two in the language of the row |
| `input` | chat messages: the translated instruction as system, the translated question as user |
| `messages`, `output` | `input` and the assistant's turn; the assistant's text |
| `reward_model` | `{"ground_truth": answer}`, a string |
| `extra_info` | `{"ground_truth", "lang", "task", "id"}`; rows with equal `id` are one problem in several languages |
| `data_source` | where the problem comes from |

Only `solution`, `reward_model`, `input` and `extra_info.lang` must be there; SFT needs `translated_solution` as well.
"""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from sp3f_lib.languages import get_language
from sp3f_lib.rewards.answers import check_gold
from sp3f_lib.runs import atomic_path

FIELDS = (
    "data_source", "query", "raw_prompt", "solution", "translated_solution",
    "input", "messages", "output", "reward_model", "extra_info",
)  # fmt: skip
REQUIRED = ("solution", "input", "reward_model", "extra_info")


class RowError(ValueError):
    """Data that cannot be used; the message names file, row and field."""


def make_row(
    *, id: str, lang: str, query: str, solution: str, question: str, translated: str | None, answer: str, task: str
) -> dict:
    """One row in the full schema, from its texts."""
    prompt = [
        {"role": "system", "content": get_language(lang).instruction},
        {"role": "user", "content": question},
    ]
    return {
        "data_source": task,
        "query": query,
        "raw_prompt": question,
        "solution": solution,
        "translated_solution": translated,
        "input": prompt,
        "messages": [*prompt, {"role": "assistant", "content": translated}] if translated else prompt,
        "output": translated,
        "reward_model": {"ground_truth": str(answer)},
        "extra_info": {"ground_truth": str(answer), "lang": lang, "task": task, "id": id},
    }


def problem_id(row: dict) -> str:
    """What rows of one problem share over languages: `extra_info.id`, else a hash of the English question or solution."""
    if given := row["extra_info"].get("id"):
        return str(given)
    english = row.get("query") or row["solution"]
    return hashlib.sha256(english.encode()).hexdigest()[:16]


def english_question(row: dict) -> str:
    """The question as the judge reads it: `query`, or the user's turn where a row has none."""
    return row.get("query") or row["input"][-1]["content"]


def check_rows(rows: list[dict], where: str | Path, for_sft: bool = False) -> list[dict]:
    """Returns `rows` if every one can be used; otherwise `RowError` naming file, row (from 0) and field."""
    if not rows:
        raise RowError(f"{where}: there are no rows")
    seen: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows):
        place = f"{where}, row {number}"
        _check_row(row, place, for_sft)
        key = (problem_id(row), row["extra_info"]["lang"])
        if key in seen:
            raise RowError(f"{place}: problem {key[0]!r} in {key[1]!r} is there already, in row {seen[key]}")
        seen[key] = number
    return rows


def _check_row(row: dict, place: str, for_sft: bool) -> None:
    for field in REQUIRED + (("translated_solution",) if for_sft else ()):
        if field not in row:
            raise RowError(f"{place}: field {field!r} is missing; the row has {sorted(row)}")
        if row[field] is None or row[field] == "":
            raise RowError(f"{place}: field {field!r} is empty")
    for field in ("query", "solution", "translated_solution"):
        if not isinstance(row.get(field), str | None):
            raise RowError(f"{place}: field {field!r} must be text, not {type(row[field]).__name__}")
    for field in ("extra_info", "reward_model"):
        if not isinstance(row[field], dict):
            raise RowError(f"{place}: field {field!r} must be a mapping, not {type(row[field]).__name__}")
    lang = row["extra_info"].get("lang")
    try:
        get_language(str(lang))
    except ValueError as error:
        raise RowError(f"{place}: field 'extra_info.lang': {error}") from None
    truth = row["reward_model"].get("ground_truth")
    if not isinstance(truth, str) or not truth.strip():
        raise RowError(f"{place}: field 'reward_model.ground_truth' must be a non-empty text, not {truth!r}")
    try:
        check_gold(truth)
    except ValueError as error:
        raise RowError(f"{place}: field 'reward_model.ground_truth': {error}") from None
    turns = row["input"]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise RowError(f"{place}: field 'input' must be a list of messages, not {turns!r}")
    if [turn.get("role") for turn in turns] not in (["system", "user"], ["user"]):
        raise RowError(f"{place}: field 'input' must be a system and a user message, not {[t.get('role') for t in turns]}")
    for turn in turns:
        if not isinstance(turn.get("content"), str) or not turn["content"].strip():
            raise RowError(f"{place}: field 'input': the {turn['role']} message has no text: {turn.get('content')!r}")


def read_rows(path: Path, for_sft: bool = False) -> list[dict]:
    """Rows from a `.parquet` or `.jsonl` file, checked."""
    path = Path(path)
    if not path.is_file():
        raise RowError(f"{path}: there is no such file")
    if path.suffix == ".parquet":
        try:
            rows = pa.parquet.read_table(path).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise RowError(f"{path}: not a readable parquet file (cut off?): {error}") from None
    elif path.suffix == ".jsonl":
        rows = read_json_lines(path)
    else:
        raise RowError(f"{path}: rows are read from .parquet or .jsonl")
    return check_rows(rows, path, for_sft)


def read_json_lines(path: Path) -> list[dict]:
    """The objects of a JSON-lines file; `RowError` names the file and the line that cannot be read."""
    try:
        lines = (
            path.read_text(encoding="utf-8-sig").rstrip().split("\n")
        )  # splitlines() would also split at U+2028 inside a text
    except FileNotFoundError:
        raise RowError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise RowError(f"{path}: not UTF-8 text: {error}") from None
    return [_json_line(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)] if lines != [""] else []


def _json_line(line: str, place: str) -> dict:
    if not line.strip():
        raise RowError(f"{place}: is blank; remove blank lines (only the end of the file may have some)")
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise RowError(f"{place}: not JSON: {error}") from None
    if not isinstance(row, dict):
        raise RowError(f"{place}: not a JSON object")
    return row


def write_rows(rows: list[dict], path: Path) -> Path:
    """Writes checked rows as parquet, atomically."""
    check_rows(rows, path)
    with atomic_path(Path(path)) as temporary:
        pd.DataFrame(rows).to_parquet(temporary, index=False)
    return path
