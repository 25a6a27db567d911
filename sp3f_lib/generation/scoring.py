"""Log-probabilities of whole responses: what a model thinks of a text, in nats.

    S(pi; x, y) = sum over the tokens of y and its end token of log pi(token | x, tokens before)

A response is scored as training sees it: rendered by the chat template behind the generation prompt, up to and with the end token
that the template puts after it. What the template puts after that (Qwen: a newline) is not counted. A score does not depend on
the batch it is computed in; the authors' scorer lost the first token and added the log-probability of padding
(`spec`: arXiv 2503.04647, released code). Here sequences are padded on the right, where a causal model cannot see it.

Memory: only positions that predict a token of a response get logits, and a batch is made smaller where the logits would exceed
`_LOGITS` numbers (a single response may); the log-softmax is in float32 in slices, whatever the model's dtype. In float32 a score
is the same in every batch to 1e-4; in bfloat16 the logits themselves depend a little on the shape of the batch.
"""

from collections.abc import Iterator

import torch

from sp3f_lib.languages import LANGUAGES

_LOGITS = 2**28  # numbers: 0.5 GB in bfloat16
_SLICE = 256  # positions whose log-softmax is taken at once


class ScoringError(ValueError):
    """Responses that cannot be scored; the message names the response and what to change."""


@torch.inference_mode()
def sequence_logprobs(model, tokenizer, prompts: list[list[dict]], responses: list[str], batch_size: int) -> torch.Tensor:
    """S of each response behind its chat prompt: shape (n,), float64, in nats, on the CPU.

    `ScoringError` before anything is computed if a response cannot be rendered, is empty, or is longer than the model's
    positions; and for a score that is not finite.
    """
    if len(prompts) != len(responses):
        raise ScoringError(f"{len(prompts)} prompts, but {len(responses)} responses")
    encoded = [encode(tokenizer, prompt, text, k) for k, (prompt, text) in enumerate(zip(prompts, responses, strict=True))]
    room = getattr(model.config, "max_position_embeddings", None)
    for number, (ids, _) in enumerate(encoded):
        if room and len(ids) > room:
            raise ScoringError(
                f"response {number}: with its prompt it has {len(ids)} tokens, the model has {room} positions; sample shorter ones"
            )
    scores = torch.zeros(len(encoded), dtype=torch.float64)
    was_training = model.training
    model.eval()
    try:
        for batch in _batches(encoded, batch_size, model.config.get_text_config().vocab_size):
            scores[batch] = _score(model, [encoded[number] for number in batch])
    finally:
        model.train(was_training)
    if not scores.isfinite().all():
        number = int(scores.isfinite().logical_not().nonzero()[0])
        raise ScoringError(
            f"response {number} has the score {scores[number]:g}: {responses[number][:80]!r}. Are the weights finite? In float16 "
            "logits overflow; use bfloat16 or float32"
        )
    return scores


def encode(tokenizer, prompt: list[dict], response: str, number: int = 0) -> tuple[list[int], int]:
    """(token ids of the prompt, the response and its end token; how many of them are the prompt's).

    Where the tokenizer would merge the end of the prompt with the beginning of the response, the two are tokenized apart, as
    they are when the response is sampled. `number` is for error messages.
    """
    if tokenizer.chat_template is None:
        raise ScoringError("the tokenizer has no chat template; take the instruct model's, or set tokenizer.chat_template")
    if not response.strip():
        raise ScoringError(f"response {number} is empty; leave such responses out before scoring")
    before = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    answer = {"role": "assistant", "content": response}
    whole = tokenizer.apply_chat_template([*prompt, answer], tokenize=False)
    if not whole.startswith(before):
        raise ScoringError(
            f"response {number}: the chat template renders the prompt differently once an answer follows, so it is not clear "
            f"where the answer begins. Prompt: ...{before[-60:]!r}; with the answer: ...{whole[: len(before)][-60:]!r}"
        )
    whole = whole[: len(before) + _end(tokenizer, whole[len(before) :], response, number)]
    prompt_ids, ids = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (before, whole))
    if ids[: len(prompt_ids)] != prompt_ids:
        ids = prompt_ids + tokenizer(whole[len(before) :], add_special_tokens=False)["input_ids"]
    return ids, len(prompt_ids)


def _end(tokenizer, rest: str, response: str, number: int) -> int:
    """Where the end token ends in `rest`, which the template puts after the generation prompt."""
    written = response if response in rest else response.strip()  # many templates strip
    start = rest.find(written)
    if start < 0 or rest[:start].strip():
        raise ScoringError(
            f"response {number}: the chat template puts {rest[: max(start, 0)][:80] or rest[:80]!r} after the generation prompt "
            "in place of, or before, the response (a template for thinking?); set a tokenizer.chat_template that does not"
        )
    tail = rest[start + len(written) :]
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special} | {tokenizer.eos_token}
    found = [token for token in special - {None} if tail.lstrip().startswith(token)]
    if not found:
        raise ScoringError(
            f"response {number}: the chat template puts {tail[:40]!r} after the response, which does not begin with an end token; "
            "without one a model never learns to stop"
        )
    # The longest: one special token may begin like another.
    return len(rest) - len(tail.lstrip()) + len(max(found, key=len))


def _batches(encoded: list[tuple[list[int], int]], size: int, vocabulary: int) -> Iterator[list[int]]:
    """Numbers of the sequences of each batch, longest first: little padding, and what does not fit fails at once."""
    batch, kept = [], 0
    for number in sorted(range(len(encoded)), key=lambda k: -len(encoded[k][0])):
        ids, prompt = encoded[number]
        if batch and (len(batch) == size or (kept + len(ids) - prompt) * vocabulary > _LOGITS):
            yield batch
            batch, kept = [], 0
        batch.append(number)
        kept += len(ids) - prompt
    if batch:
        yield batch


def _score(model, sequences: list[tuple[list[int], int]]) -> torch.Tensor:
    width = max(len(ids) for ids, _ in sequences)
    tokens, mask = (torch.zeros(len(sequences), width, dtype=torch.long) for _ in range(2))
    predicts = torch.zeros(len(sequences), width, dtype=torch.bool)
    for row, (ids, prompt) in enumerate(sequences):
        tokens[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
        predicts[row, prompt - 1 : len(ids) - 1] = True  # position t predicts token t + 1
    targets = tokens.roll(-1, 1)[predicts].to(model.device)
    # A boolean `logits_to_keep` gives shape (positions that count, vocabulary), through the model's own head and scaling.
    logits = model(
        input_ids=tokens.to(model.device),
        attention_mask=mask.to(model.device),
        logits_to_keep=predicts.to(model.device),
        use_cache=False,
    ).logits
    each = [
        -torch.nn.functional.cross_entropy(part.float(), target, reduction="none")
        for part, target in zip(logits.split(_SLICE), targets.split(_SLICE), strict=True)
    ]
    rows = predicts.nonzero()[:, 0]
    return torch.zeros(len(sequences), dtype=torch.float64).index_add_(0, rows, torch.cat(each).cpu().double())


def check_same_tokenizer(policy_tokenizer, reference_tokenizer) -> None:
    """`ScoringError` if the same chat would become other tokens for the two models, so that a log-ratio means nothing."""
    if policy_tokenizer.chat_template != reference_tokenizer.chat_template:
        raise ScoringError("policy and reference have different chat templates; score both with the policy's tokenizer")
    for what in ("get_vocab", "get_added_vocab"):
        one, other = (getattr(tokenizer, what)() for tokenizer in (policy_tokenizer, reference_tokenizer))
        if different := {token for token, _ in one.items() ^ other.items()}:
            raise ScoringError(
                f"policy and reference have different tokenizers: {len(different)} tokens differ, such as {min(different)!r}"
            )
    # Equal vocabularies may still split texts differently.
    for language in LANGUAGES.values():
        text = f"{language.instruction} {language.native} 1 234,5\n"
        one, other = (tokenizer(text)["input_ids"] for tokenizer in (policy_tokenizer, reference_tokenizer))
        if one != other:
            raise ScoringError(f"policy and reference have different tokenizers: they split {text!r} differently")
