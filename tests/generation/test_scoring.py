"""Sequence scores: against one response at a time in plain PyTorch, whatever the batch, and each token counted exactly once."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch

from sp3f_lib.generation import scoring
from sp3f_lib.generation.scoring import ScoringError, check_same_tokenizer, encode, sequence_logprobs

QUESTIONS = ["How many apples does Maria have?", "Who?", "¿Cuántas manzanas?", "5 + 3?\nAnd 8 - 4?", "Nani?", "何個？"]
ANSWERS = [
    "Three.",
    "Maria has three apples and many more, as many as she had before.",
    "三個。",
    "x",
    "Tatu, na moja.",
    "8\n\n4",
]
PROMPTS = [[{"role": "user", "content": text}] for text in QUESTIONS]
PROMPTS[2] = [{"role": "system", "content": "Say it."}, *PROMPTS[2]]


def one_by_one(tiny, model, prompts=PROMPTS, answers=ANSWERS) -> list[float]:
    """Each response alone, without padding, in float64, from the template written out by hand."""
    model, scores = copy.deepcopy(model).double(), []
    for prompt, answer in zip(prompts, answers, strict=True):
        before, after = tiny.by_hand(prompt, answer)
        start = len(tiny.tokenizer(before)["input_ids"])
        ids = tiny.tokenizer(before + after, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            logp = model(ids).logits[0].log_softmax(-1)
        scores.append(sum(logp[place - 1, ids[0, place]].item() for place in range(start, ids.shape[1])))
    return scores


class Uniform(torch.nn.Module):
    """A model to which every token is equally likely: a score counts tokens."""

    device = torch.device("cpu")

    def __init__(self, vocab_size: int):
        super().__init__()
        self.vocab_size, self.asked = vocab_size, []
        self.config = SimpleNamespace(
            max_position_embeddings=4096, get_text_config=lambda: SimpleNamespace(vocab_size=vocab_size)
        )

    def forward(self, input_ids, logits_to_keep, **_):
        self.asked.append((input_ids.shape, int(logits_to_keep.sum())))
        return SimpleNamespace(logits=torch.zeros(int(logits_to_keep.sum()), self.vocab_size))


def tokens(scores: torch.Tensor, vocab_size: int) -> list[int]:
    return [round(score) for score in (scores / -math.log(vocab_size)).tolist()]


# ---- values


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
@pytest.mark.parametrize("side", ["left", "right"])
def test_scores_are_those_of_one_response_at_a_time(tiny, batch_size, side):
    tiny.tokenizer.padding_side = side
    found = sequence_logprobs(tiny.policy, tiny.tokenizer, PROMPTS, ANSWERS, batch_size)
    expected = one_by_one(tiny, tiny.policy)
    assert found.tolist() == pytest.approx(expected, abs=1e-4)
    assert max(expected) - min(expected) > 10  # so that scores of the wrong response would be seen


def test_the_padding_token_does_not_matter(tiny):
    before = sequence_logprobs(tiny.policy, tiny.tokenizer, PROMPTS, ANSWERS, 16)
    tiny.tokenizer.pad_token = tiny.tokenizer.eos_token
    assert sequence_logprobs(tiny.policy, tiny.tokenizer, PROMPTS, ANSWERS, 16).tolist() == before.tolist()


def test_neither_order_nor_company_matters(tiny):
    together = sequence_logprobs(tiny.policy, tiny.tokenizer, PROMPTS, ANSWERS, 4)
    backwards = sequence_logprobs(tiny.policy, tiny.tokenizer, PROMPTS[::-1], ANSWERS[::-1], 4)
    assert backwards.flip(0).tolist() == pytest.approx(together.tolist(), abs=1e-4)
    long = sequence_logprobs(tiny.policy, tiny.tokenizer, [PROMPTS[3]] * 2, [ANSWERS[3], "many apples " * 60], 2)
    assert long[0].item() == pytest.approx(together[3].item(), abs=1e-4)


@pytest.mark.parametrize(("answer", "count"), [("x", 2), ("xyz", 4), ("8\n\n4", 5)])
def test_every_response_token_and_the_end_token_count_once(tiny, answer, count):
    """Nothing merges in these texts, so a token is a character; Qwen's newline after the end token is not counted."""
    model = Uniform(len(tiny.tokenizer))
    for size in (1, 2):
        found = sequence_logprobs(model, tiny.tokenizer, [PROMPTS[0], PROMPTS[1]], [answer, "q"], size)
        assert tokens(found, model.vocab_size) == [count, 2]


def test_a_response_that_names_an_end_token_is_counted_to_its_own_end(qwen2):
    model = Uniform(len(qwen2.tokenizer))
    found = sequence_logprobs(model, qwen2.tokenizer, PROMPTS[:1], ["x<|im_end|>y"], 1)
    assert tokens(found, model.vocab_size) == [4]


def test_where_tokens_would_merge_the_prompt_keeps_its_own(qwen2):
    tokenizer = qwen2.tokenizer
    tokenizer.chat_template = (
        "{% for m in messages %}{{ 'Q: ' if m.role == 'user' else 'A: Mar' }}{{ m.content }}"
        "{{ '' if m.role == 'user' else '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}A: Mar{% endif %}"
    )
    before, after = "Q: Who?A: Mar", "ia<|im_end|>"
    assert tokenizer(before + after)["input_ids"] != tokenizer(before)["input_ids"] + tokenizer(after)["input_ids"]
    ids, prompt = encode(tokenizer, PROMPTS[1], "ia")
    assert ids == tokenizer(before)["input_ids"] + tokenizer(after)["input_ids"]
    assert prompt == len(tokenizer(before)["input_ids"])


def test_a_bfloat16_model_has_its_log_softmax_in_float32(tiny):
    model = copy.deepcopy(tiny.policy).bfloat16()
    found = sequence_logprobs(model, tiny.tokenizer, PROMPTS[:1], ANSWERS[:1], 1)
    before, after = tiny.by_hand(PROMPTS[0], ANSWERS[0])
    ids = tiny.tokenizer(before + after, return_tensors="pt")["input_ids"]
    start = len(tiny.tokenizer(before)["input_ids"])
    with torch.no_grad():
        logits = model(ids).logits[0, start - 1 : -1]

    def score(logits):
        return logits.log_softmax(-1).gather(1, ids[0, start:, None]).sum().item()

    assert found.item() == pytest.approx(score(logits.float()), abs=1e-4)
    assert abs(found.item() - score(logits)) > 1e-3  # a log-softmax in bfloat16 is seen


def test_dropout_is_off_and_the_models_mode_is_kept(tiny):
    expected = sequence_logprobs(tiny.policy, tiny.tokenizer, PROMPTS, ANSWERS, 2)
    for layer in tiny.policy.model.layers:
        layer.self_attn.attention_dropout = 0.5
    tiny.policy.train()
    found = sequence_logprobs(tiny.policy, tiny.tokenizer, PROMPTS, ANSWERS, 2)
    assert found.tolist() == expected.tolist()
    assert tiny.policy.training


# ---- memory


def test_only_positions_that_predict_a_response_get_logits(tiny):
    model = Uniform(len(tiny.tokenizer))
    sequence_logprobs(model, tiny.tokenizer, PROMPTS[:2], ["xyz", "q"], 2)
    assert [kept for _, kept in model.asked] == [4 + 2]


def test_a_batch_whose_logits_are_too_many_is_made_smaller(tiny, monkeypatch):
    model = Uniform(len(tiny.tokenizer))
    monkeypatch.setattr(scoring, "_LOGITS", 5 * model.vocab_size)
    found = sequence_logprobs(model, tiny.tokenizer, [PROMPTS[1]] * 4, ["xyz", "q", "q", "xyz"], 4)
    # With end tokens 4, 4, 2 and 2 positions, longest first; more than 5 do not go together.
    assert [shape[0] for shape, _ in model.asked] == [1, 1, 2]
    assert tokens(found, model.vocab_size) == [4, 2, 2, 4]


# ---- errors


def test_errors_name_the_response_and_what_to_do(tiny):
    def score(responses, prompts=None, model=tiny.policy):
        return sequence_logprobs(model, tiny.tokenizer, prompts or PROMPTS[: len(responses)], responses, 2)

    with pytest.raises(ScoringError, match="response 1 is empty"):
        score(["x", " \n"])
    with pytest.raises(ScoringError, match="2 prompts, but 1 responses"):
        score(["x"], PROMPTS[:2])
    with pytest.raises(ScoringError, match=r"response 1: with its prompt it has \d+ tokens, the model has 2048 positions"):
        score(["x", "z" * 2048])
    broken = copy.deepcopy(tiny.policy)
    torch.nn.init.constant_(broken.lm_head.weight, float("nan"))
    with pytest.raises(ScoringError, match="response 0 has the score nan: 'x'"):
        score(["x"], model=broken)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "no chat template"),
        ("{{ messages | length }}{{ messages[-1].content }}<|im_end|>", "renders the prompt differently"),
        ("{% for m in messages %}{% if m.role == 'assistant' %}<think></think>{% endif %}{{ m.content }}<|im_end|>{% endfor %}",
         "'<think></think>' after the generation prompt"),
        ("{% for m in messages %}{{ m.content }}\n{% endfor %}", "does not begin with an end token"),
        ("{{ messages[0].content }}<|im_end|>", "after the generation prompt"),
    ],
)  # fmt: skip
def test_templates_that_leave_open_where_an_answer_begins_or_ends_are_refused(qwen2, template, message):
    qwen2.tokenizer.chat_template = template
    with pytest.raises(ScoringError, match=message):
        encode(qwen2.tokenizer, PROMPTS[1], "x")


def test_policy_and_reference_must_read_alike(tiny):
    other = copy.deepcopy(tiny.tokenizer)
    check_same_tokenizer(tiny.tokenizer, other)
    other.padding_side, other.pad_token = "right", other.eos_token  # how a batch is padded is no matter
    check_same_tokenizer(tiny.tokenizer, other)
    other.add_tokens(["<|more|>"])
    with pytest.raises(ScoringError, match=r"1 tokens differ, such as '<\|more\|>'"):
        check_same_tokenizer(tiny.tokenizer, other)
    other = copy.deepcopy(tiny.tokenizer)
    other.chat_template += " "
    with pytest.raises(ScoringError, match="different chat templates"):
        check_same_tokenizer(tiny.tokenizer, other)
    other = copy.deepcopy(tiny.tokenizer)
    other.backend_tokenizer.pre_tokenizer.add_prefix_space = True
    with pytest.raises(ScoringError, match=r"they split .* differently"):
        check_same_tokenizer(tiny.tokenizer, other)
