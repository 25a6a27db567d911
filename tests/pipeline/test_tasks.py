"""Tasks through the real stages at toy size: made, found again, killed and resumed, scored anew without asking the model."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sp3f_lib.commands.app import main
from sp3f_lib.evaluation.score import SAMPLES

from ..toy import TOY

OPTIONS = ("red", "blue", "green", "black")
CHANGES = ["--set", "base.max_steps=2", "--set", "lab.problems=32", "--set", "evaluation.max_new_tokens=6"]
COMMAND = ["evaluate", "base", "--profile", str(TOY), *CHANGES]


@pytest.fixture
def task(folder) -> list[str]:
    """The options that choose a task of one's own: 300 questions in English, 3 in German, which the profile does not ask for."""
    about = {
        "about": "colours", "kind": "choice", "languages": {"en": "en", "de": "de"}, "file": "{config}.jsonl", "gold": "right",
        "question": "{text}", "options": ["a", "b", "c", "d"], "gold_is": "letter", "cluster": "text",
    }  # fmt: skip
    (folder / "colours.yaml").write_text(yaml.safe_dump(about))
    for lang, count in (("en", 300), ("de", 3)):
        rows = [
            {"text": f"Which is {k // 2}?", "right": "ABCD"[k % 4], **dict(zip("abcd", OPTIONS, strict=True))}
            for k in range(count)
        ]
        (folder / f"{lang}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return ["--task", "colours.yaml", "--folder", str(folder)]


def finished(said: str) -> list[Path]:
    return [Path(found) for found in re.findall(r"^finished: (.+)$", said, re.MULTILINE)]


def test_one_command_evaluates_a_model_on_a_task(folder, task, capsys):
    assert main([*COMMAND, *task, "--set", "evaluation.limit=5"]) == 0
    said = capsys.readouterr().out
    assert "colours: no rows in sw; the tables are over en" in said and "en: 1 of 2" in said and "25.0" in said
    samples = pd.read_parquet(finished(said)[0] / SAMPLES)
    assert len(samples) == 5 * (2 + 1) and samples.groupby("problem").greedy.sum().eq(1).all()
    assert samples.gold.tolist() == [letter for letter in "ABCDA" for _ in range(3)] and samples.cluster.nunique() == 3
    # Languages that are asked for by name must be there.
    assert main([*COMMAND, *task, "--set", "evaluation.languages=[de]"]) == 0
    assert "de: 1 of 2" in capsys.readouterr().out
    assert main([*COMMAND, *task, "--set", "evaluation.languages=[de, sw]"]) == 1
    assert "colours has no Swahili (sw); it is in de, en" in capsys.readouterr().err


def test_tasks_of_the_profile_come_after_its_evaluation_problems(folder, task, capsys):
    chosen = [
        "--set",
        "evaluation.tasks=[colours.yaml]",
        "--set",
        f"evaluation.folder={folder}",
        "--set",
        "evaluation.limit=2",
    ]
    assert main([*COMMAND, *chosen]) == 0
    said = capsys.readouterr().out
    assert said.index("greedy right") < said.index("en: 1 of 2")
    of_task, of_problems = finished(said)
    assert "scores-colours-base" in str(of_task) and len(pd.read_parquet(of_task / SAMPLES)) == 6
    assert "evaluation-base" in str(of_problems) and len(pd.read_parquet(of_problems / SAMPLES)) == 3 * 2 * 3
    # Tasks do not change which evaluation of the problems this is.
    assert main(COMMAND) == 0
    assert finished(capsys.readouterr().out) == [of_problems]


def test_a_rule_that_changes_asks_no_model_again_and_a_second_task_only_for_itself(folder, task, capsys):
    limited = [*COMMAND, *task, "--set", "evaluation.limit=4"]
    assert main(limited) == 0
    (answers,) = folder.glob("runs/toy/answers-*/*/answers.parquet")
    made = answers.stat().st_mtime_ns
    first = finished(capsys.readouterr().out)
    (folder / "again.yaml").write_text((folder / "colours.yaml").read_text())
    assert main([*limited, "--task", "again.yaml", "--set", "rewards.threshold=0.1"]) == 0
    second = finished(capsys.readouterr().out)
    assert len(second) == 2 and second[0] != first[0] and second[0].parent == first[0].parent
    assert len(list(folder.glob("runs/toy/answers-colours-*/*/answers.parquet"))) == 1 and answers.stat().st_mtime_ns == made
    assert len(list(folder.glob("runs/toy/answers-again-*/*/answers.parquet"))) == 1
    # A changed row is another task.
    rows = (folder / "en.jsonl").read_text().replace("Which is 0?", "Which was 0?")
    (folder / "en.jsonl").write_text(rows)
    assert main(limited) == 0
    assert len(list(folder.glob("runs/toy/answers-colours-*/*/answers.parquet"))) == 2


def test_a_killed_evaluation_goes_on_where_it_was(folder, task, capsys):
    command = [*COMMAND, *task]
    child = subprocess.Popen(
        [sys.executable, "-m", "sp3f_lib", *command], env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 120
        while not (parts := sorted(folder.glob("runs/toy/answers-*/*/blocks/part-*.parquet"))):
            assert child.poll() is None and time.monotonic() < until
            time.sleep(0.005)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert not list(folder.glob("runs/toy/answers-*/*/manifest.json")), "the kill came too late to test anything"
    made = {path: path.stat().st_mtime_ns for path in parts}
    assert main(command) == 0
    assert all(path.stat().st_mtime_ns == when for path, when in made.items())
    resumed = pd.read_parquet(finished(capsys.readouterr().out)[0] / SAMPLES)
    assert len(resumed) == 900 and resumed.prompt.nunique() == 300
    # The same as without a kill.
    (folder / "runs").rename(folder / "killed")
    assert main(command) == 0
    whole = pd.read_parquet(finished(capsys.readouterr().out)[0] / SAMPLES)
    pd.testing.assert_frame_equal(resumed, whole)


def test_questions_that_leave_no_room_for_an_answer_are_counted(folder, task, capsys):
    rows = [json.loads(line) for line in (folder / "en.jsonl").read_text().splitlines()[:3]]
    rows[1]["text"] = "What falls? " * 600
    (folder / "en.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert main([*COMMAND, *task]) == 0
    said = capsys.readouterr().out
    assert "colours: of 3 questions 1 (1 in en) and an answer of 6 tokens are longer than the model's context of" in said


@pytest.mark.parametrize(
    "changes, message",
    [
        (["--task", "belebel"], "unknown task 'belebel'; nearest known: 'belebele'"),
        (["--task", "mgsm", "--folder", "."], "mgsm has none of"),
        (
            ["--task", "colours.yaml", "--task", "./colours.yaml", "--folder", "."],
            "colours.yaml have one name",
        ),
    ],
)
def test_what_cannot_be_is_said_before_a_model_is_made(folder, task, capsys, changes, message):
    assert main([*COMMAND, *changes]) == 1
    assert message in capsys.readouterr().err
    assert not list(folder.glob("runs/toy/base*"))
