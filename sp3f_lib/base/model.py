"""The lab's base model: a small Llama from configuration and a byte-level BPE tokenizer, made on the spot.

It stands for an English-dominant base model. What limits it is reading and writing the other languages, not arithmetic:
numbers stay small, most of its training text is English, and most questions in other languages are answered in English.

What ICR and LIDR presuppose is learned only where the profile gives it a share of the mix: to translate solutions between tags
(`translations`, the prompt of generation/translation.py), and to answer an English question in the language that a sentence in
front of it asks for (`instructed`, that of generation/implicit_reward.py). Every language of `shares` gets equally much of both.
"""

import random
from itertools import cycle
from pathlib import Path

from sp3f_lib.lab.problems import Problem, render_question, render_solution, sample_problems
from sp3f_lib.languages import get_language
from sp3f_lib.profiles.sections import LabModel

BASE_OPERATIONS = (2, 3, 4)
END, PAD = "<|im_end|>", "<|endoftext|>"
# ChatML without its newlines: every token counts when a laptop trains the model.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '<|im_sep|>' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)
SPECIAL = (PAD, "<|im_start|>", "<|im_sep|>", END, "system", "user", "assistant")


def base_problems(recipe: LabModel, seed: int) -> list[Problem]:
    """The problems of the base model's training text, from a part of the world that no split draws from."""
    return sample_problems(recipe.problems, 2 * seed + 1_000, BASE_OPERATIONS, part="base")


def base_rows(recipe: LabModel, seed: int) -> list[dict]:
    """Prompt and completion of every problem of the base mix, each in one language.

    A question in a language other than English is answered in English with probability `answered_in_english`; any answer
    is without steps with probability `without_steps`. Translations and instructed questions take the place of such rows; the
    others are the same whatever the share of these.
    """
    rng, tasks = random.Random(f"base mix {seed}"), random.Random(f"base tasks {seed}")
    languages, shares = ["en", *recipe.shares], [1 - sum(recipe.shares.values()), *recipe.shares.values()]
    rows = []
    for problem in base_problems(recipe, seed):
        lang = rng.choices(languages, shares)[0]
        reply = "en" if rng.random() < recipe.answered_in_english else lang
        steps = rng.random() >= recipe.without_steps
        task = tasks.random()
        if task < recipe.translations:
            rows.append(_translation(problem, tasks, list(recipe.shares), steps))
        elif task < recipe.translations + recipe.instructed:
            rows.append(_instructed(problem, tasks.choice(list(recipe.shares)), steps))
        else:
            rows.append(_row(_question(problem, lang), render_solution(problem, reply, steps)))
    return rows


def _row(prompt: list[dict], answer: str) -> dict:
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": answer}]}


def _question(problem: Problem, lang: str) -> list[dict]:
    return [
        {"role": "system", "content": get_language(lang).instruction},
        {"role": "user", "content": render_question(problem, lang)},
    ]


def _translation(problem: Problem, rng: random.Random, languages: list[str], steps: bool) -> dict:
    """A solution from English into one of `languages` or back."""
    from sp3f_lib.generation.translation import CLOSE, PREFILL, translation_prompt

    source, target = rng.sample(["en", rng.choice(languages)], 2)
    text, translated = (render_solution(problem, lang, steps) for lang in (source, target))
    return _row(translation_prompt(text, source, target), f"{PREFILL}{translated}{CLOSE}")


def _instructed(problem: Problem, lang: str, steps: bool) -> dict:
    """The English question behind ICR's sentence, answered in `lang`."""
    from sp3f_lib.generation.implicit_reward import conditioning_prompt

    return _row(conditioning_prompt(_question(problem, "en"), lang), render_solution(problem, lang, steps))


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
    texts += _task_texts(recipe, languages, problems)
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, padding_side="left", clean_up_tokenization_spaces=False
    )
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_sep|>"]})
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(directory)
    return fast


def _task_texts(recipe: LabModel, languages: tuple[str, ...], problems: list[Problem]) -> list[str]:
    """What translations and instructed questions look like, so that their wording does not fall apart into letters."""
    rng, rows = random.Random("task texts"), []
    if recipe.translations:
        rows += [_translation(problem, rng, sorted(languages), steps=True) for problem in problems]
    if recipe.instructed:
        pairs = zip(problems, cycle(sorted(languages)), strict=False)
        rows += [_instructed(problem, lang, steps=True) for problem, lang in pairs]
    return [message["content"] for row in rows for message in (*row["prompt"], *row["completion"])]


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
