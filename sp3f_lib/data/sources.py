r"""Where problems come from: the lab, MGSM with GSM8K's solutions, or a folder of rows of one's own.

Each source gives three disjoint splits, `sft`, `rl` and `eval`, as checked rows. Problems are parallel: the same problem is
there in every language, under one id, and a problem is in one split only.
"""

import csv
import json
import random
from pathlib import Path

from sp3f_lib.data.lab import Problem, lab_text, render_question, render_solution, sample_problems
from sp3f_lib.data.schema import RowError, check_rows, make_row, problem_id, read_rows
from sp3f_lib.data.translate import equations_solution
from sp3f_lib.languages import get_language
from sp3f_lib.profiles import Data

SPLITS = ("sft", "rl", "eval")
# MGSM's own 11 languages; Indonesian comes from the SP3F authors' repository and is read from a folder only.
MGSM_LANGUAGES = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh")
MGSM_PROBLEMS = 250


def load_splits(data: Data, seed: int, exclude: frozenset[str] = frozenset()) -> dict[str, list[dict]]:
    """The rows of each split. `exclude` are ids of lab problems that the base model was trained on."""
    if data.source == "lab":
        splits = lab_splits(data, seed, exclude)
    elif data.source == "mgsm":
        splits = mgsm_splits(data, seed)
    else:
        splits = rows_splits(data)
    ids = {name: {problem_id(row) for row in rows} for name, rows in splits.items()}
    for one, other in (("sft", "rl"), ("sft", "eval"), ("rl", "eval")):
        if shared := ids[one] & ids[other]:
            raise RowError(f"splits {one!r} and {other!r} share {len(shared)} problems, such as {min(shared)!r}")
    return {name: check_rows(rows, f"split {name!r}", for_sft=name == "sft") for name, rows in splits.items()}


def split_languages(data: Data) -> dict[str, tuple[str, ...]]:
    """The languages of each split: `languages` unless `rl_languages` or `eval_languages` say otherwise."""
    return {
        "sft": data.languages,
        "rl": data.rl_languages or data.languages,
        "eval": data.eval_languages or data.languages,
    }


def lab_rows(problems: list[Problem], languages: tuple[str, ...]) -> list[dict]:
    """Every problem in every language, as rows; rows of one problem stand together."""
    return [
        make_row(
            id=problem.id,
            lang=lang,
            query=render_question(problem, "en"),
            solution=render_solution(problem, "en"),
            question=render_question(problem, lang),
            translated=render_solution(problem, lang),
            answer=str(problem.answer),
            task="lab",
        )
        for problem in problems
        for lang in languages
    ]


def lab_splits(data: Data, seed: int, exclude: frozenset[str] = frozenset()) -> dict[str, list[dict]]:
    """Fresh lab problems for each split, none of them in `exclude` or in another split."""
    languages = split_languages(data)
    for lang in {*languages["sft"], *languages["rl"], *languages["eval"]}:
        lab_text(lang)
    counts = {"sft": data.sft_problems, "rl": data.rl_problems, "eval": data.eval_problems}
    operations = {
        "sft": data.sft_operations,
        "rl": data.rl_operations,
        "eval": data.eval_operations or data.rl_operations,
    }
    # The evaluation has a seed of its own and a part of the world of its own: it is the same for every seed of the training.
    taken, splits = set(exclude), {}
    for name, split_seed in (("sft", 2 * seed + 11), ("rl", 2 * seed + 12), ("eval", 1_000_003)):
        problems = sample_problems(counts[name], split_seed, operations[name], frozenset(taken), name == "eval")
        taken.update(problem.id for problem in problems)
        splits[name] = lab_rows(problems, languages[name])
    return splits


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
    texts = {lang: read_mgsm(lang, folder) for lang in sorted({*languages["sft"], *languages["rl"], *languages["eval"]})}
    questions, solutions = zip(*read_gsm8k_test(folder)[:MGSM_PROBLEMS], strict=True)
    order = list(range(MGSM_PROBLEMS))
    random.Random(f"mgsm {seed}").shuffle(order)
    splits, start = {}, 0
    for name in SPLITS:
        numbers, start = order[start : start + counts[name]], start + counts[name]
        splits[name] = [
            make_row(
                id=f"mgsm-{number}",
                lang=lang,
                query=questions[number],
                solution=solutions[number],
                question=texts[lang][number][0],
                translated=equations_solution(solutions[number], lang, texts[lang][number][1]),
                answer=texts[lang][number][1],
                task="mgsm",
            )
            for number in sorted(numbers)
            for lang in languages[name]
        ]
    return splits


def read_mgsm(lang: str, folder: Path | None) -> list[tuple[str, str]]:
    """(question, answer) of the 250 problems in one language, from `folder`/mgsm or else from the hub."""
    if lang != "id" and lang not in MGSM_LANGUAGES:
        raise RowError(f"MGSM has no {get_language(lang).name}; it has {', '.join((*MGSM_LANGUAGES, 'id'))}")
    if lang == "id":
        if folder is None:
            raise RowError("MGSM in Indonesian is not on the hub: give the folder that holds mgsm_id/mgsm_id.jsonl")
        path = _find(folder, "mgsm_id/mgsm_id.jsonl", "mgsm_id.jsonl")
        items = [json.loads(line) for line in path.open(encoding="utf-8")]
        pairs = [(item["question"], str(item["answer_number"])) for item in items]
    else:
        if folder is None:
            from huggingface_hub import hf_hub_download

            path = Path(hf_hub_download("juletxara/mgsm", f"mgsm_{lang}.tsv", repo_type="dataset"))
        else:
            path = _find(folder, f"mgsm/mgsm_{lang}.tsv", f"mgsm_{lang}.tsv")
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
        path = _find(folder, "gsm8k/test.jsonl", "test.jsonl")
        items = [json.loads(line) for line in path.open(encoding="utf-8")]
    return [(item["question"], item["answer"]) for item in items]


def rows_splits(data: Data) -> dict[str, list[dict]]:
    """Rows of one's own: `folder` holds sft, rl and eval, each as .parquet or .jsonl; rows in other languages are left out."""
    if not data.folder:
        raise RowError("data.source is 'rows': set data.folder to the folder that holds sft, rl and eval files")
    folder, languages, splits = Path(data.folder), split_languages(data), {}
    for name in SPLITS:
        path = _find(folder, f"{name}.parquet", f"{name}.jsonl")
        rows = read_rows(path, for_sft=name == "sft")
        wanted = [row for row in rows if row["extra_info"]["lang"] in languages[name]]
        if not wanted:
            found = sorted({row["extra_info"]["lang"] for row in rows})
            raise RowError(f"{path}: no row in {', '.join(languages[name])}; its languages are {', '.join(found)}")
        splits[name] = wanted
    return splits


def _find(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise RowError(f"{folder}: there is no {' or '.join(names)} in it")
