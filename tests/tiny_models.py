"""Tiny models with random weights, a Llama and a Qwen2, each with a tokenizer and a chat template of its family's form.

The fixtures `tiny` and `qwen2` (conftest.py) hand them out.
"""

import copy
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from sp3f_lib.data.parallel import ParallelPrompt
from sp3f_lib.machine import set_up

# Llama 3: a beginning-of-text token, headers, stripped contents; nothing follows the end token.
LLAMA_TEMPLATE = (
    "<|begin|>{% for m in messages %}{{ '<|header|>' + m['role'] + '<|/header|>\n\n' + m['content'] | trim + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|header|>assistant<|/header|>\n\n' }}{% endif %}"
)
# Qwen: contents as they are, and a newline after the end token.
QWEN_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ["<|pad|>", "<|im_end|>", "<|im_start|>", "<|begin|>", "<|header|>", "<|/header|>"]
TEXTS = [
    "How many apples does Maria have? Maria has three apples.",
    "¿Cuántas manzanas tiene María?",
    "Maria ana matufaa matatu.",
]
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@dataclass
class Tiny:
    """A family's template, tokenizer, and two models: a policy and its reference."""

    family: str
    tokenizer: PreTrainedTokenizerFast
    policy: torch.nn.Module
    reference: torch.nn.Module

    def by_hand(self, prompt: list[dict], response: str) -> tuple[str, str]:
        """(prompt, response with its end token) as the template renders them, written out here without it."""
        if self.family == "llama":
            turns = "".join(f"<|header|>{m['role']}<|/header|>\n\n{m['content'].strip()}<|im_end|>" for m in prompt)
            return f"<|begin|>{turns}<|header|>assistant<|/header|>\n\n", f"{response.strip()}<|im_end|>"
        turns = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in prompt)
        return f"{turns}<|im_start|>assistant\n", f"{response}<|im_end|>"

    def fresh(self) -> "Tiny":
        """A copy whose policy, tokenizer and generation settings a test may change."""
        return Tiny(self.family, copy.deepcopy(self.tokenizer), copy.deepcopy(self.policy), self.reference)


def make_tokenizer(template: str, merges: int = 100) -> PreTrainedTokenizerFast:
    """Byte-level BPE with a few merges, so that no text is unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + len(SPECIAL) + merges,
        special_tokens=SPECIAL,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>", padding_side="left"
    )
    fast.chat_template = template
    return fast


def make_tiny(family: str) -> Tiny:
    """A fresh tiny family; the weights are large enough that no two tokens are about equally likely."""
    set_up(1)
    tokenizer = make_tokenizer(LLAMA_TEMPLATE if family == "llama" else QWEN_TEMPLATE)
    config_of, model_of = (LlamaConfig, LlamaForCausalLM) if family == "llama" else (Qwen2Config, Qwen2ForCausalLM)
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        config = config_of(
            vocab_size=len(tokenizer), max_position_embeddings=2048, initializer_range=0.2, bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, **SIZES
        )  # fmt: skip
        model = model_of(config).eval()
        model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
        made.append(model)
    return Tiny(family, tokenizer, *made)


def user(text: str) -> list[dict]:
    """A chat prompt of one user message."""
    return [{"role": "user", "content": text}]


def parallel(*rows: tuple[str, dict[str, str]]) -> list[ParallelPrompt]:
    """Parallel prompts from (id, {lang: text})."""
    return [ParallelPrompt(id, {lang: user(text) for lang, text in texts.items()}) for id, texts in rows]
