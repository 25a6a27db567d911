"""Log-probabilities of a group's completions with its prompt read once: on a CPU, most of what a GRPO step saves.

TRL scores every completion behind its own copy of the prompt, padded to the longest, and where there is no Triton its head scores
the prompts and the padding too. Here each different prompt of a batch goes through the model once and its keys and values are
handed to all completions of its group; completions go through in parts of like length; and the head sees completion tokens only.
The numbers are TRL's up to rounding (`tests/training/test_shared_prompts.py`), gradients included: they flow back into the prompts
through the keys and values. For plain models only (`decode.is_plain`).
"""

import torch
from transformers import DynamicCache
from trl.trainer.utils import _CHUNKED_LOGPROB_CHUNK_SIZE, _ChunkedLogProbFunction

from sp3f_lib.generation.decode import different_rows

_PARTS = 4
# Tokens x words up to which all probabilities are kept for the gradient (0.13 GB); TRL's tiles compute them twice.
_KEPT = 2**25


def shared_prompt_logps(
    model, input_ids: torch.Tensor, attention_mask: torch.Tensor, completion: int, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(log-probabilities in nats, entropies in nats), each (B, completion): of the last `completion` tokens of `input_ids` (B, T).

    Prompts are padded on the left, completions on the right; what is padding gets 0. `model` is a causal language model of
    transformers, and its logits are divided by `temperature`. Entropies carry no gradient.
    """
    width = input_ids.shape[1] - completion
    begin = int(attention_mask[:, :width].any(0).int().argmax())  # the columns before it are padding in every row
    prompts, mask, written = input_ids[:, begin:width], attention_mask[:, begin:], input_ids[:, width:]
    first, group = different_rows(prompts, mask[:, : width - begin])
    cache, backbone = DynamicCache(), model.base_model
    seen = mask[first, : width - begin]
    read = backbone(input_ids=prompts[first], attention_mask=seen, past_key_values=cache, use_cache=True)

    real = attention_mask[:, width:].bool()
    by_length, states, places = real.sum(1).argsort(), [], []
    for rows in by_length.chunk(min(_PARTS, len(by_length))):
        length = max(1, int(real[rows].sum(1).max()))
        copies, part = DynamicCache(), real[rows, :length]
        for number, layer in enumerate(cache.layers):
            copies.update(*(x.index_select(0, group[rows]) for x in (layer.keys, layer.values)), number)
        # The state before a token predicts it: the first one of a completion is predicted at the end of its prompt.
        hidden = read.last_hidden_state[:, -1:].index_select(0, group[rows])
        if length > 1:
            seen = mask[rows, : width - begin + length - 1]
            ids = written[rows, : length - 1]
            rest = backbone(input_ids=ids, attention_mask=seen, past_key_values=copies, use_cache=True)
            hidden = torch.cat([hidden, rest.last_hidden_state], dim=1)
        states.append(hidden.flatten(0, 1).index_select(0, part.flatten().nonzero().squeeze(1)))
        row, column = part.nonzero(as_tuple=True)
        places.append(rows[row] * completion + column)

    places, head = torch.cat(places), model.get_output_embeddings()
    found = head_logps(torch.cat(states), head, written.flatten()[places], temperature)
    flat = (torch.zeros(real.numel(), dtype=x.dtype).index_copy(0, places, x) for x in found)
    return tuple(x.view(real.shape) for x in flat)


def head_logps(states: torch.Tensor, head, labels: torch.Tensor, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(log-probabilities, entropies), each (n,), of `labels` (n,) under the language-model `head` of `states` (n, width)."""
    if head.bias is None and len(labels) * len(head.weight) <= _KEPT:
        return _Head.apply(states, head.weight, labels, temperature)
    return _ChunkedLogProbFunction.apply(
        states, head.weight, head.bias, labels, temperature, _CHUNKED_LOGPROB_CHUNK_SIZE, None, 1.0, ("log_probs", "entropy")
    )[:2]


class _Head(torch.autograd.Function):
    """Logits, log-softmax and entropy in as few passes over (n, words) as there can be."""

    @staticmethod
    def forward(ctx, states, weight, labels, temperature):
        logps = torch.log_softmax((states @ weight.T).div_(temperature), -1)
        probabilities = logps.exp()
        ctx.save_for_backward(states, weight, labels, probabilities)
        ctx.temperature = temperature
        entropies = -torch.linalg.vecdot(probabilities, logps)
        ctx.mark_non_differentiable(entropies)
        return logps.gather(1, labels[:, None]).squeeze(1), entropies

    @staticmethod
    def backward(ctx, gradient, _):
        states, weight, labels, probabilities = ctx.saved_tensors
        gradient = (gradient / ctx.temperature)[:, None]
        of_logits = (probabilities * -gradient).scatter_add_(1, labels[:, None], gradient)
        return of_logits @ weight, of_logits.T @ states, None, None
