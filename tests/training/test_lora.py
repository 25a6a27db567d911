"""LoRA at toy size: only the adapter is trained, and what is exported is a whole model with the adapter merged."""

from pathlib import Path

import pytest
import torch

from sp3f_lib.evaluation.generate import load_model
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.stages import policy, sft

TOY = Path(__file__).parents[1] / "toy.yaml"
LORA = {"lora.r": 2, "lora.lora_alpha": 64, "lora.target_modules": ["q_proj", "down_proj"]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The model directories of base, SFT and RLVR, all with LoRA."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("lora"))
        profile = load_profile(TOY, LORA | {"sft.max_steps": 2, "grpo.max_steps": 2, "grpo.learning_rate": 0.1})
        after_rl = policy(profile, "rlvr").resolve()
        assert sft(load_profile(TOY, {"sft.max_steps": 2})).resolve() != sft(profile).resolve()  # another run without LoRA
        (base,) = Path("runs/toy/base").resolve().glob("*/model")
        return base, sft(profile).resolve(), after_rl


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


def test_a_field_that_peft_does_not_have_is_refused():
    with pytest.raises(ProfileError, match=r"unknown key lora\.alpha; nearest known: 'lora_alpha'"):
        load_profile(TOY, {"lora.alpha": 16})
