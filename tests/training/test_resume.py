"""kill -9 in each training stage, then again: the same weights and metrics as a run that nobody disturbed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from sp3f_lib.commands import main
from sp3f_lib.training.metrics import is_documented

from ..toy import REPOSITORY, TOY

COMMAND = ["--traceback", "train", "sp3f", "--profile", str(TOY)]
# Runs the real command, with a callback that kills the process at a step, or while a checkpoint is being saved.
KILLED = """
import os, signal, sys
from sp3f_lib.commands import main
from sp3f_lib.training import common

stage, step, where = sys.argv[1], int(sys.argv[2]), sys.argv[3]
original = getattr(common.Recorder, where)

def killing(self, args, state, control, **kwargs):
    if self.label.startswith(stage) and state.global_step == step:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, args, state, control, **kwargs)

setattr(common.Recorder, where, killing)
sys.exit(main(sys.argv[4:]))
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)


def results(folder: Path) -> dict[str, bytes]:
    wanted = ("model/model.safetensors", "metrics.jsonl", "samples/*.parquet")
    return {
        str(path.relative_to(folder)): path.read_bytes() for name in wanted for path in folder.glob(f"runs/toy/*/*/{name}")
    }


def test_a_run_killed_in_every_stage_ends_with_the_same_weights_and_metrics(tmp_path, capfd):
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    calm.mkdir()
    killed.mkdir()
    with contextlib.chdir(calm):
        assert main(COMMAND) == 0
    # Between checkpoints; before the checkpoint of step 4 is marked complete; after the last step but one.
    for stage, step, where in (("base", 3, "on_step_end"), ("sft", 4, "on_save"), ("sp3f", 5, "on_step_end")):
        stopped = run(killed, "-c", KILLED, stage, str(step), where, *COMMAND)
        assert stopped.returncode == -signal.SIGKILL, stopped.stdout + stopped.stderr
    capfd.readouterr()
    with contextlib.chdir(killed):
        assert main(COMMAND) == 0
    assert "goes on from step 4" in capfd.readouterr().out
    assert len(results(calm)) == 6 + 3  # three stages, and the completions of steps 0, 2 and 4
    assert results(killed) == results(calm)
    logged = {name for path in calm.glob("runs/toy/*/*/metrics.jsonl") for line in path.open() for name in json.loads(line)}
    assert [name for name in logged if not is_documented(name)] == []
    assert len(list(calm.glob("runs/toy/*/*/README.md"))) == 3  # a card for the base, SFT and the policy
