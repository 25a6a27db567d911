"""Hours: measured where a run of the same batch and model is finished, else a range that says what it is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sp3f_lib.forecast.hours import estimate, flop_per_token, likely_gpu, measured
from sp3f_lib.forecast.plan import plan
from sp3f_lib.profiles import load_profile

from .test_plan import ROUND, SFT


def finished(runs, key, sft, seconds, size=4 * 10**9):
    folder = runs / "sft-warm" / key
    folder.mkdir(parents=True)
    manifest = {"settings": {"sft": sft}, "wall_seconds": seconds, "outputs": {"model/model.safetensors": {"bytes": size}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_hours_are_those_of_a_run_with_the_same_batch_and_model(tmp_path):
    profile = load_profile("lab", SFT)
    finished(tmp_path, "same", profile.sft | {"max_steps": 10}, 360)
    finished(tmp_path, "other_batch", profile.sft | {"max_length": 10, "max_steps": 10}, 1)
    finished(tmp_path, "other_model", profile.sft | {"max_steps": 10}, 1, size=10**8)
    found = measured(profile, "sft", 30, ROUND, tmp_path)
    assert found.low == found.high == pytest.approx(0.3)  # 36 s a step, 30 steps
    assert str(found) == f"18 min, at the measured pace of {tmp_path / 'sft-warm' / 'same'}"
    assert measured(load_profile("lab", SFT | {"sft.max_length": 7}), "sft", 30, ROUND, tmp_path) is None


def test_without_a_run_the_estimate_says_that_it_is_one(tmp_path):
    gpu = SFT | {"sft.use_cpu": False, "sft.gradient_checkpointing": False, "launch.gpu_memory_gb": 80}
    found = plan(load_profile("lab", gpu), "sft", ROUND, tmp_path).hours
    # 30 steps x 8 rows x 1,000 tokens x 6 x 10^9 = 1.44e15 FLOP; at 20 % and 50 % of 312e12 a second.
    assert (found.low, found.high) == (pytest.approx(1.44e15 / 156e12 / 3600), pytest.approx(1.44e15 / 62.4e12 / 3600))
    assert "ESTIMATE from 1.4e+15 FLOP at 20% to 50% of 1 x A100's 312 TFLOP/s" in str(found)


def test_nothing_is_estimated_for_a_cpu(tmp_path):
    found = plan(load_profile("lab", SFT), "sft", ROUND, tmp_path)
    assert found.hours is None and "time: not measured yet" in str(found)


def test_the_answers_of_an_evaluation_are_estimated_for_vllm():
    """9 answers to each of 250 problems in 11 languages; half the answers, half the time, but for the prompts."""
    paper = load_profile("paper", {"launch.gpu_memory_gb": 80})
    shape = replace(ROUND, weights=7_600_000_000)
    found = plan(paper, "evaluate", shape, Path("nowhere")).hours
    assert 0 < found.low < found.high < 2 and "300 tokens an answer and 300 a prompt ASSUMED" in str(found)
    half = plan(
        load_profile("paper", {"launch.gpu_memory_gb": 80, "data.eval_problems": 125}), "evaluate", shape, Path("nowhere")
    )
    whole = paper.data.eval_problems
    assert half.hours.low == pytest.approx(found.low * 125 / whole, rel=0.05)
    other = plan(load_profile("paper", {"evaluation.generator": "transformers"}), "evaluate", shape, Path("nowhere"))
    assert other.hours is None and "time: estimated for vLLM only" in str(other)


def test_flop_of_a_token():
    assert flop_per_token(100, 100, {"gradient_checkpointing": False}) == 600
    assert flop_per_token(100, 100, {"gradient_checkpointing": True}) == 800
    assert flop_per_token(100, 100, {"gradient_checkpointing": True, "use_vllm": True}) == 1000
    assert flop_per_token(100, 1, {"gradient_checkpointing": False}) == 402  # adapters: no gradient for the other weights


def test_an_estimate_has_two_digits_and_names_what_it_leaves_out():
    found = estimate(1.2345e20, "H100", 8, more=True)
    assert str(found).startswith("8.7 to 22 h, ESTIMATE")
    assert str(found).endswith("generation and judging come on top")


@pytest.mark.parametrize(
    "name, gigabytes, expected",
    [
        ("NVIDIA H100 80GB HBM3", 85, "H100"),
        ("", 48, "L40S"),
        ("", 60, "A100"),
        ("", 141, "H200"),
        ("NVIDIA A10", 24, "L40S"),
    ],
)
def test_the_gpu_that_an_estimate_is_for(name, gigabytes, expected):
    assert likely_gpu(name, gigabytes * 1e9) == expected
