"""Who answers the questions of an evaluation: transformers or a server, the same answers, and errors before a model is loaded."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sp3f_lib.commands.app import main
from sp3f_lib.evaluation.score import SAMPLES
from sp3f_lib.generation.local import load_model

from ..generation.completion_server import CompletionServer
from ..toy import TOY

SERVER = ["--set", "evaluation.generator=server"]


@pytest.fixture
def command(folder, tiny_families) -> list[str]:
    """`evaluate base` of a tiny model on five questions."""
    tiny = tiny_families["qwen2"]
    tiny.policy.save_pretrained(folder / "model")
    tiny.tokenizer.save_pretrained(folder / "model")
    about = {
        "about": "sums", "kind": "number", "languages": {"en": "en"}, "file": "sums.jsonl", "gold": "right", "question": "{text}",
    }  # fmt: skip
    (folder / "sums.yaml").write_text(yaml.safe_dump(about))
    (folder / "sums.jsonl").write_text("\n".join(json.dumps({"text": f"1 + {k}?", "right": k + 1}) for k in range(5)))
    changes = ["--set", "evaluation.max_new_tokens=6", "--set", "evaluation.samples=2"]
    return ["evaluate", "base", "--profile", str(TOY), "--model", "model", "--task", "sums.yaml", "--folder", ".", *changes]


def samples_of(said: str) -> pd.DataFrame:
    return pd.read_parquet(Path(re.findall(r"^finished: (.+)$", said, re.MULTILINE)[-1]) / SAMPLES)


def test_a_server_gives_the_greedy_answers_of_transformers_and_samples_of_its_own(folder, command, monkeypatch, capsys):
    assert main(command) == 0
    here = samples_of(capsys.readouterr().out)
    server = CompletionServer(*load_model("model"))
    monkeypatch.setenv("LLM_API_URL", server.url)
    monkeypatch.setenv("LLM_API_KEY", "k")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        assert main([*command, *SERVER]) == 0
    finally:
        server.close()
    there = samples_of(capsys.readouterr().out)
    assert len(server.requests) == len(there) == 5 * (1 + 2)
    pd.testing.assert_frame_equal(there[there.greedy], here[here.greedy])
    assert {request["temperature"] for request in server.requests} == {0.0, 0.7}
    assert {request["top_p"] for request in server.requests if request["temperature"]} == {0.8}
    # What is finished needs no server.
    monkeypatch.delenv("LLM_API_URL")
    assert main([*command, *SERVER]) == 0
    pd.testing.assert_frame_equal(samples_of(capsys.readouterr().out), there)


@pytest.mark.parametrize(
    "changes, message",
    [
        (SERVER, r"evaluation\.generator: server needs LLM_API_URL in the environment"),
        (["--set", "evaluation.generator=vllm"], r"evaluation\.generator: vllm needs the package vllm"),
        (["--set", "evaluation.generator=vlm"], r"evaluation\.generator: unknown value 'vlm'; nearest known: 'vllm'"),
    ],
)
def test_a_generator_that_cannot_work_is_said_before_a_model_is_made(folder, command, monkeypatch, capsys, changes, message):
    if "evaluation.generator=vllm" in changes and find_spec("vllm"):
        pytest.skip("vLLM is installed")
    monkeypatch.delenv("LLM_API_URL", raising=False)
    for asked in (command, [*command[:6], *command[10:]]):  # of the task, and of the evaluation problems
        assert main([*asked, *changes]) == 1
        assert re.search(message, capsys.readouterr().err)
    assert not list(folder.glob("runs/toy/answers-*")) and not list(folder.glob("runs/toy/evaluation-*"))


def test_two_models_are_compared_and_the_tables_are_written(folder, command, capsys):
    """`start` is the base model here, so no difference there is; whoever says so says what could have been found."""
    assert main([*command, "--against", "start", "--out", "tables"]) == 0
    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines() if "base - start" in line]
    assert [line[5] for line in lines] == ["accuracy", "fidelity"]
    assert all(line[6:8] == ["+0.0", f"[-{line[8].strip('+]')},"] and line[9] == "1.000" for line in lines)
    assert {path.name for path in (folder / "tables").iterdir()} == {
        "tasks.csv", "pass_at_k.csv", "languages_found.csv", "differences.csv",
    }  # fmt: skip
    table = pd.read_csv(folder / "tables" / "differences.csv")
    assert table["mean"].tolist() == [0, 0] and (table.low < 0).all() and (table.detectable > 0).all()
    # The same of the evaluation problems.
    assert main([*command[:6], *command[10:], "--against", "start"]) == 0
    said = capsys.readouterr().out
    assert "greedy right" in said and "problems" in said and "base - start" in said


def test_a_model_without_a_chat_template_is_said(folder, command, capsys):
    (folder / "model" / "chat_template.jinja").unlink()
    assert main(command) == 1
    assert "the tokenizer of 'model' has no chat template; rows are chat messages" in capsys.readouterr().err
