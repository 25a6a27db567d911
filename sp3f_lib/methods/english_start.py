"""The English preference-tuned model that ICR starts from (pi^0), made from answers that can be checked.

Llama-3-8B SFT and its child by DPO are published models (arXiv 2503.04647 uses them); where there are none, as for a model of one's
own, English answers are sampled from the SFT model, verified, and paired: a correct one over a wrong one. Trained with section
`dpo` of the profile, this is all that the model is told about quality, and all of it is said in English.
"""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from sp3f_lib.data.pairs import export_pairs
from sp3f_lib.data.parallel import prompts_from_rows
from sp3f_lib.data.schema import problem_id, read_rows
from sp3f_lib.data.splits import splits
from sp3f_lib.evaluation.score import score
from sp3f_lib.generation.engines import SAMPLED, generation_settings, generator, sampling_of
from sp3f_lib.generation.parts import read_parts
from sp3f_lib.methods.named import Named, Work
from sp3f_lib.methods.shared import GENERATION_CODE, PAIRS, check_shared, progress_of
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.runs import StageError
from sp3f_lib.stages import make_stage

ALL_RIGHT, ALL_WRONG, PAIRED = "no wrong answer", "no finished right answer in English", "paired"


def english_pairs(
    responses: pd.DataFrame, rows: list[dict], threshold: float, per_prompt: int, seed: int
) -> tuple[list[dict], pd.DataFrame]:
    """(pairs for `train_preference`, prompts counted by what became of them).

    `responses` are those of `sample_responses` to English prompts, `rows` the problems with their answers (other languages are
    passed over). Chosen: correct, in English, and not cut off; rejected: not correct. Of each prompt up to `per_prompt` pairs
    without a common response, drawn at random. `StageError` if a prompt has no row to check it by.
    """
    english = {problem_id(row): row for row in rows if row["extra_info"]["lang"] == "en"}
    pairs, counts = [], Counter()
    for id, group in responses[responses["lang"] == "en"].groupby("id", sort=False):
        row = row_of(english, id)
        scored = [
            (text, done, score(row, text, threshold)) for text, done in zip(group["text"], group["finished"], strict=True)
        ]
        right = list(dict.fromkeys(text for text, done, s in scored if done and s["accuracy"] and s["fidelity"]))
        wrong = list(dict.fromkeys(text for text, _, s in scored if text.strip() and not s["accuracy"]))
        counts[PAIRED if right and wrong else ALL_RIGHT if right else ALL_WRONG] += 1
        rng = random.Random(f"{seed} {id}")
        rng.shuffle(right)
        rng.shuffle(wrong)
        for chosen, rejected in list(zip(right, wrong, strict=False))[:per_prompt]:
            pairs.append(english_pair(row, id, chosen, rejected))
    table = pd.DataFrame([{"prompts": name, "number": counts[name]} for name in (PAIRED, ALL_RIGHT, ALL_WRONG)])
    return pairs, table


def row_of(rows: dict[str, dict], id: str) -> dict:
    """The row that a prompt's responses are verified by; `StageError` if there is none."""
    if id not in rows:
        raise StageError(f"prompt {id!r} has no row with an answer, so its responses cannot be verified; set methods.start")
    return rows[id]


def english_pair(row: dict, id: str, chosen: str, rejected: str) -> dict:
    """A pair for `train_preference` on the English prompt of `row`."""
    sides = {"chosen": chosen, "rejected": rejected}
    sides = {side: [{"role": "assistant", "content": text}] for side, text in sides.items()}
    return {"id": id, "lang": "en", "prompt": row["input"], **sides}


def english_answers(profile: Profile, start: Path) -> Path:
    """Sampled answers of the model `start` to all English problems of the rl split: `parts/*.parquet`."""
    rows = splits(profile) / "rl.parquet"

    def work(directory: Path) -> None:
        from sp3f_lib.methods.icr_scores import sample_responses

        # All English problems of the split, not only those of the methods' prompts.
        found = prompts_from_rows(read_rows(rows), ("en",))[0]
        where, show = directory / "parts", progress_of(profile, "dpo answers", directory)
        with generator(profile, start) as generate:
            sample_responses(where, generate, found, ("en",), sampling_of(profile), profile.seed, progress=show)

    settings = generation_settings(profile, start, *SAMPLED) | {"seed": profile.seed}
    inputs = {"policy": start, "rows": rows}
    return make_stage(profile, f"dpo-answers-{profile.regime}", work, settings, inputs, GENERATION_CODE, ("parts/*",))


def dpo_pairs(
    profile: Profile, start: Path, name: str = "dpo", make_pairs: Callable = english_pairs, code: tuple[str, ...] = ()
) -> Path:
    """English answers of the model `start`, verified and paired: `pairs.jsonl` and `report.csv`.

    `name`: the model that they are for; `make_pairs`: what pairs them, as `english_pairs` does; `code`: the files that it is in.
    """
    methods, rows = profile.methods, splits(profile) / "rl.parquet"
    said = english_answers(profile, start)

    def work(directory: Path) -> None:
        answers, threshold = read_parts(said / "parts"), profile.rewards.threshold
        pairs, report = make_pairs(answers, read_rows(rows), threshold, methods.english_pairs, profile.seed)
        report.to_csv(directory / "report.csv", index=False)
        export_pairs(pairs, directory / PAIRS)

    settings = {"english_pairs": methods.english_pairs, "threshold": profile.rewards.threshold, "seed": profile.seed}
    inputs = {"answers": said, "rows": rows}
    code = ("methods/english_start.py", *code, "data/pairs.py", "rewards", "evaluation/score.py", "languages.py")
    return make_stage(profile, f"{name}-pairs-{profile.regime}", work, settings, inputs, code, ("*.jsonl", "*.csv"))


def check(profile: Profile) -> None:
    """`ProfileError` if the answers could not be verified."""
    check_shared(profile)
    if profile.methods.prompts:
        raise ProfileError(
            "methods.start: dpo is made from problems with known answers, which prompts of a folder (methods.prompts) are not; "
            "name a model: --set methods.start=... (a hub id, or runs/.../dpo-.../model of a run without methods.prompts)"
        )


def work(profile: Profile) -> Work:
    """What is sampled and paired, at most."""
    problems, methods = profile.data.rl_problems, profile.methods
    return Work(problems, 1, responses=problems * methods.samples, pairs=problems * methods.english_pairs)


MODELS = {
    "dpo": Named(
        "DPO on verified English answers: the model that ICR and LIDR start from",
        "2503.04647",
        start="sft",
        section="dpo",
        steps=lambda profile, given: {"pairs": dpo_pairs(profile, given.policy)},
        rows=PAIRS,
        check=check,
        work=work,
    ),
    "start": Named("what ICR and LIDR start from", "2503.04647", start="methods.start"),
}
