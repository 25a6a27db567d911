"""A token read straight through the layers: the very numbers of the model's forward, and no use of it where they would differ."""

import pytest
import torch
from transformers import (
    DynamicCache,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from sp3f_lib.generation import token_step as module
from sp3f_lib.generation.decode import PLAIN, quick_sampling
from sp3f_lib.generation.token_step import TokenStep, WholeStep, can_step, read_prompts
from sp3f_lib.machine import set_up

FAMILIES = {
    "llama": (LlamaForCausalLM, LlamaConfig),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config),
}
SIZES = {"vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def make_model(family="llama", key_value_heads=2, **changes):
    set_up(1)
    torch.manual_seed(3)
    model_of, config_of = FAMILIES[family]
    return model_of(config_of(**SIZES | changes, num_key_value_heads=key_value_heads, initializer_range=0.3)).eval()


def read(model, lengths=(9, 6, 4)) -> tuple[torch.Tensor, TokenStep | WholeStep]:
    """Five rows of three prompts of so many words."""
    torch.manual_seed(5)
    mask = (torch.arange(9)[None] >= 9 - torch.tensor(lengths)[:, None]).long()
    prompts = torch.randint(10, 60, (3, 9)) * mask
    return read_prompts(model, DynamicCache(), prompts, mask, torch.tensor([0, 1, 1, 2, 0]))


@torch.no_grad()
def logits_of(model, tokens: torch.Tensor, lengths=(9, 6, 4), dropped_at: int = 40) -> list[torch.Tensor]:
    """Logits after the prompts and each of `tokens` (steps, 5); two rows leave on the way."""
    first, step = read(model, lengths)
    found, rows = [first], torch.arange(5)
    for place, words in enumerate(tokens):
        if place == dropped_at:
            rows = torch.tensor([1, 2, 3])
            step.keep(rows)
        found.append(step(words[rows]))
    return found


# Padded; not padded, where transformers makes no mask; padded until the rows leave.
@pytest.mark.parametrize("lengths", [(9, 6, 4), (9, 9, 9), (8, 9, 9)], ids=str)
@pytest.mark.parametrize("changes", [{}, {"attention_bias": True}, {"head_dim": 16}], ids=str)
@pytest.mark.parametrize("key_value_heads", [1, 2, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_are_those_of_the_models_forward(family, key_value_heads, changes, lengths, monkeypatch):
    model = make_model(family, key_value_heads, **changes)
    tokens = torch.randint(10, 60, (module._ROOM + 20, 5), generator=torch.Generator().manual_seed(1))
    ours = logits_of(model, tokens, lengths)
    monkeypatch.setattr(module, "can_step", lambda model: False)
    assert isinstance(read(model)[1], WholeStep)
    own = logits_of(model, tokens, lengths)
    assert all(map(torch.equal, ours, own)) and len(ours) == len(own) == module._ROOM + 21
    assert {len(x) for x in own} == {5, 3}


def test_every_plain_family_is_tried_here():
    assert set(FAMILIES) == PLAIN


def test_layers_that_were_replaced_are_used(monkeypatch):
    """As LoRA does: the layers' modules are called, not their weights read."""
    model, tokens = make_model(), torch.full((3, 5), 12)
    before = logits_of(model, tokens)
    for layer in model.model.layers:
        layer.self_attn.q_proj = torch.nn.Sequential(layer.self_attn.q_proj, torch.nn.Dropout(0), torch.nn.Tanh())
    ours = logits_of(model, tokens)
    monkeypatch.setattr(module, "can_step", lambda model: False)
    assert all(map(torch.equal, ours, logits_of(model, tokens)))
    assert not torch.equal(ours[-1], before[-1])


def test_a_model_that_runs_otherwise_is_read_by_its_forward():
    assert can_step(make_model()) and can_step(make_model().train())
    assert isinstance(read(make_model())[1], TokenStep)
    assert not can_step(make_model(attention_dropout=0.1).train()) and can_step(make_model(attention_dropout=0.1))
    eager = make_model()
    eager.set_attn_implementation("eager")
    assert not can_step(eager)


def test_autocast_of_accelerate_is_not_passed_by():
    from accelerate import Accelerator

    prepared = Accelerator(mixed_precision="bf16", cpu=True).prepare(make_model())
    assert not can_step(prepared)
    prompts = {"input_ids": torch.randint(10, 60, (3, 9)), "attention_mask": torch.ones(3, 9, dtype=torch.long)}
    free = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    own = type(prepared).generate(prepared, **prompts, **free)
    assert torch.equal(quick_sampling(prepared).generate(**prompts, **free), own)
