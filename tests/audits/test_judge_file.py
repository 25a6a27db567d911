"""`sp3f judge`: pairs from a file, agreement, cost, and a second run that asks for nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sp3f_lib.audits.judge_file import judge_file, read_pairs, summary
from sp3f_lib.data.schema import RowError
from sp3f_lib.profiles.judge_section import Judge as Settings

from ..judges.fault_server import FaultServer
from ..toy import REPOSITORY

RIGHT = r"5 + 3 = 8. 8 - 4 = 4. \boxed{4}"
WRONG = r"5 - 3 = 2. 2 + 4 = 6. \boxed{6}"
LINE = {"question": "5 + 3 - 4?", "response_a": RIGHT, "response_b": WRONG, "solution": RIGHT, "better": "A"}


def write(path: Path, *lines: dict) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_agreement_is_that_of_the_verdicts_with_what_is_known(tmp_path, capsys):
    # The second line claims that the wrong one is better.
    pairs = write(tmp_path / "pairs.jsonl", LINE, LINE | {"response_a": WRONG, "response_b": RIGHT})
    table = judge_file(pairs, Settings(), tmp_path / "out.jsonl")
    assert table.preference_a.tolist() == [1, 1, 0, 0]
    assert "agreement with what is known: 50.0 %" in capsys.readouterr().out
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["pair"], row["order"], row["preference_a"]) for row in written] == [
        (0, "AB", 1), (0, "BA", 1), (1, "AB", 0), (1, "BA", 0),
    ]  # fmt: skip


@pytest.mark.parametrize("level", ["none", "answer", "solution", "translated", "wrong"])
def test_each_level_shows_its_own_field(tmp_path, level):
    line = LINE | {"answer": "4", "translated_solution": "auf Deutsch"}
    (pair,), better = read_pairs(write(tmp_path / "p.jsonl", line), level)
    assert better == ["A"]
    assert pair.shown == level
    shown = {"none": None, "answer": "4", "solution": RIGHT, "translated": "auf Deutsch"}
    assert pair.reference == shown[level] if level != "wrong" else r"\boxed{4}" not in pair.reference


def test_the_authors_probes_are_read_as_they_are_and_those_without_a_side_left_out(tmp_path):
    probe = {"query": "q", "original": RIGHT, "yes": "y", "no": "n"}
    pairs, better = read_pairs(write(tmp_path / "p.jsonl", probe, probe | {"no": None}), "solution")
    assert [(p.question, p.response_a, p.response_b, p.reference) for p in pairs] == [("q", "y", "n", RIGHT)]
    assert better == ["A"]


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ({"response_a": None}, "none", "line 2: field 'response_a' is missing"),
        ({"question": 5}, "none", "line 2: field 'question' must be text, not int"),
        ({}, "answer", "line 2: field 'answer' is missing"),
        ({"better": "both"}, "none", "line 2: field 'better' must be A or B, not 'both'"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, line, level, message):
    path = write(tmp_path / "p.jsonl", LINE | {"answer": "4"}, LINE | line)
    with pytest.raises(RowError, match=message):
        read_pairs(path, level)


def test_an_empty_file_is_an_error(tmp_path):
    with pytest.raises(RowError, match="there are no pairs"):
        read_pairs(write(tmp_path / "p.jsonl"), "none")


def test_missing_verdicts_and_unknown_truth_are_said(tmp_path):
    table = judge_file(write(tmp_path / "p.jsonl", LINE | {"better": None}), Settings(), tmp_path / "out.jsonl")
    table["preference_a"] = [None, 1.0]
    table["reason"] = ["no reply in time", ""]
    lines = "\n".join(summary(table))
    assert "2 verdicts on 1 pairs, 1 of them missing" in lines
    assert "1 x no reply in time" in lines
    assert "agreement" not in lines


def command(folder: Path, server: str, *more: str) -> subprocess.CompletedProcess:
    given = {
        "LLM_API_URL": server,
        "LLM_API_KEY": "sk-secret",
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(REPOSITORY),
    }
    line = [sys.executable, "-m", "sp3f_lib", *more]
    return subprocess.run(line, cwd=folder, env=os.environ | given, capture_output=True, text=True)


def test_the_command_asks_once_and_a_second_run_costs_nothing(tmp_path):
    write(tmp_path / "pairs.jsonl", *(LINE | {"question": f"question {k}"} for k in range(20)))
    asked = ["judge", "pairs.jsonl", "--judge", "api", "--level", "solution", "--set", "judge.model=gpt-4o-mini"]
    with FaultServer() as server:
        first, second = (command(tmp_path, server.url, *asked) for _ in range(2))
    # 900 tokens in and 150 out at 0.15 and 0.60 USD per million: 0.000225 USD a call.
    assert (
        "asking for 40: at most 40 calls" in first.stdout
        and "cost now: 40 verdicts, 36,000 tokens in, 6,000 out, 0.0090 USD" in first.stdout
    )
    assert "asking for 0: nothing" in second.stdout and "40 from the ledger" in second.stdout
    listed = command(tmp_path, server.url, "ledger", "--export", "calls.parquet", "--parse-again")
    assert "40 calls written to calls.parquet" in listed.stdout
    assert "0 preferences changed" in listed.stdout
    assert "gpt-4o-mini" in listed.stdout and "0.009" in listed.stdout
    assert "sk-secret" not in first.stdout + first.stderr + listed.stdout


def test_a_ledger_that_is_not_there_is_an_error(tmp_path):
    done = command(tmp_path, "http://127.0.0.1:1/v1", "ledger")
    assert (done.returncode, done.stderr) == (1, "error: there is no ledger at runs/verdicts.sqlite\n")
