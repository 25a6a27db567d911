"""The rows of a task: read from a folder or the hub, checked one by one, and asked in the language of the question.

A row is `task`, `lang`, `id` (equal over languages), `subset` (the part of the task that it is in, or None), `cluster` (what
questions on one text share), `kind`, `input` (chat messages), `options` (texts, none for numbers) and `gold` (a letter for
choices). What is wrong in the data is named by file, row and field.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from sp3f_lib.data.schema import RowError, read_json_lines
from sp3f_lib.evaluation.choices import LETTERS
from sp3f_lib.evaluation.tasks import Task
from sp3f_lib.languages import get_language
from sp3f_lib.profiles import Profile
from sp3f_lib.rewards.answers import check_gold
from sp3f_lib.runs import atomic_path

ROWS = "rows.parquet"
OTHERS = "the others"


def evaluated_languages(profile: Profile) -> tuple[str, ...]:
    """The languages that the profile wants tasks in."""
    return profile.evaluation.languages or profile.data.eval_languages or profile.data.languages


def languages_asked(profile: Profile, task: Task) -> list[str]:
    """Those that a task is asked in: what `evaluation.languages` names must be there, of others what the task (and folder) has."""
    chosen = profile.evaluation
    if chosen.languages:
        return list(chosen.languages)
    return covered(task, evaluated_languages(profile), Path(chosen.folder) if chosen.folder else None)


def covered(task: Task, wanted: Iterable[str], folder: Path | None) -> list[str]:
    """Those of `wanted` that the task has, and the folder if there is one; `RowError` if there are none."""
    if folder and not folder.is_dir():
        raise RowError(f"{folder}: there is no such folder")
    there = [code for code in dict.fromkeys(wanted) if code in task.languages]
    found = [code for code in there if _on_disk(task, code, task.languages[code], folder)] if folder else there
    if not found:
        place = f" in {folder}" if folder and there else ""
        raise RowError(f"{task.name} has none of {', '.join(wanted)}{place}; it is in {', '.join(task.languages)}")
    return found


def files_of(task: Task, languages: Sequence[str], folder: Path) -> dict[str, Path]:
    """The file of each language (variant) in a folder, of those that are there."""
    configs = [(lang, config) for lang in languages if lang in task.languages for config in task.configs(lang)]
    found = {config: _on_disk(task, lang, config, folder) for lang, config in configs}
    return {config: path for config, path in found.items() if path}


def task_rows(task: Task, languages: Sequence[str], folder: Path | None, limit: int | None = None) -> list[dict]:
    """The first `limit` rows (null: all) of each language, in order. Each language must be one of the task."""
    found = []
    for lang in languages:
        if lang not in task.languages:
            raise RowError(f"{task.name} has no {get_language(lang).name} ({lang}); it is in {', '.join(task.languages)}")
        for config in task.configs(lang):
            found += _of_config(task, lang, config, folder)[:limit]
    return found


def _of_config(task: Task, lang: str, config: str, folder: Path | None) -> list[dict]:
    """All rows of a language, or of one of its variants; ids of a variant end with its name, clusters are those of the language."""
    where, raw = _read(task, lang, config, folder)
    if task.problems and len(raw) != task.problems:
        raise RowError(f"{where}: {len(raw)} rows instead of {task.problems}; is it cut off, or another split?")
    rows = [_row(task, lang, config, number, row, f"{where}, row {number + 1}") for number, row in enumerate(raw)]
    first: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        if (before := first.setdefault(row["id"], number)) != number:
            raise RowError(f"{where}, row {number}: {task.id} {row['id']!r} is there already, in row {before}")
    return rows


def write_task_rows(rows: list[dict], path: Path) -> None:
    """The file of the rows of a task."""
    with atomic_path(path) as temporary:
        pa.parquet.write_table(pa.Table.from_pylist(rows), temporary)


def read_task_rows(path: Path) -> list[dict]:
    """What `write_task_rows` wrote."""
    return pa.parquet.read_table(path).to_pylist()


def _candidates(task: Task, lang: str, config: str) -> list[str]:
    """Where a file may lie: in the folder of all tasks, or that of this one."""
    name = task.files.get(lang, task.file).format(config=config)
    return list(dict.fromkeys([f"{task.name}/{name}", name, Path(name).name]))


def _on_disk(task: Task, lang: str, config: str, folder: Path) -> Path | None:
    return next((folder / name for name in _candidates(task, lang, config) if (folder / name).is_file()), None)


def _read(task: Task, lang: str, config: str, folder: Path | None) -> tuple[str, list[dict]]:
    """(where the rows are, the rows as they are)."""
    if folder is not None:
        path = _on_disk(task, lang, config, folder)
        if path is None:
            raise RowError(f"{folder}: there is no {' or '.join(_candidates(task, lang, config))} in it")
    elif task.hub is None or lang in task.files:
        raise RowError(f"{task.name} in {get_language(lang).name} is not on the hub: give the folder of its files")
    elif task.hub_file:
        from huggingface_hub import hf_hub_download

        path = Path(hf_hub_download(task.hub, task.hub_file.format(config=config), repo_type="dataset"))
    else:
        from datasets import load_dataset

        name = task.hub_config.format(config=config)
        return f"{task.hub} ({name}, {task.split})", list(load_dataset(task.hub, name, split=task.split))
    return str(path), _read_table(path, task.columns) if path.suffix == ".tsv" else read_json_lines(path)


def _read_table(path: Path, columns: tuple[str, ...]) -> list[dict]:
    rows = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, fields in enumerate(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            if len(fields) != len(columns):
                raise RowError(f"{path}, row {number}: {len(fields)} fields instead of {', '.join(columns)}")
            rows.append(dict(zip(columns, fields, strict=True)))
    return rows


def _row(task: Task, lang: str, config: str, number: int, raw: dict, place: str) -> dict:
    texts = {name: _text(raw, name, place) for name in task.fields(config)}
    options = _options(task, raw, place)
    gold = _gold(task, raw, options, place)
    question = task.template(config).format_map(texts)
    if options:
        question += "\n\n" + "\n".join(f"{letter}) {option}" for letter, option in zip(LETTERS, options, strict=False))
    identity = _text(raw, task.id, place) if task.id else str(number)
    variant = "" if config == task.languages[lang] else f" {config}"
    return {
        "task": task.name,
        "lang": lang,
        "id": identity + variant,
        "subset": _subset(task, number, raw, place),
        "cluster": _text(raw, task.cluster, place) if task.cluster else identity,
        "kind": task.kind,
        "input": [
            {"role": "system", "content": get_language(lang).instruction},
            {"role": "user", "content": question},
        ],
        "options": options,
        "gold": gold,
    }


def _subset(task: Task, number: int, raw: dict, place: str) -> str | None:
    """Which part of the task a row belongs to; None where it has none."""
    if task.subset:
        return _text(raw, task.subset, place)
    return next((name for name, rows in task.subsets.items() if number + 1 in rows), OTHERS) if task.subsets else None


def _text(raw: dict, field: str, place: str) -> str:
    """A field as text; `RowError` where it is not there or empty."""
    value = raw.get(field)
    if isinstance(value, bool | list | dict) or (value is not None and not isinstance(value, str | int | float)):
        raise RowError(f"{place}: field {field!r} must be text, not {type(value).__name__}")
    text = "" if value is None or value != value else str(value).strip()
    if not text:
        state = "is empty" if field in raw else f"is missing; the row has {sorted(raw)}"
        raise RowError(f"{place}: field {field!r} {state}")
    return text


def _options(task: Task, raw: dict, place: str) -> list[str]:
    if not task.options:
        return []
    if len(task.options) == 1:
        found = raw.get(task.options[0])
        if not isinstance(found, list):
            raise RowError(f"{place}: field {task.options[0]!r} must be a list of options, not {type(found).__name__}")
        options = [_text(dict(enumerate(found)), k, place) for k in range(len(found))]
    else:
        options = [_text(raw, name, place) for name in task.options]
        beyond = _next_name(task.options[-1])
        if raw.get(beyond) not in (None, ""):
            options.append(str(raw[beyond]))
    if len(options) != task.count:
        raise RowError(f"{place}: {len(options)} options; task {task.name} says {task.count}")
    return options


def _next_name(field: str) -> str:
    """The field that a further option would be in: `option_e` after `option_d`."""
    return field[:-1] + chr(ord(field[-1]) + 1)


def _gold(task: Task, raw: dict, options: list[str], place: str) -> str:
    gold = _text(raw, task.gold, place)
    if not options:
        gold = gold.replace(",", "") if task.kind == "number" else gold
        try:
            check_gold(gold)
        except ValueError as error:
            raise RowError(f"{place}: field {task.gold!r}: {error}") from None
        return gold
    known = {
        "letter": list(LETTERS[: len(options)]),
        "number": [str(k + 1) for k in range(len(options))],
        "text": options,
    }[task.gold_is]
    if known.count(gold) != 1:
        raise RowError(f"{place}: field {task.gold!r} is {gold!r}, which is none of the options (or several of them)")
    return LETTERS[known.index(gold)]
