"""Preference training from outside: profiles and models that cannot be used, and kill -9 in the middle."""

import copy
import json
import os
import random
import signal
import subprocess
import sys

import pytest

from sp3f_lib.base.model import new_model
from sp3f_lib.generation import local as generate
from sp3f_lib.profiles import load_profile, save_profile
from sp3f_lib.training.checks import check_loss
from sp3f_lib.training.preference import train_preference

from ..toy import REPOSITORY, TOY
from .pairs import make_pair, sums

LONG = "Maria buys more apples: 5 + 3 = 8. Maria loses apples: 8 - 4 = 4. Therefore, the answer is 4."
PAIRS = [*sums(6), make_pair(6, LONG, "It is 4."), make_pair(7, "It is 4.", LONG)]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "preference.loss_type must be .sigmoid, sft., not None"),
        ({"loss_type": ["sigmoid"]}, "loss_type must be"),
        ({"loss_type": ["sigmoid", "sft"], "loss_weights": [0.5, 1.0]}, r"must be \[1\.0, alpha\]"),
        ({"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, -1.0]}, "alpha >= 0"),
        ({"loss_type": ["sigmoid", "sft"], "label_smoothing": 0.1}, "label_smoothing belongs to a loss"),
    ],
)
def test_another_loss_is_refused(section, message):
    with pytest.raises(ValueError, match=message):
        check_loss(section)


def test_another_loss_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(ValueError, match="loss_type must be"):
        train_preference(tmp_path, load_profile(TOY, {"preference.loss_type": ["ipo"]}), "./nowhere", PAIRS)


def test_the_reference_is_loaded_as_the_model_was(start, tmp_path, monkeypatch):
    calls, load = [], generate.load_model
    monkeypatch.setattr(generate, "load_model", lambda *args: calls.append(args) or load(*args))
    profile = load_profile(TOY, {"model.revision": "v2", "preference.max_steps": 1})
    train_preference(tmp_path, profile, str(start / "model"), PAIRS)
    assert calls == [(str(start / "model"), "float32", "v2")] * 2


def test_a_start_model_without_tokenizer_or_template_is_named(tokenizer, tmp_path):
    profile = load_profile(TOY)
    new_model(profile.lab, tokenizer, 0).save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="has no tokenizer"):
        train_preference(tmp_path / "run", profile, str(tmp_path / "model"), PAIRS)
    bare = copy.deepcopy(tokenizer)
    bare.chat_template = None
    bare.save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="has no chat template"):
        train_preference(tmp_path / "run", profile, str(tmp_path / "model"), PAIRS)


KILLED = """
import json, os, signal, sys
from pathlib import Path
from sp3f_lib.machine import set_up
from sp3f_lib.profiles import load_profile
from sp3f_lib.training import common
from sp3f_lib.training.preference import train_preference

toy, start, directory, where, step, pairs = sys.argv[1:]
original = getattr(common.Recorder, where)

def killing(self, args, state, control, **kwargs):
    if state.global_step == int(step):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, args, state, control, **kwargs)

setattr(common.Recorder, where, killing)
set_up(1)
train_preference(Path(directory), load_profile(toy), start, json.loads(pairs))
"""


def test_a_run_killed_twice_ends_with_the_same_weights_and_metrics(start, tmp_path, capsys):
    profile, model = load_profile(TOY, {"preference.max_length": 34}), str(start / "model")
    toy, calm, killed = save_profile(profile, tmp_path / "toy.yaml"), tmp_path / "calm", tmp_path / "killed"
    train_preference(calm, profile, model, PAIRS)
    assert "2 of 8 pairs are left out" in capsys.readouterr().out
    rng = random.Random(3)
    # Between two checkpoints or right after one, then while a later one is being saved.
    for where, step in (("on_step_end", rng.choice([1, 2, 3])), ("on_save", rng.choice([4, 6]))):
        command = [sys.executable, "-c", KILLED, str(toy), model, str(killed), where, str(step), json.dumps(PAIRS)]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        stopped = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert stopped.returncode == -signal.SIGKILL, stopped.stdout + stopped.stderr
    train_preference(killed, profile, model, PAIRS)
    assert "goes on from step" in capsys.readouterr().out
    for name in ("model/model.safetensors", "metrics.jsonl"):
        assert (killed / name).read_bytes() == (calm / name).read_bytes()
    first, *_, last = [json.loads(line) for line in (calm / "metrics.jsonl").read_text().splitlines()]
    assert first["loss/dpo"] == pytest.approx(0.693147, rel=1e-5)  # before the first update, policy = reference
    assert last["loss"] == pytest.approx(last["loss/dpo"] + last["loss/nll"], rel=1e-3)
    assert last["loss"] < first["loss"]
