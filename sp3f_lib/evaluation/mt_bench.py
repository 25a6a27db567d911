"""MT-Bench (arXiv 2306.05685): 80 questions of two turns in eight categories, each answer rated 1 to 10 by a judge.

    folder/mt_bench/de.jsonl      question_id, category, turns (two texts), reference (two texts, or null)

Written here, as FastChat cannot be called beside today's `openai`. As there: another temperature for each category, the second turn
sees the model's own first answer, references are shown for mathematics, coding and reasoning. Otherwise than there: an answer
without a readable rating has none, and is counted (FastChat leaves it out without a word); the language is a criterion of the
prompt, and the share of answers in the language stands beside the rating.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sp3f_lib.data.schema import RowError, read_json_lines
from sp3f_lib.evaluation.statistics import clustered_mean
from sp3f_lib.generation.conversations import Conversation
from sp3f_lib.judges.rating_prompt import LEAST, MOST, Rating, Turn

# FastChat, fastchat/llm_judge/common.py.
TEMPERATURES = {
    "writing": 0.7, "roleplay": 0.7, "extraction": 0.0, "math": 0.0, "coding": 0.0, "reasoning": 0.0, "stem": 0.1,
    "humanities": 0.1,
}  # fmt: skip
_WITH_REFERENCE = {"math", "coding", "reasoning"}
_HEAD = """MT-Bench of {name}, rated 1 to 10 by {judge} ({repeats}). score: mean over both turns [95 % intervals over
questions]; fidelity: percent of answers in the language; cut: percent of answers that were cut off; missing: ratings that
could not be read, of {all}."""


@dataclass(frozen=True)
class Question:
    """One question of two turns; `references` only where the judge is shown them."""

    id: str
    category: str
    turns: tuple[str, ...]
    references: tuple[str, ...] | None

    @property
    def conversation(self) -> Conversation:
        """What the model is asked."""
        return Conversation(self.id, self.turns, TEMPERATURES[self.category])

    def ratings(self, answers: list[str], lang: str, repeats: int = 1) -> list[Rating]:
        """What the judge is asked about the answers to each turn, `repeats` times each."""
        references = self.references or (None,) * len(self.turns)
        turns = [Turn(*turn) for turn in zip(self.turns, answers, references, strict=True)]
        return [
            Rating(turn.question, turn.answer, turn.reference, sample=sample, lang=lang, earlier=tuple(turns[:number]))
            for number, turn in enumerate(turns)
            for sample in range(repeats)
        ]


def read_questions(path: Path, limit: int | None = None) -> tuple[list[Question], list[str]]:
    """(the first `limit` questions of every category, ids of those that are left out, as one of their turns is empty: translations
    have such); `RowError` names line and field."""
    found: list[Question] = []
    empty: list[str] = []
    for number, item in enumerate(read_json_lines(path), 1):
        place = f"{path}, line {number}"
        turns, reference, category = item.get("turns"), item.get("reference"), item.get("category")
        if category not in TEMPERATURES:
            raise RowError(f"{place}: field 'category' is {category!r}; known: {', '.join(TEMPERATURES)}")
        id = str(item.get("question_id", number))
        if not isinstance(turns, list) or len(turns) != 2 or not all(isinstance(text, str) for text in turns):
            raise RowError(f"{place}: field 'turns' must be two texts")
        if not _are_texts(turns):
            empty.append(id)
            continue
        if reference is not None and (not _are_texts(reference) or len(reference) != len(turns)):
            raise RowError(f"{place}: field 'reference' must be null or a text for each turn")
        if any(one.id == id for one in found):
            raise RowError(f"{place}: question_id {id!r} is there already")
        shown = tuple(reference) if reference and category in _WITH_REFERENCE else None
        found.append(Question(id, category, tuple(turns), shown))
    if not found:
        raise RowError(f"{path}: there are no questions in it")
    counts = dict.fromkeys(TEMPERATURES, 0)
    kept = []
    for one in found:
        counts[one.category] += 1
        if limit is None or counts[one.category] <= limit:
            kept.append(one)
    return kept, empty


def _are_texts(value) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and text.strip() for text in value)


def rating_of(score: float | None) -> float:
    """A judge's score in [0, 1] as a rating; NaN where there is none. The embedded judge's lowest score, 0, is a 1."""
    return float("nan") if score is None else max(float(LEAST), MOST * score)


def score_table(ratings: pd.DataFrame) -> pd.DataFrame:
    """A row for each language and category, and for `all` of each language.

    `ratings`: a row a rating with lang, question, category, turn, sample, rating (NaN: none), fidelity, finished. Columns:
    score with low and high (of all turns; intervals over questions), turn_1, turn_2, deviation (of the whole mean between
    repeats of the judge; NaN for one), fidelity, cut, questions, ratings, missing. A question without any rating has no part
    in the score.
    """
    rows = []
    for lang, some in ratings.groupby("lang", sort=False):
        for category, found in [*some.groupby("category", sort=False), ("all", some)]:
            rows.append({"lang": lang, "category": category} | _line(found))
    return pd.DataFrame(rows)


def _line(found: pd.DataFrame) -> dict:
    given = found.dropna(subset="rating")
    answers = found[found["sample"] == 0]
    beside = {
        "fidelity": float(answers["fidelity"].mean()), "cut": float((~answers["finished"].astype(bool)).mean()),
        "questions": found["question"].nunique(), "ratings": len(given), "missing": len(found) - len(given),
    }  # fmt: skip
    if given.empty:
        return dict.fromkeys(("score", "low", "high", "turn_1", "turn_2", "deviation"), np.nan) | beside
    # The interval is one for means of bounded values: 1 to 10 as 0 to 1.
    scaled = clustered_mean((given["rating"] - LEAST) / (MOST - LEAST), given["question"])
    score, low, high = (LEAST + (MOST - LEAST) * scaled[name] for name in ("mean", "low", "high"))
    turns = given.groupby("turn")["rating"].mean()
    runs = given.groupby("sample")["rating"].mean()
    return {
        "score": score, "low": low, "high": high, "turn_1": turns.get(1, np.nan), "turn_2": turns.get(2, np.nan),
        "deviation": float(runs.std()) if len(runs) > 1 else np.nan,
    } | beside  # fmt: skip


def report(table: pd.DataFrame, name: str, judge: str, repeats: int, notes: list[str]) -> str:
    """The table for people."""
    lines = []
    for row in table.to_dict("records"):
        line = {"lang": row["lang"], "category": row["category"]}
        line["score"] = "-" if np.isnan(row["score"]) else f"{row['score']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        line |= {turn: _plain(row[turn]) for turn in ("turn_1", "turn_2")}
        line |= {"sd of repeats": _plain(row["deviation"])} if repeats > 1 else {}
        line |= {"fidelity": f"{100 * row['fidelity']:.0f}", "cut": f"{100 * row['cut']:.0f}"}
        lines.append(line | {"questions": row["questions"], "missing": row["missing"]})
    everything = table[table["category"] == "all"]
    head = _HEAD.format(
        name=name, judge=judge, repeats="once" if repeats == 1 else f"{repeats} times each",
        all=int(everything["ratings"].sum() + everything["missing"].sum()),
    )  # fmt: skip
    return "\n".join([head, pd.DataFrame(lines).to_string(index=False), *notes])


def _plain(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
