"""One more token of every row through a plain decoder: the layers' own modules, without what transformers does around them.

    logits, step = read_prompts(model, cache, prompts, mask, group)
    logits = step(tokens)                               (rows, words), the bits of model(...).logits

For a small model on a CPU, masks, wrappers and a cache that is copied for each token take a third of the time. `TokenStep` makes
the mask once, writes keys and values into room that grows seldom, and goes through the layers itself. `WholeStep` calls the model.
"""

import sys

import torch
from torch.nn.functional import scaled_dot_product_attention

_ROOM = 64  # tokens by which the room for keys and values grows


def read_prompts(model, cache, prompts: torch.Tensor, mask: torch.Tensor, group: torch.Tensor):
    """(logits (rows, words) after the prompts, `TokenStep` or `WholeStep`); from there on every row goes its own way.

    `prompts` and `mask` (different prompts, width) are padded on the left; `group` (rows,) says which of them is each row's.
    `model` is a plain decoder (`decode.is_plain`), `cache` an empty one of transformers.
    """
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    own = {"attention_mask": mask, "position_ids": positions, "past_key_values": cache}
    logits = model(input_ids=prompts, **own, use_cache=True, logits_to_keep=1).logits[:, -1].float()
    cache.batch_select_indices(group)
    logits, mask, positions = (x.index_select(0, group) for x in (logits, mask, positions[:, -1:]))
    return logits, (TokenStep if can_step(model) else WholeStep)(model, cache, mask, positions)


def can_step(model) -> bool:
    """Whether a plain decoder runs as `TokenStep` does: PyTorch's attention, one precision, nothing dropped out."""
    mixed = hasattr(model, "_original_forward")  # accelerate has put autocast around it
    dropping = model.training and model.config.attention_dropout
    return model.config._attn_implementation == "sdpa" and not mixed and not dropping


class WholeStep:
    """Reads a token by the model's forward. `seen` (rows, tokens) is 0 at padding, `positions` (rows, 1) are the prompts' last."""

    def __init__(self, model, cache, seen: torch.Tensor, positions: torch.Tensor):
        self.model, self.cache, self.seen, self.positions = model, cache, seen, positions

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (rows, words) in float32 after `tokens` (rows,)."""
        self.positions = self.positions + 1
        self.seen = torch.cat([self.seen, self.seen.new_ones(len(self.seen), 1)], dim=1)
        own = {"attention_mask": self.seen, "position_ids": self.positions, "past_key_values": self.cache}
        return self.model(input_ids=tokens[:, None], **own, use_cache=True, logits_to_keep=1).logits[:, -1].float()

    def keep(self, rows: torch.Tensor) -> None:
        """Drops all rows but these."""
        self.cache.batch_select_indices(rows)
        self.seen, self.positions = (x.index_select(0, rows) for x in (self.seen, self.positions))


class TokenStep:
    """As `WholeStep`, straight through the layers."""

    def __init__(self, model, cache, seen: torch.Tensor, positions: torch.Tensor):
        self.model, self.backbone, self.positions = model, model.base_model, positions
        self.turned = sys.modules[type(self.backbone).__module__].apply_rotary_pos_emb  # the family's own
        keys = [layer.keys for layer in cache.layers]
        self.mask = keys[0].new_zeros(len(seen), 1, 1, seen.shape[1]).masked_fill((seen == 0)[:, None, None], float("-inf"))
        self.read, self.padded = seen.shape[1], bool((seen == 0).any())
        self.kept = list(zip(keys, [layer.values for layer in cache.layers], strict=True))

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (rows, words) in float32 after `tokens` (rows,)."""
        if self.read == self.mask.shape[-1]:
            self._make_room(torch.arange(len(tokens)))
        self.positions = self.positions + 1
        self.read += 1
        states = self.backbone.embed_tokens(tokens[:, None])
        angles = self.backbone.rotary_emb(states, self.positions)
        for layer, kept in zip(self.backbone.layers, self.kept, strict=True):
            states = states + self._attended(layer.self_attn, layer.input_layernorm(states), angles, kept)
            states = states + layer.mlp(layer.post_attention_layernorm(states))
        return self.model.get_output_embeddings()(self.backbone.norm(states))[:, -1].float()

    def keep(self, rows: torch.Tensor) -> None:
        """Drops all rows but these."""
        self.positions = self.positions.index_select(0, rows)
        self._make_room(rows)

    def _attended(self, attention, states: torch.Tensor, angles, kept) -> torch.Tensor:
        keys, values = kept
        shape = (len(states), 1, -1, attention.head_dim)
        query, key, value = (p(states).view(shape) for p in (attention.q_proj, attention.k_proj, attention.v_proj))
        if hasattr(attention, "q_norm"):  # Qwen3
            query, key = attention.q_norm(query), attention.k_norm(key)
        query, key = self.turned(query.transpose(1, 2), key.transpose(1, 2), *angles)
        keys[:, :, self.read - 1], values[:, :, self.read - 1] = key[:, :, 0], value[:, 0]
        # As in transformers, so that no rounding differs: under a mask, heads that share keys stand in place of the query's tokens.
        out = scaled_dot_product_attention(
            query.reshape(len(states), keys.shape[1], -1, attention.head_dim) if self.padded else query,
            keys[:, :, : self.read],
            values[:, :, : self.read],
            attn_mask=self.mask[..., : self.read] if self.padded else None,
            scale=attention.scaling,
            enable_gqa=not self.padded,
        )
        return attention.o_proj(out.reshape(len(states), 1, -1))

    def _make_room(self, rows: torch.Tensor) -> None:
        """Copies what was read of `rows` into new room."""
        self.mask = _roomy(self.mask.transpose(2, 3), rows, self.read).transpose(2, 3)
        self.padded = self.padded and bool((self.mask < 0).any())
        self.kept = [(_roomy(keys, rows, self.read), _roomy(values, rows, self.read)) for keys, values in self.kept]


def _roomy(old: torch.Tensor, rows: torch.Tensor, read: int) -> torch.Tensor:
    """`rows` of `old` (rows, heads, tokens, width), of which `read` tokens are filled, with zeros for more of them."""
    new = old.new_zeros(len(rows), old.shape[1], read + _ROOM, old.shape[3])
    new[:, :, :read] = old[:, :, :read].index_select(0, rows)
    return new
