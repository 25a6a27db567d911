"""Sampling from a model directory or hub id with transformers, in batches sorted by length, the same for the same seed."""

from collections.abc import Callable
from dataclasses import dataclass

from sp3f_lib.generation.decode import quick_sampling
from sp3f_lib.profiles.sections import Evaluation


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


def generate(
    model,
    tokenizer,
    prompts: list[list[dict]],
    evaluation: Evaluation,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Completion]:
    """`evaluation.samples` sampled completions and one greedy one for each chat prompt, in prompt order."""
    import torch
    from transformers import GenerationConfig

    ids = [tokenizer.apply_chat_template(p, add_generation_prompt=True, return_dict=True)["input_ids"] for p in prompts]
    ends = end_ids(model, tokenizer)
    jobs = [(number, sample) for number in range(len(prompts)) for sample in range(-1, evaluation.samples)]
    # Longest first, greedy apart from sampled: little padding, and a batch too large fails at once rather than at the end.
    jobs.sort(key=lambda job: (job[1] >= 0, -len(ids[job[0]]), job))
    common = {"max_new_tokens": evaluation.max_new_tokens, "pad_token_id": tokenizer.pad_token_id, "eos_token_id": ends}
    sampled = GenerationConfig(do_sample=True, temperature=evaluation.temperature, top_p=evaluation.top_p, top_k=0, **common)
    greedy = GenerationConfig(do_sample=False, **common)
    torch.manual_seed(seed)
    model.eval()
    completions, size, start = [], evaluation.batch_size, 0
    while start < len(jobs):
        batch = [job for job in jobs[start : start + size] if (job[1] < 0) == (jobs[start][1] < 0)]
        inputs = tokenizer.pad({"input_ids": [ids[number] for number, _ in batch]}, return_tensors="pt").to(model.device)
        with torch.inference_mode():
            out = model.generate(**inputs, generation_config=greedy if batch[0][1] < 0 else sampled)
        for (number, sample), row in zip(batch, out[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
            length = next((k + 1 for k, token in enumerate(row) if token in ends), None)
            kept = row[: length or len(row)]
            text = tokenizer.decode(kept, skip_special_tokens=True).strip()
            completions.append(Completion(number, max(sample, 0), sample < 0, text, len(kept), length is not None))
        start += len(batch)
        progress(start, len(jobs))
    return sorted(completions, key=lambda c: (c.prompt, not c.greedy, c.sample))


def end_ids(model, tokenizer) -> list[int]:
    """The ids that end an answer: the tokenizer's end token and those of the model's own generation settings."""
    configured = model.generation_config.eos_token_id
    configured = configured if isinstance(configured, list) else [configured]
    return sorted({tokenizer.eos_token_id, *configured} - {None})
