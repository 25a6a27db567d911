"""`sp3f show NAME` on real stages at toy size: before anything is made, in between, and the whole way back to the base."""

import json
import re
import time
from pathlib import Path

import pytest

from sp3f_lib.commands import main
from sp3f_lib.evaluation.score import read_samples, table

from ..toy import TOY


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def show(capsys, *arguments: str) -> list[str]:
    capsys.readouterr()
    assert main(["show", *arguments, "--profile", str(TOY)]) == 0
    return capsys.readouterr().out.splitlines()


def blocks(lines: list[str]) -> dict[str, list[str]]:
    """The lines of each model behind its heading, by its name."""
    parts = [part.split("\n") for part in "\n".join(lines).split("\n\n")[1:]]
    return {part[0].split(" <- ")[0]: part[1:] for part in parts if " <- " in part[0]}


def test_before_anything_is_made(folder, capsys):
    lines = show(capsys, "icr_2", "--regime", "common")
    assert lines[0] == "profile toy, regime common, seed 0: base <- icr_1 <- icr_2"
    assert "icr_2 <- icr_1, reference sft: ICR: DPO + NLL on pairs chosen by the implicit reward" in "\n".join(lines)
    assert all([line.strip() for line in said] == ["not made yet"] for said in blocks(lines).values())
    assert list(blocks(lines)) == ["base", "sft", "icr_1", "icr_2"]
    assert lines[-2] == "icr_2 is not made yet. This makes it (with --dry-run it says what that takes):"
    assert lines[-1] == f"  sp3f train icr_2 --profile {TOY} --regime common"
    assert not Path("runs").exists()


def test_the_shipped_base_is_there_from_the_beginning(folder, capsys):
    assert main(["show", "base"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[2] == "base <- lab (shipped): the base model" and said[3].endswith("lab/base-0/model")
    assert said[-2:] == ["not evaluated yet. This does it:", "  sp3f evaluate base"]
    assert main(["show", "base", "--model", "Qwen/Qwen2.5-7B"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "model.path: Qwen/Qwen2.5-7B, not lab as in the profile"
    assert said[3] == "base <- Qwen/Qwen2.5-7B: the base model" and said[4].endswith(" Qwen/Qwen2.5-7B")


def test_settings_that_are_not_the_profiles(folder, capsys):
    lines = show(
        capsys, "judge_unprivileged", "--set", "grpo.max_steps=20", "--set", "judge.schedule=all_ordered", "--seed", "3"
    )
    assert lines[0].startswith("profile toy, regime warm, seed 3: ")
    assert lines[1:3] == [
        "grpo.max_steps: 20, not 6 as in the profile",
        "judge.schedule: all_ordered, not balanced as in the profile",
    ]
    assert lines[-1].endswith(" --seed 3 --set grpo.max_steps=20 --set judge.schedule=all_ordered")
    assert blocks(lines)["judge_unprivileged"][0] == "  judge.privilege: none, not solution as in the profile"
    lines = show(capsys, "sp3f_implicit", "--regime", "common")
    assert any(line.startswith("sp3f_implicit <- sft, asks dpo and sft: ") for line in lines)


def test_what_cannot_be_made_is_refused(folder, capsys):
    assert main(["show", "icr_9x"]) == 1 and "unknown model 'icr_9x'" in capsys.readouterr().err
    assert main(["show", "icr_1"]) == 1
    assert "icr_1 needs the section preference, which is empty; --regime common has it" in capsys.readouterr().err


def test_the_whole_way_back_to_the_base(folder, capsys):
    common = ["--profile", str(TOY), "--regime", "common"]
    assert main(["pairs", "icr_1", *common]) == 0
    halfway = blocks(show(capsys, "icr_1", "--regime", "common"))
    assert halfway["sft"][-1].strip() == "not evaluated yet" and halfway["icr_1"][-1].strip() == "not made yet"
    assert [line.split()[0] for line in halfway["icr_1"]] == ["prompts", "responses", "scores", "pairs", "not"]

    assert main(["evaluate", "icr_1", *common]) == 0
    told = capsys.readouterr().out.splitlines()
    assert any(line.startswith("18 answers, sampled and greedy ones.") for line in told)
    (everything,) = [line.split() for line in told if line.split()[:1] == ["all"]]
    (sw,) = [line.split() for line in told if line.split()[:1] == ["sw"]]
    lines = show(capsys, "icr_1", "--regime", "common")
    stages = [json.loads(path.read_text()) for path in folder.glob("runs/toy/*/*/manifest.json")]
    assert lines[-1].startswith(f"{len(stages)} stages are finished, ")
    (data,) = folder.glob("runs/toy/data/*")
    assert re.match(rf"  rows: eval 6, rl 24, sft 16 +runs/toy/data/{data.name}, \d+ s, \d\.\d GB$", lines[2])
    made = blocks(lines)
    assert [line.split()[0] for line in made["icr_1"]] == [
        "prompts", "responses", "scores", "pairs", "model", "samples", "results", "12",
    ]  # fmt: skip
    assert made["icr_1"][1].split()[1] == "36"  # 6 prompts in 2 languages, 3 responses to each
    for line in made["icr_1"][:-2]:  # the folder's name is the key
        where = Path(re.search(r"runs/toy/[\w-]+/[0-9a-f]{12}", line)[0])
        assert (where / "manifest.json").is_file()
    evaluated = Path(re.search(r"runs/toy/evaluation\S+(?=,)", made["icr_1"][-3])[0])
    samples = read_samples({"": evaluated})
    accuracy, tokens = table(samples).iloc[0], samples[~samples.greedy].tokens.mean()
    span = f"accuracy {100 * accuracy['mean']:.1f} [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}] %"
    assert span in made["icr_1"][-2] and made["icr_1"][-2].endswith(f", {tokens:.1f} tokens an answer")
    right = f"{100 * samples[samples.greedy].accuracy.mean():.1f}"
    said = "12 sampled answers to 3 problems, 95 % intervals over problems"
    assert made["icr_1"][-1].strip() == f"{said}; 6 greedy answers beside: {right} % right"
    # The same numbers as `sp3f evaluate` gave: accuracy, interval, length, problems, sampled answers.
    assert everything[1] == f"{100 * accuracy['mean']:.1f}" and everything[-5:] == [f"{tokens:.1f}", "3", "12", "6", right]
    assert sw[-4:-1] == ["3", "6", "3"]
    # Another setting is another model, whose beginning is the same.
    other = blocks(show(capsys, "icr_1", "--regime", "common", "--set", "preference.beta=0.2"))
    assert other["icr_1"][:4] == made["icr_1"][:4] and other["icr_1"][-1].strip() == "not made yet"


def test_to_look_makes_nothing(folder, capsys):
    assert main(["data", "--profile", str(TOY)]) == 0
    (stage,) = folder.glob("runs/toy/data/*")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    time.sleep(0.01)
    lines = show(capsys, "sp3f")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert f"runs/toy/data/{stage.name}" in lines[2]
