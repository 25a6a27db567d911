"""The English preference-tuned model that ICR starts from (pi^0), made from answers that can be checked.

Llama-3-8B SFT and its child by DPO are published models (arXiv 2503.04647 uses them); where there are none, as for a model of one's
own, English answers are sampled from the SFT model, verified, and paired: a correct one over a wrong one. Trained with section
`dpo` of the profile, this is all that the model is told about quality, and all of it is said in English.
"""

import random
from collections import Counter

import pandas as pd

from sp3f_lib.data.schema import problem_id
from sp3f_lib.evaluation.evaluate import score
from sp3f_lib.runs import StageError

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
        if id not in english:
            raise StageError(
                f"prompt {id!r} has no row with an answer, so its responses cannot be verified; set methods.start"
            )
        row = english[id]
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
            sides = {"chosen": chosen, "rejected": rejected}
            sides = {side: [{"role": "assistant", "content": text}] for side, text in sides.items()}
            pairs.append({"id": id, "lang": "en", "prompt": row["input"], **sides})
    table = pd.DataFrame([{"prompts": name, "number": counts[name]} for name in (PAIRED, ALL_RIGHT, ALL_WRONG)])
    return pairs, table
