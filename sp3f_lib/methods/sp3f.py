"""SP3F (arXiv 2601.18722): SFT on translated solutions, then GRPO with a privileged pairwise judge.

    R_i = accuracy + parseable + fidelity + win rate_i                    over the group of completions of one prompt
    A_i = R_i - mean(R)                                                   no division by the standard deviation

The terms are in rewards/ and judges/win_rates.py, the trainer in training/grpo.py. Below: the models, that is, stage 1 and the arms
of stage 2 (the paper's ablation, and ours). An arm of one's own is one more line of `ARMS`.

Who sees the reference: in `sp3f`, `judge_*`, `score*` and `listwise*` the judge; in `process*` the reward itself.
"""

from itertools import combinations
from pathlib import Path

from sp3f_lib.data.splits import splits
from sp3f_lib.methods.named import Given, Named
from sp3f_lib.profiles import Profile

PAPER = "2601.18722"
TERMS = {"a": "accuracy", "p": "parseable", "f": "fidelity", "w": "win_rate"}
# Subsets of the four terms that are arms under another name.
_NAMED_SUBSETS = {"apfw": "sp3f", "apf": "rlvr", "ap": "rlvr_without_fidelity", "w": "judge_only"}


def _rows(profile: Profile, given: Given) -> dict[str, Path]:
    return {"rows": splits(profile)}


def arm(about: str, paper: str = PAPER, **changes) -> Named:
    """An arm of stage 2; `changes` of the profile with `__` for the dot."""
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return Named(about, paper, start="sft", section="grpo", changes=dotted, steps=_rows, rows="rl.parquet")


def arm_of_terms(letters: str) -> str:
    """The name of the arm that rewards these of SP3F's four terms: a(ccuracy), p(arseable), f(idelity), w(in rate).

    >>> arm_of_terms("apf"), arm_of_terms("aw")
    ('rlvr', 'terms_aw')
    """
    return _NAMED_SUBSETS.get(letters, f"terms_{letters}")


def subsets_of_terms() -> list[str]:
    """All 15 subsets of the four terms but the empty one, by their letters, from one to four."""
    return ["".join(some) for number in range(1, len(TERMS) + 1) for some in combinations(TERMS, number)]


def _term_arms() -> dict[str, Named]:
    """An arm for each subset that is none yet; the terms in it keep their weights of the profile."""
    found = {}
    for letters in subsets_of_terms():
        if letters not in _NAMED_SUBSETS:
            changes = {f"rewards__{name}": 0.0 for letter, name in TERMS.items() if letter not in letters}
            changes |= {"judge__privilege": "solution"} if "w" in letters else {}
            names = " + ".join(TERMS[letter].replace("_", " ") for letter in letters)
            found[arm_of_terms(letters)] = arm(f"GRPO with a subset of SP3F's reward: {names}", **changes)
    return found


# The embedded judge's own number, without a judge: whatever the profile's judge is, none is asked.
_AGREEMENT = {
    "judge__name": "alignment",
    "judge__privilege": "solution",
    "judge__schedule": "agreement",
    "judge__calls": None,
    "judge__overlap": 1,
}
_SCORE = {"judge__privilege": "solution", "judge__schedule": "score", "judge__calls": None}
_LISTWISE = {"judge__privilege": "solution", "judge__schedule": "listwise", "judge__reward": "win_rate"}

ARMS = {
    "rlvr": arm("GRPO with verifiable rewards alone (no judge)", rewards__win_rate=0.0),
    "rlvr_without_fidelity": arm(
        "GRPO with accuracy and format alone (no judge, no language term)", rewards__win_rate=0.0, rewards__fidelity=0.0
    ),
    "judge_unprivileged": arm("GRPO with a pairwise judge that does not see the reference", judge__privilege="none"),
    "sp3f": arm("SP3F: GRPO with a privileged pairwise judge", judge__privilege="solution"),
    "judge_only": arm(
        "GRPO with the privileged pairwise judge alone",
        rewards__accuracy=0.0,
        rewards__parseable=0.0,
        rewards__fidelity=0.0,
    ),
    "sp3f_implicit": arm(
        "GRPO with ICR's implicit reward as the pairwise judge",
        judge__name="implicit",
        judge__model="dpo",
        judge__reference_model="sft",
        judge__privilege="none",
    ),
    "judge_answer": arm("GRPO with a pairwise judge that sees the answer, not the solution", judge__privilege="answer"),
    "judge_translated": arm(
        "GRPO with a pairwise judge that sees the solution in the language of the responses", judge__privilege="translated"
    ),
    "judge_wrong": arm(
        "GRPO with a pairwise judge that is shown a wrong solution as a right one (control)", judge__privilege="wrong"
    ),
    "process": arm(
        "GRPO whose judge's term is the agreement with the English solution itself, not pairwise (no judge)",
        "2510.25992",
        judge__reward="raw",
        **_AGREEMENT,
    ),
    "process_matched": arm(
        "GRPO with the agreement at the standard deviation of the group's win rates, not pairwise (no judge)",
        "2510.25992",
        judge__reward="matched",
        **_AGREEMENT,
    ),
    "score": arm("GRPO with an absolute score by the privileged judge", "2507.17746", judge__reward="raw", **_SCORE),
    "score_ranked": arm(
        "GRPO with win rates made of the privileged judge's absolute scores",
        "2507.17746",
        judge__reward="win_rate",
        **_SCORE,
    ),
    "listwise": arm(
        "GRPO with win rates from one ranking of the whole group by the privileged judge",
        "2602.14028",
        judge__calls=1,
        **_LISTWISE,
    ),
    "listwise_3": arm(
        "GRPO with win rates from three rankings of the whole group, each in another order, by the privileged judge",
        "2602.14028",
        judge__calls=3,
        **_LISTWISE,
    ),
    **_term_arms(),
}
MODELS = {
    "base": Named("the base model", PAPER, start="model.path"),
    "sft": Named(
        "supervised fine-tuning on translated English solutions (stage 1 of SP3F)",
        PAPER,
        start="base",
        section="sft",
        steps=_rows,
        rows="sft.parquet",
    ),
    **ARMS,
}
