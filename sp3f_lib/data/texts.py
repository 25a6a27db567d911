"""What is compared in a row, and what can be wrong with it."""

import re
from dataclasses import dataclass

from sp3f_lib.data.translate import english_text

REASONS = (
    "lost", "wrapped", "answer", "misaligned", "numbers", "calculations", "formulas", "box", "language", "length", "sentences",
    "loop",
)  # fmt: skip
PARTS = ("question", "solution")
_BOX = re.compile(r"\\boxed\s*\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|####.*")


@dataclass(frozen=True)
class Fault:
    """One of `REASONS`, and for people what exactly."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Texts:
    """What is compared: English and translated question (None where there is none), the same of the solution, and the answer."""

    lang: str
    query: str | None
    question: str
    solution: str
    translated: str | None
    answer: str


def texts_of(row: dict) -> Texts:
    """The texts of a row in the schema."""
    return Texts(
        row["extra_info"]["lang"],
        row.get("query") or None,
        row["input"][-1]["content"],
        row["solution"],
        row.get("translated_solution"),
        row["reward_model"]["ground_truth"],
    )


def plain_solution(solution: str) -> str:
    """A solution without annotations, box and GSM8K's last line: what is left is prose and calculations."""
    return _BOX.sub(" ", english_text(solution)) if "\\" in solution or "#" in solution or "<<" in solution else solution


def without_box(text: str) -> str:
    """The text without boxes and GSM8K's last line."""
    return _BOX.sub("", text)


def split_at_box(text: str) -> list[str]:
    """What stands before, between and behind boxes."""
    return _BOX.split(text)
