"""What the page lets one browse: answers of evaluations, groups of training with their verdicts, preference pairs.

Everything is one table of groups (one prompt each) and one of samples (the texts of a group), held column by column; every text
stands once, in `strings`, ordered so that similar ones are neighbours, which is what makes it compress. The page must stay
small enough to send: what does not fit is left out by whole groups, evenly, and counted.
"""

import base64
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from sp3f_lib.data.schema import english_question, problem_id, read_json_lines
from sp3f_lib.report.page.folder import Run, Stage, method_order
from sp3f_lib.report.page.words import Words
from sp3f_lib.training.samples import FOLDER, read_samples

MOST_BYTES = 18_000_000  # of the packed samples; the rest of the page is far below 2 MB
KINDS = ("training", "evaluation", "pairs")
_TERMS = (
    "accuracy",
    "parseable",
    "fidelity",
    "share",
    "win_rate",
    "judge_score",
    "judge_rank",
    "reward",
    "steps",
    "tokens",
    "reward_margin",
)
_NOT_TERMS = {"step", "group", "place"}
_EVALUATED = ("accuracy", "parseable", "fidelity", "share", "steps", "tokens")
_ROW = ("query", "solution", "translated_solution", "input", "reward_model", "extra_info")
Rows = dict[tuple[str, str], dict]


def collect(run: Run, scores: pd.DataFrame, ledger: Path) -> list[dict]:
    """All groups, each with its `samples` and `verdicts`; see `_training`, `_evaluation` and `_pairs` for their fields."""
    training = [
        (stage, read_samples(stage.path)) for stage in run.of("training") if any((stage.path / FOLDER).glob("step-*"))
    ]
    pairs = [(entry, read_json_lines(entry[-1])) for entry in run.pairs]
    wanted = {*scores.get("problem", ()), *(i for _, table in training for i in table.id)}
    wanted |= {pair.get("id") for _, lines in pairs for pair in lines}
    rows = read_rows(run, wanted)
    english = {problem: row for (problem, _), row in rows.items()}
    words = Words(ledger)
    groups = [group for stage, table in training for group in _training(stage, table, rows, words)]
    groups += _evaluation(scores, rows) if len(scores) else []
    groups += [group for (method, regime, seed, _), lines in pairs for group in _pairs(method, regime, seed, lines)]
    for group in groups:
        row = english.get(group["problem"])
        group["question"] = english_question(row) if row else group.get("question")
        group["reference"] = row["solution"] if row else None
        group["gold"] = row["reward_model"]["ground_truth"] if row else group.get("gold")
    return groups


def read_rows(run: Run, wanted: set[str]) -> Rows:
    """The data rows of the `wanted` problems, by (problem, language), from all data stages of the folder."""
    rows = {}
    for stage in run.of("data"):
        for path in sorted(stage.path.glob("*.parquet")):
            columns = [name for name in _ROW if name in pq.read_schema(path).names]
            for row in pq.read_table(path, columns=columns).to_pylist():
                if (problem := problem_id(row)) in wanted:
                    rows[problem, row["extra_info"]["lang"]] = row
    return rows


def _training(stage: Stage, table: pd.DataFrame, rows: Rows, words: Words) -> Iterable[dict]:
    terms = [n for n in table.select_dtypes("number") if n not in _NOT_TERMS]
    common = {"kind": "training", "method": stage.method, "regime": stage.regime, "seed": stage.seed}
    lines_of = defaultdict(list)
    for line in table.sort_values(["step", "group", "place"], kind="stable").to_dict("records"):
        lines_of[line["step"], line["group"]].append(line)
    for (step, _), lines in lines_of.items():
        first = lines[0]
        asked = [(line["place"], said) for line in lines for said in line["verdicts"] if said["slot"] == "A"]
        verdicts = [
            {"a": a, "b": said["other"], "preference": said["preference"], "why": said["reason"]} for a, said in asked
        ]
        samples = [{"text": line["completion"], "label": "", "values": {t: line[t] for t in terms}} for line in lines]
        words.add(stage, int(step), first["question"], rows.get((first["id"], first["lang"])), samples, verdicts)
        group = {"step": int(step), "lang": first["lang"], "problem": first["id"], "prompt": first["prompt"]}
        group |= {"question": first["question"], "gold": first["gold"]}
        yield common | group | {"samples": samples, "verdicts": verdicts}


def _evaluation(scores: pd.DataFrame, rows: Rows) -> Iterable[dict]:
    ordered = scores.sort_values(["greedy", "sample"], ascending=[False, True], kind="stable")
    lines_of = defaultdict(list)
    for line in ordered.to_dict("records"):
        lines_of[tuple(line[key] for key in ("regime", "method", "seed", "problem", "lang"))].append(line)
    for (regime, method, seed, problem, lang), lines in lines_of.items():
        row = rows.get((problem, lang))
        samples = [
            {
                "text": line["text"],
                "label": ", ".join(word for word, so in _said(line) if so),
                "values": {term: line[term] for term in _EVALUATED if term in line},
            }
            for line in lines
        ]
        group = {"kind": "evaluation", "method": method, "regime": regime, "seed": int(seed), "step": None, "lang": lang}
        group |= {"problem": problem, "prompt": row["input"][-1]["content"] if row else None, "gold": lines[0]["gold"]}
        yield group | {"samples": samples, "verdicts": []}


def _said(line: dict) -> tuple:
    return ("greedy", line["greedy"]), ("cut off", not line.get("finished", True))


def _pairs(method: str, regime: str, seed: int, lines: list[dict]) -> Iterable[dict]:
    for pair in lines:
        if "chosen" not in pair or "rejected" not in pair:
            continue
        group = {"kind": "pairs", "method": method, "regime": regime, "seed": seed, "step": None, "lang": pair["lang"]}
        group |= {"problem": pair.get("id"), "prompt": pair["prompt"][-1]["content"], "partner": pair.get("partner")}
        margin = pair.get("reward_margin")
        values = {} if margin is None else {"reward_margin": margin}
        samples = [
            {"text": pair[side][-1]["content"], "label": side, "values": values if side == "chosen" else {}}
            for side in ("chosen", "rejected")
        ]
        yield group | {"samples": samples, "verdicts": []}


def pack(groups: list[dict], names: dict, most: int = MOST_BYTES) -> tuple[str, dict]:
    """Groups and `names` as base64 of gzipped JSON of at most `most` characters, and what had to be left out to get there.

    What the judge wrote goes first (`words` is then False), then whole groups, evenly (`samples` of `all_samples` are kept).
    """
    everything, words = sum(len(group["samples"]) for group in groups), True
    kept = sorted(groups, key=lambda g: (KINDS.index(g["kind"]), g["regime"], method_order(g["method"]), g["seed"]))
    while len(packed := _packed(columns(kept, words) | names)) > most:
        if words and any(one.get("why") or one.get("said") for g in kept for one in (*g["verdicts"], *g["samples"])):
            words = False
            continue
        left = int(len(kept) * min(0.95, 0.97 * most / len(packed)))
        kept = [kept[int(place)] for place in np.linspace(0, len(kept) - 1, max(1, left))] if len(kept) > 1 else []
    return packed, {"samples": sum(len(group["samples"]) for group in kept), "all_samples": everything, "words": words}


def _packed(value: dict) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode("ascii")


def columns(groups: list[dict], words: bool = True) -> dict:
    """The groups column by column, as `page.js` reads them; texts are numbers of `strings`, whatever is missing is None."""
    strings = _Strings()
    names = {
        key: list(dict.fromkeys(group[key] for group in groups)) for key in ("kind", "method", "regime", "lang", "problem")
    }
    numbers = {key: {value: number for number, value in enumerate(values)} for key, values in names.items()}
    found: dict[str, defaultdict] = {
        "groups": defaultdict(list),
        "samples": defaultdict(list),
        "verdicts": defaultdict(list),
    }
    terms = sorted({term for group in groups for sample in group["samples"] for term in sample["values"]}, key=_term_order)
    for number, group in enumerate(groups):
        table, place = found["groups"], (group["lang"] or "", group["problem"] or "")
        for key in names:
            table[key].append(numbers[key][group[key]])
        table["seed"].append(group["seed"])
        table["step"].append(group["step"])
        for key in ("prompt", "question", "reference", "gold", "partner"):
            table[key].append(strings.number(group.get(key), place))
        for sample in group["samples"]:
            table = found["samples"]
            table["group"].append(number)
            table["text"].append(strings.number(sample["text"], place))
            table["label"].append(strings.number(sample["label"], ("", "")))
            table["said"].append(strings.number((sample.get("said") if words else "") or None, place))
            for term in terms:
                table[term].append(_rounded(sample["values"].get(term)))
        for verdict in group["verdicts"]:
            table = found["verdicts"]
            table["group"].append(number)
            table["a"].append(int(verdict["a"]))
            table["b"].append(int(verdict["b"]))
            table["preference"].append(_rounded(verdict["preference"]))
            table["why"].append(strings.number((verdict["why"] if words else "") or None, place))
    texts, new = strings.ordered()
    for table, keys in (("groups", ("prompt", "question", "reference", "gold", "partner")), ("samples", ("text", "label", "said")),
                        ("verdicts", ("why",))):  # fmt: skip
        for key in keys:
            found[table][key] = [None if old is None else new[old] for old in found[table][key]]
    return {"names": names, "terms": terms, "strings": texts} | found


def _term_order(term: str) -> tuple:
    return (_TERMS.index(term), "") if term in _TERMS else (_TERMS.index("win_rate"), term)


class _Strings:
    """Every text once. Numbers are given in the order of coming and changed at the end, when all neighbours are known."""

    def __init__(self):
        self._known: dict[str, int] = {}
        self._places: list[tuple[str, str]] = []

    def number(self, text: str | None, place: tuple[str, str]) -> int | None:
        if text is None:
            return None
        if text not in self._known:
            self._known[text] = len(self._known)
            self._places.append(place)
        return self._known[text]

    def ordered(self) -> tuple[list[str], list[int]]:
        """(texts ordered by language, problem and text; the new number of each old one)."""
        texts = list(self._known)
        order = sorted(range(len(texts)), key=lambda old: (self._places[old], texts[old]))
        new = [0] * len(order)
        for number, old in enumerate(order):
            new[old] = number
        return [texts[old] for old in order], new


def _rounded(value) -> float | int | None:
    """A number as short as it can be written; None for none and for NaN."""
    if value is None or value != value:
        return None
    value = round(float(value), 3)
    return int(value) if value == int(value) else value
