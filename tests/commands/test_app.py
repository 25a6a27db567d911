"""The command line as its users meet it: help, misspellings, messages in place of tracebacks, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from sp3f_lib.commands import app, main
from sp3f_lib.pipeline import models
from sp3f_lib.profiles import ProfileError
from sp3f_lib.runs import StageError, Stopped

from ..toy import REPOSITORY, TOY

VERBS = sorted(command.name or command.callback.__name__ for command in app.registered_commands if not command.hidden)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- help


def test_the_help_names_every_verb_in_a_group(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert {"data", "base", "train", "evaluate", "pairs", "seeds", "ablations", "reproduce", "judge", "ledger"} <= {*VERBS}
    assert all(f"│ {verb} " in said for verb in VERBS)
    assert all(f"─ {group} ─" in said for group in ("Make models and their results", "Look at them", "Judges"))
    assert main(["-h"]) == 0
    assert capsys.readouterr().out == said


def test_without_a_verb_the_help_is_shown(capsys):
    assert main([]) == 2
    assert "sp3f reproduce" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_it_does_and_explains_each_option(capsys, verb):
    assert main([verb, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"Usage: sp3f {verb} " in said
    (command,) = (command for command in app.registered_commands if (command.name or command.callback.__name__) == verb)
    assert command.callback.__doc__.split()[0] in said
    assert "--traceback" not in said  # an option of `sp3f` itself


# ---- what is misspelt


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian", "sp3f"], "Did you mean 'train'?"),
        (["train"], "Missing argument 'NAME'"),
        (["train", "sp3f", "--profil", "lab"], "--profile"),
        (["train", "sp3f", "--seed", "one"], "Invalid value for '--seed'"),
        (["train", "sp3f", "--arm", "sp3f"], "No such option: --arm"),
        (["grpo"], "No such command 'grpo'"),
        (["train", "sp3f", "--traceback"], "No such option: --traceback"),
    ],
)
def test_usage_that_cannot_be_ends_with_2(folder, capsys, arguments, message):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "sp3"], "unknown model 'sp3'; nearest known: 'sp3f'"),
        (["evaluate", "icr"], "unknown model 'icr'; nearest known: 'icr_1'"),
        (["train", "sp3f", "--profile", "lap"], "unknown profile 'lap'; nearest known: 'laptop'"),
        (["train", "sp3f", "--regime", "clod"], "unknown regime 'clod' in profile lab; nearest known: 'cold'"),
        (["train", "sp3f", "--set", "grpo.max_stpes=1"], "unknown key grpo.max_stpes; nearest known: 'max_steps'"),
        (["train", "sp3f", "--set", "grpo.max_steps"], "--set grpo.max_steps: write KEY=VALUE, such as grpo.max_steps=20"),
        (["train", "sft", "--set", "sft.max_steps=0"], "profile lab: sft.max_steps must be positive, not 0"),
        (["train", "rlvr", "--set", "grpo.max_steps=0"], "profile lab: grpo.max_steps must be positive, not 0"),
        (["pairs", "sp3f"], "'sp3f' is not trained on pairs; pairs have dpo, dpo_graded, dpo_reference, icr_1, "),
        (["pairs", "lidr_sft"], "'lidr_sft' is not trained on pairs"),
        (["pairs", "icr_1", "--export", "pairs.csv"], "--export pairs.csv: pairs are written as .jsonl or .parquet"),
        (["seeds", "--seeds", "cold=a-b"], "--seeds cold=a-b: write REGIME=FIRST-LAST, such as cold=0-9"),
        (["seeds", "--arm", "sp3"], "unknown model 'sp3'; nearest known: 'sp3f'"),
        (["reproduce"], "there is no notebooks/ here: run this in the repository's folder"),
        (["ledger", "nowhere.sqlite"], "nowhere.sqlite"),
    ],
)
def test_what_is_wrong_is_one_message_and_nothing_is_made(folder, capsys, arguments, message):
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said
    assert not list(folder.iterdir())


def test_processes_of_a_launcher_are_sent_away(folder, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    for command in (["data"], ["train", "sft"], ["evaluate", "sft"]):
        assert main([*command, "--profile", str(TOY)]) == 1
        assert "started several times, by torchrun or accelerate launch" in capsys.readouterr().err
    assert not list(folder.iterdir())


# ---- exit codes


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (StageError("no room"), 1, "error: no room\n"),
        (OSError("no disk"), 1, "error: no disk\n"),
        (Stopped("stopped at step 3"), 75, "stopped at step 3\n"),
        (KeyboardInterrupt(), 130, "stopped; the same command goes on from here\n"),
    ],
    ids=["error", "system", "stopped", "interrupted"],
)
def test_how_a_stage_ended_is_the_exit_code(monkeypatch, capsys, error, code, message):
    def fail(profile):
        raise error

    monkeypatch.setitem(models.STAGES, "data", fail)
    assert main(["data", "--profile", str(TOY)]) == code
    assert capsys.readouterr().err == message


def test_an_error_of_ours_keeps_its_traceback(monkeypatch):
    def fail(profile):
        raise TypeError("a bug")

    monkeypatch.setitem(models.STAGES, "data", fail)
    with pytest.raises(TypeError, match="a bug"):
        main(["data", "--profile", str(TOY)])


def test_a_traceback_is_shown_where_it_is_asked_for_and_not_in_the_next_command(capsys):
    with pytest.raises(ProfileError, match="unknown model 'sp3'"):
        main(["--traceback", "train", "sp3"])
    assert main(["train", "sp3"]) == 1


def test_the_last_line_says_where_the_stage_is(capsys):
    assert main(["data", "--profile", str(TOY)]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert Path(last.removeprefix("finished: "), "eval.parquet").is_file()


def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m sp3f_lib settings | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")
