"""MGSM with GSM8K's solutions: 250 problems in 12 languages, from a folder or the hub; real text, and an evaluation set."""

import csv
import random
from collections.abc import Iterable
from pathlib import Path

from sp3f_lib.data.files import SPLITS, find_file, split_languages
from sp3f_lib.data.schema import RowError, make_row, read_json_lines
from sp3f_lib.data.translate import equations_solution
from sp3f_lib.languages import get_language
from sp3f_lib.profiles.sections import Data

# MGSM's own 11 languages; Indonesian comes from the SP3F authors' repository and is read from a folder only.
MGSM_LANGUAGES = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh")
MGSM_PROBLEMS = 250


def mgsm_splits(data: Data, seed: int) -> dict[str, list[dict]]:
    """MGSM's 250 problems, cut at random into three splits of whole problems.

    MGSM is an evaluation set: a model trained on this cut must not be scored on the rest of MGSM's languages as if it were
    unseen. It is here to run everything on real text. `translated_solution` is `equations_solution`: MGSM has none.
    """
    counts = {"sft": data.sft_problems, "rl": data.rl_problems, "eval": data.eval_problems}
    if sum(counts.values()) > MGSM_PROBLEMS:
        raise RowError(f"MGSM has {MGSM_PROBLEMS} problems; data asks for {counts}, {sum(counts.values())} in all")
    folder = Path(data.folder) if data.folder else None
    languages = split_languages(data)
    order = list(range(MGSM_PROBLEMS))
    random.Random(f"mgsm {seed}").shuffle(order)
    splits, start = {}, 0
    for name in SPLITS:
        numbers, start = order[start : start + counts[name]], start + counts[name]
        splits[name] = mgsm_rows(sorted(numbers), languages[name], folder)
    return splits


def mgsm_rows(numbers: Iterable[int], languages: tuple[str, ...], folder: Path | None) -> list[dict]:
    """Rows of the given MGSM problems (0 to 249) in each language; rows of one problem stand together."""
    texts, gsm8k = {lang: read_mgsm(lang, folder) for lang in languages}, read_gsm8k_test(folder)
    return [
        make_row(
            id=f"mgsm-{number}",
            lang=lang,
            query=gsm8k[number][0],
            solution=gsm8k[number][1],
            question=texts[lang][number][0],
            translated=equations_solution(gsm8k[number][1], lang, texts[lang][number][1]),
            answer=texts[lang][number][1],
            task="mgsm",
        )
        for number in numbers
        for lang in languages
    ]


def read_mgsm(lang: str, folder: Path | None) -> list[tuple[str, str]]:
    """(question, answer) of the 250 problems in one language, from `folder`/mgsm or else from the hub."""
    if lang != "id" and lang not in MGSM_LANGUAGES:
        raise RowError(f"MGSM has no {get_language(lang).name}; it has {', '.join((*MGSM_LANGUAGES, 'id'))}")
    if lang == "id":
        if folder is None:
            raise RowError("MGSM in Indonesian is not on the hub: give the folder that holds mgsm_id/mgsm_id.jsonl")
        path = find_file(folder, "mgsm_id/mgsm_id.jsonl", "mgsm_id.jsonl")
        items = read_json_lines(path)
        pairs = [(item["question"], str(item["answer_number"])) for item in items]
    else:
        if folder is None:
            from huggingface_hub import hf_hub_download

            path = Path(hf_hub_download("juletxara/mgsm", f"mgsm_{lang}.tsv", repo_type="dataset"))
        else:
            path = find_file(folder, f"mgsm/mgsm_{lang}.tsv", f"mgsm_{lang}.tsv")
        with path.open(encoding="utf-8", newline="") as file:
            pairs = []
            for number, fields in enumerate(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)):
                if len(fields) != 2 or not all(field.strip() for field in fields):
                    raise RowError(f"{path}, row {number}: expected question and answer, found {len(fields)} fields")
                pairs.append((fields[0], fields[1].replace(",", "").strip()))
    if len(pairs) != MGSM_PROBLEMS:
        raise RowError(f"{path}: {len(pairs)} problems instead of {MGSM_PROBLEMS}; is the file cut off?")
    return pairs


def read_gsm8k_test(folder: Path | None) -> list[tuple[str, str]]:
    """(question, solution) of GSM8K's test set, whose first 250 problems are MGSM's, in order."""
    if folder is None:
        from datasets import load_dataset

        items = list(load_dataset("openai/gsm8k", "main", split="test"))
    else:
        path = find_file(folder, "gsm8k/test.jsonl", "test.jsonl")
        items = read_json_lines(path)
        if len(items) < MGSM_PROBLEMS:
            raise RowError(f"{path}: {len(items)} problems, fewer than MGSM's {MGSM_PROBLEMS}; is the file cut off?")
    return [(item["question"], item["answer"]) for item in items]
