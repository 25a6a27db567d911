"""LIDR's premise, measured: is the language-derived preference right, and what is it that it prefers?

    agreement(pairs, rows)                          how often the chosen side is the better one, by language and partner
    agreement_by_control(controls, rows)            the same where only the content differs, only the language, or both
    own_and_translated(answers, translations, rows) own answers beside translated ones: correct, faithful, good
    failures(translations)                          failed translations by direction and length
    control_shares(counts)                          what the two sides of a pair differ in

The paper asks GPT-4 whether the chosen side is better (`figures/published/lidr_agreement.csv`); here the truth is known
(`icr_audit.verify`). Pure functions of their tables; shares in [0, 1] with 95 % intervals clustered by prompt id.
"""

from collections.abc import Mapping, Sequence

import pandas as pd
from scipy import stats

from sp3f_lib.audits.icr import TRUTHS, outcomes, over_languages, share, verify, verify_pairs
from sp3f_lib.evaluation.statistics import wilson
from sp3f_lib.generation.translation import failure_table
from sp3f_lib.rewards.fidelity import THRESHOLD

OWN, TRANSLATED = "own answer", "translated answer"
EVERY = "all"


def agreement(pairs: Sequence[dict], rows: Sequence[dict], threshold: float = THRESHOLD) -> pd.DataFrame:
    """`icr_audit.outcomes` of the pairs by language of the prompt, for all partners together and, for English, for each.

    The partner says the direction: T(y^en -> l) over y^l on prompts in l (partner en), y^en over T(y^l -> en) on English ones
    (partner l). The outcome DECIDED stands beside the published agreement. Columns: partner (EVERY for all), then those of
    `outcomes`.
    """
    verified = verify_pairs(pairs, rows, threshold)
    parts = [outcomes(verified).assign(partner=EVERY)]
    english = verified[verified["lang"] == "en"]
    parts += [outcomes(part).assign(partner=partner) for partner, part in english.groupby("partner", sort=False)]
    return _partner_first(pd.concat(parts, ignore_index=True))


def agreement_by_control(
    controls: Mapping[str, Sequence[dict]], rows: Sequence[dict], threshold: float = THRESHOLD
) -> pd.DataFrame:
    """`icr_audit.outcomes` for each kind of pairs of `lidr_controls.fidelity_control_pairs`; kinds without pairs have no lines.

    `content` is the test of LIDR's premise: both sides are in the right language, so `good` can only differ by being correct.
    Columns: kind, then those of `outcomes`.
    """
    parts = [
        outcomes(verify_pairs(pairs, rows, threshold)).assign(kind=kind) for kind, pairs in controls.items() if len(pairs)
    ]
    if not parts:
        raise ValueError(f"no pairs in any of the controls {', '.join(controls)}")
    table = pd.concat(parts, ignore_index=True)
    return table[["kind", *table.columns.drop("kind")]]


def own_and_translated(
    answers: pd.DataFrame, translations: pd.DataFrame, rows: Sequence[dict], threshold: float = THRESHOLD
) -> pd.DataFrame:
    """Shares of correct, faithful and good texts: own answers y^l and English ones in translation, T(y^en -> l), by language.

    Both of the same prompts, those with a translation, so failed translations do not tell the sides apart. Columns: truth,
    lang, side, mean, low, high, n (prompts), problems, missing (prompts without a translation).
    """
    into = translations[translations["source"] == "en"].rename(columns={"target": "lang"})[["id", "lang", "text"]]
    both = answers[["id", "lang", "text"]].merge(into.dropna(), on=["id", "lang"], suffixes=(f" {OWN}", f" {TRANSLATED}"))
    asked, languages = answers[answers["lang"] != "en"], into["lang"].unique()
    lines = []
    for side in (OWN, TRANSLATED):
        texts = both[["id", "lang"]].assign(text=both[f"text {side}"])
        parts = zip(over_languages(verify(texts, rows, threshold), languages), over_languages(asked, languages), strict=True)
        for (lang, part), (_, prompts) in parts:
            about = {"lang": lang, "side": side}
            missing = {"missing": len(prompts) - len(part)}
            lines += [{"truth": t} | about | share(part[t].astype(float), part["id"]) | missing for t in TRUTHS]
    return pd.DataFrame(lines).sort_values("truth", key=lambda c: c.map(TRUTHS.index), kind="stable", ignore_index=True)


def failures(translations: pd.DataFrame) -> pd.DataFrame:
    """`methods.translation.failure_table` with Wilson's 95 % interval of `share`: columns `low` and `high` after it.

    No clusters: a prompt has one translation in each direction.
    """
    table = failure_table(translations)
    z = float(stats.norm.ppf(0.975))
    ends = [wilson(p, n, z) for p, n in zip(table["share"], table["translations"], strict=True)]
    place = table.columns.get_loc("share") + 1
    for offset, name in enumerate(("low", "high")):
        table.insert(place + offset, name, [end[offset] for end in ends])
    return table


def control_shares(counts: pd.DataFrame) -> pd.DataFrame:
    """The counts of `lidr_controls.fidelity_control_pairs` as one line per lang and partner: `LIDR pairs`, a column per kind.

    `LIDR pairs` counts what LIDR trains on; the kinds that begin with `language` are made besides. `kind: share` columns are
    shares of LIDR's pairs.
    """
    table = counts.pivot(index=["lang", "partner"], columns="kind", values="pairs").fillna(0).astype(int)
    own = [kind for kind in table if not kind.startswith("language")]
    table.insert(0, "LIDR pairs", table[own].sum(axis=1))
    shares = table[own].div(table["LIDR pairs"].where(table["LIDR pairs"] > 0), axis=0).add_suffix(": share")
    return table.join(shares).reset_index().rename_axis(columns=None)


def _partner_first(table: pd.DataFrame) -> pd.DataFrame:
    return table[["truth", "lang", "partner", *table.columns.drop(["truth", "lang", "partner"])]]
