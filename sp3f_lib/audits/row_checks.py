"""How good the checks of rows are (data/checks.py): what they drop of good translations, and what they find of damaged ones.

Good rows are translations by people (MGSM), by others' models, or the lab's own. Damage is done to a part of a row, the
question or the solution: one number changed, one sentence dropped, the text of another problem, the English text instead.
"""

import random
import re
from itertools import cycle, pairwise
from pathlib import Path

import pandas as pd

from sp3f_lib.data.mgsm import MGSM_LANGUAGES, MGSM_PROBLEMS, read_gsm8k_test, read_mgsm
from sp3f_lib.data.numbers import ascii_digits, find_numbers, number_in
from sp3f_lib.data.schema import make_row, read_json_lines
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.data.suspects import Suspects
from sp3f_lib.data.texts import PARTS
from sp3f_lib.lab.problems import lab_languages, sample_problems
from sp3f_lib.rewards.calculations import reference_answer

DAMAGES = ("number changed", "sentence dropped", "another problem's", "left in English")
NONE = "nothing"
_NO_QUESTION = "Selesaikan soal matematika berikut."
_SENTENCE = re.compile(r"(?<=[.!?؟।॥])\s+|(?<=[。！？])|\n+")


def judged(rows: list[dict], seed: int = 0, damaged: int | None = None) -> pd.DataFrame:
    """One line for each row, as it is and damaged in each way: lang, damage, part, and the `reason` why it is dropped, or None.

    The damage NONE is the good rows themselves. Rows that are dropped as they are are not damaged, nor those that a damage does not
    change (no number, one sentence). `damaged`: only so many, drawn at random.
    """
    suspects, rng = Suspects(), random.Random(seed)
    for row in rows:
        suspects.see(row)
    faults = suspects.settle().faults
    found = [(row["extra_info"]["lang"], NONE, "", faults.get(number)) for number, row in enumerate(rows)]
    kept = [row for number, row in enumerate(rows) if number not in faults and row["extra_info"]["lang"] != "en"]
    kept = kept if damaged is None else rng.sample(kept, min(damaged, len(kept)))
    for damage in DAMAGES:
        for part in PARTS:
            broken = [bad for row in kept if (bad := damage_row(row, damage, part, kept, rng))]
            found += [(row["extra_info"]["lang"], damage, part, suspects.fault_of(row)) for row in broken]
    table = pd.DataFrame(found, columns=["lang", "damage", "part", "fault"])
    return table.assign(reason=[fault.reason if fault else None for fault in table.pop("fault")])


def confusion(lines: pd.DataFrame, by: tuple[str, ...] = ("damage", "part")) -> pd.DataFrame:
    """Of the lines of `judged`, by columns: `rows`, how many are `dropped`, in `percent`, and the `reasons` with their numbers."""
    found = lines.groupby(list(by), sort=False)["reason"].agg(
        rows="size",
        dropped="count",
        reasons=lambda given: ", ".join(f"{reason} {count}" for reason, count in given.value_counts().items()),
    )
    found.insert(2, "percent", (100 * found.dropped / found.rows).round(1))
    return found


def damage_some(rows: list[dict], every: int, seed: int = 0) -> list[dict]:
    """The rows, each `every`-th of them damaged, each time in the next way."""
    rng, ways = random.Random(seed), cycle([(damage, part) for damage in DAMAGES for part in PARTS])
    return [
        (damage_row(row, *next(ways), rows, rng) or row) if number % every == 0 else row for number, row in enumerate(rows)
    ]


def damage_row(row: dict, damage: str, part: str, rows: list[dict], rng: random.Random) -> dict | None:
    """The row with one part damaged; None where that changes nothing."""
    lang = row["extra_info"]["lang"]
    text, english = (
        (row["input"][-1]["content"], row["query"]) if part == "question" else (row["translated_solution"], row["solution"])
    )
    if not text:
        return None
    match damage:
        case "number changed":
            changed = _other_number(text, lang, rng)
        case "sentence dropped":
            changed = _without_sentence(text, rng)
        case "another problem's":
            others = [other for other in rows if other["extra_info"]["lang"] == lang and other["query"] != row["query"]]
            changed = _text(rng.choice(others), part) if others else None
        case "left in English":
            changed = english
    if not changed or changed.strip() == text.strip():
        return None
    if part == "question":
        return row | {"input": [*row["input"][:-1], {"role": "user", "content": changed}], "raw_prompt": changed}
    return row | {"translated_solution": changed}


def _text(row: dict, part: str) -> str | None:
    return row["input"][-1]["content"] if part == "question" else row["translated_solution"]


def _other_number(text: str, lang: str, rng: random.Random) -> str | None:
    text = ascii_digits(text)
    found = find_numbers(text)
    if not found:
        return None
    match = rng.choice(found)
    whole = int(re.match(r"\d*", match.group())[0] or 0)
    number = rng.choice(
        [str(whole + 1), str(whole + 10), str(10 * whole + 1), str(rng.randrange(2, 200)), str(max(whole - 1, 0))]
    )
    if number_in(number, lang) == number_in(match.group(), lang):
        number += "7"
    return text[: match.start()] + number + text[match.end() :]


def _without_sentence(text: str, rng: random.Random) -> str | None:
    places = [0, *(match.end() for match in _SENTENCE.finditer(text)), len(text)]
    parts = [text[start:end] for start, end in pairwise(places)]
    telling = [number for number, part in enumerate(parts) if re.search(r"\w", part)]
    if len(telling) < 2:
        return None
    chosen = rng.choice(telling)
    return "".join(part for number, part in enumerate(parts) if number != chosen)


def good_rows(folder: Path | None = None, problems: int = 30) -> dict[str, list[dict]]:
    """Translations that the checks should believe, by who made them: so many of the lab's in each language, and those of `folder`,
    which holds the public sets `mgsm`, `gsm8k`, `gsm8k_translated` and `sp3f_judge_grounding`."""
    found = {"lab": lab_translations(lab_languages(), problems)}
    if folder:
        found["MGSM, by people"] = mgsm_questions(folder)
        found["GSM8K, by a machine"] = [row for lang in ("de", "es", "fr", "ru") for row in machine_questions(folder, lang)]
        found["solutions, by the SP3F authors"] = authors_solutions(folder)
    return found


def mgsm_questions(folder: Path | None, languages: tuple[str, ...] = MGSM_LANGUAGES) -> list[dict]:
    """MGSM's questions, translated by people; without translated solutions, which MGSM does not have."""
    english = read_gsm8k_test(folder)
    texts = {lang: read_mgsm(lang, folder) for lang in languages}
    return [
        make_row(
            id=f"mgsm-{number}", lang=lang, query=english[number][0], solution=english[number][1], question=question,
            translated=None, answer=answer, task="mgsm",
        )
        for lang in languages
        for number, (question, answer) in enumerate(texts[lang][:MGSM_PROBLEMS])
    ]  # fmt: skip


def machine_questions(folder: Path, lang: str) -> list[dict]:
    """GSM8K's training questions, translated by a machine for LIDR (`gsm8k_translated/train_<lang>.first2000.jsonl`)."""
    english = read_json_lines(folder / "gsm8k" / "train.jsonl")
    (path,) = (folder / "gsm8k_translated").glob(f"train_{lang}*.jsonl")
    rows = []
    for item in read_json_lines(path):
        original = english[int(item["id"].rsplit("_", 1)[1])]
        rows.append(
            make_row(
                id=item["id"], lang=lang, query=original["question"], solution=original["answer"], question=item["instruction"],
                translated=None, answer=str(item["final_answer"]), task="gsm8k",
            )
        )  # fmt: skip
    return rows


def authors_solutions(folder: Path) -> list[dict]:
    """Solutions of mathematics that the SP3F authors had translated into Indonesian (the probes `g_wrong_v_t`).

    Their questions are English, and stand here for none.
    """
    rows = []
    for number, item in enumerate(read_json_lines(folder / "sp3f_judge_grounding" / "g_wrong_v_t.jsonl")):
        if item.get("yes") and (answer := reference_answer(item["original"])):
            row = make_row(
                id=f"probe-{number}", lang="id", query="", solution=item["original"], question=_NO_QUESTION,
                translated=item["yes"], answer=answer, task="probes",
            )  # fmt: skip
            rows.append(row)
    return rows


def lab_translations(languages: tuple[str, ...], problems: int = 100, seed: int = 7) -> list[dict]:
    """Lab problems in every language: translations that are right by construction."""
    return lab_rows(sample_problems(problems, seed), languages)
