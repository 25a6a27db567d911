"""What decides a model's weights is in its key: files of its trainer, settings; what may differ between machines is not."""

import re

import pytest

from sp3f_lib.methods.models import apply_changes, asked
from sp3f_lib.pipeline.trainings import CODE, code_of, settings_of, where_trained
from sp3f_lib.profiles import load_profile
from sp3f_lib.runs import PACKAGE, code_hash

from ..toy import TOY

TRAINERS = {"sft": "sft.py", "alignment": "sft.py", "preference": "preference.py", "grpo": "policy.py"}
# Files of training/ that watch, store, refuse or write down, and change no weight.
_BESIDE = {
    "alarms.py",
    "checkpoints.py",
    "checks.py",
    "metrics.py",
    "processes.py",
    "samples.py",
    "tokens.py",
    "tracking.py",
}


def imported(name: str) -> set[str]:
    """The files of training/ that one of them imports, directly or through others but those beside."""
    found, waiting = set(), [name]
    while waiting:
        if (one := waiting.pop()) not in found | _BESIDE:
            found.add(one)
            text = (PACKAGE / "training" / one).read_text(encoding="utf-8")
            waiting += [f"{module}.py" for module in re.findall(r"sp3f_lib\.training\.([a-z_]+)", text)]
    return found


@pytest.mark.parametrize("kind", CODE)
def test_no_file_of_a_trainer_is_forgotten(kind):
    everything = load_profile(TOY, {"hint.use": True, "teacher.use": True})
    code = code_of(everything, kind, {"judge.model": "m"})
    assert {f"training/{name}" for name in imported(TRAINERS[kind])} <= {*code}
    assert code_hash(*code)  # all are there
    assert len(set(code)) == len(code)


def settings(name: str, section: str, **changes) -> dict:
    profile = apply_changes(load_profile(TOY, changes), name)
    return settings_of(where_trained(profile, section, "start"), section, asked(profile))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"threads": 2},
        {"grpo.max_steps": 7},
        {"rewards.accuracy": 0.5},
        {"judge.schedule": "all_ordered"},
        {"model.torch_dtype": "bfloat16"},
        {"lora.r": 4},
        {"launch.accelerate": "ddp", "launch.processes": 2},
    ],
)
def test_what_decides_the_weights_is_another_key(changes):
    assert settings("sp3f", "grpo", **changes) != settings("sp3f", "grpo")


@pytest.mark.parametrize(
    "changes",
    [
        {"grpo.vllm_server_host": "node2"},
        {"judge.ledger": "elsewhere.sqlite"},
        {"judge.max_retries": 1},
        {"sft.max_steps": 7},
        {"tracking.samples_every": 1},
        {"alarms.window": 5},
        {"evaluation.samples": 3},
        {"launch.grace_seconds": 1.0},
        {"parallel": 1},
    ],
)
def test_what_decides_nothing_is_the_same_key(changes):
    assert settings("sp3f", "grpo", **changes) == settings("sp3f", "grpo")


def test_a_judge_that_is_not_asked_is_in_no_key():
    assert settings("rlvr", "grpo")["judge"] is None
    assert settings("rlvr", "grpo", **{"judge.privilege": "wrong"}) == settings("rlvr", "grpo")


def test_models_in_the_place_of_names_are_inputs_and_no_settings():
    judge = settings("sp3f_implicit", "grpo")["judge"]
    assert (judge["model"], judge["reference_model"]) == (None, None)
    assert settings("sp3f_implicit", "grpo", **{"judge.beta": 0.2})["judge"] != judge


def test_a_revision_is_that_of_the_base_model_alone():
    profile = load_profile(TOY, {"model.path": "a/b", "model.revision": "v2"})
    assert where_trained(profile, "sft", "a/b").model.revision == "v2"
    assert where_trained(profile, "grpo", "runs/toy/sft-warm/key/model").model.revision is None


def test_dpo_is_trained_as_preference_by_its_own_section():
    profile = load_profile(TOY, {"dpo.max_steps": 9})
    assert where_trained(profile, "dpo", "start").preference == profile.dpo
    assert settings_of(profile, "dpo", {})["dpo"]["max_steps"] == 9
