r"""Where problems come from: the lab, MGSM with GSM8K's solutions, GSM8K in translation, the SP3F authors' data, DeepScaleR, or
rows of one's own.

Each source gives three disjoint splits, `sft`, `rl` and `eval`, as checked rows. Problems are parallel: the same problem is
there in every language, under one id, and a problem is in one split only. Rows that others made are doubted (suspects.py).
"""

from collections import Counter
from pathlib import Path

from sp3f_lib.data.deepscaler import deepscaler_splits
from sp3f_lib.data.files import SPLITS, find_file, split_languages
from sp3f_lib.data.gsm8k import gsm8k_splits
from sp3f_lib.data.mgsm import mgsm_splits
from sp3f_lib.data.released import sp3f_splits
from sp3f_lib.data.schema import RowError, check_rows, make_row, problem_id, read_rows
from sp3f_lib.data.suspects import sift
from sp3f_lib.lab.problems import Problem, lab_text, render_question, render_solution, sample_problems
from sp3f_lib.profiles.sections import Data


def load_splits(data: Data, seed: int) -> dict[str, list[dict]]:
    """The rows of each split; no two splits share a problem."""
    if data.source == "lab":
        splits = lab_splits(data, seed)
    elif data.source == "mgsm":
        splits = mgsm_splits(data, seed)
    elif data.source == "gsm8k":
        splits = gsm8k_splits(data, seed)
    elif data.source == "sp3f":
        splits = sp3f_splits(data, seed)
    elif data.source == "deepscaler":
        splits = deepscaler_splits(data, seed)
    else:
        splits = rows_splits(data)
    ids = {name: {problem_id(row) for row in rows} for name, rows in splits.items()}
    for one, other in (("sft", "rl"), ("sft", "eval"), ("rl", "eval")):
        if shared := ids[one] & ids[other]:
            raise RowError(f"splits {one!r} and {other!r} share {len(shared)} problems, such as {min(shared)!r}")
    return {name: check_rows(rows, f"split {name!r}", for_sft=name == "sft") for name, rows in splits.items()}


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


def rows_splits(data: Data) -> dict[str, list[dict]]:
    """Rows of one's own: `folder` holds sft, rl and eval as .parquet or .jsonl.

    Rows in other languages are left out, and those that the checks do not believe; too many of these are an error.
    """
    if not data.folder:
        raise RowError("data.source is 'rows': set data.folder to the folder that holds sft, rl and eval files")
    folder, languages, splits = Path(data.folder), split_languages(data), {}
    for name in SPLITS:
        path = find_file(folder, f"{name}.parquet", f"{name}.jsonl")
        rows = read_rows(path, for_sft=name == "sft")
        wanted = [row for row in rows if row["extra_info"]["lang"] in languages[name]]
        if not wanted:
            found = sorted({row["extra_info"]["lang"] for row in rows})
            raise RowError(f"{path}: no row in {', '.join(languages[name])}; its languages are {', '.join(found)}")
        if left := Counter(row["extra_info"]["lang"] for row in rows if row["extra_info"]["lang"] not in languages[name]):
            out = ", ".join(f"{number} in {lang}" for lang, number in sorted(left.items()))
            print(f"data: {path.name}: rows left out, {out}; data.languages is {list(languages[name])}", flush=True)
        splits[name] = sift(wanted, path, data.max_suspect)
    return splits
