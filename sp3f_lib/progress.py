"""Progress of long loops: about ten lines each, with the time that is left, and a file that knows it to the second.

    sft warm: step 12/120, loss 0.53, 41 s left

The lines are for logs, and for whoever started this process (display.py). The file `.progress` in the stage's folder says the same,
at most once a second: `sp3f status` and the display read it. It is no output of the stage, and goes when the stage is finished.
"""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

FILE = ".progress"
DISPLAY = "SP3F_DISPLAY"  # in the environment of all processes that one display (display.py) shows: its name
_EVERY = 1.0  # seconds between two writings of the file
_LONG = 30.0  # seconds of a wait until it is said, then twice as many, and so on
_LINE = re.compile(r"\s*(?P<label>.+?): (?P<said>(step )?(?P<done>\d+)/(?P<total>\d+)\b.*), (?P<left>\d+) s left")
_at_work: list["Progress"] = []  # the loop at work in this process, if there is one


@dataclass(frozen=True)
class State:
    """How far a loop was at `time`: `said` in words (`step 3/40, accuracy 0.82`), `left` seconds from then (None: not known yet),
    what it is `waiting` for within a step, and the `display` that shows it."""

    label: str
    said: str
    done: int
    total: int
    left: float | None
    time: float
    waiting: str = ""
    display: str = ""

    @property
    def line(self) -> str:
        """As it is printed."""
        return f"{self.label}: {self.said}" + ("" if self.left is None else f", {self.left:.0f} s left")

    def now(self) -> str:
        """The words behind the label as of now: the time that is left goes down between two steps."""
        waiting = f" ({self.waiting})" if self.waiting else ""
        if self.left is None:
            return self.said + waiting
        return f"{self.said}, {max(0.0, self.left - (time.time() - self.time)):.0f} s left{waiting}"


class Progress:
    """Of one loop that starts now, after its first `first` steps: `directory` is the folder of its stage, None for no file."""

    def __init__(self, label: str, directory: Path | None = None, first: int = 0):
        self._label, self._directory, self._first = label, directory, first
        self._began, self._tenth, self._written = time.monotonic(), -1, float("-inf")
        self._state: State | None = None
        self._lock = threading.Lock()  # a judge answers in a thread of its own
        _at_work[:] = [self]

    def begin(self, said: str, total: int) -> None:
        """Writes the file before the first step, which may take long; prints nothing."""
        self._write(State(self._label, said, self._first, total, None, time.time()), at_once=True)

    def at(self, done: int, total: int, said: str) -> None:
        """After step `done` of `total`."""
        rate = (time.monotonic() - self._began) / (done - self._first)
        state = State(self._label, said, done, total, rate * (total - done), time.time())
        self._write(state, at_once=done == total)
        tenth = 10 * done // total
        if tenth > self._tenth and sys.stdout:
            self._tenth = tenth
            print(state.line, flush=True)

    def wait_for(self, what: str) -> None:
        """Notes in the file what the step at hand waits for; the next step takes it away, and so does "" at once."""
        if self._state and what != self._state.waiting:
            self._write(replace(self._state, waiting=what), at_once=not what)

    def _write(self, state: State, at_once: bool = False) -> None:
        with self._lock:
            self._state, now = state, time.monotonic()
            if self._directory is None or (now - self._written < _EVERY and not at_once):
                return
            self._written = now
            self._directory.mkdir(parents=True, exist_ok=True)
            temporary = self._directory / f"{FILE}.{os.getpid()}.tmp"
            temporary.write_text(json.dumps(asdict(state) | {"display": os.environ.get(DISPLAY, "")}), encoding="utf-8")
            os.replace(temporary, self._directory / FILE)


def progress_printer(label: str, what: str = "answers", directory: Path | None = None) -> Callable[[int, int], None]:
    """A progress function `(done, total)` of a loop that starts now; `what` is counted."""
    progress = Progress(label, directory)
    return lambda done, total: progress.at(done, total, f"{done}/{total} {what}")


class Waiting:
    """A wait within a step, such as for the answers of `who`, of which `first` are there: noted in the file of the loop at work,
    and printed when it takes long, at growing intervals.

        with Waiting("judge", "comparisons") as wait:
            wait.at(10, 40)
    """

    def __init__(self, who: str, counted: str, first: int = 0):
        self._who, self._counted, self._first, self._began, self._limit = who, counted, first, time.monotonic(), _LONG

    def at(self, done: int, total: int) -> None:
        """`done` of `total` are there."""
        if not self._first < done < total:
            return
        took = time.monotonic() - self._began
        left = took / (done - self._first) * (total - done)
        _note(f"{self._who}: {done} of {total} {self._counted}, {left:.0f} s left")
        if took >= self._limit:
            print(f"{self._who}: {done} of {total} {self._counted} answered, {left:.0f} s left", flush=True)
            self._limit = 2 * took

    def __enter__(self) -> "Waiting":
        return self

    def __exit__(self, *_) -> None:
        _note("")


def _note(what: str) -> None:
    for progress in _at_work:
        progress.wait_for(what)


def finished(directory: Path) -> None:
    """The stage of this folder is done: takes the file away."""
    _at_work.clear()
    (directory / FILE).unlink(missing_ok=True)


def read(directory: Path) -> State | None:
    """What the file of a stage's folder says; None if there is none."""
    try:
        return State(**json.loads((directory / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:  # it may go at any time
        return None


def parse(line: str) -> State | None:
    """The state that a printed line tells; None if it is another line.

    >>> parse("sft warm: step 3/40, loss 0.53, 12 s left").said
    'step 3/40, loss 0.53'
    """
    if (found := _LINE.fullmatch(line)) is None:
        return None
    numbers = {name: int(found[name]) for name in ("done", "total", "left")}
    return State(found["label"], found["said"], time=time.time(), **numbers)
