"""`sp3f compare` through the real stages: tiny models, a judge behind a server on this machine that fails half-way, references."""

import json

import pandas as pd
import pytest

from sp3f_lib.commands.app import main

from ..judges.test_api import Server
from ..toy import TOY

INSTRUCTIONS = {
    "en": ["Name a fruit.", "Say hello.", "Count to three."],
    "de": ["Nenne eine Frucht.", "Sag hallo.", "Zähl bis drei."],
}


@pytest.fixture
def models(folder, tiny_families):
    """Two tiny models in folders, and the instructions."""
    for name, model in (("one", tiny_families["qwen2"].policy), ("other", tiny_families["qwen2"].reference)):
        model.save_pretrained(folder / name)
        tiny_families["qwen2"].tokenizer.save_pretrained(folder / name)
    (folder / "xalpacaeval").mkdir()
    for lang, texts in INSTRUCTIONS.items():
        rows = [{"id": k, "instruction": text} for k, text in enumerate(texts, 1)]
        (folder / "xalpacaeval" / f"{lang}.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture
def judge(folder, monkeypatch):
    """A server that prefers what stands in slot A, in German the longer answer."""
    pytest.importorskip("openai")
    server = Server()
    monkeypatch.setenv("LLM_API_URL", server.url)
    monkeypatch.setenv("LLM_API_KEY", "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.http.shutdown()
    server.http.server_close()


def command(*more: str) -> list[str]:
    settings = ["evaluation.max_new_tokens=8", "judge.model=m", "judge.max_retries=0", "judge.patience_seconds=0"]
    changes = [word for one in settings for word in ("--set", one)]
    return ["compare", "one", *more, "--profile", str(TOY), "--folder", ".", "--judge", "api", *changes]


def verdict(request) -> str:
    """A, but for German: the answer with more characters."""
    system, shown = (message["content"] for message in request["messages"])
    if "German" not in system:
        return r"\boxed{A}"
    a, b = (shown.split(f"<answer_{slot}-")[1].split(f"</answer_{slot}-")[0] for slot in "ab")
    return r"\boxed{A}" if len(a) > len(b) else r"\boxed{B}"


def test_two_models_in_two_languages(models, judge, capsys):
    judge.answer = verdict
    assert main(command("other", "--languages", "en,de")) == 0
    said = capsys.readouterr().out
    table = pd.read_csv("runs/toy/head-to-head-xalpacaeval-one-other-m-warm.csv").set_index("lang")
    assert list(table.index) == ["en", "de", "all"] and "one against other, judged by m (reasons)" in said
    assert (table["missing"] == 0).all() and len(judge.requests) == 12
    # A slot preference is nothing but flips, which are ties; a judge of length has none.
    assert table.loc["en", ["win_rate", "tie", "flips", "slot_a"]].tolist() == [0.5, 1, 1, 1]
    answers = {
        name: pd.read_parquet(next(models.glob(f"runs/toy/answers-xalpacaeval-{name}-warm/*/de.parquet")))["text"]
        for name in ("one", "other")
    }
    longer = (answers["one"].str.len() > answers["other"].str.len()).mean()
    assert table.loc["de", ["win", "win_rate", "flips"]].tolist() == [longer, longer, 0]
    assert "LC (length-controlled win rate) is not computed" in said
    # Everything is there: nothing is generated or asked again, and another language asks for itself alone.
    assert main(command("other", "--languages", "en")) == 0
    assert len(judge.requests) == 12 and len(list(models.glob("runs/toy/answers-*/*"))) == 4


def test_a_judge_that_fails_half_way_is_not_paid_twice(models, judge, capsys):
    served = []

    def fails(request):
        served.append(request)
        return r"\boxed{A}" if len(served) <= 2 else (500, {"error": {"message": "broken"}})

    judge.answer = fails
    asked = command("other", "--languages", "en", "--set", "judge.concurrency=1", "--set", "judge.failure_window=2")
    assert main(asked) == 1
    error = capsys.readouterr().err
    assert "judge m/contest-" in error and "Every verdict is kept" in error
    assert not list(models.glob("runs/toy/verdicts-*/*/manifest.json"))
    before, judge.answer = len(judge.requests), verdict
    assert main(asked) == 0
    assert "2 of 6 replies are in runs/verdicts.sqlite" in capsys.readouterr().out
    assert len(judge.requests) - before == 4


def test_a_reference_file(models, judge, capsys):
    judge.answer = verdict
    rows = [
        {"id": k, "instruction": text, "output": "x" * 500, "generator": "gpt"}
        for k, text in enumerate(INSTRUCTIONS["de"], 1)
    ]
    (models / "de.json").write_text(json.dumps(rows))
    assert main(command("{lang}.json", "--languages", "de", "--way", "verdict")) == 0
    said = capsys.readouterr().out
    table = pd.read_csv(models / "runs/toy/head-to-head-xalpacaeval-one-gpt-m-warm.csv")
    assert table["loss"].tolist() == [1.0] and "one against gpt, judged by m (verdict)" in said
    assert "without any reasons" in judge.requests[-1]["messages"][0]["content"]
    # Another question in it is found before a model is loaded or a judge asked.
    (models / "de.json").write_text(json.dumps([*rows[:2], rows[2] | {"instruction": "Zähl bis vier."}]))
    before = len(judge.requests)
    assert main(command("{lang}.json", "--languages", "de")) == 1
    assert "entry 3 (id 3): the instruction is not ours" in capsys.readouterr().err and len(judge.requests) == before
    assert main(command("de.json", "--languages", "en,de")) == 1
    assert "write {lang} in its path" in capsys.readouterr().err
    assert main(command("one", "--languages", "de")) == 1
    assert "give two models" in capsys.readouterr().err
