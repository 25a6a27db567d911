"""ICR on responses of one language: does the reward know better content, or only which language the English model likes?

Two sampled responses to a prompt may differ in language and in content at once. Here a response that is not in the language of its
prompt (rewards/fidelity.py) is in no pair, neither chosen nor rejected, nor does it count for the length penalty: what is left to
prefer is what is said. The control `lidr_content` asks LIDR the same.
"""

import numpy as np
import pandas as pd

from sp3f_lib.data.parallel import ParallelPrompt
from sp3f_lib.methods.icr_pairs import UNSCORED
from sp3f_lib.methods.icr_scores import REWARDS, icr_pairs
from sp3f_lib.rewards.fidelity import THRESHOLD, is_faithful

OTHER_LANGUAGE = "in another language, or too little text to tell"


def same_language(scores: pd.DataFrame, threshold: float = THRESHOLD) -> pd.DataFrame:
    """`scores` (at least lang, text and rewards) without the reward of a response that is not in the language of its prompt."""
    places = list(zip(scores["lang"], scores["text"], strict=True))
    known = {
        (lang, text): is_faithful(text, lang, threshold) for lang, text in dict.fromkeys(places)
    }  # samples repeat themselves
    faithful = np.array([known[place] for place in places], bool)
    return scores.assign(**{reward: scores[reward].where(faithful) for reward in REWARDS if reward in scores})


def content_pairs(
    scores: pd.DataFrame,
    prompts: list[ParallelPrompt],
    reward: str = "R_c",
    upper_bound: float | None = None,
    length_control: bool = True,
    threshold: float = THRESHOLD,
) -> tuple[list[dict], pd.DataFrame]:
    """`icr_pairs` among the responses in the language of their prompt; what that leaves out is counted apart in the report."""
    kept = same_language(scores, threshold)
    pairs, report = icr_pairs(kept, prompts, reward, upper_bound, length_control)
    lost = (scores[reward].notna() & kept[reward].isna()).groupby(scores["lang"]).sum()
    lost = report["lang"].map(lost).astype(int)
    unscored = f"responses: {UNSCORED}"
    return pairs, report.assign(**{unscored: report[unscored] - lost, f"responses: {OTHER_LANGUAGE}": lost})
