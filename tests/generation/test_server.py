"""The generator that asks a server, against transformers: the same answers, through faults and kills, or a clear error."""

import asyncio
import json

import pytest

pytest.importorskip("openai")
from sp3f_lib.generation.sampling import Sampling, complete
from sp3f_lib.generation.server import Limits, server_generator
from sp3f_lib.methods.lidr_pairs import answer_prompts
from sp3f_lib.runs import StageError

from ..tiny_models import parallel, user
from .completion_server import CompletionServer
from .test_sampling import greedy_by_hand

KEY = "sk-a-very-secret-key"
PROMPTS = [user("How many apples does Maria have?"), user("Who?"), user("x")]
SAMPLED = Sampling(samples=3, temperature=0.9, max_new_tokens=6)
QUICK = Limits(max_retries=3, timeout_seconds=20)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """`start(tiny, **options)` saves what the generator reads of a model and starts a server of it: (server, folder)."""
    servers = []

    def start(tiny, **options):
        for part in (tiny.tokenizer, tiny.policy.config, tiny.policy.generation_config):
            part.save_pretrained(tmp_path / "model")
        servers.append(CompletionServer(tiny.policy, tiny.tokenizer, **options))
        monkeypatch.setenv("LLM_API_URL", servers[-1].url)
        return servers[-1], str(tmp_path / "model")

    monkeypatch.setenv("LLM_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield start
    for server in servers:
        server.close()


def stop_text(tiny) -> str:
    """Two letters that stand in the first answer."""
    whole = complete(tiny.policy, tiny.tokenizer, PROMPTS, Sampling(max_new_tokens=20), 0)[0].text
    return next(text for k in range(2, 12) if (text := whole[k : k + 2]).isascii() and text.isprintable())


@pytest.mark.parametrize("case", [{}, {"repetition_penalty": 1.5}, {"prefill": "<translated>"}, {"stop": True}])
def test_greedy_answers_are_those_of_transformers(tiny, start, case):
    sampling = Sampling(max_new_tokens=12, repetition_penalty=case.pop("repetition_penalty", 1.0))
    asked = {"stop": stop_text(tiny)} if "stop" in case else case
    expected = complete(tiny.policy, tiny.tokenizer, PROMPTS, sampling, 0, **asked)
    # A server takes what it is not told from the model's generation settings: everything has to be said.
    tiny.policy.generation_config.repetition_penalty = 3.0
    server, path = start(tiny)
    assert server_generator(path)(PROMPTS, sampling, 0, **asked) == expected
    assert set(server.paths) == {"/v1/completions"}
    if "stop" in case:
        assert asked["stop"] in expected[0].text
        assert expected[0].finished


def test_an_answer_ends_at_the_end_ids_of_the_model(tiny, start):
    fourth = greedy_by_hand(tiny, PROMPTS[0], 6)[3]
    tiny.policy.generation_config.eos_token_id = [tiny.tokenizer.eos_token_id, fourth]
    _, path = start(tiny)
    found = server_generator(path)(PROMPTS, Sampling(max_new_tokens=12), 0)
    assert found == complete(tiny.policy, tiny.tokenizer, PROMPTS, Sampling(max_new_tokens=12), 0)
    assert found[0].finished
    assert found[0].tokens <= 4


def test_samples_repeat_with_their_seed_whoever_else_is_asked(qwen2, start):
    server, path = start(qwen2)
    generate = server_generator(path, limits=Limits(concurrency=4))
    one, same, other = (generate(PROMPTS, SAMPLED, seed) for seed in (5, 5, 6))
    assert [(c.prompt, c.sample) for c in one] == [(p, s) for p in range(3) for s in range(3)]
    assert one == same
    assert [c.text for c in one] != [c.text for c in other]
    assert generate(PROMPTS[:1], SAMPLED, 5) == one[:3]
    assert len({c.text for c in one if c.prompt == 0}) > 1
    assert len({request["seed"] for request in server.requests}) == 18
    assert 1 < server.most <= 4


def test_faults_that_pass_change_nothing(qwen2, start):
    server, path = start(qwen2)
    calm = server_generator(path)(PROMPTS, SAMPLED, 5)
    server.requests.clear()
    server.faults = [
        (500, '{"error": {"message": "broken"}}', {}), (503, "", {}), (200, '{"choices": [', {}), (200, "<html>Welcome</html>", {}),
        (200, '{"choices": [{"message": {"content": "chat"}}]}', {}), (200, '{"choices": [{"text": null}]}', {}), "hang",
    ]  # fmt: skip
    faults = len(server.faults)
    generate = server_generator(path, limits=Limits(timeout_seconds=0.5, max_retries=8))
    assert generate(PROMPTS, SAMPLED, 5) == calm
    assert len(server.requests) >= 9 + faults


def test_the_server_says_how_long_to_wait(qwen2, start):
    server, path = start(qwen2)
    server.faults = [(429, '{"error": {"message": "slow down"}}', {"retry-after-ms": "300"})]
    generate = server_generator(path, limits=QUICK)
    assert len(generate(PROMPTS[:1], Sampling(max_new_tokens=3), 0)) == 1
    assert server.times[1] - server.times[0] >= 0.29


def test_what_is_refused_names_the_prompt_and_what_the_server_said(qwen2, start):
    server, path = start(qwen2)
    said = json.dumps({"error": {"message": f"maximum context length is 8 tokens ({KEY})", "type": "BadRequestError"}})
    longest = max(len(qwen2.tokenizer.apply_chat_template(p, add_generation_prompt=True)["input_ids"]) for p in PROMPTS)
    server.refuse = lambda request: (400, said, {}) if len(request["prompt"]) == longest else None
    with pytest.raises(StageError, match=r"prompt 0 \('How many apples.*maximum context length is 8 tokens") as caught:
        server_generator(path, limits=QUICK)(PROMPTS, Sampling(max_new_tokens=3), 0)
    assert KEY not in str(caught.value)
    server.refuse = lambda request: (404, '{"detail": "The model `other` does not exist."}', {})
    with pytest.raises(StageError, match=r"under this name\?; the server says: The model `other` does not exist"):
        server_generator(path, model="other", limits=QUICK)(PROMPTS, Sampling(max_new_tokens=3), 0)
    assert server.requests[-1]["model"] == "other"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ((500, "{}", {}), "InternalServerError 500 after 3 tries"),
        ((401, "{}", {}), "AuthenticationError 401; is the key in LLM_API_KEY right"),
        ((200, "nothing", {}), "the reply is not a text completion after 3 tries"),
        ("hang", "no reply in 0.1 s after 3 tries"),
    ],
)
def test_what_fails_for_good_is_an_error(qwen2, start, fault, message):
    server, path = start(qwen2)
    server.refuse = lambda request: fault
    with pytest.raises(StageError, match=message):
        server_generator(path, limits=Limits(max_retries=2, timeout_seconds=0.1))(
            PROMPTS[1:2], Sampling(max_new_tokens=3), 0
        )


def test_after_a_failure_parts_that_are_done_are_not_asked_again(qwen2, start, tmp_path):
    server, path = start(qwen2)
    prompts = parallel(*[(f"p{k}", {"en": f"Question {k}?"}) for k in range(7)])
    generate, sampling = server_generator(path, limits=QUICK), Sampling(temperature=0.9, max_new_tokens=4)
    whole = answer_prompts(tmp_path / "whole", generate, prompts, ["en"], sampling, prompts_per_part=2)
    refused = qwen2.tokenizer.apply_chat_template(prompts[5].messages["en"], add_generation_prompt=True)["input_ids"]
    server.refuse = lambda request: (400, "{}", {}) if request["prompt"] == refused else None
    with pytest.raises(StageError, match=r"prompt 1 \('Question 5\?'\)"):
        answer_prompts(tmp_path / "broken", generate, prompts, ["en"], sampling, prompts_per_part=2)
    server.refuse = lambda request: None
    server.requests.clear()
    assert answer_prompts(tmp_path / "broken", generate, prompts, ["en"], sampling, prompts_per_part=2).equals(whole)
    assert len(server.requests) == 3  # the third and the fourth part


def test_a_server_that_passes_over_what_is_asked_is_found_out(qwen2, start):
    server, path = start(qwen2, vllm=False)
    generate, sampling = server_generator(path), Sampling(max_new_tokens=8)
    with pytest.raises(StageError, match="does not know vLLM's extensions"):
        generate(PROMPTS, sampling, 0)
    server.vllm, server.longest = True, 5
    with pytest.raises(StageError, match="cut off at 5 tokens, though 8 are allowed"):
        generate(PROMPTS, sampling, 0)
    server.longest, answer = 8, server.answer
    server.answer = lambda request: answer(request | {"prompt": request["prompt"][1:]})
    with pytest.raises(StageError, match=r"the prompt has \d+ tokens, the server counted"):
        generate(PROMPTS, sampling, 0)
    server.answer = lambda request: (
        answer(request) | {"choices": [answer(request)["choices"][0] | {"finish_reason": "abort"}]}
    )
    with pytest.raises(StageError, match="ended by 'abort'"):
        generate(PROMPTS, sampling, 0)


def test_a_server_without_the_extensions_gets_text_and_standard_fields_only(tiny, start):
    server, path = start(tiny, vllm=False)
    generate, sampling = server_generator(path, vllm=False), Sampling(max_new_tokens=12)
    expected = complete(tiny.policy, tiny.tokenizer, PROMPTS, sampling, 0, prefill="<translated>")
    assert generate(PROMPTS, sampling, 0, prefill="<translated>") == expected
    assert server.requests[0].keys() == {"model", "prompt", "max_tokens", "temperature", "top_p"}
    with pytest.raises(StageError, match=r"repetition penalty \(1.1\) is not part"):
        generate(PROMPTS, Sampling(repetition_penalty=1.1), 0)
    stop = stop_text(tiny)
    (found,) = generate(PROMPTS[:1], Sampling(max_new_tokens=20), 0, stop=stop)
    assert found.text.endswith(stop)
    assert found.finished
    assert complete(tiny.policy, tiny.tokenizer, PROMPTS[:1], Sampling(max_new_tokens=20), 0)[0].text.startswith(found.text)


def test_a_tokenizer_that_adds_its_own_first_token_gets_the_text_without_it(tiny, start):
    from tokenizers.processors import TemplateProcessing

    begin = ("<|begin|>", tiny.tokenizer.convert_tokens_to_ids("<|begin|>"))
    tiny.tokenizer.bos_token = "<|begin|>"
    tiny.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<|begin|> $A", special_tokens=[begin])
    server, path = start(tiny, vllm=False)
    generate, sampling = server_generator(path, vllm=False), Sampling(max_new_tokens=6)
    if tiny.family == "llama":  # the template writes the token
        assert generate(PROMPTS, sampling, 0) == complete(tiny.policy, tiny.tokenizer, PROMPTS, sampling, 0)
        assert not server.requests[0]["prompt"].startswith("<|begin|>")
    else:  # the template does not, and the server could not be told to leave it out
        with pytest.raises(StageError, match="no text gives the server the tokens"):
            generate(PROMPTS, sampling, 0)
    server.vllm = True
    assert server_generator(path)(PROMPTS, sampling, 0) == complete(tiny.policy, tiny.tokenizer, PROMPTS, sampling, 0)


def test_it_works_inside_a_running_event_loop(qwen2, start):
    _, path = start(qwen2)

    async def notebook():
        return server_generator(path)(PROMPTS, Sampling(max_new_tokens=3), 0)

    assert asyncio.run(notebook()) == server_generator(path)(PROMPTS, Sampling(max_new_tokens=3), 0)


def test_nothing_to_do_asks_nothing(qwen2, start):
    server, path = start(qwen2)
    assert server_generator(path)([], SAMPLED, 0) == []
    assert not server.requests


def test_an_address_that_is_missing_is_named(qwen2, start, monkeypatch):
    _, path = start(qwen2)
    monkeypatch.delenv("LLM_API_URL")
    with pytest.raises(StageError, match=r"methods\.generator: server needs LLM_API_URL"):
        server_generator(path)
