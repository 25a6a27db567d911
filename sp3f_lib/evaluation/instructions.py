"""Sets of instructions in several languages, and files of answers to them that others have made.

    folder/xalpacaeval/de.json      [{"id": 1, "instruction": ..., "dataset": ...}, ...]; also .jsonl, or without the subfolder

A reference file is what AlpacaEval and ICR's authors release as `model_outputs.json`: a list of `generator`, `instruction`,
`output` and mostly `id`. It is compared with our instructions one by one, ids and texts: answers to other questions give no
win rate.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from sp3f_lib.data.schema import RowError, read_json_lines
from sp3f_lib.languages import get_language

XALPACAEVAL = "xalpacaeval"
WHOLE = 805  # instructions of (X-)AlpacaEval; the first has id 1
_SOURCE = "github.com/ZNLP/Implicit-Cross-Lingual-Rewarding, data/x-alpacaeval/data"
_BEFORE, _QUOTED = 20, 60  # characters of a text in a message, before and after the place where it differs


@dataclass(frozen=True)
class Instruction:
    """One instruction in one language; `id` is equal over languages."""

    id: str
    text: str


def file_of(task: str, folder: Path, lang: str) -> Path | None:
    """The file of a language, in the folder of all sets or in that of this one; None if there is none."""
    names = [f"{task}/{lang}.json", f"{task}/{lang}.jsonl", f"{lang}.json", f"{lang}.jsonl"]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def languages_of(task: str, folder: str | Path | None, wanted: tuple[str, ...], named: bool) -> dict[str, Path]:
    """The file of each of the `wanted` languages; those without file are left out, or, if they were asked for by name, an error."""
    if not folder:
        where = f" (X-AlpacaEval: {_SOURCE})" if task == XALPACAEVAL else ""
        raise RowError(f"{task}: give --folder, the folder of its files{where}; these instructions are not on the hub")
    folder = Path(folder)
    if not folder.is_dir():
        raise RowError(f"{folder}: there is no such folder")
    found = {get_language(lang).code: file_of(task, folder, lang) for lang in wanted}
    missing = [lang for lang, path in found.items() if path is None]
    if len(missing) == len(found) or (missing and named):
        raise RowError(f"{folder}: there is no {task}/{missing[0]}.json (or .jsonl) in it, nor {missing[0]}.json")
    return {lang: path for lang, path in found.items() if path}


def read_instructions(path: Path, limit: int | None = None) -> list[Instruction]:
    """The first `limit` instructions of a file, in its order; `RowError` names file, entry and field."""
    found, first = [], {}
    for number, (place, item) in enumerate(_entries(path)):
        id = item.get("id", item.get("instruction_id"))
        one = Instruction(str(number + 1 if id is None else id), _text(item, "instruction", place))
        if first.setdefault(one.id, number) != number:
            raise RowError(f"{place}: id {one.id!r} is there already, in entry {first[one.id] + 1}")
        found.append(one)
    if not found:
        raise RowError(f"{path}: there are no instructions in it")
    return found[:limit]


def read_reference(path: Path, instructions: list[Instruction]) -> tuple[str, list[str]]:
    """(the generator's name, its output to each of our instructions); `RowError` names the first entry that does not fit.

    The file may hold more than our first instructions, in the same order, and an output may be empty: that is an answer too.
    """
    if not path.is_file():
        raise RowError(f"{path}: there is no such file of reference answers")
    entries = _entries(path)
    if len(entries) < len(instructions):
        raise RowError(f"{path}: {len(entries)} entries, but there are {len(instructions)} instructions")
    outputs, generators = [], []
    for (place, item), ours in zip(entries, instructions, strict=False):
        if (id := item.get("id")) is not None and str(id) != ours.id:
            raise RowError(
                f"{place}: id {str(id)!r}, but our instruction here has id {ours.id!r}; are they in another order?"
            )
        theirs = _text(item, "instruction", place)
        if theirs != ours.text:
            at = _first_difference(theirs, ours.text)
            raise RowError(
                f"{place} (id {ours.id}): the instruction is not ours; at character {at} it has {_quote(theirs, at)}, ours "
                f"{_quote(ours.text, at)}. Is it of this language, and of this version of the set?"
            )
        if not isinstance(item.get("output"), str):
            raise RowError(f"{place}: field 'output' must be text; the entry has {sorted(item)}")
        outputs.append(item["output"])
        generators.append(str(item.get("generator") or path.parent.name))
    if len(names := sorted(set(generators))) > 1:
        raise RowError(f"{path}: answers of several generators ({', '.join(names[:3])}); give a file for each")
    return names[0], outputs


def _entries(path: Path) -> list[tuple[str, dict]]:
    """(place, entry) of a JSON list or of JSON lines."""
    if path.suffix == ".jsonl":
        found, what = read_json_lines(path), "line"
    else:
        try:
            found, what = json.loads(path.read_text(encoding="utf-8-sig")), "entry"
        except ValueError as error:
            raise RowError(f"{path}: is not JSON: {error}") from None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise RowError(f"{path}: must be a list of objects")
    return [(f"{path}, {what} {number}", item) for number, item in enumerate(found, 1)]


def _text(item: dict, field: str, place: str) -> str:
    text = item.get(field)
    if not isinstance(text, str) or not text.strip():
        raise RowError(f"{place}: field {field!r} must be text that is not empty; the entry has {sorted(item)}")
    return text.strip()


def _first_difference(one: str, other: str) -> int:
    return next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _quote(text: str, at: int) -> str:
    start = max(0, at - _BEFORE)
    return repr(text[start : at + _QUOTED] + ("..." if len(text) > at + _QUOTED else ""))
