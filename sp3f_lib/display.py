"""Shows the progress of running stages in place: a live line each in a terminal, a bar each in a notebook, plain lines elsewhere.

    with shown(RUNS / profile.name):
        ...                            # whatever prints, here or in processes whose lines are printed here

Nothing that prints knows of it. Within the block the `.progress` files of the stages that this process or its children work on are
shown, as new as a second, and the lines of progress that come from or through this process are caught: they would say it again.
Other lines are printed above, and when a stage ends, or the block does, its last line stays. `SP3F_PLAIN=1` in the environment
means plain lines everywhere.
"""

import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sp3f_lib import progress
from sp3f_lib.progress import State

PLAIN = "SP3F_PLAIN"
_EVERY = 1.0  # seconds between two looks at the files
_BAR = 24  # characters of a bar in a notebook
_FILES = ("*/*", "notebooks/*/*")  # the stages' folders below runs/<profile>


@contextmanager
def shown(*folders: Path) -> Iterator[None]:
    """Within the block progress of stages below `folders` (`runs/<profile>`) is shown in place, where that is possible."""
    out = sys.stdout
    screen = None if isinstance(out, _Display) else _screen(out)  # a block within a block is the same display
    if screen is None:
        yield
        return
    os.environ[progress.DISPLAY] = name = uuid.uuid4().hex
    sys.stdout = display = _Display(out, screen, folders, name)
    try:
        yield
    finally:
        sys.stdout = out
        del os.environ[progress.DISPLAY]
        display.close()


def _screen(out):
    """Where lines can be shown in place: a terminal, a notebook that somebody looks at, or None."""
    if out is None or os.environ.get(PLAIN):
        return None
    if out.isatty():
        return None if os.environ.get("TERM") == "dumb" else _Terminal(out)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return _Notebook(out) if hasattr(shell, "kernel") else None


class _Display:
    """Stands in place of standard output: catches the lines of progress, passes on the others."""

    def __init__(self, out, screen, folders: tuple[Path, ...], name: str):
        self._out, self._screen, self._folders, self._name, self._rest = out, screen, folders, name, ""
        self._states: dict[str, State] = {}  # of the stages that run, by label
        self._on_disk: set[str] = set()  # labels of those whose file was seen
        self._ended: dict[str, float] = {}  # when, by label: a file that was read before says nothing any more
        self._lock, self._closed = threading.RLock(), threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True, name="display")
        self._looking.start()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._take(line)
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def __getattr__(self, name: str):
        return getattr(self._out, name)

    def close(self) -> None:
        """The end: what was begun is printed, and the last line of each stage that was still running."""
        self._closed.set()
        self._looking.join()
        with self._lock:
            if self._rest:
                self._take(self._rest)
            for label in list(self._states):
                self._end(label)
            self._screen.close()

    def _take(self, line: str) -> None:
        if (state := progress.parse(line)) is None:
            self._screen.say(line)
            return
        self._states[state.label] = state
        if state.done == state.total:
            self._end(state.label)
        else:
            self._screen.draw(self._states)

    def _end(self, label: str) -> None:
        self._ended[label] = time.time()
        self._screen.end(self._states.pop(label), self._states)

    def _look(self) -> None:
        while not self._closed.wait(_EVERY):
            there = [progress.read(path.parent) for folder in self._folders for path in _files(folder)]
            ours = {state.label: state for state in there if state and state.display == self._name}
            with self._lock:
                for label in self._on_disk - ours.keys():  # it went: the stage is finished
                    if label in self._states:
                        self._end(label)
                for label, state in ours.items():
                    known = self._states.get(label, state)  # a line may be ahead of the file
                    if known.done <= state.done < state.total and state.time > self._ended.get(label, 0.0):
                        self._states[label] = state
                self._on_disk = set(ours)
                self._screen.draw(self._states)


def _files(folder: Path) -> list[Path]:
    return [path for stages in _FILES for path in folder.glob(f"{stages}/{progress.FILE}")]


class _Terminal:
    """Lines at the foot of a terminal, redrawn in place by rich; they stand there only while something runs."""

    def __init__(self, out):
        self._out, self._live = out, None

    def say(self, line: str) -> None:
        if self._live:
            self._live.console.print(Text.from_ansi(line), soft_wrap=True)
        else:
            self._out.write(line + "\n")

    def draw(self, states: dict[str, State]) -> None:
        if not states:
            self.close()
            return
        if self._live is None:
            console = Console(file=self._out)
            # Warnings of this process go above it too, where they come to the same terminal.
            options = {"redirect_stdout": False, "redirect_stderr": sys.stderr.isatty()}
            self._live = Live(console=console, auto_refresh=False, transient=True, **options)
            self._live.start()
            console.show_cursor(True)  # rich hides it, and after kill -9 nobody would show it again
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(width=16)
        grid.add_column(no_wrap=True, overflow="ellipsis")
        for state in states.values():
            grid.add_row(state.label, ProgressBar(state.total, state.done), state.now())
        self._live.update(grid, refresh=True)

    def end(self, state: State, others: dict[str, State]) -> None:
        self.draw(others)
        self.say(state.line)

    def close(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None
        self._out.flush()


class _Notebook:
    """A bar for each stage in the output of the cell; the last state of each stays there."""

    def __init__(self, out):
        self._out, self._handles = out, {}

    def say(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()

    def draw(self, states: dict[str, State]) -> None:
        for state in states.values():
            self._show(state, state.now())

    def end(self, state: State, _) -> None:
        self._show(state, state.line.removeprefix(f"{state.label}: "))
        del self._handles[state.label]

    def close(self) -> None:
        self._out.flush()

    def _show(self, state: State, said: str) -> None:
        from IPython.display import display

        full = _BAR * state.done // state.total
        text = f"{state.label:<28} {'█' * full}{'░' * (_BAR - full)} {said}"
        handle, before = self._handles.get(state.label, (None, ""))
        if handle is None:
            handle = display({"text/plain": text}, raw=True, display_id=True)
        elif text != before:
            handle.update({"text/plain": text}, raw=True)
        self._handles[state.label] = handle, text
