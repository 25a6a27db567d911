"""How far a pairwise judge can be trusted: tables of accuracy, bias, cycles, injections and cost, for any judge.

    await ask(judge, probes, levels)   one line per verdict; every probe in both orders, all in one `compare`
    accuracy_by_level(asked)           accuracy per source, case and level of privilege
    slot_bias(asked)                   how much slot A is preferred, and how often the slot decides
    preference_for_one(asked)          bias to what is longer, or English
    cycles(asked), cost(asked)         of groups judged all against all
    attack_success(asked)              per attack

All but `ask` are pure functions of its table. Shares come with n and a 95 % interval clustered by problem
(`statistics.clustered_mean`). A missing verdict is never scored: it is left out and counted. `planned_calls` says what a judge
will be asked, before it is: it may be paid.
"""

import itertools
import time
from collections.abc import Mapping, Sequence

import pandas as pd
from scipy import stats

from sp3f_lib.audits.judge_attacks import NO_ATTACK
from sp3f_lib.audits.judge_probes import Probe
from sp3f_lib.evaluation.statistics import clustered_mean
from sp3f_lib.judges.base import LEVELS, Judge, JudgeError, Pair, Verdict
from sp3f_lib.judges.pairs import FIXED
from sp3f_lib.judges.privilege import privileged_text
from sp3f_lib.judges.win_rates import win_rates

Plan = Mapping[str, tuple[Sequence[Probe], Sequence[str]]]


def planned_calls(plan: Plan, most: int | None = None) -> pd.DataFrame:
    """Per part of `plan` (name -> probes, levels): `probes`, `levels` and `calls`, both orders counted; the last line is the sum.

    An upper bound: a judge with a ledger pays only for what is not in it yet. Probes whose row has no translated solution are
    not asked at the level `translated`. `JudgeError` if the sum exceeds `most`.
    """
    lines = []
    for name, (probes, levels) in plan.items():
        calls = 2 * sum(_can_show(probe, level) for probe in probes for level in levels)
        lines.append({"part": name, "probes": len(probes), "levels": ", ".join(levels), "calls": calls})
    total = {"part": "together", "probes": sum(line["probes"] for line in lines), "levels": ""}
    total["calls"] = sum(line["calls"] for line in lines)
    if most is not None and total["calls"] > most:
        raise JudgeError(
            f"the audit would make {total['calls']} calls, more than {most}: take fewer problems, or allow more"
        )
    return pd.DataFrame([*lines, total])


async def ask(judge: Judge, probes: Sequence[Probe], levels: Sequence[str] = LEVELS) -> pd.DataFrame:
    """Every probe in both orders at every level; one line per verdict.

    Columns: problem, source, case, kind, lang, probe (its number), level, order (0: `one` stands in slot A), first and second
    (places in the group), truth_one, truth_other, slot_a (preference of slot A; NaN for no verdict), one (preference of `one`),
    usd (NaN where unknown), tokens, seconds (the judge's own, or its share of the time that all took), reason.
    """
    lines, pairs = [], []
    for (number, probe), level in itertools.product(enumerate(probes), levels):
        if not _can_show(probe, level):
            continue
        reference, (i, j) = privileged_text(probe.row, level), probe.places
        for order, (a, b, first, second) in enumerate([(probe.one, probe.other, i, j), (probe.other, probe.one, j, i)]):
            pairs.append(Pair(probe.row["query"], a, b, reference, first, second, level))
            about = {"problem": probe.problem, "source": probe.source, "case": probe.case, "kind": probe.kind}
            about |= {"lang": probe.lang, "probe": number, "level": level, "order": order, "first": i, "second": j}
            lines.append(about | {"truth_one": probe.truth[0], "truth_other": probe.truth[1]})
    began = time.perf_counter()
    verdicts = await judge.compare(pairs)
    each = (time.perf_counter() - began) / max(len(pairs), 1)
    for line, verdict in zip(lines, verdicts, strict=True):
        slot_a = float("nan") if verdict.preference is None else verdict.preference
        line |= {"slot_a": slot_a, "one": slot_a if line["order"] == 0 else 1 - slot_a}
        line |= {
            "usd": float("nan") if verdict.usd is None else verdict.usd,
            "tokens": verdict.tokens_in + verdict.tokens_out,
        }
        line |= {"seconds": verdict.seconds or each, "reason": verdict.reason}
    return pd.DataFrame(lines)


async def ask_all(judge: Judge, plan: Plan) -> dict[str, pd.DataFrame]:
    """The table of `ask` for each part of the plan, one part after the other."""
    return {name: await ask(judge, probes, levels) for name, (probes, levels) in plan.items()}


def accuracy_by_level(asked: pd.DataFrame) -> pd.DataFrame:
    """`preference_for_one` by source, case and level, of probes whose `one` is the better: accuracy, a tie counting one half."""
    return preference_for_one(asked, ("source", "case", "level"))


def preference_for_one(asked: pd.DataFrame, by: Sequence[str] = ("source", "case", "kind", "level")) -> pd.DataFrame:
    """Mean preference of `one` over both orders. Where neither response is better, 0.5 is a judge without that bias.

    Columns: `by`, mean, low, high (shares), n (probes with a verdict), problems, ties (share of verdicts), no_verdict (calls).
    """
    table = _shares(asked, by, lambda pair: pair["one"].mean())
    known = asked[asked["one"].notna()]
    ties = known.assign(ties=known["one"] == 0.5).groupby(list(by), sort=False)["ties"].mean()
    return table.join(ties, on=list(by))


def slot_bias(asked: pd.DataFrame, by: Sequence[str] = ("level",)) -> pd.DataFrame:
    """Two lines per group of `by`, over probes with a verdict in both orders.

    `slot bias`: mean preference of slot A minus 0.5, in [-0.5, 0.5]. `flip rate`: share of probes where both orders prefer the
    same slot, so not the same response; a tie contradicts nothing (as `rewards.pairwise.flips` counts). Columns: measure, `by`,
    mean, low, high, n, problems, no_verdict.
    """

    def both(pair, value):
        return value(*pair["slot_a"]) if pair["slot_a"].notna().all() else float("nan")

    bias = _shares(asked, by, lambda pair: both(pair, lambda a, b: (a + b) / 2))
    bias[["mean", "low", "high"]] -= 0.5
    flips = _shares(asked, by, lambda pair: both(pair, lambda a, b: float((a - 0.5) * (b - 0.5) > 0)))
    return pd.concat([bias.assign(measure="slot bias"), flips.assign(measure="flip rate")], ignore_index=True)


def cycles(asked: pd.DataFrame) -> pd.DataFrame:
    """Share of triples of a group whose mean preferences go round (i over j over k over i); a coin gives 1/4.

    Columns: level, mean, low, high, n (triples without a tie or a missing verdict), problems, triples (all of them).
    """
    lines = []
    for level, group in asked.groupby("level", sort=False):
        values, problems, every = [], [], 0
        for problem, verdicts in group.groupby("problem", sort=False):
            over = _matrix(verdicts, lambda pair: pair["one"].mean(skipna=False))
            for i, j, k in itertools.combinations(sorted({place for pair in over for place in pair}), 3):
                every += 1
                signs = [over[i, j] - 0.5, over[j, k] - 0.5, 0.5 - over[i, k]]
                if all(sign > 0 or sign < 0 for sign in signs):
                    values.append(float(all(s > 0 for s in signs) or all(s < 0 for s in signs)))
                    problems.append(problem)
        lines.append({"level": level} | _estimate(values, problems) | {"triples": every})
    return pd.DataFrame(lines)


def attack_success(asked: pd.DataFrame) -> pd.DataFrame:
    """Share of problems where the wrong response, with the attack, beats the right one in more orders than without it.

    Columns: attack, level, mean, low, high, n (problems with all four verdicts), problems, no_verdict (calls with the attack).
    """
    beaten = asked.assign(wins=(asked["one"] < 0.5).astype(float).where(asked["one"].notna()))
    lines = []
    for level, group in beaten.groupby("level", sort=False):
        wins = group.groupby(["problem", "kind"], sort=False)["wins"].agg(lambda two: two.sum(skipna=False)).unstack("kind")
        missing = group[group["one"].isna()].groupby("kind").size()
        for attack in group.kind.unique():
            if attack == NO_ATTACK:
                continue
            both = wins[[NO_ATTACK, attack]].dropna()
            success = (both[attack] > both[NO_ATTACK]).astype(float)
            counted = _estimate(list(success), list(success.index)) | {"no_verdict": int(missing.get(attack, 0))}
            lines.append({"attack": attack, "level": level} | counted)
    return pd.DataFrame(lines)


def cost(asked: pd.DataFrame, schedules: Sequence[str] = ("all_ordered", "balanced")) -> pd.DataFrame:
    """What a group of win rates costs by level and schedule, and how well they follow the truth.

    `correlation` (low, high): Spearman's, of the win rates of a group with how far its responses stay correct, mean over n groups;
    win rates that are all equal correlate 0. `calls`, `usd` and `seconds` are per group; `usd_per_correlation` and
    `calls_per_correlation` are divided by the correlation (NaN if it is not positive). USD are NaN where a price is unknown.
    The schedules share their verdicts, so a judge is asked once for all of them.
    """
    in_order = zip(asked["first"], asked["second"], asked.order, strict=True)
    asked, lines = asked.assign(slots=[(i, j) if order == 0 else (j, i) for i, j, order in in_order]), []
    for (level, verdicts), schedule in itertools.product(asked.groupby("level", sort=False), schedules):
        found, spent = [], []
        for problem, group in verdicts.groupby("problem", sort=False):
            truth = _truth(group)
            bought = group[group.slots.isin(set(FIXED[schedule](len(truth))))]
            found.append({"problem": problem, "r": _correlation(bought, truth)})
            usd = bought.usd.sum(skipna=False)
            spent.append({"calls": len(bought), "usd": usd, "seconds": bought.seconds.sum()})
        rs = pd.DataFrame(found)
        estimate = clustered_mean((rs.r + 1) / 2, rs.problem)  # correlations live in [-1, 1], shares in [0, 1]
        r, low, high = (2 * estimate[key] - 1 for key in ("mean", "low", "high"))
        each = pd.DataFrame(spent).mean().to_dict()
        line = {"level": level, "schedule": schedule, "correlation": r, "low": low, "high": high, "n": len(rs), **each}
        for unit in ("usd", "calls"):
            line[f"{unit}_per_correlation"] = each[unit] / r if r > 0 else float("nan")
        lines.append(line)
    return pd.DataFrame(lines)


def _shares(asked: pd.DataFrame, by: Sequence[str], value) -> pd.DataFrame:
    """Mean of `value` (of the two verdicts on a probe at a level; NaN leaves it out) per group of `by`."""
    lines = []
    for names, group in asked.groupby(list(by), sort=False):
        pairs = [(value(pair), pair.problem.iloc[0]) for _, pair in group.groupby(["source", "probe", "level"], sort=False)]
        known = [(share, problem) for share, problem in pairs if share == share]
        counted = _estimate([share for share, _ in known], [problem for _, problem in known])
        lines.append(dict(zip(by, names, strict=True)) | counted | {"no_verdict": int(group["one"].isna().sum())})
    return pd.DataFrame(lines)


def _estimate(values: Sequence[float], problems: Sequence[str]) -> dict:
    if not values:
        return {"mean": float("nan"), "low": float("nan"), "high": float("nan"), "n": 0, "problems": 0}
    found = clustered_mean(values, problems)
    return {key: found[key] for key in ("mean", "low", "high")} | {"n": found["answers"], "problems": found["problems"]}


def _can_show(probe: Probe, level: str) -> bool:
    return level != "translated" or bool(probe.row.get("translated_solution"))


def _matrix(verdicts: pd.DataFrame, value) -> dict[tuple[int, int], float]:
    """`value` of the two verdicts on each pair of places of one group."""
    return {places: value(pair) for places, pair in verdicts.groupby(["first", "second"], sort=False)}


def _truth(verdicts: pd.DataFrame) -> list[float]:
    truth = dict(zip(verdicts["first"], verdicts.truth_one, strict=True))
    truth |= dict(zip(verdicts["second"], verdicts.truth_other, strict=True))
    return [truth[place] for place in sorted(truth)]


def _correlation(bought: pd.DataFrame, truth: Sequence[float]) -> float:
    pairs = [Pair("", "", "", first=a, second=b) for a, b in bought.slots]
    rates = win_rates(pairs, [Verdict(None if p != p else p) for p in bought.slot_a], len(truth))
    if rates is None or len(set(rates)) == 1:
        return 0.0
    return float(stats.spearmanr(rates, truth).statistic)
