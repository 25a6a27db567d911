"""Pairs from a file through a judge: `sp3f judge PAIRS.jsonl --judge api --level solution`.

A line is one comparison: `question`, `response_a`, `response_b`; what the level shows (`answer`, `solution`,
`translated_solution`, or `wrong_solution`, which is made from `solution` where it is not given); and `better` ("A" or "B"), if
it is known, to measure agreement. The SP3F authors' probes (`query`, `original`, `yes`, `no`) are read as they are.

Each pair is judged in both orders, so that agreement does not depend on who stood first. What was answered once is in the
ledger: the same command again goes on where it was stopped, and costs nothing where it was done.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from sp3f_lib.data.schema import RowError, read_json_lines
from sp3f_lib.evaluation.statistics import clustered_mean
from sp3f_lib.judges import make_judge
from sp3f_lib.judges.base import Pair
from sp3f_lib.judges.ledger import Ledger, request_key
from sp3f_lib.judges.privilege import wrong_solution
from sp3f_lib.judges.recorded import RecordedJudge
from sp3f_lib.judges.spend import cap_note, forecast
from sp3f_lib.profiles.judge_section import Judge as Settings
from sp3f_lib.runs import content_hash, write_text

_SHOWN = {"answer": "answer", "solution": "solution", "translated": "translated_solution", "wrong": "wrong_solution"}


def read_pairs(path: Path, level: str) -> tuple[list[Pair], list[str | None]]:
    """The pairs of a JSON-lines file at a level of privilege, and who is known to be better ("A", "B" or None).

    `RowError` names file, line and field. Probes of the authors that lack one side are left out.
    """
    pairs, better = [], []
    for number, line in enumerate(read_json_lines(path), 1):
        place = f"{path}, line {number}"
        if "yes" in line and "no" in line:
            if not line["yes"] or not line["no"]:
                continue
            given = {"question": line.get("query"), "solution": line.get("original"), "better": "A"}
            line = given | {"response_a": line["yes"], "response_b": line["no"]}
        if level == "wrong" and isinstance(line.get("solution"), str):
            line = {"wrong_solution": wrong_solution(line["solution"])} | line
        wanted = ["question", "response_a", "response_b", *([_SHOWN[level]] if level in _SHOWN else [])]
        for field in wanted:
            given = line.get(field)
            if not isinstance(given, str) or not (given.strip() or field.startswith("response")):
                found = f"must be text, not {type(given).__name__}" if given else "is missing"
                raise RowError(f"{place}: field {field!r} {found}; the line has {sorted(line)}")
        if line.get("better") not in ("A", "B", None):
            raise RowError(f"{place}: field 'better' must be A or B, not {line['better']!r}")
        reference = line[_SHOWN[level]] if level in _SHOWN else None
        shown = level if reference is not None else "solution"
        pairs.append(Pair(line["question"], line["response_a"], line["response_b"], reference, level=shown))
        better.append(line.get("better"))
    if not pairs:
        raise RowError(f"{path}: there are no pairs")
    return pairs, better


def judge_file(path: Path, settings: Settings, out: Path) -> pd.DataFrame:
    """Judges every pair of `path` in both orders, writes the verdicts to `out` (.jsonl) and returns them, a row a verdict.

    Prints the forecast before and agreement and cost afterwards.
    """
    pairs, better = read_pairs(path, settings.privilege)
    both = [asked for pair in pairs for asked in (pair, _turned(pair))]
    with tqdm(total=len(both), desc="judge", unit="verdict", disable=None) as bar:
        judge = make_judge(
            settings,
            f"judge {path.name} {content_hash(str(path.resolve()))[:6]}",
            _Counting(settings.ledger, bar) if settings.name != "alignment" else None,
        )
        if isinstance(judge, RecordedJudge):
            keys = {request_key(pair, judge.model, judge.endpoint, judge.sampling): pair for pair in both}
            known = judge.ledger.find(keys)
            new = [pair for key, pair in keys.items() if key not in known]
            bar.update(len(both) - len(new))
            print(
                f"{len(known)} of {len(both)} verdicts are in {judge.ledger.path}; asking for {len(new)}: {_cost(judge, new)}"
            )
        verdicts = asyncio.run(judge.compare(both))
        bar.update(bar.total - bar.n)
    rows = [
        {
            "pair": k // 2, "order": "AB" if k % 2 == 0 else "BA", "level": settings.privilege, "better": better[k // 2],
            "preference_a": verdict.preference if k % 2 == 0 or verdict.preference is None else 1 - verdict.preference,
            "reason": verdict.reason, "judge": verdict.judge, "text": verdict.text, "tokens_in": verdict.tokens_in,
            "tokens_out": verdict.tokens_out, "usd": verdict.usd, "replayed": verdict.replayed,
        }
        for k, verdict in enumerate(verdicts)
    ]  # fmt: skip
    write_text(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    table = pd.DataFrame(rows)
    print("\n".join(summary(table)))
    print(f"verdicts: {out}")
    return table


def summary(table: pd.DataFrame) -> list[str]:
    """Lines that say agreement, slot bias, flips, missing verdicts and cost of a table of verdicts."""
    given = table.dropna(subset="preference_a")
    lines = [f"{len(table)} verdicts on {table.pair.nunique()} pairs, {len(table) - len(given)} of them missing"]
    for reason, count in (
        table[table.preference_a.isna()].reason.str.split(", which ends").str[0].value_counts().head(3).items()
    ):
        lines.append(f"  {count} x {reason}")
    known = given.dropna(subset="better")
    if len(known):
        right = known.preference_a.where(known.better == "A", 1 - known.preference_a)
        share = clustered_mean(right, known.pair)
        span = f"{100 * share['mean']:.1f} % [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"
        lines.append(f"agreement with what is known: {span}, {share['problems']} pairs")
    by_order = given.pivot(index="pair", columns="order", values="preference_a").dropna()
    if len(by_order) and {"AB", "BA"} <= set(by_order):
        slot_a = (by_order["AB"] + 1 - by_order["BA"]) / 2
        flipped = ((by_order["AB"] - 0.5) * (by_order["BA"] - 0.5) < 0).mean()
        lines.append(
            f"slot A is preferred in {100 * slot_a.mean():.1f} %; {100 * flipped:.1f} % of pairs flip with the order"
        )
    new = table[~table.replayed]
    usd = "price unknown" if new.usd.isna().any() else f"{new.usd.sum():.4f} USD"
    tokens = f"{new.tokens_in.sum():,} tokens in, {new.tokens_out.sum():,} out"
    lines.append(f"cost now: {len(new)} verdicts, {tokens}, {usd}; {table.replayed.sum()} from the ledger")
    return lines


class _Counting(Ledger):
    """A ledger that moves a progress bar."""

    def __init__(self, path: str, bar: tqdm):
        super().__init__(path)
        self._bar = bar

    def write(self, entry):
        self._bar.update()
        return super().write(entry)


def _turned(pair: Pair) -> Pair:
    return replace(pair, response_a=pair.response_b, response_b=pair.response_a)


def _cost(judge: RecordedJudge, new: list[Pair]) -> str:
    if not new:
        return "nothing"
    text = sum(len((pair.question + (pair.reference or "")).encode(errors="replace")) for pair in new) / len(new)
    responses = sum(len((pair.response_a + pair.response_b).encode(errors="replace")) for pair in new) / len(new) / 2
    # A group of two, each pair once: as many calls as pairs.
    plain = judge.settings.model_copy(update={"schedule": "balanced", "calls": None})
    expected = forecast(plain, len(new), 2, text, responses, judge.ledger)
    return f"{expected}{cap_note(judge.settings, expected)}"
