"""Generation: against a loop over arg max in plain PyTorch, and the same whatever stands beside a prompt in its batch."""

import pytest
import torch

from sp3f_lib.generation.sampling import Sampling, complete, local_generator

from ..tiny_models import user

PROMPTS = [user("How many apples does Maria have?"), user("Who?"), user("x")]


def greedy_by_hand(tiny, prompt, steps, penalty=1.0, prefill="") -> list[int]:
    """Token ids of a greedy answer, one prompt at a time; a token that is there already has its logit divided or multiplied."""
    before, _ = tiny.by_hand(prompt, "x")
    ids = tiny.tokenizer(before + prefill)["input_ids"]
    start = len(ids)
    ends = tiny.policy.generation_config.eos_token_id
    for _ in range(steps):
        with torch.no_grad():
            logits = tiny.policy(torch.tensor([ids])).logits[0, -1]
        seen = torch.tensor(sorted(set(ids)))
        logits[seen] = torch.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
        ids.append(int(logits.argmax()))
        if ids[-1] in ([ends] if isinstance(ends, int) else ends):
            break
    return ids[start:]


@pytest.mark.parametrize("penalty", [1.0, 1.5])
def test_greedy_answers_are_those_of_a_loop_over_arg_max(tiny, penalty):
    tiny.tokenizer.pad_token = tiny.tokenizer.eos_token  # the end token as padding must not be penalised
    found = complete(tiny.policy, tiny.tokenizer, PROMPTS, Sampling(repetition_penalty=penalty, max_new_tokens=12), 0)
    for prompt, completion in zip(PROMPTS, found, strict=True):
        ids = greedy_by_hand(tiny, prompt, 12, penalty)
        assert completion.text == tiny.tokenizer.decode(ids, skip_special_tokens=True).strip()
        assert completion.tokens == len(ids)
        assert completion.greedy


def test_the_penalty_changes_answers(tiny):
    one, other = (
        complete(tiny.policy, tiny.tokenizer, PROMPTS, Sampling(repetition_penalty=p, max_new_tokens=12), 0)
        for p in (1.0, 1.5)
    )
    assert [c.text for c in one] != [c.text for c in other]


def test_padding_beside_a_longer_prompt_does_not_put_off_the_end(tiny):
    """The end token is made the most likely one by little; as penalised padding it would be passed over."""
    tiny.tokenizer.pad_token = tiny.tokenizer.eos_token
    end = tiny.tokenizer.eos_token_id
    tiny.tokenizer.chat_template = "{{ messages[0].content }}"  # no end token in the prompt itself

    class NearlyEnding(torch.nn.Module):
        def forward(self, states):
            logits = torch.full((*states.shape[:-1], len(tiny.tokenizer)), -10.0)
            logits[..., end], logits[..., 300] = 2.0, 1.9
            return logits

    tiny.policy.lm_head = NearlyEnding()
    prompts = [user("a"), user("a much longer prompt than the other")]
    found = complete(tiny.policy, tiny.tokenizer, prompts, Sampling(repetition_penalty=1.1, max_new_tokens=5), 0)
    assert [(c.tokens, c.finished) for c in found] == [(1, True), (1, True)]


def test_an_answer_ends_at_any_end_id_and_is_otherwise_cut_off(tiny):
    ids = greedy_by_hand(tiny, PROMPTS[0], 6)
    fourth = ids.index(ids[3])  # where the fourth token comes first
    tiny.policy.generation_config.eos_token_id = [tiny.tokenizer.eos_token_id, ids[3]]
    found = complete(tiny.policy, tiny.tokenizer, PROMPTS[:1], Sampling(max_new_tokens=6), 0)[0]
    assert (found.tokens, found.finished) == (fourth + 1, True)
    tiny.policy.generation_config.eos_token_id = tiny.tokenizer.eos_token_id
    found = complete(tiny.policy, tiny.tokenizer, PROMPTS[:1], Sampling(max_new_tokens=3), 0)[0]
    assert (found.tokens, found.finished) == (3, False)


def test_samples_are_numbered_and_repeat_with_their_seed(tiny):
    sampling = Sampling(samples=3, temperature=0.9, max_new_tokens=6, batch_size=4)
    generate = local_generator(tiny.policy, tiny.tokenizer)
    one, same, other = (generate(PROMPTS, sampling, seed) for seed in (5, 5, 6))
    assert [(c.prompt, c.sample) for c in one] == [(p, s) for p in range(3) for s in range(3)]
    assert one == same
    assert [c.text for c in one] != [c.text for c in other]
    assert len({c.text for c in one if c.prompt == 0}) > 1


def test_the_models_own_generation_settings_do_not_come_in(tiny):
    sampling = Sampling(max_new_tokens=12)
    before = complete(tiny.policy, tiny.tokenizer, PROMPTS, sampling, 0)
    tiny.policy.generation_config.repetition_penalty = 2.0
    tiny.policy.generation_config.max_new_tokens = 2
    assert complete(tiny.policy, tiny.tokenizer, PROMPTS, sampling, 0) == before


def test_a_reply_goes_on_from_its_prefill(tiny):
    found = complete(tiny.policy, tiny.tokenizer, PROMPTS, Sampling(max_new_tokens=6), 0, prefill="<translated>")
    for prompt, completion in zip(PROMPTS, found, strict=True):
        ids = greedy_by_hand(tiny, prompt, 6, prefill="<translated>")
        assert completion.text == tiny.tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert "<translated>" not in "".join(c.text for c in found)


def test_a_reply_stops_at_its_stop_text(tiny):
    whole = complete(tiny.policy, tiny.tokenizer, PROMPTS, Sampling(max_new_tokens=20), 0)
    # Two letters: what is half of a character has no text to stop at.
    stop = next(text for k in range(2, 12) if (text := whole[0].text[k : k + 2]).isascii() and text.isprintable())
    found = complete(tiny.policy, tiny.tokenizer, PROMPTS, Sampling(max_new_tokens=20), 0, stop=stop)
    assert stop in found[0].text
    assert found[0].finished
    assert len(found[0].text) < len(whole[0].text)
    assert whole[0].text.startswith(found[0].text)
    assert found[0].tokens < 20


def test_greedy_samples_that_would_be_equal_are_refused():
    with pytest.raises(ValueError, match="3 greedy samples would all be the same"):
        Sampling(samples=3)
