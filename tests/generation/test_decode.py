"""The decoding loop: the same answers as transformers' own where nothing is drawn, and where tokens are drawn, the right odds."""

import copy

import pytest
import torch
from transformers import (
    GPT2Config,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    TopPLogitsWarper,
)
from transformers import GPT2LMHeadModel as GPT2

from sp3f_lib.base.model import new_model, train_tokenizer
from sp3f_lib.generation import decode as module
from sp3f_lib.generation.decode import decode, draw, is_plain, quick_sampling
from sp3f_lib.machine import set_up
from sp3f_lib.profiles.sections import LabModel

WORDS, PAD, LONGEST = 60, 0, 24
ENDS = list(range(1, 7))  # one word in ten ends an answer, so rows end at different places
SIZES = {"vocab_size": WORDS, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
FAMILIES = {
    "llama": (LlamaForCausalLM, LlamaConfig),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config),
}


def make_model(family="llama"):
    """Random weights, large enough that no two words are about equally likely."""
    set_up(1)
    torch.manual_seed(3)
    model_of, config_of = FAMILIES[family]
    return model_of(config_of(**SIZES, num_key_value_heads=2, initializer_range=0.3, bos_token_id=None)).eval()


def make_prompts(rows=24) -> dict:
    """Prompts of 1 to 9 words, padded on the left."""
    torch.manual_seed(5)
    lengths = torch.arange(rows) % 9 + 1
    mask = (torch.arange(9)[None] >= 9 - lengths[:, None]).long()
    return {"input_ids": torch.randint(10, WORDS, (rows, 9)) * mask, "attention_mask": mask}


def settings(**changes) -> dict:
    return {"max_new_tokens": LONGEST, "do_sample": False, "eos_token_id": ENDS, "pad_token_id": PAD} | changes


def lengths(out: torch.Tensor) -> list[int]:
    return (out[:, 9:] != PAD).sum(1).tolist()


def both(model, prompts=None, **changes) -> tuple[torch.Tensor, torch.Tensor]:
    """(what transformers' own loop gives, what ours gives)"""
    prompts = prompts or make_prompts()
    own = type(model).generate(model, **prompts, **settings(**changes))
    return own, quick_sampling(model).generate(**prompts, **settings(**changes))


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_answers_are_those_of_transformers_own_loop(family):
    own, ours = both(make_model(family))
    assert len(set(lengths(own))) > 6 and max(lengths(own)) == LONGEST  # short ones, and one that is cut off
    assert torch.equal(ours, own)


@pytest.mark.parametrize(
    "changes",
    [
        {"repetition_penalty": 1.5},
        {"min_new_tokens": 5},
        {"do_sample": True, "top_k": 1},
        {"do_sample": True, "top_p": 1e-6, "temperature": 2.0},
        {"max_new_tokens": 1},
        {"eos_token_id": None},
    ],
    ids=str,
)
def test_the_settings_of_generate_apply(changes):
    own, ours = both(make_model(), **changes)
    assert torch.equal(ours, own)
    greedy, _ = both(make_model())
    assert "do_sample" in changes or own.shape != greedy.shape or not torch.equal(own, greedy)  # they make a difference


def test_all_rows_may_end_at_once_and_one_row_may_be_alone():
    prompts = {name: rows[3:4] for name, rows in make_prompts().items()}
    own, ours = both(make_model(), prompts)
    assert torch.equal(ours, own)
    own, ours = both(make_model(), {name: rows.expand(5, -1) for name, rows in prompts.items()})
    assert torch.equal(ours, own)


def test_prompts_that_repeat_are_read_once_and_answered_as_often(monkeypatch):
    mixed = [5, 7, 5, 5, 2, 7, 2, 5]  # prompts of 6, 8 and 3 words
    prompts = {name: rows[mixed] for name, rows in make_prompts().items()}
    model, read = make_model(), []
    own, ours = both(model, prompts)
    assert torch.equal(ours, own)
    backbone = model.model.forward
    monkeypatch.setattr(
        model.model, "forward", lambda *a, **k: (read.append(tuple(k["input_ids"].shape)), backbone(*a, **k))[1]
    )
    torch.manual_seed(0)
    sampled = model.generate(**prompts, **settings(do_sample=True))
    assert read == [(3, 9)]  # after them tokens go through the layers alone
    assert len({tuple(row) for row in sampled[[0, 2, 3, 7], 9:].tolist()}) == 4  # each goes its own way


def test_prompts_without_a_mask_are_read_whole():
    prompts = {"input_ids": make_prompts()["input_ids"][8::9]}  # the ones of nine words
    own, ours = both(make_model(), prompts)
    assert torch.equal(ours, own)


def test_an_answer_does_not_depend_on_when_others_end(monkeypatch):
    model, prompts, found = quick_sampling(make_model()), make_prompts(), []
    for drop_from in (module._DROP_FROM, 1e9, 0):  # an eighth; as soon as one ends; never
        monkeypatch.setattr(module, "_DROP_FROM", drop_from)
        torch.manual_seed(11)
        found.append(model.generate(**prompts, **settings(do_sample=True)))
    assert len(set(lengths(found[0]))) > 6
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_the_same_seed_draws_the_same_answers_and_another_seed_others():
    model, prompts, found = quick_sampling(make_model()), make_prompts(), []
    for seed in (11, 11, 12):
        torch.manual_seed(seed)
        found.append(model.generate(**prompts, **settings(do_sample=True)))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0][:, :12], found[2][:, :12])


def test_first_words_are_drawn_with_the_models_probabilities():
    model, one = make_model(), make_prompts(1)["input_ids"]
    with torch.no_grad():
        expected = model(one, attention_mask=(one > 0).long()).logits[0, -1].div(2).softmax(-1)
    many = {"input_ids": one.expand(20_000, -1), "attention_mask": (one > 0).long().expand(20_000, -1)}
    torch.manual_seed(0)
    out = quick_sampling(model).generate(**many, **settings(do_sample=True, temperature=2.0, top_k=0, max_new_tokens=1))
    found = torch.bincount(out[:, 9], minlength=WORDS) / 20_000
    torch.testing.assert_close(found, expected, rtol=0, atol=0.015)  # four standard errors


# ---- drawing


def test_words_are_drawn_with_their_probabilities():
    scores = torch.tensor([0.0, 1.0, float("-inf"), 2.0, -1.0, float("-inf")])
    torch.manual_seed(0)
    drawn = draw(scores.expand(200_000, -1), torch.rand(200_000))
    found = torch.bincount(drawn, minlength=6) / 200_000
    torch.testing.assert_close(found, scores.softmax(-1), rtol=0, atol=0.01)
    assert found[2] == found[5] == 0


@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_word_without_probability_is_drawn_at_no_quantile(place):
    scores = torch.full((7,), float("-inf"))
    scores[place] = 1.0
    quantiles = torch.tensor([0.0, 1e-8, 0.5, 1 - 2**-24])  # the ends of what torch.rand gives
    assert draw(scores.expand(4, -1), quantiles).tolist() == [place] * 4


def test_quantiles_near_one_stay_in_a_large_vocabulary():
    torch.manual_seed(0)
    scores = torch.randn(8, 50_000)
    scores[:, -100:] = float("-inf")  # sums of 50,000 floats end a little below or above 1
    drawn = draw(scores, torch.full((8,), 1 - 2**-24))
    assert (drawn < 50_000 - 100).all()


# ---- where it decodes


def test_a_text_that_ends_an_answer_goes_through_transformers_own_loop(tmp_path, monkeypatch):
    recipe = LabModel(hidden_size=32, layers=1, heads=4, key_value_heads=1, intermediate_size=64, vocab_size=600)
    tokenizer = train_tokenizer(recipe, ("en",), tmp_path)
    model = new_model(recipe, tokenizer, 0)
    chat = [[{"role": "user", "content": text}] for text in ("Who?", "Who has three apples?")]
    prompts = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_dict=True, return_tensors="pt", padding=True
    )
    free = {"max_new_tokens": LONGEST, "do_sample": False}
    whole = tokenizer.decode(type(model).generate(model, **prompts, **free)[1, prompts["input_ids"].shape[1] :])
    stop = {"stop_strings": [whole[6:8]], "tokenizer": tokenizer}
    own = type(model).generate(model, **prompts, **free, **stop)
    assert whole[6:8] in tokenizer.decode(own[1]) and own.shape[1] < prompts["input_ids"].shape[1] + LONGEST
    monkeypatch.setattr(module, "decode", None)
    assert torch.equal(quick_sampling(model).generate(**prompts, **free, **stop), own)


def test_a_plain_model_is_a_decoder_that_attends_to_everything():
    assert all(is_plain(make_model(family)) for family in FAMILIES)
    sliding = Qwen2Config(**SIZES, num_key_value_heads=2, use_sliding_window=True, sliding_window=4, max_window_layers=1)
    assert not is_plain(Qwen2ForCausalLM(sliding))
    assert MistralConfig().model_type not in module.PLAIN  # its window slides


def test_another_model_decodes_as_before():
    model = GPT2(GPT2Config(vocab_size=WORDS, n_embd=16, n_layer=1, n_head=2))
    assert not is_plain(model)
    assert quick_sampling(model) is model and "generate" not in vars(model)


def test_the_hook_is_transformers_own():
    model, prompts = make_model(), make_prompts()
    own = model.generate(**prompts, **settings())
    assert torch.equal(model.generate(**prompts, **settings(), custom_generate=decode), own)


def test_a_copy_of_a_model_decodes_with_its_own_weights():
    model, prompts = quick_sampling(make_model()), make_prompts()
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.lm_head.weight.copy_(other.lm_head.weight.roll(1, 0))
    expected = type(other).generate(other, **prompts, **settings())
    assert torch.equal(other.generate(**prompts, **settings()), expected)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])  # from nearly flat, where the whole is sorted, to peaked
@pytest.mark.parametrize("top_p", [0.1, 0.8, 0.95])
def test_top_p_keeps_what_transformers_keeps(scale, top_p):
    scores = scale * torch.randn(40, 300, generator=torch.Generator().manual_seed(0))
    expected = TopPLogitsWarper(top_p)(None, scores)
    found = module.TopP(top_p)(None, scores)
    assert torch.equal(found == float("-inf"), expected == float("-inf"))
    assert torch.equal(found.softmax(-1), expected.softmax(-1))
