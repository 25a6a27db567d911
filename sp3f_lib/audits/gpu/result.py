"""What a check says, and how a list of checks is run within a time budget: one line each, one table, one JSON file.

A check is a function without arguments that gives a `Measured`, or raises: `NotPossible` where this machine cannot do what it
asks for, anything else is a failure, whose reason is the error's message. A failure never ends the other checks.
"""

import json
import math
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sp3f_lib.runs import StageError, write_text

PASS, FAIL, NOT_POSSIBLE = "pass", "fail", "not possible here"
TIME_IS_OVER = "the time is over"


class NotPossible(Exception):
    """This machine cannot do what a check asks for; the message says why."""


@dataclass(frozen=True)
class Measured:
    """What a check found. `misses` says in words which goals are missed: none, and it passes."""

    numbers: dict[str, float | int | str | None]
    misses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A check by its name, with its goal in words."""

    name: str
    goal: str
    run: Callable[[], Measured]


@dataclass(frozen=True)
class Result:
    """A line of the table: `reason` says why it failed or was not possible; `measured` may be there in each case."""

    name: str
    status: str
    goal: str
    reason: str = ""
    measured: dict = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def said(self) -> str:
        """The status with its reason, and what was measured, in one line."""
        status = f"{self.status}: {self.reason}" if self.reason else self.status
        found = ", ".join(f"{name} {_number(value)}" for name, value in self.measured.items() if value is not None)
        return "; ".join(part for part in (status, found) if part)


def run_checks(
    checks: Sequence[Check],
    seconds: float,
    after: Callable[[list[Result]], None] = lambda results: None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Result]:
    """Runs the checks in order; once `seconds` are over none is begun any more (one that runs is not cut short).

    `after` is called with all results so far when one is there. A line is printed for each.
    """
    began, results = clock(), []
    for check in checks:
        if clock() - began >= seconds:
            reason = f"{TIME_IS_OVER} ({seconds / 60:g} minutes; --minutes gives more)"
            results.append(Result(check.name, NOT_POSSIBLE, check.goal, reason))
        else:
            print(f"{check.name} ...", flush=True)
            results.append(_run(check, clock))
        print(f"{check.name}: {results[-1].said}", flush=True)
        after(results)
    return results


def _run(check: Check, clock: Callable[[], float]) -> Result:
    began = clock()

    def result(status: str, reason: str = "", numbers: dict | None = None) -> Result:
        return Result(check.name, status, check.goal, reason, _finite(numbers or {}), round(clock() - began, 1))

    try:
        found = check.run()
    except NotPossible as why:
        return result(NOT_POSSIBLE, one_line(why))
    except Exception as error:
        if not isinstance(error, StageError):  # whose message says it all
            traceback.print_exc()
        name = "" if isinstance(error, StageError) else f"{type(error).__name__}: "
        return result(FAIL, name + one_line(error))
    return result(FAIL if found.misses else PASS, "; ".join(found.misses), found.numbers)


def one_line(error: object, most: int = 300) -> str:
    """A message without its line breaks, and its end left out where it is long (an out-of-memory error tells its life)."""
    text = " ".join(str(error).split())
    return text if len(text) <= most else f"{text[:most]}..."


def within(value: float, low: float, high: float) -> bool:
    """Whether a number lies in [low, high]; what is no number does not.

    >>> within(1.0, 0.5, 1.5), within(float("nan"), 0.5, 1.5)
    (True, False)
    """
    return math.isfinite(value) and low <= value <= high


def table(results: Sequence[Result]) -> str:
    """All results as a Markdown table, which can be put into LOG.md as it is."""
    lines = ["| check | result | goal | s |", "| --- | --- | --- | --- |"]
    return "\n".join(lines + [f"| {_cell(r.name)} | {_cell(r.said)} | {_cell(r.goal)} | {r.seconds:g} |" for r in results])


def summary(results: Sequence[Result]) -> str:
    """How many passed, failed and were not possible.

    >>> summary([Result("a", PASS, ""), Result("b", FAIL, "", "why")])
    '1 pass, 1 fail (b)'
    """
    names = {status: [result.name for result in results if result.status == status] for status in (PASS, FAIL, NOT_POSSIBLE)}
    parts = [
        f"{len(names[PASS])} pass",
        f"{len(names[FAIL])} fail" + (f" ({', '.join(names[FAIL])})" if names[FAIL] else ""),
    ]
    return ", ".join(parts + ([f"{len(names[NOT_POSSIBLE])} not possible here"] if names[NOT_POSSIBLE] else []))


def write_report(path: Path, about: dict, results: Sequence[Result]) -> None:
    """One JSON file: `about` (machine, versions, date, model) and `checks`, each as a `Result`."""
    found = about | {"checks": [asdict(result) for result in results]}
    write_text(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _number(value) -> str:
    """A number in four digits.

    >>> _number(1234.5), _number(0.0123456), _number(7), _number("sdpa")
    ('1,234', '0.01235', '7', 'sdpa')
    """
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _finite(numbers: dict) -> dict:
    """The numbers with words for what JSON has none for: nan, inf."""
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in numbers.items()}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
