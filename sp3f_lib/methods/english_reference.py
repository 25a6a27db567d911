"""An English start for a real model that gets nothing right: the reference solution over a wrong answer of its own.

`dpo` (english_start.py) prefers right answers of the model to wrong ones. A small real model has no right ones (SmolLM2-135M: 0 of
200 on MGSM), so nothing would be paired. Here the chosen side is the English solution that the data set comes with, written by
people, as they read it, with a box at its end. It starts from `methods.reference`, so that this one step is all that stands between
the two models of ICR's reward; its problems are those of the rl split, whatever prompts ICR is given.
"""

import random
import re
from collections import Counter

import pandas as pd

from sp3f_lib.data.schema import problem_id
from sp3f_lib.data.translate import english_text
from sp3f_lib.evaluation.score import score
from sp3f_lib.languages import closing_sentence
from sp3f_lib.methods.english_start import MODELS as STARTS
from sp3f_lib.methods.english_start import PAIRED, dpo_pairs, english_pair, row_of
from sp3f_lib.methods.named import Named
from sp3f_lib.methods.shared import PAIRS, check_shared

NOT_WRONG, UNSOLVED = "no wrong answer", "no English reference solution"
_MARKED = re.compile(r"####.*")
_CODE = ("methods/english_reference.py", "data/translate.py")


def reference_pairs(
    responses: pd.DataFrame, rows: list[dict], threshold: float, per_prompt: int, seed: int
) -> tuple[list[dict], pd.DataFrame]:
    """(pairs for `train_preference`, prompts counted by what became of them). As `english_pairs`, but for the chosen side.

    Of each prompt up to `per_prompt` of its wrong answers, drawn at random.
    """
    english = {problem_id(row): row for row in rows if row["extra_info"]["lang"] == "en"}
    pairs, counts = [], Counter()
    for id, group in responses[responses["lang"] == "en"].groupby("id", sort=False):
        row = row_of(english, id)
        texts = dict.fromkeys(text for text in group["text"] if text.strip())
        wrong = [text for text in texts if not score(row, text, threshold)["accuracy"]]
        chosen = boxed_solution(row)
        counts[UNSOLVED if not chosen else PAIRED if wrong else NOT_WRONG] += 1
        if chosen:
            random.Random(f"{seed} {id}").shuffle(wrong)
            pairs += [english_pair(row, id, chosen, rejected) for rejected in wrong[:per_prompt]]
    return pairs, pd.DataFrame([{"prompts": name, "number": counts[name]} for name in (PAIRED, NOT_WRONG, UNSOLVED)])


def boxed_solution(row: dict) -> str:
    r"""The English solution of a row as people read it; the prompt asks for a box, so one takes the place of GSM8K's `#### 3`.

    >>> boxed_solution({"solution": "1+2=<<1+2=3>>3 eggs.\n#### 3", "reward_model": {"ground_truth": "3"}})
    '1+2=3 eggs.\nTherefore, the answer is \\boxed{3}.'
    """
    solution = english_text(row["solution"] or "")
    return _MARKED.sub(lambda match: closing_sentence("en", row["reward_model"]["ground_truth"]), solution).strip()


MODELS: dict[str, Named] = {
    "dpo_reference": Named(
        "DPO on English reference solutions over wrong answers of its own",
        "2503.04647",
        start="methods.reference",
        section="dpo",
        steps=lambda profile, given: {
            "pairs": dpo_pairs(profile, given.policy, "dpo_reference", reference_pairs, _CODE),
        },
        rows=PAIRS,
        check=check_shared,
        work=STARTS["dpo"].work,
    )
}
