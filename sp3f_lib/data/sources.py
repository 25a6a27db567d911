r"""Where problems come from: the lab, MGSM with GSM8K's solutions, the SP3F authors' data, or rows of one's own.

Each source gives three disjoint splits, `sft`, `rl` and `eval`, as checked rows. Problems are parallel: the same problem is
there in every language, under one id, and a problem is in one split only.
"""

import csv
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from sp3f_lib.data.lab import Problem, lab_text, render_question, render_solution, sample_problems
from sp3f_lib.data.schema import FIELDS, REQUIRED, RowError, check_rows, make_row, problem_id, read_json_lines, read_rows
from sp3f_lib.data.translate import equations_solution
from sp3f_lib.languages import get_language
from sp3f_lib.sections import Data

SPLITS = ("sft", "rl", "eval")
# MGSM's own 11 languages; Indonesian comes from the SP3F authors' repository and is read from a folder only.
MGSM_LANGUAGES = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh")
MGSM_PROBLEMS = 250
RELEASED = "neulab/SP3F-Training-Data"
# What the authors' scripts leave where no translation was kept.
_LOST = (None, "", "None")


def load_splits(data: Data, seed: int) -> dict[str, list[dict]]:
    """The rows of each split; no two splits share a problem."""
    if data.source == "lab":
        splits = lab_splits(data, seed)
    elif data.source == "mgsm":
        splits = mgsm_splits(data, seed)
    elif data.source == "sp3f":
        splits = sp3f_splits(data, seed)
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


def lab_splits(data: Data, seed: int) -> dict[str, list[dict]]:
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
    # The evaluation has a seed and a part of the world of its own: it is the same for every seed of the training.
    taken, splits = set(), {}
    for name, split_seed in (("sft", 2 * seed + 11), ("rl", 2 * seed + 12), ("eval", data.eval_seed)):
        part = "eval" if name == "eval" else "train"
        problems = sample_problems(counts[name], split_seed, operations[name], frozenset(taken), part)
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
        path = _find(folder, "mgsm_id/mgsm_id.jsonl", "mgsm_id.jsonl")
        items = read_json_lines(path)
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
        items = read_json_lines(path)
        if len(items) < MGSM_PROBLEMS:
            raise RowError(f"{path}: {len(items)} problems, fewer than MGSM's {MGSM_PROBLEMS}; is the file cut off?")
    return [(item["question"], item["answer"]) for item in items]


def sp3f_splits(data: Data, seed: int) -> dict[str, list[dict]]:
    """The SP3F authors' released rows, cut at random into `sft` and `rl` by whole problems; `eval` is MGSM.

    The authors draw both stages from the same rows; here no problem is in both. `sft_problems` and `rl_problems` cap the
    rows of each language. Rows without a translated solution serve RL only. Without `eval_languages`, MGSM is read in those
    of `languages` that it has, from `folder` if it is there, else from the hub: the same problems for every seed.
    """
    folder, languages = Path(data.folder) if data.folder else None, split_languages(data)
    if data.eval_problems > MGSM_PROBLEMS:
        raise RowError(f"MGSM has {MGSM_PROBLEMS} problems; data.eval_problems asks for {data.eval_problems}")
    rows = read_released(tuple({*languages["sft"], *languages["rl"]}), folder)
    order = sorted({problem_id(row) for row in rows})
    random.Random(f"sp3f {seed}").shuffle(order)
    place = {id: number for number, id in enumerate(order)}
    rows.sort(key=lambda row: place[problem_id(row)])
    cut = round(len(order) * data.sft_problems / (data.sft_problems + data.rl_problems))
    splits = {
        "sft": [row for row in rows if place[problem_id(row)] < cut and row.get("translated_solution") not in _LOST],
        "rl": [row for row in rows if place[problem_id(row)] >= cut],
    }
    for name, cap in (("sft", data.sft_problems), ("rl", data.rl_problems)):
        splits[name], count = _capped(splits[name], languages[name], cap)
        if missing := [lang for lang in languages[name] if not count[lang]]:
            raise RowError(f"{folder or RELEASED}: no row for {name} in {', '.join(missing)}; found: {dict(count)}")
    mgsm = folder if folder and any(folder.glob("mgsm*")) else None
    known = (*MGSM_LANGUAGES, "id") if mgsm and any(mgsm.glob("mgsm_id*")) else MGSM_LANGUAGES
    chosen = data.eval_languages or tuple(lang for lang in data.languages if lang in known)
    if not chosen:
        raise RowError(f"MGSM, the evaluation, has none of data.languages: set data.eval_languages ({', '.join(known)})")
    return splits | {"eval": mgsm_rows(range(data.eval_problems), chosen, mgsm)}


def read_released(languages: tuple[str, ...], folder: Path | None) -> list[dict]:
    """The released training rows in `languages`, from the parquet files anywhere in `folder` or else from the hub.

    Left out: files named test*, which hold the authors' evaluation problems; rows whose question or solution was lost; and
    second rows of one problem in one language. In English the translation of a solution is the solution.
    """
    if folder is None:
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(RELEASED, repo_type="dataset", allow_patterns="*.parquet"))
        except OSError as error:
            raise RowError(f"{RELEASED} could not be fetched: set data.folder to a copy of it ({error})") from None
    rows, lost = {}, 0
    for path in sorted(folder.rglob("*.parquet")):
        if path.stem.startswith("test"):
            continue
        for row in _read_parquet(path, languages):
            lang, english = row["extra_info"]["lang"], row["solution"]
            question = row["input"][-1]["content"] if row["input"] else None
            if question in _LOST or english in _LOST or (problem_id(row), lang) in rows:
                lost += 1
                continue
            if lang == "en" and row.get("translated_solution") in _LOST:
                turns = [*row["input"], {"role": "assistant", "content": english}]
                row |= {"translated_solution": english, "messages": turns}
            rows[problem_id(row), lang] = row
    if not rows:
        raise RowError(f"{folder}: no parquet file with training rows in {', '.join(sorted(languages))}")
    if lost:
        print(f"{RELEASED}: {lost} of {lost + len(rows)} rows left out (text lost, or there twice)", flush=True)
    return list(rows.values())


def _read_parquet(path: Path, languages: tuple[str, ...]) -> list[dict]:
    """The rows in `languages` of one parquet file, chosen before they become Python objects."""
    try:
        table = pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise RowError(f"{path}: not a readable parquet file (cut off?): {error}") from None
    if missing := set(REQUIRED) - set(table.column_names):
        raise RowError(f"{path}: fields {sorted(missing)} are missing; the file has {table.column_names}")
    langs = pa.compute.struct_field(table["extra_info"], "lang")
    chosen = table.filter(pa.compute.is_in(langs, value_set=pa.array(languages, langs.type)))
    return chosen.select([name for name in FIELDS if name in table.column_names]).to_pylist()


def _capped(rows: list[dict], languages: tuple[str, ...], cap: int) -> tuple[list[dict], Counter]:
    """The first `cap` rows of each language, in their order, and how many there are of each."""
    kept, count = [], Counter()
    for row in rows:
        lang = row["extra_info"]["lang"]
        if lang in languages and count[lang] < cap:
            count[lang] += 1
            kept.append(row)
    return kept, count


def rows_splits(data: Data) -> dict[str, list[dict]]:
    """Rows of one's own: `folder` holds sft, rl and eval as .parquet or .jsonl; rows in other languages are left out."""
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
        if left := Counter(row["extra_info"]["lang"] for row in rows if row["extra_info"]["lang"] not in languages[name]):
            out = ", ".join(f"{number} in {lang}" for lang, number in sorted(left.items()))
            print(f"data: {path.name}: rows left out, {out}; data.languages is {list(languages[name])}", flush=True)
        splits[name] = wanted
    return splits


def _find(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise RowError(f"{folder}: there is no {' or '.join(names)} in it")
