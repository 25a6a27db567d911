"""The work of several processes, of another count of samples, and of a server that fails: the same answers, and none made twice."""

import json
import random
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sp3f_lib.evaluation.tasks import load_task
from sp3f_lib.generation.engines import answering_processes
from sp3f_lib.generation.local import load_model
from sp3f_lib.pipeline import shares, task_answers
from sp3f_lib.pipeline.tasks import rows_of_task
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.runs import StageError

from ..generation.completion_server import CompletionServer

TWO = {"launch.accelerate": "ddp", "launch.processes": 2}
QUICK = {
    "evaluation.generator": "server", "evaluation.server.max_retries": 8, "evaluation.server.retry_seconds": 20,
}  # fmt: skip


@pytest.fixture
def about(folder, tiny_families):
    """`about(changes)`: (profile with a tiny model, task of 4 questions in 2 languages, its rows). The profile is a shipped one."""
    tiny = tiny_families["qwen2"]
    tiny.policy.save_pretrained(folder / "model")
    tiny.tokenizer.save_pretrained(folder / "model")
    task = {
        "about": "sums", "kind": "number", "languages": {"en": "en", "sw": "sw"}, "file": "{config}.jsonl", "gold": "right",
        "question": "{text}",
    }  # fmt: skip
    (folder / "sums.yaml").write_text(yaml.safe_dump(task))
    for lang in ("en", "sw"):
        lines = [json.dumps({"text": f"{lang}: 1 + {k}?", "right": k + 1}) for k in range(4)]
        (folder / f"{lang}.jsonl").write_text("\n".join(lines))

    def about(changes: dict):
        common = {
            "evaluation.max_new_tokens": 5,
            "evaluation.samples": 2,
            "evaluation.languages": ["en", "sw"],
            "threads": 1,
        }
        profile = load_profile("lab", common | {"evaluation.folder": str(folder)} | changes, model="model")
        task = load_task(str(folder / "sums.yaml"))
        return profile, task, rows_of_task(profile, task)

    return about


def answers(profile, task, rows) -> pd.DataFrame:
    return pd.read_parquet(task_answers.task_answers(profile, "base", task, rows))


def test_processes_that_share_answer_as_one_does(about, launched, folder):
    commands, made = launched
    alone = answers(*about({}))
    assert len(alone) == 2 * 4 * (1 + 2) and not commands
    (folder / "runs").rename(folder / "alone")
    pd.testing.assert_frame_equal(answers(*about(TWO)), alone)
    assert made == [3, 6] and commands[0][-3:-1] == ["-m", "sp3f_lib.pipeline.task_answers"]
    # More samples: only those are dealt out, and evenly.
    more = answers(*about(TWO | {"evaluation.samples": 4}))
    assert made[2:] == [6 + 6 + 2, 6 + 6 + 4]  # links to the first 6 stand in the folder of the second stage
    pd.testing.assert_frame_equal(more[more["sample"] < 2].reset_index(drop=True), alone)
    # Fewer: nothing is made at all.
    fewer = answers(*about(TWO | {"evaluation.samples": 1}))
    assert len(commands) == 2 and len(fewer) == 2 * 4 * 2
    pd.testing.assert_frame_equal(fewer, alone[alone["sample"] < 1].reset_index(drop=True))


@pytest.mark.parametrize(
    "changes, count",
    [
        ({}, 1),
        (TWO, 2),
        (TWO | {"evaluation.generator": "server"}, 1),
        (
            {"launch.accelerate": "fsdp2", "launch.processes": 16, "launch.machines": 2, "evaluation.generator": "vllm",
             "evaluation.engine": {"tensor_parallel_size": 3}}, 4,
        ),
    ],
)  # fmt: skip
def test_how_many_processes_answer(changes, count):
    assert answering_processes(load_profile("lab", changes)) == count


@pytest.mark.parametrize("there, count", [(0, 8), (1, 1), (3, 3), (9, 8)])
def test_no_more_processes_than_gpus(monkeypatch, there, count):
    monkeypatch.setattr("torch.cuda.device_count", lambda: there)
    found = shares.with_gpus_there_are(load_profile("paper"))
    assert answering_processes(found) == count
    if there == 3:
        with pytest.raises(ProfileError, match=r"evaluation\.engine\.tensor_parallel_size is 4, but a machine has 3"):
            engine = {"evaluation.generator": "vllm", "evaluation.engine.tensor_parallel_size": 4}
            shares.with_gpus_there_are(load_profile("paper", engine))


def test_a_server_that_fails_for_a_fifth_changes_no_number_and_one_that_breaks_down_is_asked_for_the_rest(
    about, monkeypatch
):
    server = CompletionServer(*load_model("model"))
    monkeypatch.setenv("LLM_API_URL", server.url)
    monkeypatch.setenv("LLM_API_KEY", "k")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        calm = answers(*about(QUICK))
        assert len(server.requests) == 24
        Path("runs").rename("calm")
        dice = random.Random(1)
        server.refuse = lambda _: (500, "{}", {}) if dice.random() < 0.2 else None
        faulty = answers(*about(QUICK))
        assert len(server.requests) > 24 + 24
        pd.testing.assert_frame_equal(faulty, calm)
        Path("runs").rename("faulty")
        # It breaks down after 13 answers, for good: no answer is an empty one, and what is there stays.
        server.requests.clear()
        server.refuse = lambda _: (401, "{}", {}) if len(server.requests) > 13 else None
        with pytest.raises(StageError, match="the same command goes on"):
            answers(*about(QUICK))
        there = len(list(Path("runs/lab").glob("answers-*/*/blocks/part-*")))
        assert 0 < there < 6
        server.requests.clear()
        server.refuse = lambda _: None
        pd.testing.assert_frame_equal(answers(*about(QUICK)), calm)
        assert len(server.requests) == 24 - 4 * there
    finally:
        server.close()
