"""Whether an implicit reward prefers the better response, how far it follows length, and what pairs are selected with it.

    verified = verify(scores, rows)                 scores: methods.icr_scores.score_responses; rows with a known answer
    reward_accuracy(verified, ("R_c", "R_m", "shorter"))       against the truth, by language
    reward_difference(verified, "R_c", "R_m")       two rewards on the same contests
    length_correlation(verified, ("R_c",), report)  before and after length control; report: icr_pairs
    alpha_curve(scores, "R_c")                      best minus worst in characters, for each penalty
    pair_quality(pairs, rows)                       is what was chosen better than what was rejected? (LIDR's pairs too)

The papers ask GPT-4 which response is better. Here the truth is known: a response is `correct` if its boxed answer is,
`faithful` if it is in the language of its prompt, `good` if both. All are pure functions of their tables; shares are in [0, 1]
with a 95 % interval clustered by prompt id, which all languages of a prompt share. A missing reward is left out and counted.
"""

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from sp3f_lib.data.schema import problem_id
from sp3f_lib.evaluation.comparisons import ALL, OTHERS
from sp3f_lib.evaluation.score import score
from sp3f_lib.evaluation.statistics import clustered_mean, paired_difference
from sp3f_lib.methods.icr_pairs import GRID, candidates, extremes, fit_length_penalty
from sp3f_lib.rewards.fidelity import THRESHOLD

TRUTHS = ("correct", "faithful", "good")
# What a judge of length alone would say: the floor that a reward has to leave behind.
LENGTH_BASELINES = {"shorter": -1, "longer": 1}
CONTROLLED = "_lc"
BETTER, EQUAL, WORSE, DECIDED = "better", "equal", "worse", "better, of those that differ"
# Forty penalties of ICR's grid, closer together where they are small.
ALPHAS = np.concatenate([[0.0], GRID[np.unique(np.geomspace(1, len(GRID) - 1, 40).round().astype(int))]])


def verify(responses: pd.DataFrame, rows: Sequence[dict], threshold: float = THRESHOLD) -> pd.DataFrame:
    """`responses` (at least id, lang, text) with booleans `correct`, `faithful` and `good`, by the row of that id and language.

    `ValueError` for a response without row: without the answer of its prompt nothing can be verified.
    """
    by_place = {(problem_id(row), row["extra_info"]["lang"]): row for row in rows}
    places = list(zip(responses["id"].astype(str), responses["lang"], responses["text"], strict=True))
    found: dict[tuple[str, str, str], dict] = {}  # samples of a prompt repeat themselves
    for id, lang, text in dict.fromkeys(places):
        if (id, lang) not in by_place:
            raise ValueError(f"no row for prompt {id!r} in {lang!r}: verify with the rows that the prompts were made of")
        found[id, lang, text] = score(by_place[id, lang], text, threshold)
    correct = np.array([found[place]["accuracy"] for place in places], bool)
    faithful = np.array([found[place]["fidelity"] for place in places], bool)
    return responses.assign(correct=correct, faithful=faithful, good=correct & faithful)


def reward_accuracy(verified: pd.DataFrame, rewards: Sequence[str], truth: str = "good") -> pd.DataFrame:
    """How often a reward is higher for the better of two responses to a prompt that differ in `truth`; a tie is one half.

    `rewards` are columns, or "shorter" and "longer". Every pair counts the same, so prompts with mixed responses count most. A
    line per reward and language, then pooled: reward, truth, lang, mean, low, high, n (pairs with both rewards), problems, ties
    (share of them), no_reward (responses). 0.5 is a coin.
    """
    values, contests, languages = _values(verified, rewards), _contests(verified, rewards, truth), verified["lang"].unique()
    lines = []
    for reward in rewards:
        won = contests[["id", "lang"]].assign(won=_won(contests, reward)).dropna()
        parts = zip(over_languages(won, languages), over_languages(values, languages), strict=True)
        for (lang, part), (_, responses) in parts:
            counted = share(part["won"], part["id"]) | {"ties": (part["won"] == 0.5).mean()}
            counted["no_reward"] = int(responses[reward].isna().sum())
            lines.append({"reward": reward, "truth": truth, "lang": lang} | counted)
    return pd.DataFrame(lines)


def reward_difference(verified: pd.DataFrame, one: str, other: str, truth: str = "good") -> pd.DataFrame:
    """Accuracy of `one` minus that of `other` on the contests where both have a value, mean over prompts.

    Columns: one, other, truth, lang, difference, low, high (bootstrap over prompts), problems; NaN where there is no contest.
    """
    contests = _contests(verified, (one, other), truth)
    both = contests[["id", "lang"]].assign(one=_won(contests, one), other=_won(contests, other)).dropna()
    lines = []
    for lang, part in over_languages(both, verified["lang"].unique()):
        by_prompt = part.groupby("id")[["one", "other"]].mean()
        gap = paired_difference(by_prompt["one"], by_prompt["other"]) if len(part) else _no_difference()
        lines.append({"one": one, "other": other, "truth": truth, "lang": lang} | gap)
    return pd.DataFrame(lines)


def length_controlled(scores: pd.DataFrame, alphas: pd.DataFrame) -> pd.DataFrame:
    """`scores` with a column `<reward>_lc` = reward - alpha * characters for each reward of `alphas` (lang, reward, alpha).

    `alphas` are reports of `icr_pairs`, one below the other. `ValueError` where a language with rewards has no alpha.
    """
    added = {}
    for reward, report in alphas.groupby("reward", sort=False):
        alpha = scores["lang"].map(report.set_index("lang")["alpha"])
        if (missing := alpha.isna() & scores[reward].notna()).any():
            raise ValueError(f"no alpha for {reward!r} in {scores.loc[missing, 'lang'].iloc[0]!r}: give icr_pairs' report")
        added[f"{reward}{CONTROLLED}"] = scores[reward] - alpha * scores["characters"]
    return scores.assign(**added)


def length_correlation(scores: pd.DataFrame, rewards: Sequence[str], alphas: pd.DataFrame) -> pd.DataFrame:
    """Spearman's correlation of reward and characters within a prompt, mean over prompts, before and after length control.

    `alphas`: see `length_controlled`. Columns: reward, controlled, lang, mean, low, high (bootstrap over prompts), problems,
    undefined (prompts without two rewards, or whose rewards or lengths are all equal; left out).
    """
    controlled, lines = length_controlled(scores, alphas), []
    for reward in rewards:
        for column in (reward, f"{reward}{CONTROLLED}"):
            found = _rank_correlations(controlled, column)
            for lang, part in over_languages(found, scores["lang"].unique()):
                known = part.dropna().groupby("id")["r"].mean()
                gap = paired_difference(known, 0.0) if len(known) else _no_difference()
                line = {"reward": reward, "controlled": column != reward, "lang": lang, "mean": gap["difference"]}
                line |= {key: gap[key] for key in ("low", "high", "problems")}
                lines.append(line | {"undefined": int(part["r"].isna().sum())})
    return pd.DataFrame(lines)


def alpha_curve(scores: pd.DataFrame, reward: str, alphas: Sequence[float] = ALPHAS) -> pd.DataFrame:
    """Characters of the best minus those of the worst response, mean by language and penalty: `fit_length_penalty` makes it 0.

    Columns: reward, lang, alpha, gap, low, high (characters; Student's t over prompts, NaN where all are equal), problems,
    fitted (whether ICR takes this alpha; it is added to `alphas`). Languages without two rewards to a prompt have no lines.
    """
    lines = []
    for lang, rows in scores.groupby("lang", sort=False):
        wide = rows.pivot(index="id", columns="sample", values=[reward, "characters", "finished"])
        values, lengths = wide[reward].to_numpy(float), wide["characters"].to_numpy(float)
        finished = wide["finished"].eq(True).to_numpy()
        usable, best_of, worst_of = candidates(values, finished)
        if not usable.any():
            continue
        fitted, prompts = fit_length_penalty(values, lengths, finished), np.arange(usable.sum())
        values, lengths, best_of, worst_of = values[usable], lengths[usable], best_of[usable], worst_of[usable]
        for alpha in sorted({*map(float, alphas), fitted}):
            best, worst = extremes(values - alpha * lengths, best_of, worst_of)
            gaps = lengths[prompts, best] - lengths[prompts, worst]
            # Without any spread there is no interval: a width of 0 would claim certainty.
            low, high = stats.ttest_1samp(gaps, 0).confidence_interval() if np.ptp(gaps) > 0 else (np.nan, np.nan)
            line = {"reward": reward, "lang": lang, "alpha": alpha, "gap": gaps.mean(), "low": low, "high": high}
            lines.append(line | {"problems": len(gaps), "fitted": alpha == fitted})
    return pd.DataFrame(lines)


def verify_pairs(pairs: Sequence[dict], rows: Sequence[dict], threshold: float = THRESHOLD) -> pd.DataFrame:
    """One line per pair: id, lang, partner (LIDR; else None), `chosen_<truth>` and `rejected_<truth>` for the three truths."""
    if not len(pairs):
        raise ValueError("no pairs to verify: were all prompts left out? See the report of icr_pairs or lidr_pairs")
    about = pd.DataFrame([{key: pair.get(key) for key in ("id", "lang", "partner")} for pair in pairs])
    for side in ("chosen", "rejected"):
        texts = about[["id", "lang"]].assign(text=[pair[side][-1]["content"] for pair in pairs])
        about[[f"{side}_{truth}" for truth in TRUTHS]] = verify(texts, rows, threshold)[list(TRUTHS)].to_numpy()
    return about


def pair_quality(pairs: Sequence[dict], rows: Sequence[dict], threshold: float = THRESHOLD) -> pd.DataFrame:
    """`outcomes` of the pairs for `train_preference`, by language of their prompt."""
    return outcomes(verify_pairs(pairs, rows, threshold))


def outcomes(verified: pd.DataFrame) -> pd.DataFrame:
    """Share of pairs whose chosen side is better, equal or worse than the rejected one; from `verify_pairs`.

    A line per truth, language (then pooled) and outcome; the fourth outcome is `better` among the pairs that differ.
    Columns: truth, lang, outcome, mean, low, high, n (pairs), problems.
    """
    lines = []
    for truth in TRUTHS:
        sign = verified[f"chosen_{truth}"].astype(int) - verified[f"rejected_{truth}"].astype(int)
        for lang, part in over_languages(verified.assign(sign=sign)):
            for outcome, value in ((BETTER, 1), (EQUAL, 0), (WORSE, -1)):
                counted = share((part["sign"] == value).astype(float), part["id"])
                lines.append({"truth": truth, "lang": lang, "outcome": outcome} | counted)
            decided = part[part["sign"] != 0]
            counted = share((decided["sign"] == 1).astype(float), decided["id"])
            lines.append({"truth": truth, "lang": lang, "outcome": DECIDED} | counted)
    return pd.DataFrame(lines)


def example_pairs(pairs: Sequence[dict], n: int, seed: int, characters: int = 400) -> pd.DataFrame:
    """`n` pairs to read, evenly from all languages: lang, id, prompt (its last turn), chosen, rejected; long texts are cut."""

    def cut(text: str) -> str:
        return text if len(text) <= characters else f"{text[:characters]} [...]"

    drawn = random.Random(seed).sample(list(pairs), len(pairs))
    columns = ("prompt", "chosen", "rejected")
    table = pd.DataFrame(
        [{"lang": p["lang"], "id": p["id"]} | {side: cut(p[side][-1]["content"]) for side in columns} for p in drawn],
        columns=["lang", "id", *columns],
    )
    turn = table.groupby("lang").cumcount()
    first = table.iloc[turn.argsort(kind="stable")[:n]]
    return first.sort_values("lang", kind="stable").reset_index(drop=True)


def over_languages(table: pd.DataFrame, languages: Sequence[str] | None = None) -> Iterator[tuple[str, pd.DataFrame]]:
    """(lang, its lines), English first; then all but English, and all, where that is more than one language.

    `languages`: all that there are, where `table` may lack some.
    """
    found = table["lang"].unique() if languages is None else languages
    languages = sorted(found, key=lambda lang: lang != "en")
    for lang in languages:
        yield lang, table[table["lang"] == lang]
    if "en" in languages and len(languages) > 2:
        yield OTHERS, table[table["lang"] != "en"]
    if len(languages) > 1:
        yield ALL, table


def share(values: pd.Series, ids: pd.Series) -> dict:
    """`clustered_mean` as columns: mean, low, high, n (values) and problems (ids); NaN without values."""
    if not len(values):
        return {"mean": np.nan, "low": np.nan, "high": np.nan, "n": 0, "problems": 0}
    found = clustered_mean(values, ids)
    return {key: found[key] for key in ("mean", "low", "high")} | {"n": found["answers"], "problems": found["problems"]}


def _values(verified: pd.DataFrame, rewards: Sequence[str]) -> pd.DataFrame:
    if unknown := [name for name in rewards if name not in verified and name not in LENGTH_BASELINES]:
        raise ValueError(f"no column {unknown[0]!r}; rewards are columns of the scores, {' and '.join(LENGTH_BASELINES)}")
    columns = {
        name: verified[name] if name in verified else LENGTH_BASELINES[name] * verified["characters"] for name in rewards
    }
    return verified[["id", "lang"]].assign(**columns)


def _contests(verified: pd.DataFrame, rewards: Sequence[str], truth: str) -> pd.DataFrame:
    """Every response with `truth` beside every response without it to the same prompt: one line per pair."""
    values = _values(verified, rewards)
    better, worse = values[verified[truth]], values[~verified[truth]]
    return better.merge(worse, on=["lang", "id"], suffixes=(" better", " worse"))


def _won(contests: pd.DataFrame, reward: str) -> pd.Series:
    """1, 1/2 or 0 for each contest; NaN where a reward is missing."""
    return (np.sign(contests[f"{reward} better"] - contests[f"{reward} worse"]) + 1) / 2


def _rank_correlations(scores: pd.DataFrame, column: str) -> pd.DataFrame:
    """id, lang, r: Pearson's correlation of ranks within each prompt, all prompts at once; NaN where it is undefined."""
    # Ranks among the responses that have a reward: no reward, no length.
    both = pd.DataFrame({"x": scores[column], "y": scores["characters"].where(scores[column].notna())})
    keys = [scores["lang"], scores["id"]]
    ranks = both.groupby(keys).rank()
    ranks -= ranks.groupby(keys).transform("mean")
    sums = pd.DataFrame({"xy": ranks.x * ranks.y, "xx": ranks.x**2, "yy": ranks.y**2}).groupby(keys, sort=False).sum()
    spread = np.sqrt(sums.xx * sums.yy)
    return (sums.xy / spread.where(spread > 0)).rename("r").reset_index()


def _no_difference() -> dict:
    return {"difference": np.nan, "low": np.nan, "high": np.nan, "problems": 0}
