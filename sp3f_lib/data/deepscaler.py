"""DeepScaleR: competition problems with English solutions, in English only, from a folder or the hub.

SFT learns the English solutions. For other languages make rows of it first: `sp3f translate .../train/aime.json
--languages sw --out rows`, then `--source rows --folder rows`.
"""

import random
from pathlib import Path

from sp3f_lib.data.english import Problem, read_problems, with_box
from sp3f_lib.data.files import SPLITS, split_languages
from sp3f_lib.data.schema import RowError, make_row
from sp3f_lib.profiles.sections import Data

DEEPSCALER, FILE = "agentica-org/DeepScaleR-Preview-Dataset", "deepscaler.json"


def deepscaler_splits(data: Data, seed: int) -> dict[str, list[dict]]:
    """English rows, cut at random into three splits of whole problems; what cannot be used is left out, and counted."""
    folder = Path(data.folder) if data.folder else None
    if others := sorted({lang for langs in split_languages(data).values() for lang in langs} - {"en"}):
        raise RowError(
            f"DeepScaleR is in English only; for {', '.join(others)} make rows by sp3f translate FILE --languages "
            f"{' '.join(others)} --out FOLDER, and read them by --source rows --folder FOLDER"
        )
    problems = _problems(folder)
    counts = {"sft": data.sft_problems, "rl": data.rl_problems, "eval": data.eval_problems}
    if sum(counts.values()) > len(problems):
        raise RowError(f"{folder or DEEPSCALER} has {len(problems)} problems that can be used; data asks for {counts}")
    order = sorted(problems, key=lambda problem: problem.id)
    random.Random(f"deepscaler {seed}").shuffle(order)
    splits, start = {}, 0
    for name in SPLITS:
        splits[name] = [english_row(problem) for problem in order[start : start + counts[name]]]
        start += counts[name]
    return splits


def english_row(problem: Problem, extra: dict | None = None) -> dict:
    """The English row of a problem: its solution is its own translation."""
    text = with_box(problem.text, "en", problem.answer)
    row = make_row(
        id=problem.id, lang="en", query=problem.question, solution=problem.solution, question=problem.question, translated=text,
        answer=problem.answer, task=problem.task,
    )  # fmt: skip
    return row if extra is None else row | {"extra_info": row["extra_info"] | extra}


def _problems(folder: Path | None) -> list[Problem]:
    if folder is None:
        from huggingface_hub import hf_hub_download

        try:
            paths = [Path(hf_hub_download(DEEPSCALER, FILE, repo_type="dataset"))]
        except OSError as error:
            raise RowError(f"{DEEPSCALER} could not be fetched: set data.folder to a copy of it ({error})") from None
    else:
        places = (folder / "deepscaler" / "train", folder / "train", folder)
        paths = next((found for place in places if (found := sorted(place.glob("*.json")))), [])
        if not paths:
            raise RowError(f"{folder}: there is no .json file of DeepScaleR in it, nor in train/ or deepscaler/train/")
    found: dict[str, Problem] = {}  # by question: no problem of two files is in two splits
    for path in paths:
        problems, left = read_problems(path, must=False)
        if left.rows:
            print(f"data: {len(left.rows)} rows of {path} are left out\n{left}", flush=True)
        found |= {problem.question: problem for problem in problems}
    if not found:
        raise RowError(f"{folder or DEEPSCALER}: no problem can be used")
    return list(found.values())
