"""Preference training from outside: pairs and profiles that cannot be used, and kill -9 in the middle."""

import copy
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sp3f_lib.evaluation import generate
from sp3f_lib.profiles import load_profile, save_profile
from sp3f_lib.runs import StageError
from sp3f_lib.training.checks import check_loss
from sp3f_lib.training.common import set_up
from sp3f_lib.training.lab_model import new_model, train_tokenizer
from sp3f_lib.training.preference import fitting_pairs, train_preference

REPOSITORY = Path(__file__).parents[2]
TOY = REPOSITORY / "tests" / "toy.yaml"
SHORT, LONG = "It is 4.", "Maria buys more apples: 5 + 3 = 8. Maria loses apples: 8 - 4 = 4. Therefore, the answer is 4."


def message(role, content):
    return [{"role": role, "content": content}]


def make_pair(number, chosen, rejected):
    return {
        "id": f"p{number}",
        "lang": "en",
        "prompt": message("user", f"{number} + 3?"),
        "chosen": message("assistant", chosen),
        "rejected": message("assistant", rejected),
    }


PAIRS = [make_pair(n, f"{n} + 3 = {n + 3}.", f"{n} + 3 = {n + 4}. So it is {n + 4}.") for n in range(6)]
PAIRS += [make_pair(6, LONG, SHORT), make_pair(7, SHORT, LONG)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """(tokenizer, directory of the start model)."""
    set_up(1)
    recipe, folder = load_profile(TOY).lab, tmp_path_factory.mktemp("start")
    tokenizer = train_tokenizer(recipe, ("en",), folder)
    new_model(recipe, tokenizer, 0).save_pretrained(folder)
    return tokenizer, folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chosen": message("assistant", " \n")}, r"pair 1 \(id p1\): 'chosen' must be .* not empty"),
        ({"rejected": []}, r"pair 1 \(id p1\): 'rejected' must be"),
        ({"chosen": "4."}, r"'chosen' must be a list of messages.*'4\.'"),
        ({"chosen": [{"role": "assistant", "content": None}]}, "'chosen' must be a list of messages"),
        ({"prompt": "1 + 3?"}, r"pair 1 \(id p1\): 'prompt' must be a list of messages .* not '1 \+ 3\?'"),
        ({"chosen": message("user", "4.")}, "the assistant's"),
        ({"chosen": PAIRS[1]["rejected"]}, r"pair 1 \(id p1\): 'chosen' and 'rejected' are the same text"),
    ],
)
def test_a_pair_without_two_different_answers_is_named(lab, change, message):
    with pytest.raises(StageError, match=message):
        fitting_pairs([PAIRS[0], PAIRS[1] | change], lab[0], None, "icr")


def test_a_missing_column_is_named(lab):
    with pytest.raises(StageError, match="pair 0 has no rejected; it has prompt, chosen, reject"):
        fitting_pairs([{"prompt": [], "chosen": [], "reject": []}], lab[0], None, "icr")


def test_no_pairs_stop_the_stage(lab):
    with pytest.raises(StageError, match="icr: there are no pairs"):
        fitting_pairs([], lab[0], None, "icr")


def test_a_pair_is_left_out_whole_if_either_side_does_not_fit(lab):
    def tokens(pair, side):
        return len(lab[0].apply_chat_template(pair["prompt"] + pair[side], return_dict=True)["input_ids"])

    limit = tokens(PAIRS[0], "rejected")  # the longer side of the first six, which have the same length
    assert tokens(PAIRS[6], "rejected") < limit < tokens(PAIRS[6], "chosen")
    assert tokens(PAIRS[7], "chosen") < limit < tokens(PAIRS[7], "rejected")
    kept = [{key: pair[key] for key in ("prompt", "chosen", "rejected")} for pair in PAIRS[:6]]
    assert fitting_pairs(PAIRS, lab[0], limit, "icr") == kept
    assert fitting_pairs(PAIRS[:6] * 2, lab[0], limit, "icr") == kept * 2
    with pytest.raises(StageError, match=f"none of 8 pairs fits into {limit - 1} tokens"):
        fitting_pairs(PAIRS, lab[0], limit - 1, "icr")


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


def test_the_reference_is_loaded_as_the_model_was(lab, tmp_path, monkeypatch):
    calls, load = [], generate.load_model
    monkeypatch.setattr(generate, "load_model", lambda *args: calls.append(args) or load(*args))
    profile = load_profile(TOY, {"model.revision": "v2", "preference.max_steps": 1})
    train_preference(tmp_path, profile, str(lab[1]), PAIRS)
    assert calls == [(str(lab[1]), "float32", "v2")] * 2


def test_a_start_model_without_tokenizer_or_template_is_named(lab, tmp_path):
    profile, (tokenizer, _) = load_profile(TOY), lab
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
common.set_up(1)
train_preference(Path(directory), load_profile(toy), start, json.loads(pairs))
"""


def test_a_run_killed_twice_ends_with_the_same_weights_and_metrics(lab, tmp_path, capsys):
    profile, start = load_profile(TOY, {"preference.max_length": 34}), lab[1]
    toy, calm, killed = save_profile(profile, tmp_path / "toy.yaml"), tmp_path / "calm", tmp_path / "killed"
    train_preference(calm, profile, str(start), PAIRS)
    assert "2 of 8 pairs are left out" in capsys.readouterr().out
    rng = random.Random(3)
    # Between two checkpoints or right after one, then while a later one is being saved.
    for where, step in (("on_step_end", rng.choice([1, 2, 3])), ("on_save", rng.choice([4, 6]))):
        command = [sys.executable, "-c", KILLED, str(toy), str(start), str(killed), where, str(step), json.dumps(PAIRS)]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        stopped = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert stopped.returncode == -signal.SIGKILL, stopped.stdout + stopped.stderr
    train_preference(killed, profile, str(start), PAIRS)
    assert "goes on from step" in capsys.readouterr().out
    for name in ("model/model.safetensors", "metrics.jsonl"):
        assert (killed / name).read_bytes() == (calm / name).read_bytes()
    first, *_, last = [json.loads(line) for line in (calm / "metrics.jsonl").read_text().splitlines()]
    assert first["loss/dpo"] == pytest.approx(0.693147, rel=1e-5)  # before the first update, policy = reference
    assert last["loss"] == pytest.approx(last["loss/dpo"] + last["loss/nll"], rel=1e-3)
    assert last["loss"] < first["loss"]
