"""Generation for the two methods, behind one small function type, so that a server can take the place of transformers.

    generate = local_generator(model, tokenizer)
    generate(prompts, Sampling(samples=10, temperature=0.9, max_new_tokens=2400), seed=42) -> completions

Anything that is called like this will do: `(prompts, sampling, seed, prefill="", stop=None) -> list[Completion]`, sorted by prompt
and sample, without prefill in the texts. Answers end at token *ids* (the tokenizer's end token and those of the model's own
generation settings), as in the authors' code; `stop` is a text for replies between tags.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from sp3f_lib.generation.local import Completion, end_ids

Generate = Callable[..., list[Completion]]


@dataclass(frozen=True)
class Sampling:
    """How to generate; temperature 0 is greedy. `repetition_penalty` counts the tokens of the prompt too (not its padding), as
    vLLM's does."""

    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_new_tokens: int = 2400
    batch_size: int = 16

    def __post_init__(self):
        if self.temperature == 0 and self.samples > 1:
            raise ValueError(f"{self.samples} greedy samples would all be the same; set a temperature, or samples to 1")


# arXiv 2503.04647 (released code) and arXiv 2410.08964 (released code): the papers' settings.
ICR = Sampling(samples=10, temperature=0.9, top_p=1.0, max_new_tokens=2400)
LIDR = Sampling(repetition_penalty=1.1, max_new_tokens=2400)
TRANSLATION = Sampling(max_new_tokens=2400)


def local_generator(model, tokenizer, progress: Callable[[int], None] = lambda made: None) -> Generate:
    """A generator that runs `model` here; `progress` is told how many answers each batch has made."""
    return partial(complete, model, tokenizer, progress=progress)


def greedy_and_sampled(generate: Generate, prompts: list[list[dict]], sampling: Sampling, seed: int) -> list[Completion]:
    """A greedy answer to each prompt, and `sampling.samples` sampled ones (0: none), in the order of the prompts, greedy first."""
    greedy = generate(prompts, replace(sampling, samples=1, temperature=0.0, top_p=1.0), seed)
    sampled = generate(prompts, sampling, seed) if sampling.samples else []
    return sorted(greedy + sampled, key=lambda c: (c.prompt, not c.greedy, c.sample))


def complete(
    model,
    tokenizer,
    prompts: list[list[dict]],
    sampling: Sampling,
    seed: int,
    prefill: str = "",
    stop: str | None = None,
    progress: Callable[[int], None] = lambda made: None,
) -> list[Completion]:
    """`sampling.samples` completions of each chat prompt whose reply begins with `prefill`; the same seed, the same completions.

    `finished` is True where an end token or `stop` was written; `stop` and what its last token holds beyond it stay in the text.
    """
    import torch
    from transformers import GenerationConfig

    texts = [tokenizer.apply_chat_template(p, add_generation_prompt=True, tokenize=False) + prefill for p in prompts]
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    ends = end_ids(model, tokenizer)
    # Everything is said, so that the model's own generation settings (Qwen: a repetition penalty of 1.1) do not come in.
    config = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens,
        do_sample=sampling.temperature > 0,
        **({"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0} if sampling.temperature else {}),
        repetition_penalty=sampling.repetition_penalty,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=ends,
        stop_strings=[stop] if stop else None,
    )
    jobs = [(number, sample) for number in range(len(prompts)) for sample in range(sampling.samples)]
    jobs.sort(key=lambda job: (-len(ids[job[0]]), job))
    torch.manual_seed(seed)
    was_training = model.training
    model.eval()
    completions = []
    for start in range(0, len(jobs), sampling.batch_size):
        batch = jobs[start : start + sampling.batch_size]
        rows = {"input_ids": [ids[number] for number, _ in batch]}
        inputs = tokenizer.pad(rows, padding_side="left", return_tensors="pt").to(model.device)
        with torch.inference_mode():
            out = model.generate(**inputs, generation_config=config, **({"tokenizer": tokenizer} if stop else {}))
        for (number, sample), row in zip(batch, out[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
            text, length, finished = _read(tokenizer, row, ends, config.pad_token_id, stop)
            completions.append(Completion(number, sample, sampling.temperature == 0, text, length, finished))
        progress(len(batch))
    model.train(was_training)
    return sorted(completions, key=lambda c: (c.prompt, c.sample))


def _read(tokenizer, row: list[int], ends: list[int], pad: int, stop: str | None) -> tuple[str, int, bool]:
    """(text, tokens with the end token, finished) of one generated row."""
    length = next((k + 1 for k, token in enumerate(row) if token in ends), None)
    kept = row[: length or len(row)]
    if length is None and stop:
        while kept and kept[-1] == pad:
            kept.pop()
    text = tokenizer.decode(kept, skip_special_tokens=True).strip()
    return text, len(kept), length is not None or bool(stop and stop in text)
