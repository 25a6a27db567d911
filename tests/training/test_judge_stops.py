"""Training with a paid judge: a cap stops it at a checkpoint, it goes on after the cap is raised, and nothing is paid twice."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from sp3f_lib.commands import main
from sp3f_lib.judges.ledger import Ledger

from ..serving import FakeJudge
from ..toy import REPOSITORY, TOY

API = ["--set", "judge.name=api", "--set", "judge.model=gpt-4o-mini", "--set", "judge.concurrency=8"]


@pytest.fixture(scope="module")
def servers():
    """Starts judge servers, which end with the tests."""
    with contextlib.ExitStack() as started:
        yield lambda *options: started.enter_context(FakeJudge(*options))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """The stages before the judge, made once."""
    folder = tmp_path_factory.mktemp("prepared")
    with contextlib.chdir(folder):
        assert main(["train", "sft", "--profile", str(TOY)]) == 0
    return folder / "runs"


def command(prepared: Path, folder: Path, url: str, *more: str) -> tuple[list[str], dict]:
    """(arguments, environment) of one training in `folder`; a name that is set twice has the last value."""
    if not (folder / "runs").is_dir():
        shutil.copytree(prepared, folder / "runs")
    judge = {"LLM_API_URL": url, "LLM_API_KEY": "sk-secret", "NO_PROXY": "127.0.0.1"}
    return ["train", "sp3f", "--profile", str(TOY), *API, *more], judge


def train(prepared: Path, folder: Path, url: str, *more: str) -> subprocess.CompletedProcess:
    """One training to its end, in this process."""
    arguments, judge = command(prepared, folder, url, *more)
    out, errors = io.StringIO(), io.StringIO()
    redirected = contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors)
    with contextlib.chdir(folder), mock.patch.dict(os.environ, judge), redirected[0], redirected[1]:
        code = main(arguments)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


def results(folder: Path) -> dict[str, bytes]:
    wanted = [*folder.glob("runs/toy/sp3f-*/*/model/model.safetensors"), *folder.glob("runs/toy/sp3f-*/*/metrics.jsonl")]
    return {path.name: path.read_bytes() for path in wanted}


@pytest.fixture(scope="module")
def calm(tmp_path_factory, servers, prepared):
    """An undisturbed training: what it said, its results, and the calls that it paid."""
    server, folder = servers(), tmp_path_factory.mktemp("calm")
    done = train(prepared, folder, server.url)
    assert done.returncode == 0, done.stderr
    return done.stdout, results(folder), sum(server.stats()["paid"])


def test_a_cap_stops_at_a_checkpoint_and_a_raised_cap_goes_on_without_paying_twice(tmp_path, servers, prepared, calm):
    capped = servers()
    said, expected, needed = calm
    assert "at most 72 calls" in said and "USD" in said

    stopped = train(prepared, tmp_path / "capped", capped.url, "--set", "judge.max_calls=30")
    assert stopped.returncode == 1
    assert "judge.max_calls: all 30 calls of this run are spent" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    (run,) = (tmp_path / "capped" / "runs" / "toy").glob("sp3f-*/*")
    last = max((run / "checkpoints").glob("checkpoint-*/COMPLETE"), key=lambda path: int(path.read_text()))
    steps = len((run / "metrics.jsonl").read_text().splitlines())
    assert steps > 0 and int(last.read_text()) == steps  # the last finished step, not the last that save_steps asks for

    done = train(prepared, tmp_path / "capped", capped.url, "--set", "judge.max_calls=500")
    assert done.returncode == 0, done.stderr
    assert f"goes on from step {steps}" in done.stdout
    assert sum(capped.stats()["paid"]) == needed
    assert results(tmp_path / "capped") == expected
    assert len(expected) == 2


def test_a_judge_that_only_fails_stops_the_training_and_says_why(tmp_path, servers, prepared):
    broken = servers("--faults", "1", "--kinds", "500")
    quick = ["--set", "judge.max_retries=0", "--set", "judge.failure_window=8", "--set", "judge.patience_seconds=0"]
    stopped = train(prepared, tmp_path, broken.url, *quick)
    assert stopped.returncode == 1
    assert "gave no verdict" in stopped.stderr and "InternalServerError 500" in stopped.stderr
    assert not list(tmp_path.glob("runs/toy/sp3f-*/*/model"))


def test_an_outage_pauses_the_training_which_then_ends_as_without_one(tmp_path, servers, prepared, calm):
    shaky = servers()

    said = ""
    arguments, judge = command(
        prepared, tmp_path, shaky.url, "--set", "judge.max_retries=0", "--set", "judge.failure_window=8"
    )
    environment = os.environ | judge | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "sp3f_lib", *arguments], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as run:
        for line in run.stdout:
            said += line
            if line.startswith("sp3f warm: step 2/6"):
                shaky.change(faults=1, kinds=["500"])
            if line.startswith("judge: paused"):
                shaky.change(faults=0)
    assert run.returncode == 0, said
    assert "judge: paused, " in said
    assert (results(tmp_path), sum(shaky.stats()["paid"])) == calm[1:]


def test_failures_below_the_limit_are_no_verdicts_and_are_counted(tmp_path, servers, prepared):
    shaky = servers("--faults", "0.3", "--kinds", "500")
    done = train(prepared, tmp_path, shaky.url, "--set", "judge.max_retries=0", "--set", "judge.failure_limit=1")
    assert done.returncode == 0, done.stderr
    (metrics,) = tmp_path.glob("runs/toy/sp3f-*/*/metrics.jsonl")
    missing = [json.loads(line)["judge/no_verdict"] for line in metrics.read_text().splitlines()]
    assert 0 < sum(missing) / len(missing) < 0.6


def test_the_policy_judges_itself(tmp_path, prepared):
    own = ["--set", "judge.name=local", "--set", "judge.model=policy", "--set", "judge.max_tokens=4"]
    done = train(prepared, tmp_path, "http://127.0.0.1:1", *own)
    assert done.returncode == 0, done.stderr
    # An untaught model writes no verdict: its win rates say nothing, and that is said.
    assert "no verdict 100%" in done.stdout
    ledger = Ledger(tmp_path / "runs" / "verdicts.sqlite")
    table = ledger.table()
    assert len(table) == 1 and table.judge[0].startswith("policy of sp3f-warm/")
    assert table.calls[0] == table.calls.sum() > 30
