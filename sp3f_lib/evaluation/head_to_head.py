"""Head to head: what a judge's verdicts on two models' answers come to, by language and over all of them.

Every pair of answers is judged in both orders, as nobody knows a judge's slot bias before. The preference of a problem is the
mean of both; it is a win where both orders prefer the same model, and a tie where they do not (a *flip*, which is counted). A
problem that lacks a verdict in one order has no preference: it is left out and counted.
"""

import math

import numpy as np
import pandas as pd

from sp3f_lib.evaluation.statistics import clustered_mean, sign_test

WIN, TIE, LOSS = "win", "tie", "loss"
_HEAD = """{one} against {other}, judged by {judge} in both orders; percent. win rate: mean preference for {one}
[95 % intervals over problems]; win, loss: preferred in both orders; tie: all else, flips among them; slot_a: mean preference
for what stands first; p Holm: sign test of wins against losses, corrected for the languages; characters: {one} : {other};
missing: without a verdict in both orders, left out."""


def outcomes(verdicts: pd.DataFrame) -> pd.DataFrame:
    """A row a problem and language, in the order of `verdicts`: lang, id, preference (of the first model, NaN without verdict),
    outcome, flipped, slot_a.

    `verdicts`: a row a verdict, with lang, id, order ("first" where the first model stands in slot A, else "second") and preference
    (of the first model, in [0, 1], NaN without verdict).
    """
    places = pd.MultiIndex.from_frame(verdicts[["lang", "id"]].drop_duplicates())  # a pivot sorts
    table = verdicts.pivot(index=["lang", "id"], columns="order", values="preference").loc[places].reset_index()
    first, second = table["first"].astype(float), table["second"].astype(float)
    both = first.notna() & second.notna()
    outcome = np.select([(first > 0.5) & (second > 0.5), (first < 0.5) & (second < 0.5)], [WIN, LOSS], TIE)
    return pd.DataFrame(
        {
            "lang": table["lang"],
            "id": table["id"],
            "preference": ((first + second) / 2).where(both),
            "outcome": pd.Series(outcome).where(both, None),
            "flipped": ((first - 0.5) * (second - 0.5) < 0).where(both, False),
            "slot_a": ((first + 1 - second) / 2).where(both),
        }
    )


def head_to_head(found: pd.DataFrame, lengths: pd.DataFrame) -> pd.DataFrame:
    """A row a language, and one for all of them if there are several: shares in [0, 1].

    `found` as `outcomes` gives it; `lengths`: lang, id, one, other (characters of the answers). Columns: lang, problems (with both
    verdicts), win_rate with low and high (95 %, clustered by problem), win, tie, loss, flips, slot_a (mean preference for slot A),
    missing, p (exact sign test of wins against losses), p_holm (corrected for the number of languages; NaN for the line of all, in
    which a problem counts once a language), characters_one, characters_other (means).
    """
    from statsmodels.stats.multitest import multipletests

    languages = list(dict.fromkeys(found["lang"]))
    rows = [_line(lang, found[found["lang"] == lang], lengths[lengths["lang"] == lang]) for lang in languages]
    known = [row for row in rows if not math.isnan(row["p"])]
    if known:
        for row, p in zip(known, multipletests([row["p"] for row in known], method="holm")[1], strict=True):
            row["p_holm"] = float(p)
    if len(languages) > 1:
        rows.append(_line("all", found, lengths) | {"p": math.nan})
    return pd.DataFrame(rows)


def _line(lang: str, found: pd.DataFrame, lengths: pd.DataFrame) -> dict:
    judged = found.dropna(subset="preference")
    row = {"lang": lang, "problems": judged["id"].nunique(), "missing": len(found) - len(judged)}
    if judged.empty:
        names = ("win_rate", "low", "high", WIN, TIE, LOSS, "flips", "slot_a", "p")
        return row | dict.fromkeys(names, math.nan) | _mean_lengths(lengths) | {"p_holm": math.nan}
    rate, outcome = clustered_mean(judged["preference"], judged["id"]), judged["outcome"]
    row |= {"win_rate": rate["mean"], "low": rate["low"], "high": rate["high"]}
    row |= {name: float((outcome == name).mean()) for name in (WIN, TIE, LOSS)}
    row |= {"flips": float(judged["flipped"].astype(bool).mean()), "slot_a": float(judged["slot_a"].mean())}
    signs = outcome.map({WIN: 1.0, TIE: 0.0, LOSS: -1.0})
    return row | {"p": sign_test(signs)} | _mean_lengths(lengths) | {"p_holm": math.nan}


def _mean_lengths(lengths: pd.DataFrame) -> dict:
    return {"characters_one": float(lengths["one"].mean()), "characters_other": float(lengths["other"].mean())}


def report(table: pd.DataFrame, one: str, other: str, judge: str, notes: list[str]) -> str:
    """The table for people, in percent, with what its columns mean."""
    lines = []
    for row in table.to_dict("records"):
        line = {
            "lang": row["lang"],
            "win rate": f"{_percent(row['win_rate'])} [{_percent(row['low'])}, {_percent(row['high'])}]",
        }
        if "lc_win_rate" in table:
            line["LC"] = _percent(row["lc_win_rate"] / 100)
        line |= {name: _percent(row[name]) for name in (WIN, TIE, LOSS, "flips", "slot_a")}
        line |= {"p Holm": "-" if math.isnan(row["p_holm"]) else f"{row['p_holm']:.2g}"}
        line |= {"characters": f"{row['characters_one']:.0f} : {row['characters_other']:.0f}"}
        lines.append(line | {"problems": row["problems"], "missing": row["missing"]})
    head = _HEAD.format(one=one, other=other, judge=judge)
    return "\n".join([head, pd.DataFrame(lines).to_string(index=False), *notes])


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"
