"""vLLM in this process, against transformers; where vLLM is not installed, that it says so."""

from importlib.util import find_spec

import pytest

from sp3f_lib.generation.sampling import Sampling, complete
from sp3f_lib.generation.vllm_engine import vllm_generator
from sp3f_lib.runs import StageError

from ..tiny_models import SIZES, make_tiny, user

PROMPTS = [user("How many apples does Maria have?"), user("Who?"), user("x")]
without_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_where_vllm_is_not_installed_it_says_what_to_do():
    with pytest.raises(StageError, match=r"methods\.generator: vllm needs the package vllm"):
        vllm_generator("a/model")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(tiny model, generator): one engine for all tests. It starts within a minute, so it is not for every run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "hidden_size", 128)  # vLLM's attention on CPU has no heads below 32
        tiny = make_tiny("llama")
    tiny.policy.generation_config.repetition_penalty = 3.0  # the model's own settings must not come in
    folder = tmp_path_factory.mktemp("model")
    tiny.policy.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    with vllm_generator(str(folder), dtype="float32", max_model_len=256, enforce_eager=True) as generate:
        yield tiny, generate


@without_vllm
@pytest.mark.parametrize("case", [{}, {"repetition_penalty": 1.5}, {"prefill": "<translated>"}, {"stop": True}])
def test_greedy_answers_are_those_of_transformers(served, case):
    tiny, generate = served
    sampling = Sampling(max_new_tokens=12, repetition_penalty=case.get("repetition_penalty", 1.0))
    whole = complete(tiny.policy, tiny.tokenizer, PROMPTS, sampling, 0)[0].text
    stop = next(text for k in range(2, 12) if (text := whole[k : k + 2]).isascii() and text.isprintable())
    asked = {"prefill": case.get("prefill", ""), "stop": stop if "stop" in case else None}
    expected = complete(tiny.policy, tiny.tokenizer, PROMPTS, sampling, 0, **asked)
    assert generate(PROMPTS, sampling, 0, **asked) == expected


@without_vllm
def test_samples_repeat_with_their_seed(served):
    _, generate = served
    sampling = Sampling(samples=3, temperature=0.9, max_new_tokens=6)
    one, same, other = (generate(PROMPTS, sampling, seed) for seed in (5, 5, 6))
    assert [(c.prompt, c.sample) for c in one] == [(p, s) for p in range(3) for s in range(3)]
    assert one == same
    assert [c.text for c in one] != [c.text for c in other]
    assert generate(PROMPTS[:1], sampling, 5) == one[:3]


@without_vllm
def test_a_prompt_that_does_not_fit_is_named(served):
    _, generate = served
    with pytest.raises(StageError, match=r"prompt 0 \('How many apples.*do not fit into the model's 256"):
        generate(PROMPTS, Sampling(max_new_tokens=250), 0)
