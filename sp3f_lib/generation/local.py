"""Models and tokenizers of a directory or hub id, loaded by transformers and checked; what an answer is, and what ends it."""

from dataclasses import dataclass

from sp3f_lib.generation.decode import quick_sampling


@dataclass(frozen=True)
class Completion:
    """One sampled answer to prompt number `prompt`. `tokens` counts the end token; `finished` is False if it was cut off."""

    prompt: int
    sample: int
    greedy: bool
    text: str
    tokens: int
    finished: bool


def load_model(path: str, dtype: str = "float32", revision: str | None = None):
    """(model, tokenizer) of a model directory or hub id, checked to have a tokenizer with a chat template.

    Safetensors only, no code from the model's repository. `ValueError` names what is missing.
    """
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(path, revision)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=getattr(torch, dtype), revision=revision, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"model {path!r} could not be loaded: {error}") from error
    return quick_sampling(model), tokenizer


def load_tokenizer(path: str, revision: str | None = None):
    """The tokenizer of a model, with its chat template; padding on the left, as generation needs it."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path, revision=revision, padding_side="left")
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"model {str(path)!r} has no tokenizer that transformers can load (tokenizer.json or tokenizer_config.json "
            f"is missing or broken); save one there with tokenizer.save_pretrained(...): {error}"
        ) from error
    if len(tokenizer) < 2:  # for some architectures transformers makes up an empty tokenizer
        raise ValueError(f"model {str(path)!r} has no tokenizer; save one there with tokenizer.save_pretrained(...)")
    if tokenizer.chat_template is None:
        raise ValueError(
            f"the tokenizer of {str(path)!r} has no chat template; rows are chat messages. "
            "Take the instruct model's tokenizer, or set tokenizer.chat_template and save it."
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def end_ids(model, tokenizer) -> list[int]:
    """The ids that end an answer: the tokenizer's end token and those of the model's own generation settings."""
    configured = model.generation_config.eos_token_id
    configured = configured if isinstance(configured, list) else [configured]
    return sorted({tokenizer.eos_token_id, *configured} - {None})
