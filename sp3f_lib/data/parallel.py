r"""Parallel prompts: the same instruction in several languages, under one id.

    prompts, missing = read_prompts(folder, ("en", "es", "ru"))

Formats, told apart by name and columns; all are JSON lines, one file or several per language:

| files | id | text |
| --- | --- | --- |
| `<lang>.jsonl` (ICR's UltraFeedback prompts) | `instruction_id` | `instruction` |
| `id_<from>_<to>__<lang>.jsonl` (LIDR's Alpagasus prompts) | `id` | `instruction` |
| `train_<lang>*.jsonl` (LIDR's translated GSM8K) | number in `<lang>gsm8k_<number>` | `instruction` |
| `train.jsonl`, in the folder or in `../gsm8k`: GSM8K itself, for English | number of the line | `question` |

`prompts_from_rows` makes them of our own rows. An id that one language lacks is an error, or with `intersect=True` is left out
and counted.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sp3f_lib.data.schema import RowError, problem_id, read_json_lines
from sp3f_lib.languages import get_language
from sp3f_lib.runs import write_text

_LANG = re.compile(r"(?:^|__|^train_)([a-z]{2})(?:\.first\d+)?\.jsonl$")
_GSM8K_ID = re.compile(r"[a-z]{2}gsm8k_(\d+)")


@dataclass(frozen=True)
class ParallelPrompt:
    """One instruction: its `id`, and its chat messages by language (`x^l`: no word on the language of the answer)."""

    id: str
    messages: dict[str, list[dict]]

    @property
    def english(self) -> str:
        """The English instruction."""
        return self.messages["en"][-1]["content"]


def read_prompts(
    folder: Path | str, languages: Iterable[str], limit: int | None = None, intersect: bool = False
) -> tuple[list[ParallelPrompt], dict[str, int]]:
    """(prompts in the order of the first language, number of ids that each language lacks); the first `limit` of them.

    `RowError` for a language without file, an id that is there twice, an empty text, and ids missing in one language.
    """
    folder, languages = Path(folder), _checked(languages)
    if not folder.is_dir():
        raise RowError(f"{folder}: there is no such folder")
    texts, places = {}, {}
    for lang in languages:
        files = _files(folder, lang)
        texts[lang] = _read_language(files)
        places[lang] = ", ".join(str(file) for file in files)
    messages = {
        lang: {id: [{"role": "user", "content": text}] for id, text in found.items()} for lang, found in texts.items()
    }
    return _parallel(messages, places, limit, intersect)


def prompts_from_rows(
    rows: list[dict], languages: Iterable[str], limit: int | None = None, intersect: bool = False
) -> tuple[list[ParallelPrompt], dict[str, int]]:
    """The same from rows in the SP3F schema: `input` is the prompt (its system message asks for steps and a box, in that
    language), `extra_info.id` the id. A row without id has a hash of its English question."""
    messages: dict[str, dict[str, list[dict]]] = {lang: {} for lang in _checked(languages)}
    for number, row in enumerate(rows):
        lang, id = row["extra_info"]["lang"], problem_id(row)
        if lang not in messages:
            continue
        if id in messages[lang]:
            raise RowError(f"rows, row {number}: problem {id!r} is there twice in {lang!r}")
        messages[lang][id] = row["input"]
    return _parallel(messages, dict.fromkeys(messages, "rows"), limit, intersect)


def save_prompts(prompts: list[ParallelPrompt], path: Path) -> None:
    """Writes prompts as JSON lines (`id`, `messages` by language), so that what they were read from is not needed again."""
    lines = (json.dumps({"id": prompt.id, "messages": prompt.messages}, ensure_ascii=False) for prompt in prompts)
    write_text(path, "\n".join(lines) + "\n")


def load_prompts(path: Path) -> list[ParallelPrompt]:
    """The prompts that `save_prompts` wrote."""
    return [ParallelPrompt(item["id"], item["messages"]) for item in read_json_lines(path)]


def _checked(languages: Iterable[str]) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(get_language(code).code for code in languages))
    if "en" not in codes:
        raise RowError(f"both methods start from English: add 'en' to the languages {', '.join(codes)}")
    return codes


def _files(folder: Path, lang: str) -> list[Path]:
    files = [path for path in folder.glob("*.jsonl") if (found := _LANG.search(path.name)) and found[1] == lang]
    if not files and lang == "en":
        files = [path for path in (folder / "train.jsonl", folder.parent / "gsm8k" / "train.jsonl") if path.is_file()][:1]
    if not files:
        known = sorted({found[1] for path in folder.glob("*.jsonl") if (found := _LANG.search(path.name))})
        raise RowError(f"{folder}: no file of prompts in {lang!r}; there are {', '.join(known) or 'none in any language'}")
    # id_1000_2000 comes after id_0_1000: by number, not by letter.
    return sorted(files, key=lambda path: [int(part) if part.isdigit() else 0 for part in re.split(r"(\d+)", path.name)])


def _read_language(files: list[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in files:
        for number, item in enumerate(read_json_lines(path)):
            place = f"{path}, line {number + 1}"
            id, text = _id_and_text(item, number, place)
            if not isinstance(text, str) or not text.strip():
                raise RowError(f"{place}: the instruction of id {id!r} is empty")
            if id in found:
                raise RowError(f"{place}: id {id!r} is there twice")
            found[id] = text.strip()
    return found


def _id_and_text(item: dict, number: int, place: str) -> tuple[str, str]:
    if "instruction" in item and "instruction_id" in item:
        return str(item["instruction_id"]), item["instruction"]
    if "instruction" in item and "id" in item:
        in_gsm8k = _GSM8K_ID.fullmatch(str(item["id"]))
        return f"gsm8k-{in_gsm8k[1]}" if in_gsm8k else str(item["id"]), item["instruction"]
    if "question" in item:
        return f"gsm8k-{number}", item["question"]
    raise RowError(
        f"{place}: expected instruction and instruction_id, instruction and id, or question; found {', '.join(item)}"
    )


def _parallel(messages: dict[str, dict], places: dict[str, str], limit: int | None, intersect: bool):
    everywhere = set.intersection(*(set(found) for found in messages.values()))
    anywhere = set.union(*(set(found) for found in messages.values()))
    missing = {lang: len(anywhere - set(found)) for lang, found in messages.items()}
    if anywhere != everywhere and not intersect:
        lang = max(missing, key=missing.get)
        example = min(anywhere - set(messages[lang]))
        raise RowError(
            f"the prompts are not parallel: {places[lang]} lacks {missing[lang]} ids in {lang!r} that other languages have, such "
            f"as {example!r}; set methods.intersect to true (intersect=True) to work with the {len(everywhere)} that are there in "
            "every language"
        )
    if not everywhere:
        raise RowError(f"no prompt is there in every one of {', '.join(messages)}")
    first = next(iter(messages.values()))
    ids = [id for id in first if id in everywhere][:limit]
    return [ParallelPrompt(id, {lang: found[id] for lang, found in messages.items()}) for id in ids], missing
