"""The decoding loop of `model.generate` on a CPU, by transformers' own hook for it (`custom_generate`): half the time in the lab.

    quick_sampling(model)          from now on model.generate decodes with `decode`, if the model is a plain one on a CPU
    model.generate(..., custom_generate=decode)

It departs from transformers' loop in five ways. Equal prompts (a group's) are read once. A token goes through the layers without
what transformers does around them (`token_step`). Tokens are drawn by inverting the cumulative distribution with one random number
a row; `torch.multinomial` draws one for every word of the vocabulary, which on a CPU takes as long as the model itself. Top-p does
not sort the whole vocabulary (`TopP`). And rows that have ended leave the batch, where transformers carries them along to the end
of the longest. Everything else (logits processors, stopping criteria, padding) is that of `generate`. Random numbers are drawn for
all rows of the batch, so an answer does not depend on when others end.
"""

from functools import wraps
from types import MethodType

import torch
from transformers import LogitsProcessor, RepetitionPenaltyLogitsProcessor, TopPLogitsWarper

from sp3f_lib.generation.token_step import read_prompts

# Ended rows are dropped once they are an eighth: each time, the cache is copied.
_DROP_FROM = 8
# Decoders with a plain cache: what the loop presupposes.
PLAIN = {"llama", "qwen2", "qwen3"}


def is_plain(model) -> bool:
    """Whether the model attends to everything before, its cache grows by concatenation, and its head scales nothing."""
    return model.config.model_type in PLAIN and not getattr(model.config, "use_sliding_window", False)


def quick_sampling(model):
    """`model`, decoding with `decode` wherever its `generate` is called on a CPU, if it is a plain one.

    Transformers' own loop goes on where processes must take equally many steps (sharded models), and where a text ends an answer
    (`stop_strings`: their tokenizer does not reach the hook).
    """
    original = type(model).generate

    @wraps(original)
    def generate(self, *args, **kwargs):
        alone = not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1
        if alone and self.device.type == "cpu" and "tokenizer" not in kwargs:
            kwargs["custom_generate"] = decode
        return original(self, *args, **kwargs)

    if is_plain(model):
        model.generate = MethodType(generate, model)
    return model


def decode(model, input_ids, logits_processor, stopping_criteria, generation_config, **kwargs) -> torch.Tensor:
    """Token ids (rows, prompt and answer), padded on the right; what transformers calls in place of its own loop.

    `input_ids` (rows, prompt) are padded on the left; `kwargs` hold `attention_mask` and the empty `past_key_values`.
    """
    cache, mask = kwargs["past_key_values"], kwargs.get("attention_mask")
    mask = torch.ones_like(input_ids) if mask is None else mask
    count, width = input_ids.shape
    first, group = different_rows(input_ids, mask)
    logits_processor = [
        TopP(p.top_p) if type(p) is TopPLogitsWarper and not p.min_tokens_to_keep > 1 else p for p in logits_processor
    ]
    # This one keeps a record of every row of the batch, so all must stay.
    dropping = not any(isinstance(processor, RepetitionPenaltyLogitsProcessor) for processor in logits_processor)
    out = input_ids.new_full((count, generation_config.max_length), int(generation_config.pad_token_id or 0))
    out[:, :width] = input_ids
    rows, alive = torch.arange(count), torch.ones(count, dtype=torch.bool)
    logits, step = read_prompts(model, cache, input_ids[first], mask[first], group)
    for place in range(width, generation_config.max_length):
        scores = logits
        for processor in logits_processor:  # the list itself looks at the signature of each, for every token
            scores = processor(out[rows, :place], scores)
        tokens = draw(scores, torch.rand(count)[rows]) if generation_config.do_sample else scores.argmax(-1)
        out[rows[alive], place] = tokens[alive]
        alive = alive & ~stopping_criteria(out[rows, : place + 1], None)
        if not alive.any() or place + 1 == generation_config.max_length:
            break
        if dropping and _DROP_FROM * (~alive).sum() >= len(alive):
            kept = alive.nonzero().squeeze(1)
            step.keep(kept)
            rows, tokens, alive = (x.index_select(0, kept) for x in (rows, tokens, alive))
        logits = step(tokens)
    return out[:, : place + 1]


class TopP(LogitsProcessor):
    """Transformers' `TopPLogitsWarper`, without sorting the whole vocabulary where a few words hold `top_p` in every row."""

    def __init__(self, top_p: float, words: int = 64):
        self.top_p, self.words, self.whole = top_p, words, TopPLogitsWarper(top_p)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        likeliest, places = scores.softmax(-1).topk(min(self.words, scores.shape[-1]), -1)
        sums = likeliest.cumsum(-1)
        if (sums[:, -1] < self.top_p).any():
            return self.whole(input_ids, scores)
        # A word stays if those likelier than it do not hold top_p.
        kept = scores.gather(-1, places).masked_fill(sums - likeliest >= self.top_p, float("-inf"))
        return torch.full_like(scores, float("-inf")).scatter(-1, places, kept)


def different_rows(ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(places of one of each different row, number of each row among these) of `ids` (rows, width), where `mask` is 0 ignored.

    >>> different_rows(torch.tensor([[7, 5], [0, 6], [7, 5]]), torch.tensor([[1, 1], [0, 1], [1, 1]]))
    (tensor([1, 2]), tensor([1, 0, 1]))
    """
    different, group = ids.masked_fill(mask == 0, -1).unique(dim=0, return_inverse=True)
    first = torch.zeros(len(different), dtype=torch.long, device=ids.device)
    first[group] = torch.arange(len(ids), device=ids.device)
    return first, group


def draw(scores: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """One token a row from softmax(`scores`) (rows, vocabulary), at the quantile `uniform` (rows,) in [0, 1).

    >>> draw(torch.tensor([[0.0, 0.0, float("-inf")]]).expand(3, 3), torch.tensor([0.0, 0.49, 0.99]))
    tensor([0, 0, 1])
    """
    cumulative = scores.softmax(-1).cumsum(-1)
    # The last sum is 1 up to rounding; the first word above the quantile always has some probability.
    return torch.searchsorted(cumulative, (uniform * cumulative[:, -1])[:, None], right=True).squeeze(1)
