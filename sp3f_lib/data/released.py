"""The SP3F authors' released training rows, doubted file by file, cut into whole problems, evaluated on MGSM."""

import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from sp3f_lib.data.files import split_languages
from sp3f_lib.data.mgsm import MGSM_LANGUAGES, MGSM_PROBLEMS, mgsm_rows
from sp3f_lib.data.schema import FIELDS, REQUIRED, RowError, problem_id
from sp3f_lib.data.suspects import find_suspects
from sp3f_lib.profiles.sections import Data

RELEASED = "neulab/SP3F-Training-Data"
# What the authors' scripts leave where no translation was kept.
_LOST = (None, "", "None")


def sp3f_splits(data: Data, seed: int) -> dict[str, list[dict]]:
    """The SP3F authors' released rows, cut at random into `sft` and `rl` by whole problems; `eval` is MGSM.

    The authors draw both stages from the same rows; here no problem is in both. `sft_problems` and `rl_problems` cap the
    rows of each language. Rows without a translated solution serve RL only. Without `eval_languages`, MGSM is read in those
    of `languages` that it has, from `folder` if it is there, else from the hub: the same problems for every seed.
    """
    folder, languages = Path(data.folder) if data.folder else None, split_languages(data)
    if data.eval_problems > MGSM_PROBLEMS:
        raise RowError(f"MGSM has {MGSM_PROBLEMS} problems; data.eval_problems asks for {data.eval_problems}")
    rows = read_released(tuple({*languages["sft"], *languages["rl"]}), folder, data.max_suspect)
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


def read_released(languages: tuple[str, ...], folder: Path | None, max_suspect: float | None) -> list[dict]:
    """The released training rows in `languages`, from the parquet files anywhere in `folder` or else from the hub.

    Left out: files named test*, which hold the authors' evaluation problems; rows whose question or solution was lost; second
    rows of one problem in one language; and what the checks find in a file. In English the translation of a solution is
    the solution.
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
        read = _read_parquet(path, languages)
        found = [row for row in read if not _is_lost(row)]
        lost += len(read) - len(found)
        for row in _sifted(found, path, max_suspect):
            lang, english = row["extra_info"]["lang"], row["solution"]
            if (problem_id(row), lang) in rows:
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


def _is_lost(row: dict) -> bool:
    return not row["input"] or row["input"][-1]["content"] in _LOST or row["solution"] in _LOST


def _sifted(rows: list[dict], path: Path, max_suspect: float | None) -> list[dict]:
    """The rows of a file that the checks believe. A solution that is said to be lost is no fault: its row serves RL."""
    if max_suspect is None:
        return rows
    said = [row | {"translated_solution": None} if row.get("translated_solution") in _LOST else row for row in rows]
    doubted = find_suspects(said, path, max_suspect)
    return [row for number, row in enumerate(rows) if number not in doubted]


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
