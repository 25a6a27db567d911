"""The profiles in the repository: they load in every form, hold the published settings, and fit the real trainers."""

import pytest
from trl import DPOConfig, SFTConfig

from sp3f_lib.profiles import load_profile, profile_names, save_profile
from sp3f_lib.runs import content_hash

SHIPPED = pytest.mark.parametrize("name", profile_names())
WITH_GRPO = pytest.mark.parametrize("name", [name for name in profile_names() if load_profile(name).grpo])


def test_the_lab_profile_is_there():
    assert "lab" in profile_names()


@SHIPPED
def test_a_shipped_profile_loads_under_its_own_name(name):
    assert load_profile(name).name == name


@SHIPPED
def test_every_regime_of_a_shipped_profile_loads(name):
    for regime in load_profile(name).experiments:
        assert load_profile(name, regime=regime).regime == regime


@SHIPPED
@pytest.mark.parametrize("source", ["lab", "mgsm", "rows", "sp3f"])
def test_a_shipped_profile_loads_with_every_source(name, source):
    assert load_profile(name, source=source).data.source == source


@WITH_GRPO
def test_the_trainers_defaults_that_contradict_the_paper_are_set(name):
    grpo = load_profile(name).grpo
    expected = {"loss_type": "dr_grpo", "beta": 0.0, "epsilon": 0.2, "epsilon_high": 0.28, "num_generations": 8}
    assert {key: grpo[key] for key in expected} == expected
    assert grpo["scale_rewards"] in ("none", False)
    assert {"bf16", "gradient_checkpointing"} <= set(grpo)


@WITH_GRPO
def test_a_batch_of_a_shipped_profile_holds_whole_groups(name):
    grpo = load_profile(name).grpo
    completions = grpo["per_device_train_batch_size"] * grpo.get("gradient_accumulation_steps", 1)
    assert completions % grpo["num_generations"] == 0


@pytest.mark.skipif("paper" not in profile_names(), reason="there is no profile `paper` yet")
def test_the_paper_profile_holds_the_published_settings():
    profile, devices = load_profile("paper"), 8
    assert profile.model.path == "Qwen/Qwen2.5-7B"
    assert " ".join(sorted(profile.data.languages)) == "ar bn de en es fr hi id it ja ko pt ru sw te th yo zh"
    sft, grpo, evaluation = profile.sft, profile.grpo, profile.evaluation
    assert (sft["learning_rate"], sft["max_steps"], sft["max_length"]) == (1e-4, 1000, 4192)
    assert devices * sft["per_device_train_batch_size"] * sft.get("gradient_accumulation_steps", 1) == 16
    assert (grpo["learning_rate"], grpo["max_steps"], grpo["max_completion_length"]) == (5e-7, 500, 2048)
    assert devices * grpo["per_device_train_batch_size"] * grpo.get("gradient_accumulation_steps", 1) == 32 * 8
    assert (evaluation.samples, evaluation.temperature, evaluation.top_p, evaluation.max_new_tokens) == (8, 0.7, 0.8, 2048)
    rewards = profile.rewards
    assert (rewards.accuracy, rewards.parseable, rewards.fidelity, rewards.win_rate, rewards.threshold) == (1, 1, 1, 1, 0.7)
    assert (rewards.more, rewards.language_shape) == ({}, "add")  # nothing of ours
    assert (profile.judge.privilege, profile.judge.schedule) == ("solution", "all_ordered")


def test_the_icr_profile_holds_the_published_settings():
    profile = load_profile("paper_icr")
    methods, preference = profile.methods, profile.preference
    assert (methods.samples, methods.temperature, methods.top_p, methods.max_new_tokens) == (10, 0.9, 1.0, 2400)
    assert (methods.problems, methods.reference, methods.rewards) == (3000, "base", ("R_c",))
    assert [methods.upper_bound(iteration) for iteration in (1, 2, 3)] == [None, 500, 500]
    assert " ".join(profile.data.languages) == "en es ru de fr"
    assert (preference["beta"], preference["loss_type"], preference["loss_weights"]) == (0.1, ["sigmoid", "sft"], [1.0, 1.0])
    assert 8 * preference["per_device_train_batch_size"] * preference["gradient_accumulation_steps"] == 64


def test_the_lidr_profile_holds_the_published_settings():
    profile = load_profile("paper_lidr")
    methods, preference, alignment = profile.methods, profile.preference, profile.alignment
    assert (methods.repetition_penalty, methods.max_new_tokens, methods.problems, methods.start) == (1.1, 2400, 1000, "base")
    assert (preference["beta"], preference["loss_weights"], preference["lr_scheduler_type"]) == (0.1, [1.0, 1.0], "cosine")
    assert (preference["num_train_epochs"], preference["warmup_steps"], preference["learning_rate"]) == (1, 0.03, 5e-7)
    assert 8 * preference["per_device_train_batch_size"] * preference["gradient_accumulation_steps"] == 16
    assert (alignment["learning_rate"], alignment["num_train_epochs"]) == (1e-5, 3)
    assert 8 * alignment["per_device_train_batch_size"] * alignment["gradient_accumulation_steps"] == 128


@SHIPPED
@pytest.mark.parametrize("section, cls", [("dpo", DPOConfig), ("preference", DPOConfig), ("alignment", SFTConfig)])
def test_the_sections_of_icr_and_lidr_are_those_of_the_real_trainers(name, section, cls, tmp_path):
    profile = load_profile(name)
    settings = getattr(load_profile(name, regime=profile.methods.regime or profile.regime), section)
    on_a_cpu = {"bf16": False, "use_cpu": True}  # bf16 wants a GPU
    assert (
        not settings or cls(**settings | on_a_cpu | {"output_dir": str(tmp_path)}).learning_rate == settings["learning_rate"]
    )


@SHIPPED
def test_a_saved_profile_loads_as_it_was(name, tmp_path):
    profile = load_profile(name, {"grpo.max_steps": 7}, seed=3)
    (tmp_path / "profiles").mkdir()  # as in runs/<name>/profiles: elsewhere a shipped name is refused
    again = load_profile(save_profile(profile, tmp_path / "profiles" / "resolved.yaml"))
    assert again == profile
    # 0 == 0.0, but a stage's key is made of the text: child processes read the saved profile, and must find what was made.
    assert content_hash(again.model_dump()) == content_hash(profile.model_dump())
