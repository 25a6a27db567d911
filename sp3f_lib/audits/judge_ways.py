"""What it costs to judge a group in one way or another, measured: pairs, one ranking, three, or a score each, by any judge.

    probes = judge_probes.lab_groups(problems, languages)       groups of six responses of which is known how far they stay right
    planned_ways(probes, levels, ways)                          calls, before any is made
    asked = await ask_ways(judge, settings, probes, levels)     one line for each group, level and way
    cost_of_ways(asked)                                         calls, tokens and USD for a unit of rank correlation

The simulation (judge_simulation.py) says what a judge would gain that is as sharp in a list as in a pair; whether one is, only this
tells. Every reply is in the ledger, so a second audit of the same groups costs nothing.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import product

import pandas as pd
from scipy import stats

from sp3f_lib.audits.judge_probes import Probe
from sp3f_lib.evaluation.seeds import mean_and_half_width
from sp3f_lib.judges.base import Judge
from sp3f_lib.judges.groups import Group, judge_groups
from sp3f_lib.judges.pairs import calls_per_group
from sp3f_lib.judges.privilege import privileged_text
from sp3f_lib.profiles.judge_section import Judge as Settings

# Changes of section `judge`, by the name of the way.
WAYS = {
    "both orders": {"schedule": "all_ordered", "calls": None},
    "balanced": {"schedule": "balanced", "calls": None},
    "one ranking": {"schedule": "listwise", "calls": 1},
    "three rankings": {"schedule": "listwise", "calls": 3},
    "scores": {"schedule": "score", "calls": None, "reward": "raw"},
    "scores, ranked": {"schedule": "score", "calls": None, "reward": "win_rate"},
}
LEVELS = ("none", "solution")


def ways_of(settings: Settings) -> dict[str, dict]:
    """The ways that a judge can be asked in: the judge `implicit` compares pairs only."""
    only_pairs = settings.name == "implicit"
    return {name: way for name, way in WAYS.items() if not only_pairs or way["schedule"] in ("all_ordered", "balanced")}


def planned_ways(probes: Sequence[Probe], levels: Sequence[str] = LEVELS, ways: Mapping[str, dict] = WAYS) -> pd.DataFrame:
    """Calls at most, by way: columns way, groups, levels, calls; the last line is the sum. Ways share what they ask alike."""
    lines, groups = [], _groups(probes, "none")
    for name, way in ways.items():
        calls = sum(calls_per_group(way["schedule"], len(group.responses), way["calls"]) for group, _, _ in groups)
        lines.append({"way": name, "groups": len(groups), "levels": ", ".join(levels), "calls": calls * len(levels)})
    total = {"way": "together", "groups": len(groups), "levels": "", "calls": sum(line["calls"] for line in lines)}
    return pd.DataFrame([*lines, total])


async def ask_ways(
    judge: Judge,
    settings: Settings,
    probes: Sequence[Probe],
    levels: Sequence[str] = LEVELS,
    ways: Mapping[str, dict] | None = None,
) -> pd.DataFrame:
    """Judges every group of `judge_probes.lab_groups` at every level in every way; one line each.

    Columns: problem, lang, level, way, n (responses), calls, tokens (in and out), usd (NaN where unknown), seconds (those that all
    groups of the way took, shared out), no_verdict (share of its replies), correlation (Spearman's, of what the responses get with
    how far they stay correct; 0 where all get the same, or nothing).
    """
    lines = []
    for level, (name, way) in product(levels, (ways or ways_of(settings)).items()):
        found, chosen = _groups(probes, level), settings.model_copy(update={"reward": "win_rate"} | way)
        began = time.perf_counter()
        await judge_groups(judge, [group for group, _, _ in found], chosen)
        each = (time.perf_counter() - began) / max(len(found), 1)
        for group, truth, probe in found:
            got, replies = group.rates(chosen.schedule, chosen.reward), group.replies
            known = all(reply.usd is not None for reply in replies)
            line = {"problem": probe.problem, "lang": probe.lang, "level": level, "way": name, "n": len(truth)}
            line |= {"calls": group.calls, "tokens": sum(reply.tokens_in + reply.tokens_out for reply in replies)}
            line |= {"usd": sum(reply.usd for reply in replies) if known else float("nan"), "seconds": each}
            line |= {"no_verdict": sum(not reply.given for reply in replies) / max(len(replies), 1)}
            lines.append(line | {"correlation": _correlation(got, truth)})
    return pd.DataFrame(lines)


def cost_of_ways(asked: pd.DataFrame) -> pd.DataFrame:
    """One line for each level and way of the table of `ask_ways`.

    Columns: level, way, n (groups), correlation (mean; low, high: 95 % t interval over groups), calls, tokens, usd and seconds of a
    group, no_verdict, and calls, tokens and usd `_per_correlation` (NaN where it is not positive).
    """
    lines = []
    for (level, way), group in asked.groupby(["level", "way"], sort=False):
        r, half = mean_and_half_width(group.correlation.to_numpy())
        line = {"level": level, "way": way, "n": len(group), "correlation": r, "low": r - half, "high": r + half}
        line |= {name: group[name].mean(skipna=False) for name in ("calls", "tokens", "usd", "seconds", "no_verdict")}
        for unit in ("calls", "tokens", "usd"):
            line[f"{unit}_per_correlation"] = line[unit] / r if r > 0 else float("nan")
        lines.append(line)
    return pd.DataFrame(lines)


def _groups(probes: Sequence[Probe], level: str) -> list[tuple[Group, list[float], Probe]]:
    """(group, how far each response stays correct, one of its probes) from the probes of `lab_groups`, which are its pairs."""
    members: dict[str, dict[int, tuple[str, float]]] = {}
    first: dict[str, Probe] = {}
    for probe in probes:
        some = members.setdefault(probe.problem, {})
        some |= {
            place: (text, truth)
            for place, text, truth in zip(probe.places, (probe.one, probe.other), probe.truth, strict=True)
        }
        first.setdefault(probe.problem, probe)
    found = []
    for problem, some in members.items():
        responses, truth = zip(*(some[place] for place in sorted(some)), strict=True)
        row, lang = first[problem].row, first[problem].lang
        group = Group(row["query"], list(responses), privileged_text(row, level), level, lang=lang)
        found.append((group, list(truth), first[problem]))
    return found


def _correlation(got: Sequence[float] | None, truth: Sequence[float]) -> float:
    if got is None or max(got) - min(got) < 1e-9:
        return 0.0
    return float(stats.spearmanr([round(value, 9) for value in got], truth).statistic)
