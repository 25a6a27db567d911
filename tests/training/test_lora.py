"""LoRA at toy size: only the adapter is trained, and what is exported is a whole model with the adapter merged."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from trl import DPOConfig

from sp3f_lib.data.schema import write_rows
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.generation.local import load_model
from sp3f_lib.lab.problems import sample_problems
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.training.common import lora_config
from sp3f_lib.training.preference import PreferenceTrainer, train_preference
from sp3f_lib.training.worker import train_stage

from ..toy import REPOSITORY, TOY
from .pairs import sums

LORA = {"lora.r": 2, "lora.lora_alpha": 64, "lora.target_modules": ["q_proj", "down_proj"]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The model directories of base, SFT and RLVR, all with LoRA."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("lora"))
        profile = load_profile(TOY, LORA | {"sft.max_steps": 2, "grpo.max_steps": 2, "grpo.learning_rate": 0.1})
        after_rl, after_sft = model(profile, "rlvr").resolve(), model(profile, "sft").resolve()
        assert model(load_profile(TOY, {"sft.max_steps": 2}), "sft").resolve() != after_sft  # another run without LoRA
        (base,) = Path("runs/toy/base").resolve().glob("*/model")
        return base, after_sft, after_rl


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(str(path))[0].named_parameters())


@pytest.mark.parametrize("before, after", [(0, 1), (1, 2)])
def test_the_export_is_a_whole_model_in_which_the_chosen_matrices_moved_by_rank_two(trained, before, after):
    assert not list(trained[after].glob("adapter*"))
    old, new = weights(trained[before]), weights(trained[after])
    assert old.keys() == new.keys()
    for name in old:
        moved = (new[name] - old[name]).detach()
        if "q_proj" in name or "down_proj" in name:
            assert moved.abs().max() > 1e-5, name
            assert torch.linalg.matrix_rank(moved, atol=1e-5 * float(moved.abs().max())) <= 2
        else:
            assert not moved.any(), name


def test_the_export_has_the_tokenizer_and_the_ends_of_the_model_it_came_from(trained):
    (model, tokenizer), (base, first) = load_model(str(trained[2])), load_model(str(trained[0]))
    assert tokenizer.chat_template == first.chat_template
    assert model.generation_config.eos_token_id == base.generation_config.eos_token_id
    assert model.config.to_dict() | {"_name_or_path": ""} == base.config.to_dict() | {"_name_or_path": ""}


# ---- preference training: the reference is the model without its adapter


PAIRS = [{side: pair[side] for side in ("prompt", "chosen", "rejected")} for pair in sums(8)]
STEPS = {"preference.max_steps": 3, "preference.learning_rate": 0.1}


def test_preference_training_moves_the_model_and_not_its_reference(trained, tmp_path):
    start, profile = trained[1], load_profile(TOY, LORA | STEPS)
    train_preference(tmp_path, profile, str(start), PAIRS)
    assert not list((tmp_path / "model").glob("adapter*"))
    old, new = weights(start), weights(tmp_path / "model")
    assert {name for name in old if not torch.equal(old[name], new[name])} == {
        n for n in old if "q_proj" in n or "down_proj" in n
    }
    first, *_, last = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert first["loss/dpo"] == pytest.approx(0.693147, rel=1e-5)  # an adapter begins at zero
    assert abs(last["rewards/margins"]) > 0.01  # so that a reference that moves along would be seen


def test_the_reference_of_an_adapter_is_the_start_model(trained, tmp_path):
    """The adapter is far from zero here; a model of its own as reference gives the same log-probabilities."""
    start, profile = trained[1], load_profile(TOY, LORA)
    args = DPOConfig(**profile.preference, output_dir=str(tmp_path), report_to=[])

    def trainer(lora, reference):
        model, tokenizer = load_model(str(start))
        data = Dataset.from_list(PAIRS)
        return PreferenceTrainer(
            model=model, ref_model=reference, args=args, train_dataset=data, processing_class=tokenizer, peft_config=lora
        )

    with_adapter, whole = trainer(lora_config(profile), None), trainer(None, load_model(str(start))[0])
    assert with_adapter.ref_model is None
    with torch.no_grad():
        for name, weight in with_adapter.model.named_parameters():
            if "lora_B" in name:
                weight += 0.1
    found, expected = {}, {}
    for one, seen in ((with_adapter, found), (whole, expected)):
        one.model.train()
        inputs = one.data_collator(list(one.train_dataset))
        one.compute_loss(one.model, inputs)
        seen |= {name: values[-1] for name, values in one._metrics["train"].items()}
        seen["reference"] = torch.cat(one.compute_ref_log_probs(one.ref_model or one.model, inputs))
    assert torch.equal(found["reference"], expected["reference"])
    assert found["logps/chosen"] != pytest.approx(expected["logps/chosen"], rel=1e-3)
    references = found["logps/chosen"] - found["rewards/chosen"] / args.beta
    assert references == pytest.approx(expected["logps/chosen"], rel=1e-5)  # policy = reference in the whole model


def test_references_computed_before_training_are_those_without_the_adapter(trained, tmp_path):
    for name, changes in (("during", {}), ("before", {"preference.precompute_ref_log_probs": True})):
        train_preference(tmp_path / name, load_profile(TOY, LORA | STEPS | changes), str(trained[1]), PAIRS)
    during, before = (weights(tmp_path / name / "model") for name in ("during", "before"))
    for name in during:
        torch.testing.assert_close(before[name], during[name], rtol=0, atol=1e-6)


@pytest.mark.skipif(find_spec("deepspeed") is None, reason="DeepSpeed is not installed")
def test_an_adapter_trained_under_zero3_is_merged_as_in_one_process(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), *sys.path]))
    rows = write_rows(lab_rows(sample_problems(12, 5, (2,)), ("en",)), tmp_path / "rows.parquet")
    same = LORA | {"sft.max_steps": 4, "sft.optim": "sgd", "sft.learning_rate": 1.0}
    two = {"launch.accelerate": "zero3", "launch.processes": 2, "sft.per_device_train_batch_size": 2}
    for name, changes in (("one", {}), ("two", two)):
        (tmp_path / name).mkdir()
        train_stage(tmp_path / name, load_profile(TOY, same | changes), "sft", str(trained[0]), rows, name)
    before, one, two = weights(trained[0]), weights(tmp_path / "one" / "model"), weights(tmp_path / "two" / "model")
    assert max((one[name] - before[name]).abs().max() for name in one) > 1e-2
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=0, atol=1e-5)


def test_a_field_that_peft_does_not_have_is_refused():
    with pytest.raises(ProfileError, match=r"unknown key lora\.alpha; nearest known: 'lora_alpha'"):
        load_profile(TOY, {"lora.alpha": 16})
