"""Estimates of time on a CPU: the arithmetic by hand, and the clock against a real model."""

import time

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from sp3f_lib.forecast.cpu import Speed, evaluation_hours, measure_speed, training_hours
from sp3f_lib.forecast.lengths import Lengths, read_lengths
from sp3f_lib.forecast.plan import plan
from sp3f_lib.forecast.shape import load_shape
from sp3f_lib.profiles import load_profile

# Ten layers; seconds: 2 ms a token and layer trained, 1 ms read, 3 ms a step and layer of 8 rows, 4 ms a scored token, 5 ms a step.
SPEED = Speed(10, 0.002, 0.001, 0.003, 0.004, 0.005, 8)
LENGTHS = Lengths(prompt=100.0, answer=50.0, padded=200.0, longest=250)
BATCH = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2}


def changed(section, **more):
    return load_profile("lab", {f"{section}.{key}": value for key, value in (BATCH | more).items()})


def test_sft_counts_padded_rows_and_scores_answers():
    hours = training_hours(changed("sft"), "sft", SPEED, LENGTHS, 30)
    assert hours.low == hours.high == pytest.approx(30 * (16 * 200 * 10 * 0.002 + 16 * 50 * 0.004) / 3600)
    assert "rows as long as they are" in str(hours)


def test_grpo_generates_all_rows_at_once_and_reads_a_groups_prompt_once():
    profile = changed("grpo", num_generations=8, max_completion_length=80)
    hours = training_hours(profile, "grpo", SPEED, LENGTHS, 1)
    # 16 rows are twice the rows of the timed step.
    generated = 2 * 100 * 10 * 0.001 + 80 * 2 * (10 * 0.003 + 0.005)
    trained = (16 * 50 + 2 * 100) * 10 * 0.002 + 16 * 50 * 0.004
    assert hours.high == pytest.approx((generated + trained) / 3600)


def test_without_rows_every_text_is_as_long_as_it_may_be():
    hours = training_hours(changed("sft", max_length=300), "sft", SPEED, None, 1)
    assert hours.high == pytest.approx(16 * 300 * (10 * 0.002 + 0.004) / 3600)
    assert "may be" in str(hours)
    changes = {"evaluation.batch_size": 8, "evaluation.max_new_tokens": 40, "evaluation.samples": 3}
    hours = evaluation_hours(load_profile("lab", changes), SPEED, None, 16)
    # Four problems, each read for its greedy answer and for its three sampled ones; two batches.
    assert hours.high == pytest.approx((8 * 40 * 10 * 0.001 + 2 * 40 * (10 * 0.003 + 0.005)) / 3600)


def test_the_plan_says_it_where_no_run_has_measured_it(tmp_path):
    lab = load_profile("lab")
    shape = load_shape(lab)
    assert "not measured yet" in str(plan(lab, "sft", shape, tmp_path))
    assert "ESTIMATE" in str(plan(lab, "sft", shape, tmp_path, speed=SPEED))
    assert "ESTIMATE" in str(plan(lab, "evaluate", shape, tmp_path, speed=SPEED))


def test_memory_is_that_of_the_longest_row_where_it_is_known(tmp_path):
    profile = load_profile("lab", {"sft.max_length": 1000})
    shape = load_shape(profile)
    most, known = (plan(profile, "sft", shape, tmp_path, lengths=lengths).training for lengths in (None, LENGTHS))
    assert known["activations"] == pytest.approx(most["activations"] / 4)


def test_an_estimate_from_two_layers_is_near_what_all_layers_take():
    config = LlamaConfig(
        vocab_size=2000, hidden_size=128, intermediate_size=384, num_hidden_layers=8, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    profile = load_profile("lab", {"lora.r": 8, "lora.target_modules": "all-linear"})
    speed = measure_speed(config, profile, rows=8)
    model = AutoModelForCausalLM.from_config(config)
    for name, weight in model.named_parameters():  # about as much as LoRA computes
        weight.requires_grad_("layernorm" in name)
    ids = torch.randint(config.vocab_size, (4, 128))
    took = []
    for _ in range(3):
        start = time.process_time()
        model(input_ids=ids, labels=ids).loss.backward()
        took.append(time.process_time() - start)
    assert 1 / 2 < speed.training(512, 512) / (min(took) / torch.get_num_threads()) < 2


def test_lengths_are_known_once_the_rows_are_there(tmp_path, monkeypatch):
    from sp3f_lib.data.splits import splits

    monkeypatch.chdir(tmp_path)
    lab = load_profile("lab", {"data.sft_problems": 20, "data.rl_problems": 8, "data.eval_problems": 5})
    assert read_lengths(lab, "sft") is None
    splits(lab)
    found = read_lengths(lab, "sft")
    assert 10 < found.answer < found.prompt + found.answer < found.padded < found.longest < 200
    evaluated = read_lengths(lab, "evaluate")
    assert evaluated.padded == pytest.approx(evaluated.prompt + evaluated.answer)  # a batch of one row has no padding
