r"""An English start that has seen graded answers: right with steps > right without steps > wrong.

`dpo` (english_start.py) is told right from wrong and nothing else. Here each prompt that has a wrong answer beside a right one
gives pairs of one grade over the next one below, of both kinds in turn. Of every prompt as many pairs as `dpo` takes, so that the
two starts differ in what they are told and not in how much.

A right answer without steps is a sampled one where there is one, else the last sentence of a right answer with steps
(`Therefore, the answer is \boxed{7}.`): a model of one's own may never leave its steps out. The report counts both.
"""

import random
from collections import Counter
from dataclasses import replace
from itertools import zip_longest

import pandas as pd

from sp3f_lib.data.schema import problem_id
from sp3f_lib.evaluation.score import score
from sp3f_lib.methods.english_start import ALL_RIGHT, ALL_WRONG, PAIRED, dpo_pairs, english_pair, row_of
from sp3f_lib.methods.english_start import MODELS as STARTS
from sp3f_lib.methods.named import Named

STEPS, BARE, WRONG = "right, with steps", "right, without steps", "wrong"
SAMPLED, CUT = "right answers without steps: sampled", "right answers without steps: a last sentence"
_CODE = ("methods/english_grades.py",)
PREFERRED = ((STEPS, BARE), (BARE, WRONG))


def graded_pairs(
    responses: pd.DataFrame, rows: list[dict], threshold: float, per_prompt: int, seed: int
) -> tuple[list[dict], pd.DataFrame]:
    """(pairs for `train_preference`; prompts, pairs of each kind and answers without steps counted). As `english_pairs`.

    The chosen side is finished and in English. A prompt without a wrong answer, or without a right one, gives no pair.
    """
    english = {problem_id(row): row for row in rows if row["extra_info"]["lang"] == "en"}
    pairs, counts = [], Counter()
    for id, group in responses[responses["lang"] == "en"].groupby("id", sort=False):
        row, rng = row_of(english, id), random.Random(f"{seed} {id}")
        found = grades(row, list(zip(group["text"], group["finished"], strict=True)), threshold)
        counts[SAMPLED] += len(found[BARE])
        as_many = min(per_prompt, len(found[STEPS]) + len(found[BARE]), len(found[WRONG]))  # as english_pairs takes
        if found[STEPS] and not found[BARE]:
            short = dict.fromkeys(last_sentence(text) for text in found[STEPS])
            found[BARE] = grades(row, [(text, True) for text in short], threshold)[BARE]
            counts[CUT] += len(found[BARE])
        right = found[STEPS] or found[BARE]
        counts[PAIRED if right and found[WRONG] else ALL_RIGHT if right else ALL_WRONG] += 1
        if not (right and found[WRONG]):
            continue
        for texts in found.values():
            rng.shuffle(texts)
        kinds = [(one, other) for one, other in PREFERRED if found[one] and found[other]]
        rng.shuffle(kinds)
        offers = {kind: list(zip(found[kind[0]], found[kind[1]], strict=False)) for kind in kinds}
        # Of both kinds in turn, as long as there are some.
        turns = [
            (kind, pair) for turn in zip_longest(*offers.values()) for kind, pair in zip(kinds, turn, strict=True) if pair
        ]
        for kind, (chosen, rejected) in turns[:as_many]:
            counts[" over ".join(kind)] += 1
            pairs.append(english_pair(row, id, chosen, rejected))
    names = (PAIRED, ALL_RIGHT, ALL_WRONG, *(" over ".join(kind) for kind in PREFERRED), SAMPLED, CUT)
    return pairs, pd.DataFrame([{"prompts": name, "number": counts[name]} for name in names])


def grades(row: dict, answers: list[tuple[str, bool]], threshold: float) -> dict[str, list[str]]:
    """The different texts of (text, finished) by grade; what is right but cut off or in another language has none."""
    found: dict[str, dict[str, None]] = {STEPS: {}, BARE: {}, WRONG: {}}
    for text, finished in dict.fromkeys(answers):
        scored = score(row, text, threshold)
        if not scored["accuracy"]:
            if text.strip():
                found[WRONG][text] = None
        elif finished and scored["fidelity"]:
            found[STEPS if scored["steps"] else BARE][text] = None
    return {grade: list(texts) for grade, texts in found.items()}


def last_sentence(text: str) -> str:
    r"""What of an answer stands behind the last full stop before its box.

    >>> last_sentence(r"She has 3 + 4 = 7 apples. Therefore, the answer is \boxed{7}.")
    'Therefore, the answer is \\boxed{7}.'
    """
    before, box, rest = text.rpartition(r"\boxed")
    return f"{before.rpartition('. ')[2]}{box}{rest}".strip()


MODELS: dict[str, Named] = {
    "dpo_graded": replace(
        STARTS["dpo"],
        about="DPO on graded English answers: right with steps over right without, right without over wrong",
        steps=lambda profile, given: {"pairs": dpo_pairs(profile, given.policy, "dpo_graded", graded_pairs, _CODE)},
    )
}
