"""Two real processes (gloo, CPU): the same rewards, advantages and weights as one, every comparison asked once, nothing orphaned.

FSDP2 too: accelerate shards on a CPU only if it takes it for a GPU, so the driver below tells it that.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from sp3f_lib.data.pairs import export_pairs
from sp3f_lib.generation.local import load_model
from sp3f_lib.profiles import load_profile, save_profile
from sp3f_lib.runs import StageError, Stopped
from sp3f_lib.training import worker
from sp3f_lib.training.processes import _raise_first_error, _work_on, launch_command

from ..judges.fault_server import FaultServer
from ..toy import REPOSITORY, TOY

# Trains with responses that depend on step and place in the whole batch only, and writes down what the trainer made of them.
DRIVER = r"""
import json, os, sys
from pathlib import Path

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer

if os.environ.get("ACCELERATE_USE_FSDP") == "true":
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType

    PartialState._prepare_backend = lambda self, cpu, sagemaker=False, backend=None: ("gloo", DistributedType.MULTI_GPU)

from sp3f_lib.data.schema import read_rows
from sp3f_lib.machine import set_up
from sp3f_lib.profiles import load_profile
from sp3f_lib.training import grpo, policy

directory = Path(sys.argv[1])


def single_turn(self, prompt_ids, images, fields, num_generations, **_):
    first = self.accelerator.process_index * len(prompt_ids)
    made = []
    for place in range(first, first + len(prompt_ids)):
        draw = torch.Generator().manual_seed(1000 * self.state.global_step + place)
        a, b, good = torch.randint(1, 9, (3,), generator=draw).tolist()
        text = f"Maria buys more apples: {a} + {b} = {a + b}. " + (rf"The answer is \boxed{{{a + b}}}." if good > 3 else "")
        made.append([*self.processing_class(text)["input_ids"], self.processing_class.eos_token_id])
    return made, None


def score(self, inputs, *rest):
    found = generate_and_score(self, inputs, *rest)
    local = list(zip([row["prompt"] for row in inputs], found["advantages"].tolist()))
    rows = gather_object(local)
    if self.accelerator.is_main_process:
        kind = type(next(self.model.parameters()).data).__name__
        seen = {"prompts": [row[0] for row in rows], "advantages": [row[1] for row in rows], "rewards": self.seen, "kind": kind}
        with open(directory / "seen.jsonl", "a") as file:
            file.write(json.dumps(seen) + "\n")
    return found


def rewards(self, *arguments):
    found = calculate(self, *arguments)
    self.seen = found.tolist()
    return found


generate_and_score = grpo.SP3FTrainer._generate_and_score_completions
calculate = grpo.SP3FTrainer._calculate_rewards
GRPOTrainer._generate_single_turn = single_turn
grpo.SP3FTrainer._generate_and_score_completions, grpo.SP3FTrainer._calculate_rewards = score, rewards
set_up(1)
policy.train_policy(directory, load_profile(directory / "profile.yaml"), sys.argv[2], read_rows(Path(sys.argv[3])))
sys.stdout.flush()
os._exit(0)  # as training/processes.py ends: threads of the collectives may abort the interpreter's own end
"""
# 12 completions a step, three groups of 4. In two processes of 2 x 3 completions, the second group is in both.
COMMON = {
    "judge.name": "api", "judge.model": "m", "grpo.max_steps": 3, "grpo.max_completion_length": 64, "grpo.optim": "sgd",
    "grpo.learning_rate": 0.1, "grpo.lr_scheduler_type": "constant", "grpo.gradient_accumulation_steps": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def one(start, tmp_path_factory):
    return train(tmp_path_factory.mktemp("one"), start, {"grpo.per_device_train_batch_size": 6})


def train(folder: Path, start: Path, changes: dict) -> tuple[list[dict], dict, dict]:
    """What was seen in each step, the trained weights, and the judge server's statistics."""
    profile = load_profile(TOY, COMMON | changes)
    save_profile(profile, folder / "profile.yaml")
    (folder / "driver.py").write_text(DRIVER)
    command = [sys.executable, str(folder / "driver.py")]
    if profile.launch.processes > 1:
        command = launch_command(profile, "grpo", Path("-"), "-")
        command[command.index("-m", 3) :] = [str(folder / "driver.py")]
    told = {"LLM_API_KEY": "k", "NO_PROXY": "127.0.0.1", "DS_ACCELERATOR": "cpu"}
    told |= {"ACCELERATE_TORCH_DEVICE": "cpu"} if profile.launch.accelerate == "fsdp2" else {}
    told |= {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path])}
    arguments = [str(folder), str(start / "model"), str(start / "rows.parquet")]
    with FaultServer() as server:
        environment = os.environ | told | {"LLM_API_URL": server.url}
        done = subprocess.run([*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        stats = server.stats()
    weights = dict(load_model(str(folder / "model"))[0].named_parameters())
    return [json.loads(line) for line in (folder / "seen.jsonl").read_text().splitlines()], weights, stats


def test_one_process_is_worth_comparing_with(one):
    seen, _, stats = one
    assert len(seen) == 3
    assert all(len(set(map(tuple, step["rewards"]))) > 2 for step in seen)
    assert all(len(step["prompts"]) == 12 and max(step["advantages"]) > 0.1 for step in seen)
    assert 40 < stats["asked"]["answer"] <= 3 * 3 * 6  # pairs with the same text are not asked about


@pytest.mark.parametrize("strategy", ["ddp", "fsdp2", "zero3"])
def test_two_processes_see_judge_and_learn_what_one_does(start, one, tmp_path, strategy):
    if strategy == "zero3" and find_spec("deepspeed") is None:
        pytest.skip("DeepSpeed is not installed")
    changes = {"grpo.per_device_train_batch_size": 3, "launch.accelerate": strategy, "launch.processes": 2}
    changes |= {"grpo.use_cpu": strategy != "fsdp2"}
    seen, weights, stats = train(tmp_path, start, changes)
    assert [step["prompts"] for step in seen] == [step["prompts"] for step in one[0]]
    for step, expected in zip(seen, one[0], strict=True):
        torch.testing.assert_close(torch.tensor(step["rewards"]), torch.tensor(expected["rewards"]), rtol=0, atol=1e-7)
        torch.testing.assert_close(torch.tensor(step["advantages"]), torch.tensor(expected["advantages"]), rtol=0, atol=1e-6)
    before = dict(load_model(str(start / "model"))[0].named_parameters())
    moved = max((weights[name] - before[name]).abs().max().item() for name in before)
    for name, expected in one[1].items():
        torch.testing.assert_close(weights[name], expected, rtol=0, atol=1e-3 * moved)
    assert stats["asked"] == one[2]["asked"]
    assert set(stats["paid"]) == {1}
    assert (seen[0]["kind"] == "DTensor") == (strategy == "fsdp2")


def test_preference_training_in_two_processes_stopped_once_ends_as_in_one(start, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), *sys.path]))
    said = [(f"{n} + 3?", f"{n} + 3 = {n + 3}." + " So it is." * (n % 3), f"{n} + 3 = {n + 4}.") for n in range(16)]
    roles = ("prompt", "user"), ("chosen", "assistant"), ("rejected", "assistant")
    pairs = [{c: [{"role": r, "content": t}] for (c, r), t in zip(roles, texts, strict=True)} for texts in said]
    export_pairs([{"id": str(n), "lang": "en"} | pair for n, pair in enumerate(pairs)], tmp_path / "pairs.jsonl")
    same = {
        "preference.max_steps": 40,
        "preference.optim": "sgd",
        "preference.learning_rate": 0.1,
        "preference.save_steps": 10,
    }
    two = {"launch.accelerate": "ddp", "launch.processes": 2, "preference.per_device_train_batch_size": 2}
    one = {"preference.per_device_train_batch_size": 4}

    def train_as(name: str, changes: dict) -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        profile = load_profile(TOY, same | changes)
        worker.train_stage(tmp_path / name, profile, "preference", str(start / "model"), tmp_path / "pairs.jsonl", name)
        return tmp_path / name

    def stop_when_it_trains():
        while not (tmp_path / "two" / "metrics.jsonl").is_file():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    alone = train_as("one", one)
    watch = threading.Thread(target=stop_when_it_trains, daemon=True)
    watch.start()
    with pytest.raises(Stopped, match=r"two: stopped at step \d+, which is saved"):
        train_as("two", two)
    watch.join()
    assert list(tmp_path.glob("two/checkpoints/checkpoint-*/COMPLETE"))
    together = train_as("two", two)
    found, expected = (dict(load_model(str(path / "model"))[0].named_parameters()) for path in (together, alone))
    before = dict(load_model(str(start / "model"))[0].named_parameters())
    moved = max((expected[name] - before[name]).abs().max().item() for name in before)
    assert moved > 1e-3
    for name in found:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-3 * moved)
    rows = [[json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()] for path in (together, alone)]
    assert [row["step"] for row in rows[0]] == list(range(1, 41))  # one process writes, each step once
    for key in ("loss", "rewards/margins", "logps/chosen"):
        assert [row[key] for row in rows[0]] == pytest.approx([row[key] for row in rows[1]], rel=1e-3, abs=1e-3)


# ---- the command: started once, stopped by a signal, killed, gone on


def command(*more: str) -> list[str]:
    two = [
        "launch.accelerate=ddp",
        "launch.processes=2",
        "sft.per_device_train_batch_size=2",
        "grpo.per_device_train_batch_size=2",
    ]
    changes = [part for change in (*two, *more) for part in ("--set", change)]
    return [sys.executable, "-m", "sp3f_lib", "train", "sp3f", "--profile", str(TOY), *changes]


def begin(folder: Path, until: str, number: int, *more: str) -> tuple[int, str]:
    """Runs the command, sends it a signal after the line that begins with `until`; its exit code and what it said."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        command(*more), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(until):
            process.send_signal(number)
    return process.wait(), said


def at_work(folder: Path) -> list[str]:
    """Command lines of processes that work on a job below `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
            inside = (path / "cwd").resolve().is_relative_to(folder)
        except OSError:  # gone meanwhile
            continue
        if inside and any("sp3f_lib" in word for word in words):
            found.append(" ".join(words))
    return found


def results(folder: Path) -> dict[str, bytes]:
    wanted = [*folder.glob("runs/toy/*/*/model/model.safetensors"), *folder.glob("runs/toy/*/*/metrics.jsonl")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in wanted}


def gone(folder: Path) -> bool:
    """Whether nothing works below `folder` any more, or does within ten seconds."""
    for _ in range(100):
        if not at_work(folder):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that was killed in SFT and started again, and what it said then."""
    folder = tmp_path_factory.mktemp("finished")
    code, said = begin(folder, "sft warm: step 3/6", signal.SIGKILL)
    assert code == -signal.SIGKILL, said
    assert gone(folder), at_work(folder)
    code, said = begin(folder, "nothing", signal.SIGTERM)
    assert code == 0, said
    return folder, said


def test_after_kill_9_nothing_works_on_and_the_next_start_goes_on(finished):
    folder, said = finished
    assert "sft warm: goes on from step" in said
    assert len(results(folder)) == 6


def test_one_process_speaks(finished):
    assert len(re.findall("^sp3f warm: step 3/6", finished[1], re.MULTILINE)) == 1


def test_a_run_stopped_by_a_signal_ends_as_one_that_nobody_disturbed(finished, tmp_path):
    shutil.copytree(finished[0] / "runs", tmp_path / "runs")
    for path in tmp_path.glob("runs/toy/sp3f-*"):
        shutil.rmtree(path)
    code, said = begin(tmp_path, "sp3f warm: step 1/6", signal.SIGTERM)
    assert code == 75, said
    stopped = int(re.search(r"stopped at step (\d)", said)[1])
    assert 1 <= stopped < 6
    assert gone(tmp_path), at_work(tmp_path)
    code, said = begin(tmp_path, "nothing", signal.SIGTERM)
    assert code == 0, said
    assert f"goes on from step {stopped}" in said
    assert results(tmp_path) == results(finished[0])


# ---- what went wrong in a worker


def test_a_worker_writes_down_what_stopped_it(start, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    profile = save_profile(load_profile(TOY), tmp_path / "profile.yaml")
    job = {
        "section": "grpo",
        "start": str(start / "nowhere"),
        "rows": str(start / "rows.parquet"),
        "label": "sp3f",
        "address": "",
    }
    (tmp_path / "job.json").write_text(json.dumps(job | {"profile": str(profile)}))
    assert _work_on([str(tmp_path / "job.json")], worker._job) == 1
    with pytest.raises(StageError, match="nowhere' has no tokenizer"):
        _raise_first_error(tmp_path, "sp3f", 1)


@pytest.mark.parametrize("first, kind", [(False, StageError), (True, Stopped)])
def test_the_first_error_is_the_one_that_counts(tmp_path, first, kind):
    for rank, (moment, stopped) in enumerate([(9.0, not first), (5.0, first)]):
        error = {"time": moment, "message": f"rank {rank}", "stopped": stopped}
        (tmp_path / f".error-{rank}").write_text(json.dumps(error))
    with pytest.raises(StageError, match="rank 1") as caught:
        _raise_first_error(tmp_path, "sp3f", 1)
    assert type(caught.value) is kind


def test_a_launcher_that_fails_without_a_word_is_an_error_and_one_that_does_not_is_none(tmp_path):
    with pytest.raises(StageError, match="sp3f: the processes of `accelerate launch` ended with code 9"):
        _raise_first_error(tmp_path, "sp3f", 9)
    _raise_first_error(tmp_path, "sp3f", 0)
