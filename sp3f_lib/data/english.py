r"""English problems as they come: what is cleaned before it is translated, and what is left out and why.

| file                                                     | fields                                                |
| -------------------------------------------------------- | ----------------------------------------------------- |
| GSM8K (`.jsonl`)                                         | `question`; `answer` ends in `#### <number>`          |
| DeepScaleR, MATH (`.json`, `.jsonl`, `.parquet`)         | `problem`, `solution`, `answer`                       |
| one's own (`.jsonl`, `.json`, `.parquet`)                | `question` (or `query`), `solution`, `answer`         |
| rows in the schema, as `sp3f data` writes them           | `query`, `solution`, `reward_model`, `extra_info`     |

`id` names a problem; without it a hash of the question does, so that no row is known by its place. `questions`, a mapping from
languages to questions, holds translations that exist already (MGSM's, by people): then only the solution is translated.
"""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from sp3f_lib.data.schema import RowError, read_json_lines
from sp3f_lib.data.translate import english_text
from sp3f_lib.languages import closing_sentence
from sp3f_lib.rewards.answers import answers_equal, check_gold, extract_answer
from sp3f_lib.rewards.calculations import reference_answer

NO_QUESTION, NO_SOLUTION, NO_ANSWER = "no question", "no solution", "no answer"
SEVERAL, TWICE, SAME, NOT_COMPARABLE, OTHER_ANSWER = (
    "several answers",
    "id there twice",
    "question there twice",
    "answer that nothing can equal",
    "solution ends in another answer",
)
_LAST_LINE = re.compile(r"\n?\s*####.*\s*\Z")
_NOTHING = ("", "none", "null", "nan", "n/a")


@dataclass(frozen=True)
class Problem:
    """One English problem. `solution` is as it came (the judge's reference), `text` is what is translated and what SFT reads."""

    id: str
    question: str
    solution: str
    answer: str
    task: str
    questions: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The solution for people: without annotations and GSM8K's last line; a box is not added."""
        return _LAST_LINE.sub("", english_text(self.solution)).strip()


@dataclass
class Left:
    """What was left out: (length of the question, reason), and the first example of each reason."""

    rows: list[tuple[int, str]] = field(default_factory=list)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, length: int, example: str) -> None:
        """Counts one row."""
        self.rows.append((length, reason))
        self.examples.setdefault(reason, example)

    def __str__(self) -> str:
        counts = Counter(reason for _, reason in self.rows)
        return "\n".join(f"  {count} x {reason}, first: {self.examples[reason]}" for reason, count in counts.most_common())


def with_box(text: str, lang: str, answer: str) -> str:
    r"""A solution that ends in its answer's box: the closing sentence of the language is added where it has none.

    >>> with_box("2 + 1 = 3.", "de", "3")
    '2 + 1 = 3.\nDie Antwort ist also \\boxed{3}.'
    """
    return text if extract_answer(text) is not None else f"{text.rstrip()}\n{closing_sentence(lang, answer)}"


def read_problems(path: Path, limit: int | None = None, must: bool = True) -> tuple[list[Problem], Left]:
    """(the first `limit` problems that can be used, what was left out before them).

    `RowError` if the file cannot be read, or, unless not `must`, if no problem in it can be used.
    """
    path, found, left, questions = Path(path), {}, Left(), set()
    for number, item in enumerate(_items(path)):
        if limit is not None and len(found) >= limit:
            break
        place = f"{path.name}, row {number}"
        reason, problem = _problem(item, path.stem, place)
        if problem and problem.question in questions:
            reason = SAME  # under two ids it could come into two splits
        elif problem and problem.id in found:
            reason = TWICE
        if reason:
            left.add(reason, len(str(_first(item, "question", "problem", "query") or "")), place)
        else:
            found[problem.id] = problem
            questions.add(problem.question)
    if must and not found:
        raise RowError(f"{path}: no problem can be used\n{left}")
    return list(found.values()), left


def _items(path: Path) -> list[dict]:
    if not path.is_file():
        raise RowError(f"{path}: there is no such file")
    if path.suffix == ".parquet":
        try:
            return pa.parquet.read_table(path).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise RowError(f"{path}: not a readable parquet file (cut off?): {error}") from None
    if path.suffix == ".json":
        try:
            items = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RowError(f"{path}: not JSON: {error}") from None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise RowError(f"{path}: expected a list of objects")
        return items
    if path.suffix == ".jsonl":
        return read_json_lines(path)
    raise RowError(f"{path}: problems are read from .jsonl, .json or .parquet")


def _problem(item: dict, stem: str, place: str) -> tuple[str | None, Problem | None]:
    """(why it cannot be used, the problem)."""
    info, model = (item[name] if isinstance(item.get(name), dict) else {} for name in ("extra_info", "reward_model"))
    if info.get("lang", "en") != "en":
        raise RowError(f"{place}: is in {info['lang']!r}; problems are translated from English")
    question = _first(item, "question", "problem", "query")
    solution, answer = item.get("solution"), _first(item | model, "ground_truth", "answer")
    if isinstance(answer, list):
        if len(answer) != 1:
            return SEVERAL, None
        answer = answer[0]
    if solution is None and isinstance(answer, str) and "####" in answer:
        solution, answer = answer, reference_answer(answer)
    texts = [
        None if text is None or str(text).strip().lower() in _NOTHING else str(text).strip()
        for text in (question, solution, answer)
    ]
    for text, reason in zip(texts, (NO_QUESTION, NO_SOLUTION, NO_ANSWER), strict=True):
        if text is None:
            return reason, None
    question, solution, answer = texts
    try:
        check_gold(answer)
    except ValueError:
        return NOT_COMPARABLE, None
    ends = reference_answer(solution)
    if ends is not None and not answers_equal(ends, answer):
        return OTHER_ANSWER, None
    id = str(item.get("id") or info.get("id") or f"{stem}-{hashlib.sha256(question.encode()).hexdigest()[:16]}")
    task = str(item.get("data_source") or stem)
    return None, Problem(id, question, solution, answer, task, dict(item.get("questions") or {}))


def _first(item: dict, *names: str):
    return next((item[name] for name in names if item.get(name) is not None), None)
