"""Which ingredient makes ICR's reward informative? Its accuracy against the truth, condition by condition, before any training.

    lines = [judged_condition(scores, rows, threshold, condition, seed) for ...]     one table per condition and seed
    table = pd.concat(lines)
    over_seeds(table)                                                               means of a condition over its seeds

A condition is what an implicit reward and the responses that it ranks are made of:

    start         the preference-tuned model above the line of the reward: `dpo`, `dpo_graded`, ...
    answers       who gave the responses: the start itself, as ICR has it, or the model below the line, which was not tuned
    temperature   at which they were sampled
    pairs         all pairs of responses, or those of which both are in the language of the prompt (`icr_content`)

The accuracy is that of `icr.reward_accuracy`: of two responses of which one is correct (faithful, good), the share of pairs in
which the reward is higher for that one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import pandas as pd

from sp3f_lib.audits.icr import OTHERS, TRUTHS, over_languages, reward_accuracy, verify
from sp3f_lib.evaluation.seeds import mean_and_half_width

ITSELF, REFERENCE = "itself", "reference"
ALL_PAIRS, SAME_LANGUAGE = "all", "same language"
CONDITION = ("start", "answers", "temperature")
_SHARES = ("correct", "faithful")  # of the responses


@dataclass(frozen=True)
class Condition:
    """What is varied: the name of the start, who answers (`ITSELF` or `REFERENCE`), and the temperature."""

    start: str
    answers: str = ITSELF
    temperature: float = 0.9


def judged_condition(
    scores: pd.DataFrame, rows: Sequence[dict], threshold: float, condition: Condition, seed: int, reward: str = "R_c"
) -> pd.DataFrame:
    """Accuracy of the reward of one condition in one seed, over all pairs and over pairs of one language.

    `scores`: responses with `reward`; `rows`: those with the answers. Columns: start, answers, temperature, seed, pairs, those of
    `reward_accuracy`, and `correct` and `faithful`: the share of the responses that are. `all pairs` has a line for each truth; in
    the same language only `correct` is left to differ.
    """
    verified = verify(scores, rows, threshold)
    # A response in another language has no reward, so it is in no contest.
    alike = verified.assign(**{reward: verified[reward].where(verified["faithful"])})
    tables = [reward_accuracy(verified, [reward], truth).assign(pairs=ALL_PAIRS) for truth in TRUTHS]
    tables.append(reward_accuracy(alike, [reward], "correct").assign(pairs=SAME_LANGUAGE))
    table = pd.concat(tables, ignore_index=True)
    shares = pd.DataFrame({lang: part[list(_SHARES)].mean() for lang, part in over_languages(verified)}).T
    table = table.join(shares, on="lang")
    front = asdict(condition) | {"seed": seed}
    table = table.assign(**front)
    return table[[*front, "pairs", *(column for column in table if column not in {*front, "pairs"})]]


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of every condition over its seeds with Student's t interval; `judged_condition`'s tables, one below the other.

    Columns: start, answers, temperature, pairs, truth, lang, mean, low, high (shares; of one seed the interval over its problems),
    seeds, n (pairs, all seeds), by_seed (percent, as text), correct, faithful (of the responses). A seed without such a pair is
    not in the mean.
    """
    lines = []
    keys = [*CONDITION, "pairs", "truth", "lang"]
    for values, part in table.groupby(keys, sort=False):
        known = part[part["n"] > 0]
        line = dict(zip(keys, values, strict=True))
        line |= _interval(known) | {"seeds": len(known), "n": int(known["n"].sum())}
        line |= {"by_seed": " ".join(f"{100 * mean:.1f}" for mean in known["mean"])}
        lines.append(line | {name: part[name].mean() for name in _SHARES})
    return pd.DataFrame(lines)


def _interval(known: pd.DataFrame) -> Mapping[str, float]:
    if len(known) == 1:
        return known[["mean", "low", "high"]].iloc[0].to_dict()
    if not len(known):
        return dict.fromkeys(("mean", "low", "high"), float("nan"))
    mean, half = mean_and_half_width(known["mean"].to_numpy())
    return {"mean": mean, "low": max(0.0, mean - half), "high": min(1.0, mean + half)}


def effects(table: pd.DataFrame, pairs: str, truth: str, lang: str = OTHERS) -> pd.DataFrame:
    """What changing one ingredient does to the accuracy, within a seed: mean difference with a t interval over seeds.

    Every two conditions that differ in one ingredient alone are compared. Columns: ingredient, one, other, the two ingredients that
    are held, difference, low, high (shares; NaN of one seed), seeds, by_seed (points, as text).
    """
    shown = table[(table["pairs"] == pairs) & (table["truth"] == truth) & (table["lang"] == lang) & (table["n"] > 0)]
    means = shown.pivot(index="seed", columns=list(CONDITION), values="mean")
    lines = []
    for first, second in combinations(means.columns, 2):
        differ = [k for k in range(len(CONDITION)) if first[k] != second[k]]
        gaps = (means[second] - means[first]).dropna().to_numpy()
        if len(differ) != 1 or not len(gaps):
            continue
        mean, half = mean_and_half_width(gaps)
        half = half if len(gaps) > 1 else float("nan")
        held = ", ".join(str(value) for k, value in enumerate(first) if k != differ[0])
        line = {"ingredient": CONDITION[differ[0]], "one": second[differ[0]], "other": first[differ[0]], "held": held}
        line |= {"difference": mean, "low": mean - half, "high": mean + half, "seeds": len(gaps)}
        lines.append(line | {"by_seed": " ".join(f"{100 * gap:+.1f}" for gap in gaps)})
    return pd.DataFrame(lines)
