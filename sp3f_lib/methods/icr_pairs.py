"""ICR: the reward that an English preference-tuned model carries, transferred by conditioning on the English prompt.

    r(y) = S(pi; G(x), y) - S(pi_ref; G(x), y)        generation/implicit_reward.py
    R_c    G(x^l) = the English prompt, with one sentence in front that says in which language to answer (English: the prompt alone)
    R_m    both models see the prompt in language l
    R_t    both see the English prompt and the model's own English translation of the response; English itself is skipped
    r_lc = r - a * characters        a: the penalty, for each language, under which best and worst are equally long
    chosen = argmax r_lc, rejected = argmin r_lc, over the samples of a prompt

(arXiv 2503.04647 and its released code; the wording of the sentence is ours.) Departures: a response that was cut off is never
chosen, as it would teach never to stop; everything left out is counted by reason. No reward (NaN) is a value: such a response
(empty, or without translation) is neither chosen nor rejected.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

GRID = np.arange(1000) / 1000  # rewards per character
# Why a prompt gives no pair.
FEW, IDENTICAL, BARRED, SAME = (
    "fewer than two responses with a reward",
    "all responses are the same text",
    "no response may be chosen",
    "chosen and rejected are the same text",
)
# Why a response is not chosen, or not used at all.
EMPTY, UNSCORED, CUT, BOUND = "empty", "without a reward", "cut off, not chosen", "at the upper bound or above, not chosen"


@dataclass
class Selection:
    """`pairs`: (prompt, chosen, rejected) as row and column numbers; how many prompts and responses were left out, by reason."""

    pairs: list[tuple[int, int, int]] = field(default_factory=list)
    prompts: Counter = field(default_factory=Counter)
    responses: Counter = field(default_factory=Counter)


def fit_length_penalty(rewards: np.ndarray, lengths: np.ndarray, may_be_chosen: np.ndarray | None = None) -> float:
    """The penalty per character, of 0.000, 0.001 ... 0.999, for which |mean length of best - mean length of worst| is least.

    `rewards` and `lengths` (characters) have shape (prompts, n); best and worst are those of `select_pairs`. Of equal penalties
    the smallest. Prompts without two rewards do not count; without any prompt the penalty is 0.

    Both long responses are 30 characters longer; the second earns 2 more for them, so from 2/30 on its short one is best:

    >>> fit_length_penalty(np.array([[5.0, 2.0], [1.0, 3.0]]), np.array([[40, 10], [20, 50]]))
    0.067
    """
    rewards, lengths = np.asarray(rewards, float), np.asarray(lengths)
    usable, best_of, worst_of = candidates(rewards, may_be_chosen)
    if not usable.any():
        return 0.0
    rewards, lengths, best_of, worst_of = rewards[usable], lengths[usable], best_of[usable], worst_of[usable]
    gaps = []
    for part in np.array_split(GRID, 50):  # a grid of 1,000 x 3,000 prompts x 10 responses at once is 240 MB
        best, worst = extremes(rewards - part[:, None, None] * lengths, best_of, worst_of)
        rows = np.arange(len(lengths))
        gaps.append(np.abs((lengths[rows, best] - lengths[rows, worst]).sum(1)))
    return float(GRID[np.concatenate(gaps).argmin()])


def select_pairs(
    rewards: np.ndarray,
    lengths: np.ndarray,
    alpha: float,
    responses: list[list[str]],
    upper_bound: float | None = None,
    finished: np.ndarray | None = None,
) -> Selection:
    """Best and worst response of each prompt by r - alpha * length; of equal ones the first.

    All arrays have shape (prompts, n): rewards in nats (NaN: none), lengths in characters, `finished` False where a response was
    cut off. Neither a cut-off response nor one with r - alpha * length >= `upper_bound` is chosen.
    """
    rewards = np.asarray(rewards, float)
    empty = np.array([[not text or not text.strip() for text in row] for row in responses]).reshape(rewards.shape)
    values = np.where(empty, np.nan, rewards) - alpha * np.asarray(lengths)
    scored = ~np.isnan(values)
    cut = scored & ~np.asarray(finished, bool) if finished is not None else np.zeros_like(scored)
    over = scored & (values >= upper_bound) if upper_bound is not None else np.zeros_like(scored)
    found = Selection()
    found.responses.update({EMPTY: int(empty.sum()), UNSCORED: int((~scored & ~empty).sum())})
    found.responses.update({CUT: int(cut.sum()), BOUND: int(over.sum())})
    usable, best_of, worst_of = candidates(values, ~(cut | over))
    best, worst = extremes(values, best_of, worst_of)
    for prompt, texts in enumerate(responses):
        if scored[prompt].sum() < 2:
            found.prompts[FEW] += 1
        elif len(set(texts)) == 1:
            found.prompts[IDENTICAL] += 1
        elif not usable[prompt]:
            found.prompts[BARRED] += 1
        elif texts[best[prompt]] == texts[worst[prompt]]:
            found.prompts[SAME] += 1
        else:
            found.pairs.append((prompt, int(best[prompt]), int(worst[prompt])))
    return found


def candidates(rewards: np.ndarray, may_be_chosen: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(prompts that can give a pair, responses that can be best, responses that can be worst)."""
    worst_of = ~np.isnan(rewards)
    best_of = worst_of if may_be_chosen is None else worst_of & np.asarray(may_be_chosen, bool)
    return (worst_of.sum(1) > 1) & best_of.any(1), best_of, worst_of


def extremes(values: np.ndarray, best_of: np.ndarray, worst_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(number of the best response of each prompt, number of the worst), over the last axis; of equal ones the first."""
    best = np.where(best_of, values, -np.inf).argmax(-1)
    return best, np.where(worst_of, values, np.inf).argmin(-1)
