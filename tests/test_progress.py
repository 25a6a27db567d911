"""Progress: lines for logs, a file in the stage's folder, live lines in a terminal, bars in a notebook; nothing gets lost."""

import asyncio
import gc
import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

from sp3f_lib import progress
from sp3f_lib.pipeline.headless import _AT_START
from sp3f_lib.progress import FILE, Progress, Waiting, parse, progress_printer, read
from sp3f_lib.runs import read_manifest, run_stage

from .toy import REPOSITORY, TOY


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until a test turns it."""
    found = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: found.now, time=lambda: found.now))
    return found


# ---- lines and the file


def test_about_ten_lines_with_the_time_that_is_left(clock, capsys):
    show = progress_printer("evaluate sft warm")
    for done in range(1, 41):
        clock.now += 2
        show(done, 40)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["evaluate sft warm: 1/40 answers, 78 s left", "evaluate sft warm: 4/40 answers, 72 s left"]
    assert lines[-1] == "evaluate sft warm: 40/40 answers, 0 s left" and len(lines) == 11


def test_a_loop_that_goes_on_counts_the_time_of_its_own_steps_alone(clock, capsys):
    loop = Progress("sft warm", first=20)
    clock.now += 3
    loop.at(21, 40, "step 21/40, loss 0.50")
    assert capsys.readouterr().out == "sft warm: step 21/40, loss 0.50, 57 s left\n"


def test_the_file_is_as_new_as_a_second_and_the_last_step_is_always_in_it(clock, tmp_path):
    loop = Progress("sft warm", tmp_path)
    loop.begin("step 0/4", 4)
    assert (read(tmp_path).line, read(tmp_path).now()) == ("sft warm: step 0/4", "step 0/4")
    clock.now += 0.9
    loop.at(1, 4, "step 1/4")
    assert read(tmp_path).done == 0
    clock.now += 0.2
    loop.at(2, 4, "step 2/4, loss 0.50")
    assert read(tmp_path).line == "sft warm: step 2/4, loss 0.50, 1 s left"
    clock.now += 0.1
    loop.at(4, 4, "step 4/4")
    assert read(tmp_path).done == 4 and [path.name for path in tmp_path.iterdir()] == [FILE]


def test_the_time_that_is_left_goes_down_between_two_steps(clock, tmp_path):
    loop = Progress("sp3f warm", tmp_path)
    clock.now += 30
    loop.at(1, 3, "step 1/3")
    clock.now += 20
    assert read(tmp_path).now() == "step 1/3, 40 s left"
    clock.now += 100
    assert read(tmp_path).now() == "step 1/3, 0 s left"


def test_what_a_step_waits_for_stands_in_the_file_until_it_comes(clock, tmp_path):
    loop = Progress("sp3f warm", tmp_path)
    loop.begin("step 0/3", 3)
    clock.now += 5
    with Waiting("judge", "comparisons") as wait:
        clock.now += 5
        wait.at(10, 40)
        assert read(tmp_path).now() == "step 0/3 (judge: 10 of 40 comparisons, 15 s left)"
    assert read(tmp_path).now() == "step 0/3"


def test_a_long_wait_is_printed_at_growing_intervals(clock, capsys):
    with Waiting("judge", "comparisons") as wait:
        for done in range(1, 301):
            clock.now += 1
            wait.at(done, 300)
    said = capsys.readouterr().out.splitlines()
    assert [f"judge: {done} of 300 comparisons answered, {300 - done} s left" for done in (30, 60, 120, 240)] == said


def test_the_file_goes_when_the_stage_is_finished_and_stays_when_it_fails(tmp_path):
    def work(directory):
        show = progress_printer("sampling", "parts", directory)
        show(1, 2)
        if (tmp_path / "fail").exists():
            raise OSError("no space")
        show(2, 2)
        (directory / "part.txt").write_text("x")

    (tmp_path / "fail").touch()
    with pytest.raises(OSError):
        run_stage(tmp_path, "stage", work, settings={})
    (directory,) = (tmp_path / "stage").iterdir()
    assert read(directory).line.startswith("sampling: 1/2 parts")
    (tmp_path / "fail").unlink()
    assert run_stage(tmp_path, "stage", work, settings={}) == directory
    assert read(directory) is None and list(read_manifest(directory)["outputs"]) == ["part.txt"]


@pytest.mark.parametrize(
    "line",
    ["sft warm seed 1: step 3/40, loss 0.53, 12 s left", "  ICR 1 R_c scores common: 3/10 parts, 4 s left"],
)
def test_a_line_of_progress_is_read_as_it_was_written(line):
    state = parse(line)
    assert state.line == line.strip() and (state.done, state.total) in ((3, 40), (3, 10))


@pytest.mark.parametrize(
    "line",
    [
        "data: 8 rows for sft",
        "sft warm: goes on from step 3/40",
        "judge: 3 of 40 comparisons answered, 12 s left",
        "a/b: 1/2",
    ],
)
def test_other_lines_are_no_progress(line):
    assert parse(line) is None


# ---- a terminal, a pipe, a notebook: the same process, which has a child as `run_stages` has

# Longer than the display waits between two looks at the files, also on a machine with much to do.
_PAUSE = 2.5
_CHILD = """
import os, time
from pathlib import Path
from sp3f_lib.progress import Progress, Waiting

pause = float(os.environ.get("PAUSE", "0"))
loop = Progress("sft cold", Path("runs/toy/sft-cold/key"))
loop.begin("step 0/40", 40)
time.sleep(pause)
for step in range(1, 41):
    loop.at(step, 40, f"step {step}/40, loss 0.50")
    if step == 38:
        time.sleep(pause)
    if step == 39 and pause:
        with Waiting("judge", "comparisons") as wait:
            time.sleep(pause)
            wait.at(2, 4)
            time.sleep(pause)
print("sft cold: wrote its model", flush=True)
"""
_WITH_CHILD = f"""
import subprocess, sys
process = subprocess.Popen([sys.executable, "-c", {_CHILD!r}], stdout=subprocess.PIPE, text=True)
for line in process.stdout:
    print(line, end="")
"""
_SCRIPT = f"""
from pathlib import Path
from sp3f_lib.display import shown
from sp3f_lib.progress import Progress

with shown(Path("runs/toy")):
    print("before")
    other = Progress("rlvr cold")
    other.at(3, 10, "step 3/10")
    exec({_WITH_CHILD!r})
    print("no end of line", end="")
print()
print("after")
"""
_PLAIN = [
    "before",
    "rlvr cold: step 3/10, 0 s left",
    *(f"sft cold: step {step}/40, loss 0.50, {{}} s left" for step in (1, *range(4, 41, 4))),
    "sft cold: wrote its model",
    "no end of line",
    "after",
]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("SP3F_PLAIN", "TERM")}
    return kept | {"PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "COLUMNS": "100"} | more


def in_terminal(command: list[str], folder: Path, **more: str) -> tuple[int, str]:
    """(exit status, all that a terminal was sent) of a command."""
    ours, its = pty.openpty()
    process = subprocess.Popen(command, cwd=folder, env=environment(**more), stdin=its, stdout=its, stderr=its)
    os.close(its)
    sent = b""
    while True:
        try:
            sent += (chunk := os.read(ours, 65536))
        except OSError:  # the other end is closed
            chunk = b""
        if not chunk:
            break
    os.close(ours)
    return process.wait(), sent.decode()


def screens(sent: str) -> list[str]:
    """What stood on the terminal each time that a line was begun anew or ended, as far as these codes go: all that rich needs."""
    lines, row, column, found = [""], 0, 0, []
    for number, code, back, down, text in re.findall(r"\x1b\[\??([\d;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)", sent):
        if back or down or code == "K":
            found.append("\n".join(line.rstrip() for line in lines).rstrip())
        if text:
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
        elif back:
            column = 0
        elif down:
            row += 1
            lines += [""] * (row == len(lines))
        elif code == "A":
            row -= int(number or 1)
        elif code == "K":
            lines[row] = ""
    return [*found, "\n".join(line.rstrip() for line in lines).rstrip()]


def test_a_terminal_has_one_line_for_each_running_stage_and_keeps_the_last_of_each(tmp_path):
    status, sent = in_terminal([sys.executable, "-c", _SCRIPT], tmp_path, PAUSE=str(_PAUSE))
    assert status == 0, sent
    seen = screens(sent)
    # The first step takes long, and the one before the last: the file alone tells of them.
    assert any(
        re.search(r"^rlvr cold [━╸╺]+ step 3/10, 0 s left\nsft cold  ━+ step 0/40$", one, re.MULTILINE) for one in seen
    )
    assert any(re.search(r"^sft cold  [━╸╺]+ step 39/40, loss 0.50, \d s left$", one, re.MULTILINE) for one in seen)
    waits = r"^sft cold  [━╸╺]+ step 39/40, loss 0.50, 0 s left \(judge: 2 of 4 comparisons, \d s left\)$"
    assert any(re.search(waits, one, re.MULTILINE) for one in seen)
    assert max(one.count("sft cold ") for one in seen) == 1
    assert seen[-1].splitlines() == [
        "before",
        "sft cold: step 40/40, loss 0.50, 0 s left",
        "sft cold: wrote its model",
        "no end of line",
        "rlvr cold: step 3/10, 0 s left",
        "",
        "after",
    ]
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")  # the cursor is there


@pytest.mark.parametrize("where", ["pipe", "plain", "dumb"])
def test_logs_have_plain_lines(tmp_path, where):
    command = [sys.executable, "-c", _SCRIPT]
    if where == "pipe":
        out = subprocess.run(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True).stdout
    else:
        out = in_terminal(command, tmp_path, **({"SP3F_PLAIN": "1"} if where == "plain" else {"TERM": "dumb"}))[1]
    lines = [re.sub(r"(sft.*), \d+ s left", r"\1, {} s left", line) for line in out.splitlines()]
    assert lines == _PLAIN


def test_a_notebook_has_a_bar_for_each_stage_that_is_updated_in_place(tmp_path, monkeypatch):
    for name, value in environment(PAUSE=str(_PAUSE)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SP3F_PLAIN", raising=False)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(_SCRIPT), nbformat.v4.new_code_cell("1")])
    updates = []

    class Client(NotebookClient):
        def process_message(self, message, cell, index):
            if message["msg_type"] == "update_display_data":
                updates.append(message["content"]["data"]["text/plain"])
            return super().process_message(message, cell, index)

    Client(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = notebook.cells[0].outputs
    bars = [output["data"]["text/plain"] for output in outputs if output.output_type == "display_data"]
    assert [re.sub(r"\d+ s", "0 s", bar) for bar in bars] == [
        f"{'rlvr cold':<28} {'█' * 7}{'░' * 17} step 3/10, 0 s left",
        f"{'sft cold':<28} {'█' * 24} step 40/40, loss 0.50, 0 s left",
    ]
    assert any("step 39/40" in update for update in updates)
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    assert text.split("\n") == ["before", "sft cold: wrote its model", "no end of line", "", "after", ""]


# ---- the real entry points


def test_reproduce_in_a_terminal_shows_what_the_notebooks_processes_do(tmp_path):
    cells = [nbformat.v4.new_code_cell(text) for text in ("profile = figures = None", _WITH_CHILD)]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    (tmp_path / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "notebooks" / "01_data_prep.ipynb")
    command = [sys.executable, "-m", "sp3f_lib", "reproduce", "01", "--profile", str(TOY)]
    status, sent = in_terminal(command, tmp_path, PAUSE=str(_PAUSE))
    assert status == 0, sent
    seen = screens(sent)
    assert any(re.search(r"^sft cold [━╸╺]+ step 39/40, loss 0.50, \d s left$", one, re.MULTILINE) for one in seen)
    lines = [line.strip() for line in seen[-1].splitlines()]
    told = ["[1/1] 01_data_prep: running", "sft cold: step 40/40, loss 0.50, 0 s left", "sft cold: wrote its model"]
    assert [line for line in lines if line][:4] == [*told, "[1/1] 01_data_prep: done"]
    # The executed copy is a log.
    executed = nbformat.read(next(tmp_path.glob("runs/toy/notebooks/*/*/*.ipynb")), 4)
    assert "sft cold: step 36/40, loss 0.50" in executed.cells[-1].outputs[0].text


def test_what_a_kernels_sockets_leave_behind_is_not_told(caplog):
    """A task that nobody awaits ends with its loop, as those of pyzmq do; asyncio's own words for it, whatever its version."""

    def leave():
        loop = asyncio.new_event_loop()
        asyncio.Task(asyncio.sleep(60), loop=loop)
        loop.run_until_complete(asyncio.sleep(0))  # it has begun
        loop.close()
        gc.collect()

    leave()
    assert "pending" in caplog.text
    caplog.clear()
    before = list(logging.getLogger("asyncio").filters)
    try:
        exec(_AT_START)
        leave()
    finally:
        logging.getLogger("asyncio").filters = before
    assert "pending" not in caplog.text
