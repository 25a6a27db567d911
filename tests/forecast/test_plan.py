"""The plan's arithmetic, computed by hand for a model of round numbers."""

import dataclasses

import pytest

from sp3f_lib.forecast.memory import lora_weights
from sp3f_lib.forecast.plan import batch_note, plan
from sp3f_lib.forecast.shape import Shape
from sp3f_lib.profiles import load_profile

# A billion weights, 10 layers of width 1,000 and 10 M weights, a vocabulary of 10,000, 2 key-value heads of width 50.
ROUND = Shape(10**9, 10**7, 10, 1000, 10**4, 2, 50)
GB = 1e9
SFT = {
    "sft.per_device_train_batch_size": 2,
    "sft.gradient_accumulation_steps": 4,
    "sft.max_length": 1000,
    "sft.max_steps": 30,
}


def of(stage, changes, tmp_path, shape=ROUND, **more):
    return plan(load_profile("lab", changes), stage, shape, tmp_path, **more)


def in_gb(parts):
    return {name: pytest.approx(size / GB) for name, size in parts.items()}


def test_float32_on_one_process(tmp_path):
    found = of("sft", SFT, tmp_path)
    assert (found.steps, found.rows_a_step, found.tokens_a_step) == (30, 8, 8000)
    # Weights, gradients and two moments of 4 bytes; 34 x 2 bytes x 2 rows x 1,000 tokens x 1,000 wide x 10 layers; the head's
    # gradient, 4 V x 1,000, and on a CPU nine tiles of 4 bytes x 2,000 tokens x V.
    assert in_gb(found.training) == {
        "weights": 4.0, "gradients": 4.0, "optimizer": 8.0, "activations": 1.36, "logits": 0.04 + 0.72,
        "libraries": 0.9,
    }  # fmt: skip
    assert found.needed == pytest.approx(19.02 * GB)


def test_the_logits_of_a_gpu_are_one_tile_however_many_tokens_there_are(tmp_path):
    changes = SFT | {"sft.use_cpu": False, "sft.per_device_train_batch_size": 100}
    found = of("sft", changes, tmp_path, dataclasses.replace(ROUND, vocabulary=10**5))
    assert found.training["logits"] == 4 * 10**5 * 1000 + 4 * 4096 * 32768


def test_gradient_checkpointing_keeps_the_inputs_of_layers_and_one_layer(tmp_path):
    found = of("sft", SFT | {"sft.gradient_checkpointing": True}, tmp_path)
    # 4 bytes x 2,000 tokens x 1,000 x 10 layers, and 68 bytes x 2,000 x 1,000.
    assert found.training["activations"] == pytest.approx((0.08 + 0.136) * GB)


def test_bf16_beside_float32_weights_keeps_copies_and_halves_activations(tmp_path):
    found = of("sft", SFT | {"sft.bf16": True}, tmp_path).training
    assert (found["weights"], found["bf16 copies"]) == (4 * GB, 2 * GB)
    assert found["activations"] == pytest.approx(0.68 * GB)


def test_weights_in_bf16_take_half_of_everything(tmp_path):
    found = of("sft", SFT | {"sft.bf16": True, "model.torch_dtype": "bfloat16"}, tmp_path).training
    assert (found["weights"], found["gradients"], found["optimizer"]) == (2 * GB, 2 * GB, 4 * GB)
    assert "bf16 copies" not in found


def test_fsdp2_shares_weights_gradients_and_optimizer_in_float32(tmp_path):
    changes = {"launch.accelerate": "fsdp2", "launch.processes": 8, "sft.bf16": True, "model.torch_dtype": "bfloat16"}
    found = of("sft", SFT | changes, tmp_path)
    assert (found.rows_a_step, found.tokens_a_step) == (64, 64_000)
    shares = {name: found.training[name] / GB for name in ("weights", "gradients", "optimizer", "gathered")}
    assert shares == {
        "weights": 0.5,
        "gradients": 0.5,
        "optimizer": 1.0,
        "gathered": 0.04 + 0.04,
    }  # two layers, and the head


def test_ddp_shares_nothing_and_copies_gradients(tmp_path):
    found = of("sft", SFT | {"launch.accelerate": "ddp", "launch.processes": 8}, tmp_path).training
    assert (found["weights"], found["gradients"], found["buckets"]) == (4 * GB, 4 * GB, 4 * GB)


def test_lora_trains_its_own_weights_only(tmp_path):
    changes = {"lora.r": 8, "lora.target_modules": ["q_proj", "k_proj", "v_proj"]}
    profile = load_profile("lab", changes)
    assert lora_weights(profile, ROUND) == 10 * 3 * 8 * 2000
    found = of("sft", SFT | changes, tmp_path).training
    assert found["optimizer"] == 8 * 480_000
    assert found["weights"] == 4 * (10**9 + 480_000)


GRPO = {"grpo.per_device_train_batch_size": 4, "grpo.gradient_accumulation_steps": 8, "grpo.num_generations": 8,
        "grpo.max_completion_length": 100, "grpo.max_steps": 50}  # fmt: skip


def test_grpo_generates_its_whole_batch_at_once(tmp_path):
    found = of("grpo", GRPO, tmp_path)
    assert (found.rows_a_step, found.tokens_a_step) == (32, 32 * 200)
    # 2 (keys, values) x 4 bytes x 32 rows x 200 tokens x 10 layers x 2 heads x 50.
    assert found.generation["KV cache"] == 51_200_000
    assert found.training["logits"] == 4 * 10**4 * 1000 + 9 * 4 * 4 * 100 * 10**4  # completion tokens only
    assert found.judge is None


@pytest.mark.parametrize("sleeps, needed", [(True, 36.9), (False, 41.628)])
def test_vllm_takes_its_share_of_the_gpu(tmp_path, sleeps, needed):
    vllm = {"grpo.use_vllm": True, "grpo.vllm_gpu_memory_utilization": 0.6, "grpo.vllm_enable_sleep_mode": sleeps}
    found = of("grpo", GRPO | vllm | {"launch.gpu_memory_gb": 40}, tmp_path)
    assert found.generation["vLLM"] == 24 * GB
    assert found.needed == pytest.approx(needed * GB)  # beside weights and optimizer, or beside all of 17.628


def test_the_judge_is_asked_for_every_pair_of_every_group(tmp_path):
    judge = {"judge.name": "api", "judge.model": "gpt-4o-mini", "judge.schedule": "all_ordered"}
    found = of("grpo", GRPO | judge, tmp_path)
    assert found.judge.calls == 50 * 4 * 56  # steps x groups x ordered pairs of 8
    assert found.judge.usd > 0
    assert of("grpo", GRPO | judge | {"rewards.win_rate": 0}, tmp_path).judge is None


def test_what_cannot_fit_is_said_with_what_to_change(tmp_path):
    tight, roomy = of("sft", SFT, tmp_path, memory=19 * GB), of("sft", SFT, tmp_path, memory=20 * GB)
    assert (tight.fits, roomy.fits) == (False, True)
    assert str(tight).startswith("sft: CANNOT FIT: 19.0 GB needed, 19.0 GB per process there\n")
    assert "lower per_device_train_batch_size" in str(tight) and "lower" not in str(roomy)
    assert str(roomy).startswith("sft: fits: 19.0 GB needed, 20.0 GB per process there\n")


GPU = SFT | {"sft.use_cpu": False}


def test_without_a_gpu_the_size_that_it_takes_is_said(tmp_path):
    found = of("sft", GPU, tmp_path)
    assert found.fits and "fits a GPU of 24 GB or more: 17.5 GB needed" in str(found).splitlines()[0]
    large = of("sft", GPU | {"sft.per_device_train_batch_size": 1000}, tmp_path)
    assert not large.fits and "CANNOT FIT" in str(large) and "no GPU has more than 141 GB" in str(large)


def test_vllm_takes_its_share_of_each_size(tmp_path):
    # 16.6 GB and 0.6 M fit in M from 41.5 GB on.
    vllm = {"grpo.use_vllm": True, "grpo.vllm_gpu_memory_utilization": 0.6, "grpo.use_cpu": False}
    assert of("grpo", GRPO | vllm, tmp_path).smallest == 48


def test_the_note_says_what_keeps_the_batch():
    own, four = load_profile("paper"), load_profile("paper", {"launch.processes": 4})
    assert batch_note(own, four, "grpo") == (
        "note: 4 processes give 128 completions a step, the profile's 8 give 256; "
        "set grpo.gradient_accumulation_steps=32 to keep it"
    )
    kept = load_profile("paper", {"launch.processes": 4, "grpo.gradient_accumulation_steps": 32})
    assert batch_note(own, kept, "grpo") is None and batch_note(own, own, "grpo") is None
    assert "no sft.gradient_accumulation_steps keeps it" in batch_note(
        own, load_profile("paper", {"launch.processes": 3}), "sft"
    )


def test_the_evaluation_counts_samples_and_the_greedy_answer(tmp_path):
    changes = {"data.languages": ["en", "sw"], "data.eval_problems": 10, "evaluation.samples": 4, "evaluation.batch_size": 30,
               "evaluation.max_new_tokens": 50}  # fmt: skip
    found = of("evaluate", changes, tmp_path)
    assert found.steps == 4  # 10 problems x 2 languages x 5 answers in batches of 30
    assert found.generation["KV cache"] == 2 * 4 * 30 * 100 * 10 * 2 * 50
