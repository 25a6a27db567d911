"""The lab's base model: a small Llama from configuration and a byte-level BPE tokenizer, made on the spot.

It stands for an English-dominant base model. What limits it is reading and writing the other languages, not arithmetic:
numbers stay small, most of its training text is English, and most questions in other languages are answered in English.
"""

import random
from pathlib import Path

from sp3f_lib.data.lab import Problem, render_question, render_solution, sample_problems
from sp3f_lib.languages import get_language
from sp3f_lib.sections import LabModel

BASE_OPERATIONS = (2, 3, 4)
END, PAD = "<|im_end|>", "<|endoftext|>"
# ChatML without its newlines: every token counts when a laptop trains the model.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '<|im_sep|>' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)
SPECIAL = (PAD, "<|im_start|>", "<|im_sep|>", END, "system", "user", "assistant")


def base_problems(recipe: LabModel, seed: int) -> list[Problem]:
    """The problems of the base model's training text; every other split excludes them."""
    return sample_problems(recipe.problems, 2 * seed + 1_000, BASE_OPERATIONS)


def base_rows(recipe: LabModel, seed: int) -> list[dict]:
    """Prompt and completion of every problem of the base mix, each in one language.

    A question in a language other than English is answered in English with probability `answered_in_english`; any answer
    is without steps with probability `without_steps`.
    """
    rng = random.Random(f"base mix {seed}")
    languages, shares = ["en", *recipe.shares], [1 - sum(recipe.shares.values()), *recipe.shares.values()]
    rows = []
    for problem in base_problems(recipe, seed):
        lang = rng.choices(languages, shares)[0]
        reply = "en" if rng.random() < recipe.answered_in_english else lang
        rows.append(
            {
                "prompt": [
                    {"role": "system", "content": get_language(lang).instruction},
                    {"role": "user", "content": render_question(problem, lang)},
                ],
                "completion": [
                    {"role": "assistant", "content": render_solution(problem, reply, rng.random() >= recipe.without_steps)}
                ],
            }
        )
    return rows


def train_tokenizer(recipe: LabModel, languages: tuple[str, ...], directory: Path):
    """A byte-level BPE tokenizer over equal amounts of every language; digits stand alone, so that numbers are read digit by
    digit. Saved in `directory` with the chat template, and returned."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    # Letters with their combining marks (Indic scripts) stay together; a digit stands alone, with the space before it.
    words = Regex(r" ?\\boxed\{| ?[\p{L}\p{M}]+| ?\p{N}| ?[^\s\p{L}\p{M}\p{N}]+|\s+")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    problems = sample_problems(300, 77, BASE_OPERATIONS)
    texts = [
        text
        for lang in sorted({"en", *languages})
        for problem in problems
        for text in (render_question(problem, lang), render_solution(problem, lang), get_language(lang).instruction)
    ]
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, padding_side="left", clean_up_tokenization_spaces=False
    )
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_sep|>"]})
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(directory)
    return fast


def new_model(recipe: LabModel, tokenizer, seed: int):
    """A Llama with random weights drawn from `seed`, float32."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.key_value_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(
        do_sample=True, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    return model
