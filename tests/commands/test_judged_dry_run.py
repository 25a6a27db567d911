"""`--dry-run` of `sp3f compare` and `sp3f mt-bench`: answers, minutes, calls and USD, counted by hand; nothing is made."""

import json
import re

import pytest

from sp3f_lib.commands import main

PAPER = ["--profile", "paper", "--folder", ".", "--judge", "api", "--dry-run"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three instructions in two languages, a question of two turns, and a file of answers."""
    monkeypatch.chdir(tmp_path)
    for lang in ("en", "de"):
        rows = [{"id": k, "instruction": "x" * 35} for k in range(3)]
        (tmp_path / f"{lang}.json").write_text(json.dumps(rows))
    answers = [row | {"output": "y" * 350, "generator": "gpt"} for row in rows]
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    question = {"question_id": 1, "category": "writing", "turns": ["x" * 35, "y" * 70], "reference": None}
    (tmp_path / "mt_bench").mkdir()
    (tmp_path / "mt_bench" / "en.jsonl").write_text(json.dumps(question))
    yield tmp_path
    assert not (tmp_path / "runs").exists()


def judge_of(said: str) -> tuple[int, int, int, float]:
    """(calls, tokens in, tokens out, USD)."""
    found = re.search(r"judge: gpt-4o-mini, at most (\d+) calls, ([\d,]+) tokens in, ([\d,]+) out, ([\d.]+) USD", said)
    calls, tokens_in, tokens_out = (int(number.replace(",", "")) for number in found.groups()[:3])
    return calls, tokens_in, tokens_out, float(found[4])


def test_two_models_are_compared(folder, capsys):
    assert main(["compare", "sp3f", "sft", *PAPER]) == 0
    said = capsys.readouterr().out
    for name in ("sp3f", "sft"):  # 35 bytes are 10 tokens
        assert f"{name}: 6 instructions in 2 languages (de en), 6 answers; prompts about 60 tokens (counted)" in said
        assert f"not counted: how {name} is made" in said
    assert said.count("min, ESTIMATE for 8 engines of 1 L40S") == 4 and f"at most {6 * 2048:,} tokens; vllm, 8" in said
    calls, tokens_in, tokens_out, usd = judge_of(said)
    assert (calls, tokens_out) == (6 * 2, 6 * 2 * 250)
    assert usd == pytest.approx((0.15 * tokens_in + 0.6 * tokens_out) / 1e6, abs=1e-4)  # prices.yaml
    # Two answers of 300 tokens; a file's answers are counted instead, 350 bytes each.
    assert main(["compare", "sp3f", "answers.json", *PAPER, "--languages", "de"]) == 0
    said = capsys.readouterr().out
    of_file = judge_of(said)
    assert "sft: " not in said and of_file[0] == 3 * 2
    assert tokens_in / calls - of_file[1] / of_file[0] == pytest.approx(300 - 100, abs=1)
    # The calls that a cap will not allow are said.
    assert main(["compare", "sp3f", "sft", *PAPER, "--set", "judge.max_calls=5"]) == 0
    assert "judge.max_calls stops it at 5 calls" in capsys.readouterr().out


def test_mt_bench_has_two_turns_and_repeats(folder, capsys):
    assert main(["mt-bench", "sp3f", *PAPER, "--languages", "en", "--repeats", "3"]) == 0
    said = capsys.readouterr().out
    # The second prompt holds the first question, its answer (300 tokens assumed) and the second question.
    assert "sp3f: 1 questions in 1 language (en), 2 answers; prompts about 340 tokens (counted)" in said
    assert judge_of(said)[0] == 2 * 3 and "300 tokens an answer ASSUMED" in said
    assert main(["mt-bench", "sp3f", *PAPER, "--languages", "en", "--set", "launch.gpu_memory_gb=15"]) == 2
    assert "CANNOT FIT" in capsys.readouterr().out
    assert main(["mt-bench", "sp3ff", *PAPER, "--languages", "en"]) == 1
    assert "'sp3ff'" in capsys.readouterr().err
