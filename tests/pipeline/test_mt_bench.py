"""`sp3f mt-bench` through the real stages: a tiny model, and a judge behind a server on this machine."""

import json

import pandas as pd
import pytest

from sp3f_lib.commands.app import main

from ..judges.test_api import Server
from ..toy import TOY

QUESTIONS = [
    {"question_id": 81, "category": "writing", "turns": ["Write a line.", "Another one."], "reference": None},
    {"question_id": 111, "category": "math", "turns": ["1 + 1?", "Plus 1?"], "reference": ["It is 2.", "It is 3."]},
]


@pytest.fixture
def judge(folder, monkeypatch, tiny_families):
    """A server that gives 8 where it is shown a reference, and else something that nobody can read; a model, and questions."""
    pytest.importorskip("openai")
    tiny_families["qwen2"].policy.save_pretrained(folder / "one")
    tiny_families["qwen2"].tokenizer.save_pretrained(folder / "one")
    (folder / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    server = Server()
    monkeypatch.setenv("LLM_API_URL", server.url)
    monkeypatch.setenv("LLM_API_KEY", "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.answer = lambda request: r"\boxed{8/10}" if "It is 2." in request["messages"][1]["content"] else "Rating: [[3]]"
    yield server
    server.http.shutdown()
    server.http.server_close()


def test_two_turns_are_rated_and_what_cannot_be_read_is_missing(folder, judge, capsys):
    command = ["mt-bench", "one", "--profile", str(TOY), "--folder", ".", "--languages", "en", "--judge", "api"]
    command += ["--set", "judge.model=m", "--set", "evaluation.max_new_tokens=8"]
    assert main(command) == 0
    said = capsys.readouterr().out
    table = pd.read_csv("runs/toy/mt-bench-one-m-warm.csv").set_index("category")
    assert table.loc["math", ["score", "missing"]].tolist() == [8, 0]
    assert table["score"].isna()["writing"] and table.loc["all", ["score", "missing"]].tolist() == [8, 2]
    assert "could not be read, of 4" in said.replace("\n", " ") and len(judge.requests) == 4
    # The judge is shown what the model wrote in both turns, and the model saw its first answer in the second.
    (answers,) = folder.glob("runs/toy/answers-mt_bench-one-warm/*/en.parquet")
    answers = pd.read_parquet(answers).set_index(["id", "turn"])["text"]
    shown = max(
        (request["messages"][1]["content"] for request in judge.requests if "Plus 1?" in json.dumps(request)), key=len
    )
    assert answers["111", 1] in shown and answers["111", 2] in shown and "It is 3." in shown
    assert len(list(folder.glob("runs/toy/answers-*/*/blocks/part-*"))) == 4  # of two temperatures, two turns each
    # What could not be read was an answer: it is in the ledger, and is not asked for again.
    assert main([*command, "--set", "judge.max_retries=1"]) == 0
    assert len(judge.requests) == 4
