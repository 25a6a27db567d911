"""How long the rows of a stage really are, in tokens: for estimates of time, where rows and tokenizer are at hand already."""

import random
from dataclasses import dataclass
from pathlib import Path

from sp3f_lib.data.schema import read_rows
from sp3f_lib.data.splits import splits
from sp3f_lib.lab.shipped import SHIPPED, SMOLLM2, shipped_base
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import MANIFEST, NotFinished, finished_only
from sp3f_lib.stages import RUNS

_SPLIT = {"sft": "sft", "grpo": "rl", "evaluate": "eval"}


@dataclass(frozen=True)
class Lengths:
    """Mean tokens of a prompt, of its translated solution (0 without one), and of a row of both as padded in a batch; the most
    that a row has."""

    prompt: float
    answer: float
    padded: float
    longest: int


def read_lengths(profile: Profile, stage: str) -> Lengths | None:
    """Of the rows of a stage (sft, grpo, evaluate); None where rows or tokenizer are not made yet."""
    folder = _tokenizer_folder(profile)
    try:
        with finished_only():
            rows = read_rows(splits(profile) / f"{_SPLIT[stage]}.parquet")
    except NotFinished:
        return None
    if folder is None:
        return None
    from sp3f_lib.generation.local import load_tokenizer

    tokenizer = load_tokenizer(str(folder))
    prompts = [
        len(tokenizer.apply_chat_template(row["input"], add_generation_prompt=True, return_dict=True)["input_ids"])
        for row in rows
    ]
    answers = [len(tokenizer(row.get("translated_solution") or "", add_special_tokens=False)["input_ids"]) for row in rows]
    size = getattr(profile, stage).get("per_device_train_batch_size", 8) if stage != "evaluate" else 1
    both = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
    return Lengths(sum(prompts) / len(rows), sum(answers) / len(rows), padded_mean(both, size), max(both))


def padded_mean(lengths: list[int], size: int) -> float:
    """Tokens of a row, padding included, in shuffled batches of `size` rows; the last, smaller batch does not count.

    >>> padded_mean([10, 20, 30, 40], 4), padded_mean([10, 20, 30, 40], 1)
    (40.0, 25.0)
    """
    order = list(lengths)
    random.Random(0).shuffle(order)
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    whole = [max(batch) for batch in batches if len(batch) == size] or [max(lengths)]
    return sum(whole) / len(whole)


def _tokenizer_folder(profile: Profile) -> Path | None:
    """Where the tokenizer of the profile's base model lies on this disk."""
    path = profile.model.path
    if path in SHIPPED:
        return shipped_base(path)
    if path == SMOLLM2:
        return next((made.parent / "model" for made in sorted((RUNS / profile.name).glob(f"{SMOLLM2}/*/{MANIFEST}"))), None)
    return Path(path) if Path(path).is_dir() else None
