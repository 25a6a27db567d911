"""Training with a paid judge: a cap stops it at a checkpoint, it goes on after the cap is raised, and nothing is paid twice."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

TOY = Path(__file__).parents[1] / "toy.yaml"
REPOSITORY = Path(__file__).parents[2]
SERVER = REPOSITORY / "tests" / "judges" / "fault_server.py"
API = ["--set", "judge.name=api", "--set", "judge.model=gpt-4o-mini", "--set", "judge.concurrency=8"]


@pytest.fixture
def servers():
    """Starts judge servers; each gives its address."""
    started = []

    def start(*options: str) -> str:
        command = [sys.executable, str(SERVER), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        started.append(process)
        return f"http://127.0.0.1:{int(process.stdout.readline())}"

    yield start
    for process in started:
        process.kill()


def train(folder: Path, server: str, *more: str) -> subprocess.CompletedProcess:
    folder.mkdir(exist_ok=True)
    judge = {"LLM_API_URL": f"{server}/v1", "LLM_API_KEY": "sk-secret", "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "sp3f_lib", "grpo", "--profile", str(TOY), "--arm", "sp3f", *API, *more]
    environment = os.environ | judge | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def results(folder: Path) -> dict[str, bytes]:
    wanted = [*folder.glob("runs/toy/sp3f-*/*/model/model.safetensors"), *folder.glob("runs/toy/sp3f-*/*/metrics.jsonl")]
    return {path.name: path.read_bytes() for path in wanted}


def stats(server: str) -> dict:
    with urllib.request.urlopen(server) as reply:
        return json.load(reply)


def test_a_cap_stops_at_a_checkpoint_and_a_raised_cap_goes_on_without_paying_twice(tmp_path, servers):
    calm, capped = servers(), servers()
    done = train(tmp_path / "calm", calm)
    assert done.returncode == 0, done.stderr
    assert "at most 72 calls" in done.stdout and "USD" in done.stdout
    needed = sum(stats(calm)["paid"])

    stopped = train(tmp_path / "capped", capped, "--set", "judge.max_calls=30")
    assert stopped.returncode == 1
    assert "judge.max_calls: all 30 calls of this run are spent" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    (run,) = (tmp_path / "capped" / "runs" / "toy").glob("sp3f-*/*")
    last = max((run / "checkpoints").glob("checkpoint-*/COMPLETE"), key=lambda path: int(path.read_text()))
    steps = len((run / "metrics.jsonl").read_text().splitlines())
    assert steps > 0 and int(last.read_text()) == steps  # the last finished step, not the last that save_steps asks for

    stopped = train(tmp_path / "capped", capped, "--set", "judge.max_calls=50")
    assert stopped.returncode == 1
    done = train(tmp_path / "capped", capped, "--set", "judge.max_calls=500")
    assert done.returncode == 0, done.stderr
    assert f"goes on from step {steps}" in stopped.stdout
    assert sum(stats(capped)["paid"]) == needed
    assert results(tmp_path / "capped") == results(tmp_path / "calm")
    assert len(results(tmp_path / "calm")) == 2


def test_a_judge_that_only_fails_stops_the_training_and_says_why(tmp_path, servers):
    broken = servers("--faults", "1", "--kinds", "500")
    quick = ["--set", "judge.max_retries=0", "--set", "judge.failure_window=8", "--set", "judge.patience_seconds=0"]
    stopped = train(tmp_path, broken, *quick)
    assert stopped.returncode == 1
    assert "gave no verdict" in stopped.stderr and "InternalServerError 500" in stopped.stderr
    assert not list(tmp_path.glob("runs/toy/sp3f-*/*/model"))


def test_failures_below_the_limit_are_no_verdicts_and_are_counted(tmp_path, servers):
    shaky = servers("--faults", "0.3", "--kinds", "500")
    done = train(tmp_path, shaky, "--set", "judge.max_retries=0", "--set", "judge.failure_limit=1")
    assert done.returncode == 0, done.stderr
    (metrics,) = tmp_path.glob("runs/toy/sp3f-*/*/metrics.jsonl")
    missing = [json.loads(line)["judge/no_verdict"] for line in metrics.read_text().splitlines()]
    assert 0 < sum(missing) / len(missing) < 0.6
