"""The plan of answers to tasks: counted by hand, and the time by the formula in its docstring."""

import pytest

from sp3f_lib.commands.app import main
from sp3f_lib.forecast.answers import BANDWIDTH
from sp3f_lib.forecast.shape import load_shape
from sp3f_lib.forecast.tasks import task_plan
from sp3f_lib.profiles import load_profile

VLLM = {"evaluation.tasks": ["mgsm"], "evaluation.generator": "vllm"}


def test_mgsm_on_eight_gpus_of_the_paper_takes_minutes():
    profile = load_profile("paper", VLLM)
    found = task_plan(profile, load_shape(profile))
    said = str(found)
    assert found.fits and "mgsm: 2,750 prompts in 11 languages (bn de en es fr ja ru sw te th zh), 24,750 answers" in said
    assert f"at most {24_750 * 2048:,} tokens; vllm, 8 processes" in said
    # 24,750 / 8 answers of 300 tokens, 256 at a time: so many steps, each of which reads 15.2 GB of weights and the cache of 256
    # texts of 450 tokens on average, 57,344 bytes a token (2 x 2 bytes, 28 layers, 4 heads of 128), and computes 256 tokens.
    weights, steps = load_shape(profile).weights, 24_750 / 8 * 300 / 256
    read, times = 2 * weights + 256 * 450 * 57_344, []
    for reading, computing in ((0.8, 0.5), (0.5, 0.2)):
        token = 2 * weights / (362e12 * computing)
        times.append((steps * max(read / (BANDWIDTH["L40S"] * 1e9 * reading), 256 * token) + 825_000 / 8 * token) / 60)
    low, high = times
    assert f"time: {low:.1f} to {high:.1f} min, ESTIMATE for 8 engines of 1 L40S, 256 answers at a time" in said
    assert 1 < low < high < 10 and "300 tokens an answer on average (ASSUMED)" in said


def test_a_model_that_does_not_fit_ends_with_2_and_two_gpus_an_engine_hold_it(capsys):
    command = ["evaluate", "base", "--profile", "paper", "--task", "mgsm", "--set", "evaluation.generator=vllm", "--dry-run"]
    assert main([*command, "--set", "launch.gpu_memory_gb=15"]) == 2
    assert "CANNOT FIT" in capsys.readouterr().out
    assert main([*command, "--set", "launch.gpu_memory_gb=15", "--set", "evaluation.engine.tensor_parallel_size=2"]) == 0
    assert "vllm, 4 processes" in capsys.readouterr().out


def test_rows_of_a_folder_are_counted(shared_data):
    changes = {"evaluation.tasks": ["belebele", "mgsm"], "evaluation.folder": str(shared_data), "evaluation.limit": 3}
    profile = load_profile("lab", changes | {"evaluation.languages": ["en", "zh"], "evaluation.samples": 4})
    said = str(task_plan(profile, load_shape(profile)))
    assert "belebele: 6 prompts in 2 languages (en zh), 30 answers" in said and "60 answers in all (4 sampled" in said
    assert said.count("(counted)") == 2 and "time: estimated for vLLM only" in said


@pytest.mark.parametrize(
    "generator, parts", [("transformers", {"weights", "KV cache", "logits"}), ("vllm", {"vLLM"}), ("server", set())]
)
def test_what_the_evaluation_holds_of_a_gpu(generator, parts):
    from sp3f_lib.forecast.memory import evaluation_memory

    profile = load_profile("paper", {"evaluation.generator": generator})
    assert set(evaluation_memory(profile, load_shape(profile), 48e9)) == parts
