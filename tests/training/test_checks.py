"""Input that cannot train is refused before the first step, with what to change; what can train is let through."""

import math
from importlib.util import find_spec
from pathlib import Path

import pytest

from sp3f_lib.data.pairs import export_pairs
from sp3f_lib.data.schema import read_rows
from sp3f_lib.profiles import ProfileError, load_profile, profile_names
from sp3f_lib.rewards import verifiable
from sp3f_lib.runs import StageError
from sp3f_lib.training.checks import (
    RewardError,
    check_machine,
    check_rows,
    check_settings,
    generation_batch,
    guarded,
)

from ..toy import TOY
from .pairs import make_pair

TWO = {"launch.accelerate": "ddp", "launch.processes": 2}


# ---- the profile alone


@pytest.mark.parametrize("name", profile_names())
def test_the_shipped_profiles_can_train(name):
    profile = load_profile(name)
    for kind in ("base", "sft", "grpo"):
        check_settings(profile, kind)


@pytest.mark.parametrize("key", ["per_device_train_batch_size", "gradient_accumulation_steps", "save_steps"])
@pytest.mark.parametrize("kind", ["base", "sft", "grpo"])
def test_batches_of_nothing_are_refused(kind, key):
    with pytest.raises(ProfileError, match=rf"{kind}\.{key} is 0; give a number above 0"):
        check_settings(load_profile(TOY, {f"{kind}.{key}": 0}), kind)


def test_the_batch_counts_all_processes():
    assert generation_batch(load_profile(TOY)) == 4 * 2
    assert generation_batch(load_profile(TOY, TWO)) == 4 * 2 * 2
    assert generation_batch(load_profile(TOY, {"grpo.steps_per_generation": 3})) == 4 * 3
    assert generation_batch(load_profile("paper")) == 256


def test_a_batch_that_is_no_whole_groups_is_refused():
    with pytest.raises(ProfileError, match=r"6 completions a step .* are no whole groups of 4"):
        check_settings(load_profile(TOY, {"grpo.per_device_train_batch_size": 3}), "grpo")
    # In two processes the same numbers make 12, which are.
    check_settings(load_profile(TOY, TWO | {"grpo.per_device_train_batch_size": 3}), "grpo")


def test_a_group_of_one_is_refused():
    with pytest.raises(ProfileError, match="num_generations is 1"):
        check_settings(load_profile(TOY, {"grpo.num_generations": 1}), "grpo")


def test_vllm_without_room_for_prompts_or_with_odd_parallelism_is_refused():
    vllm = {"grpo.use_vllm": True, "grpo.max_completion_length": 64}
    with pytest.raises(ProfileError, match=r"vllm_max_model_length \(64\) must hold prompt and completion"):
        check_settings(load_profile(TOY, vllm | {"grpo.vllm_max_model_length": 64}), "grpo")
    check_settings(load_profile(TOY, vllm | {"grpo.vllm_max_model_length": 65}), "grpo")
    with pytest.raises(ProfileError, match=r"vllm_tensor_parallel_size \(4\) must divide launch\.processes \(2\)"):
        check_settings(load_profile(TOY, vllm | TWO | {"grpo.vllm_tensor_parallel_size": 4}), "grpo")


def test_the_loss_of_preference_training_is_checked_with_its_settings():
    check_settings(load_profile(TOY), "preference")
    with pytest.raises(ProfileError, match=r"preference\.loss_type must be \[sigmoid, sft\], not \['ipo'\]"):
        check_settings(load_profile(TOY, {"preference.loss_type": ["ipo"]}), "preference")


def test_references_computed_before_are_refused_in_several_processes():
    before = {"preference.precompute_ref_log_probs": True}
    check_settings(load_profile(TOY, before), "preference")
    with pytest.raises(ProfileError, match=r"works in one process, launch\.processes is 2; leave it away"):
        check_settings(load_profile(TOY, TWO | before), "preference")


# ---- the machine


@pytest.mark.parametrize("there, refused", [(0, True), (1, True), (2, False)])
def test_more_gpus_than_there_are_are_refused(monkeypatch, there, refused):
    monkeypatch.setattr("torch.cuda.device_count", lambda: there)
    profile = load_profile(TOY, TWO | {"sft.use_cpu": False})
    if refused:
        with pytest.raises(StageError, match=f"trains on 2 GPUs a machine, this one has {there}; set launch.processes"):
            check_machine(profile, "sft")
    else:
        check_machine(profile, "sft")


def test_gpus_are_counted_by_machine(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    check_machine(load_profile(TOY, TWO | {"launch.machines": 2, "sft.use_cpu": False}), "sft")


def test_the_cpu_needs_no_gpu_but_shards_nothing(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    check_machine(load_profile(TOY, TWO), "sft")
    with pytest.raises(StageError, match="fsdp2 does not shard on a CPU"):
        check_machine(load_profile(TOY, TWO | {"launch.accelerate": "fsdp2"}), "sft")


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_vllm_that_is_not_installed_is_named():
    with pytest.raises(StageError, match=r"grpo\.use_vllm: vLLM is not installed here"):
        check_machine(load_profile(TOY, {"grpo.use_vllm": True}), "grpo")


@pytest.mark.skipif(find_spec("deepspeed") is not None, reason="DeepSpeed is installed")
def test_deepspeed_that_is_not_installed_is_named():
    with pytest.raises(StageError, match="zero3 needs DeepSpeed"):
        check_machine(load_profile(TOY, TWO | {"launch.accelerate": "zero3"}), "sft")


# ---- the rows


@pytest.fixture(scope="module")
def longest(start, tokenizer) -> tuple[int, int]:
    """Tokens of the longest of the twelve prompts, and how many are as long."""
    lengths = [
        len(tokenizer.apply_chat_template(row["input"], add_generation_prompt=True, return_dict=True)["input_ids"])
        for row in read_rows(start / "rows.parquet")
    ]
    return max(lengths), lengths.count(max(lengths))


def test_a_prompt_that_leaves_no_room_for_its_answer_is_counted_and_measured(start, longest):
    length, many = longest
    given = "sft", str(start / "model"), start / "rows.parquet"
    check_rows(load_profile(TOY, {"sft.max_length": length + 1}), *given)
    with pytest.raises(
        StageError, match=rf"sft: {many} of 12 prompts leave no room .* within {length}: .* {length} tokens; raise sft"
    ):
        check_rows(load_profile(TOY, {"sft.max_length": length}), *given)


def test_prompt_and_completion_together_must_fit_into_the_models_context(start, longest):
    length, many = longest
    given, room = ("grpo", str(start / "model"), start / "rows.parquet"), 2048 - length  # the lab model's context
    check_rows(load_profile(TOY, {"grpo.max_completion_length": room}), *given)
    with pytest.raises(StageError, match=rf"grpo: {many} of 12 prompts .* {room + 1} more tokens within 2048"):
        check_rows(load_profile(TOY, {"grpo.max_completion_length": room + 1}), *given)


def write_pairs(path: Path, chosen: str, rejected: str = "5") -> Path:
    return export_pairs([make_pair(1, chosen, rejected)] * 2, path)


def test_pairs_are_read_and_checked_before_a_model_is_loaded(start, tmp_path):
    arguments = load_profile(TOY), "preference", str(start / "model")
    check_rows(*arguments, write_pairs(tmp_path / "good.jsonl", "4"))
    with pytest.raises(StageError, match=r"preference: pair 0 \(id p1\): 'chosen' and 'rejected' are the same text"):
        check_rows(*arguments, write_pairs(tmp_path / "same.jsonl", "5"))
    with pytest.raises(StageError, match=r"preference: there is no file .*nowhere\.jsonl"):
        check_rows(*arguments, tmp_path / "nowhere.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(StageError, match=r"empty\.jsonl has no pairs; look at the stage that makes them"):
        check_rows(*arguments, tmp_path / "empty.jsonl")
    (tmp_path / "cut.jsonl").write_text('{"id": "p", "pro')
    with pytest.raises(ValueError, match=r"cut\.jsonl, line 1: not JSON"):
        check_rows(*arguments, tmp_path / "cut.jsonl")


def test_pairs_beyond_the_models_context_are_left_out_or_refused(start, tmp_path):
    pairs = write_pairs(tmp_path / "long.jsonl", "4 " * 2100)  # the lab model's context has 2048 tokens
    pairs.write_text(pairs.read_text() + write_pairs(tmp_path / "short.jsonl", "4").read_text())
    check_rows(load_profile(TOY, {"preference.max_length": 2048}), "preference", str(start / "model"), pairs)
    for limit in (4 * 2048, None):
        with pytest.raises(
            StageError, match=r"2 of 4 pairs have more tokens than the model's context of 2048; set preference"
        ):
            profile = load_profile(TOY, {"preference.max_length": limit})
            check_rows(profile, "preference", str(start / "model"), pairs)


def test_a_reward_that_fails_on_the_rows_own_solutions_is_noticed_before_training(start, monkeypatch):
    def broken(completions, **_):
        raise KeyError("ground_truth")

    monkeypatch.setattr(verifiable, "accuracy", broken)
    with pytest.raises(RewardError, match="the reward broken failed on 1 responses: KeyError: 'ground_truth'"):
        check_rows(load_profile(TOY), "grpo", str(start / "model"), start / "rows.parquet")


# ---- rewards while training


COMPLETIONS = [[{"role": "assistant", "content": text}] for text in ("one", "two")]


def term(values):
    def made_up(completions, **_):
        return values

    return guarded([made_up])[0]


def test_a_guarded_reward_is_the_reward():
    assert term([1.0, 0])(COMPLETIONS, prompts=[]) == [1.0, 0]
    assert term([1.0, 0]).__name__ == "made_up"


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_reward_that_is_no_number_is_named_with_the_response(value):
    with pytest.raises(RewardError, match=f"the reward made_up gave {value}, not a number, for the response 'two'"):
        term([1.0, value])(COMPLETIONS)


def test_a_reward_for_too_few_responses_is_named():
    with pytest.raises(RewardError, match="made_up gave 1 values for 2 responses"):
        term([1.0])(COMPLETIONS)
