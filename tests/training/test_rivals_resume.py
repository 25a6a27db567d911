"""kill -9 while hints are given and a teacher teaches, then again: prompts, metrics and weights of an undisturbed run."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd

from sp3f_lib.commands import main
from sp3f_lib.training.metrics import is_documented

from ..toy import REPOSITORY, TOY

NAME = "rlvr_opsd"
# Both at once, with hints until the end, so that there are some behind the kill; from random weights and a step of SFT.
CHANGES = [
    "hint.use=true", "hint.until=1", "teacher.context=translate", "tracking.samples_every=1", "data.languages=[sw]",
    "sft.max_steps=1",
]  # fmt: skip
KILLED = """
import os, signal, sys
from sp3f_lib.commands import main
from sp3f_lib.training import common

original = common.Recorder.on_step_end

def killing(self, args, state, control, **kwargs):
    if self.label.startswith("rlvr_opsd") and state.global_step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, args, state, control, **kwargs)

common.Recorder.on_step_end = killing
sys.exit(main(sys.argv[1:]))
"""


def results(stage: Path) -> dict[str, bytes]:
    wanted = ("model/model.safetensors", "metrics.jsonl", "samples/*.parquet")
    return {str(path.relative_to(stage)): path.read_bytes() for name in wanted for path in stage.glob(name)}


def test_a_killed_run_ends_as_an_undisturbed_one(start, tmp_path, capfd):
    changes = [*CHANGES, f"model.path={start / 'model'}"]
    command = ["--traceback", "train", NAME, "--profile", str(TOY), *(part for one in changes for part in ("--set", one))]
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    calm.mkdir()
    with contextlib.chdir(calm):
        assert main(command) == 0
    shutil.copytree(calm, killed)
    made = next(calm.glob(f"runs/toy/{NAME}-warm/*"))
    again = killed / made.relative_to(calm)
    shutil.rmtree(again)
    stopped = subprocess.run(
        [sys.executable, "-c", KILLED, *command],
        cwd=killed,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert stopped.returncode == -signal.SIGKILL, stopped.stdout + stopped.stderr
    capfd.readouterr()
    with contextlib.chdir(killed):
        assert main(command) == 0
    assert "goes on from step 4" in capfd.readouterr().out
    assert len(results(made)) == 2 + 6  # with the completions of steps 0 to 5
    assert results(again) == results(made)

    logged = [json.loads(line) for line in (made / "metrics.jsonl").open()]
    assert [key for row in logged for key in row if not is_documented(key)] == []
    # What the kill could have changed did happen behind it.
    last = pd.read_parquet(made / "samples" / "step-00004.parquet")
    assert (last.hint != "").any() and (last.groupby("group").hint.nunique() == 1).all()
    assert logged[4]["hint/chunks"] > 0 and all(row["teacher/gap"] != 0 for row in logged[4:])
    card = (made / "README.md").read_text()
    assert "hint:\n" in card and "teacher:\n" in card and NAME in card
