"""The plan of ICR and LIDR: what is made before the training is counted by hand."""

import json

import pytest

from sp3f_lib.forecast.preference import preference_plan
from sp3f_lib.methods.models import find
from sp3f_lib.profiles import ProfileError, load_profile

from .test_plan import GB, ROUND

# 5 languages, so 4 beside English; 3,000 and 1,000 prompts in each.
ICR, LIDR = load_profile("paper_icr"), load_profile("paper_lidr")


def work_of(profile, name):
    return find(name).entry.work(profile)


def test_responses_and_scores_of_icr():
    work = work_of(ICR, "icr_2")
    assert (work.prompts, work.responses, work.translations, work.pairs) == (15_000, 150_000, 0, 15_000)
    assert work.scores == 2 * 150_000  # policy and reference
    assert not work.alone


def test_what_r_t_translates_it_scores_and_pairs():
    work = work_of(ICR, "icr_t_2")
    assert work.translations == 4 * 3000 * 10  # not English
    assert (work.scores, work.pairs, work.alone) == (2 * 120_000, 12_000, True)


def test_lidr_translates_in_both_directions_and_pairs_both():
    work = work_of(LIDR, "lidr_1")
    assert (work.responses, work.translations, work.scores, work.pairs) == (5000, 8000, 0, 8000)
    baseline = work_of(LIDR, "lidr_sft")
    assert (baseline.translations, baseline.pairs, baseline.what) == (8000, 4000, "rows")


def test_the_english_start_is_made_of_english_answers():
    work = work_of(load_profile("gpu1", {"data.rl_problems": 70, "methods.english_pairs": 3, "methods.samples": 4}), "dpo")
    assert (work.prompts, work.languages, work.responses, work.pairs) == (70, 1, 280, 210)


def test_prompts_of_a_folder_are_counted(tmp_path):
    for lang in ("en", "es", "ru", "de", "fr"):
        lines = (json.dumps({"instruction_id": str(k), "instruction": f"{lang} {k}"}) for k in range(7))
        (tmp_path / f"{lang}.jsonl").write_text("\n".join(lines))
    assert work_of(load_profile("paper_lidr", {"methods.prompts": str(tmp_path)}), "lidr_1").responses == 35
    unknown = load_profile("paper_lidr", {"methods.problems": None})
    with pytest.raises(ProfileError, match=r"methods.prompts: there is no folder 'alpagasus_prompts'.*set methods.problems"):
        work_of(unknown, "lidr_1")


def test_memory_of_dpo_and_of_scoring(tmp_path):
    found = preference_plan(ICR, "icr_1", "preference", ROUND, tmp_path)
    # 15,000 pairs in batches of 2 x 4 x 8; both responses of a pair pass.
    assert (found.steps, found.rows_a_step, found.tokens_a_step) == (235, 64, 64 * 2 * 4096)
    # fsdp2 with bf16 keeps float32 in eight shares; the reference too.
    assert (found.training["weights"], found.training["reference"]) == (0.5 * GB, 0.5 * GB)
    assert found.generation == {"vLLM": 72 * GB}
    # Two models in bfloat16; 8 responses x 2,400 tokens x V, in 2 bytes.
    assert found.scoring == {"weights": 4 * GB, "logits": 2 * 8 * 2400 * 10**4}
    assert found.needed == 72 * GB and found.fits


def test_the_adapter_is_its_own_reference(tmp_path):
    found = preference_plan(load_profile("paper_icr", {"lora.r": 8}), "icr_1", "preference", ROUND, tmp_path)
    assert "reference" not in found.training


def test_translating_beside_both_models_needs_a_smaller_engine(tmp_path):
    tight = load_profile("paper_icr", {"launch.gpu_memory_gb": 40})
    found = preference_plan(tight, "icr_t_1", "preference", ROUND, tmp_path)
    assert not found.fits and "a smaller gpu_memory_utilization (methods.engine" in str(found)
    assert preference_plan(tight, "icr_1", "preference", ROUND, tmp_path).fits


@pytest.mark.parametrize("arm, processes", [("icr_1", 8), ("icr_t_1", 1)])  # vLLM translates on all GPUs
def test_eight_processes_score_in_an_eighth_of_the_time(tmp_path, arm, processes):
    said = str(preference_plan(ICR, arm, "preference", ROUND, tmp_path))
    assert f"of {processes} x A100's" in next(
        line for line in said.splitlines() if "scoring: " in line and "ESTIMATE" in line
    )


def test_what_comes_before_is_named(tmp_path):
    for model, base in (("recipe", "base, "), ("lab", "")):  # the shipped one is there
        lab = load_profile("lab", regime="common", model=model)
        said = str(preference_plan(lab, "lidr_2", "preference", ROUND, tmp_path))
        assert f"not counted: {base}sft, dpo, lidr_1, " in said
        assert f"not counted: {base}sft, where" in str(preference_plan(lab, "dpo", "dpo", ROUND, tmp_path))
    said = str(preference_plan(ICR, "icr_1", "preference", ROUND, tmp_path))
    assert "not counted" not in said and "there is no folder ultrafeedback_prompts" in said


def test_vllm_needs_room_for_the_weights(tmp_path):
    small = load_profile("paper_icr", {"launch.gpu_memory_gb": 1, "methods.engine.tensor_parallel_size": 1})
    found = preference_plan(small, "icr_1", "preference", ROUND, tmp_path)
    assert found.generation["vLLM"] == 2 * GB / 0.9  # a GPU of so much, at a share of 0.9
