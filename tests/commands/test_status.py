"""`sp3f status` on real stages at toy size: nothing, at work, interrupted, made; what is missing for `sp3f reproduce`."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from sp3f_lib.commands import main
from sp3f_lib.judges.ledger import Entry, Ledger
from sp3f_lib.judges.recorded import run_label
from sp3f_lib.methods.models import MODELS

from ..toy import REPOSITORY, TOY

# The real command, which stops after a step of the training that is asked for, with everything as it is then.
_HANGS = """
import sys, time
from sp3f_lib.commands import main
from sp3f_lib.training import common

label, step = sys.argv[1], int(sys.argv[2])
original = common.Recorder.on_step_end

def hang(self, args, state, control, **kwargs):
    if self.label == label:
        time.sleep(1.1)  # the file of a running stage is written once a second
    original(self, args, state, control, **kwargs)
    if self.label == label and state.global_step == step:
        print("hangs", flush=True)
        time.sleep(600)

common.Recorder.on_step_end = hang
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return tmp_path


def status(capsys, *options: str) -> list[str]:
    capsys.readouterr()
    assert main(["status", "--profile", str(TOY), *options]) == 0
    return capsys.readouterr().out.splitlines()


def cell(lines: list[str], regime: str, name: str) -> str:
    """What stands behind a model in the table of a regime."""
    start = next(k for k, line in enumerate(lines) if line.split()[:2] == ["regime", regime])
    return next(line for line in lines[start:] if line.split()[:1] == [name]).strip().removeprefix(name).strip()


def test_before_anything_is_made_everything_is_missing_and_the_answer_comes_at_once(folder):
    program = (
        "import sys; from sp3f_lib.commands import main; code = main(sys.argv[1:]); "
        "print([name for name in ('torch', 'transformers', 'scipy', 'matplotlib') if name in sys.modules], code)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", program, "status"]
    done = subprocess.run(command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = done.stdout.splitlines()
    assert lines[0] == "Profile lab; nothing is made yet, all will be in runs/lab" and lines[-1] == "[] 0", done.stderr
    assert lines[2] == "What `sp3f reproduce` makes: 0 of 22 models are evaluated (each seed counts)"
    # Of the processor, because the clock of a machine with other work says nothing.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
    assert not Path("runs").exists()


def test_all_lists_every_model_with_what_it_is(folder, capsys):
    lines = status(capsys, "--all")
    shown = lines[lines.index("Models that `sp3f train` and `sp3f evaluate` make") + 1 :]
    assert len(shown) == len(MODELS)
    assert shown[0] == f"  {'base':<37}  the base model" and any(line.startswith("  icr_1, icr_2, ...") for line in shown)


def test_seeds_and_an_unknown_profile(folder, capsys):
    lines = status(capsys, "--seeds", "2")
    assert any(line.split() == ["regime", "warm", "seed", "0", "seed", "1"] for line in lines)
    assert cell(lines, "warm", "base") == "missing" and cell(lines, "warm", "sft").split() == ["missing", "missing"]
    assert main(["status", "--profile", "lap"]) == 1
    assert "unknown profile 'lap'; nearest known: 'laptop'" in capsys.readouterr().err


def test_a_stage_at_work_then_interrupted_then_made(folder, capsys):
    train = ["train", "sft", "--profile", str(TOY), "--regime", "cold"]
    child = subprocess.Popen([sys.executable, "-c", _HANGS, "sft cold", "3", *train], stdout=subprocess.PIPE, text=True)
    try:
        assert any(line == "hangs\n" for line in child.stdout)
        (stage,) = folder.glob("runs/toy/sft-cold/*")
        ledger = Ledger("runs/verdicts.sqlite")
        called = {"judge": "j", "endpoint": "e", "prompt": "p", "level": "none", "sampling": "", "sample": 0}
        label = run_label(stage)
        ledger.write(Entry("1", "verdict", 1.0, "", "A", **called, tokens_in=100, tokens_out=10, usd=0.25, run=label))
        ledger.close()
        lines = status(capsys)
        at_work = lines.index("At work now")
        assert re.fullmatch(r"  sft cold: step 3/6, loss \d\.\d\d, \d+ s left", lines[at_work + 1])
        where = f"    runs/toy/sft-cold/{stage.name}, process {child.pid} on .+ since .+, judge so far: 1 calls, 0.25 USD"
        assert re.fullmatch(where, lines[at_work + 2])
        assert cell(lines, "cold", "base") == "made" and cell(lines, "cold", "sft") == "step 3/6"
        assert cell(lines, "cold", "judge_unprivileged") == "missing"
        main(["show", "sft", "--profile", str(TOY), "--regime", "cold"])
        assert f"runs/toy/sft-cold/{stage.name}: step 3/6, loss" in capsys.readouterr().out
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    lines = status(capsys)
    assert "At work now" not in lines
    told = lines[lines.index("Interrupted") + 1 :]
    assert told[0] == "  sft cold: interrupted at step 2 of 6; the same command goes on"  # a checkpoint every two steps
    assert told[1].startswith(f"    runs/toy/sft-cold/{stage.name}, begun 20")
    assert cell(lines, "cold", "sft") == "interrupted"
    # To look takes nothing away from whoever goes on.
    assert main(train) == 0
    assert "sft cold: goes on from step 2" in capsys.readouterr().out
    lines = status(capsys)
    assert not {"At work now", "Interrupted"} & set(lines) and cell(lines, "cold", "sft") == "made"
    # Made is the model; another setting is another model.
    assert main(["train", "sft", "--profile", str(TOY), "--regime", "cold", "--set", "sft.learning_rate=0.1"]) == 0
    assert cell(status(capsys), "cold", "sft") == "made"
    assert main(["evaluate", "base", "--profile", str(TOY), "--regime", "cold"]) == 0
    lines = status(capsys)
    assert cell(lines, "cold", "base") == "evaluated"
    assert "What `sp3f reproduce` makes: 1 of 7 models are evaluated (each seed counts)" in lines
    # What is lost is said, and where.
    next(stage.glob("model/*.safetensors")).unlink()
    lines = status(capsys)
    assert cell(lines, "cold", "sft") == "damaged"
    assert any("model.safetensors is missing" in line and str(stage.relative_to(folder)) in line for line in lines)


def test_sampling_that_was_interrupted_counts_its_parts(folder, capsys):
    stage = folder / "runs" / "toy" / "icr-responses-1-common" / "key"
    (stage / "responses").mkdir(parents=True)
    for name in (".lock", "responses/part-00000.parquet", "responses/part-00001.parquet"):
        (stage / name).touch()
    lines = status(capsys)
    assert "  icr-responses-1-common: interrupted after 2 parts; the same command goes on" in lines


def test_a_notebook_is_up_to_date_as_long_as_its_figures_are_there(folder, capsys):
    draw = "from pathlib import Path\nPath(figures).mkdir(parents=True)\nPath(figures, 'a.csv').touch()"
    cells = ["profile = figures = None", draw]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    Path("notebooks").mkdir()
    nbformat.write(notebook, "notebooks/01_data_prep.ipynb")
    assert "    01_data_prep  to be run" in status(capsys)
    assert main(["reproduce", "01", "--profile", str(TOY)]) == 0
    lines = status(capsys)
    models = "What `sp3f reproduce` makes: 0 of 7 models are evaluated (each seed counts)"
    assert "    01_data_prep  up to date" in lines and f"{models}, 1 of 1 notebooks are up to date" in lines
    shutil.rmtree("figures")
    lines = status(capsys)
    assert "    01_data_prep  to be run" in lines and f"{models}, 0 of 1 notebooks are up to date" in lines
