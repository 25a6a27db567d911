"""How long a stage takes on this CPU, where no run has measured it: two layers of the model are timed, the rest is counted.

    train one batch of n tokens, m of them scored     L x layer(n) + head(m), forward and backward
    generate t tokens of b rows, prompts of p tokens  L x (read(p) + t x step(b)) + t x head(b)

L layers; `layer`, `read`, `step` and `head` are timed on layers of the model's own shape with random weights, with the profile's
LoRA and threads, for a few seconds. Judge, rewards and saving are not in it. The clock is the processor's, so an estimate made on a
busy machine is that of an idle one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sp3f_lib.forecast.hours import Hours
from sp3f_lib.forecast.lengths import Lengths
from sp3f_lib.machine import set_up
from sp3f_lib.profiles import Profile

_LAYERS = 2
_TOKENS, _ROW = 512, 128  # of the timed batch: few enough for seconds, enough to keep a core busy
_STEPS = 3
_TIMES = 2  # the faster one counts


@dataclass(frozen=True)
class Speed:
    """Seconds, for one layer or the head: of a token in training, of a token that is read, and of one step of `rows` rows."""

    layers: int
    layer_trained: float
    layer_read: float
    layer_step: float
    head_trained: float
    head_step: float
    rows: int

    def training(self, tokens: int, scored: int) -> float:
        """Seconds to train on so many tokens, of which `scored` pass through the head."""
        return tokens * self.layers * self.layer_trained + scored * self.head_trained

    def generation(self, rows: int, read: float, answer: int) -> float:
        """Seconds to generate `answer` tokens in `rows` rows at once, behind `read` tokens of all different prompts together."""
        step = (self.layers * self.layer_step + self.head_step) * max(1.0, rows / self.rows)
        return read * self.layers * self.layer_read + answer * step


def training_hours(profile: Profile, stage: str, speed: Speed, lengths: Lengths | None, steps: int) -> Hours:
    """Hours of `steps` steps of SFT or GRPO. Without `lengths` every row is taken to be as long as it may be."""
    section = getattr(profile, stage)
    rows = section.get("per_device_train_batch_size", 8) * section.get("gradient_accumulation_steps", 1)
    if stage == "sft":
        most = section.get("max_length") or 1024
        row, answer = (lengths.padded, lengths.answer) if lengths else (most, most)
        seconds = speed.training(rows * row, rows * answer)
    else:
        most, group = section.get("max_completion_length", 256), section.get("num_generations", 8)
        prompt, answer = (lengths.prompt, min(lengths.answer, most)) if lengths else (most, most)
        # A group's prompt is read once (generation/decode.py), and trained on once (training/shared_prompts.py).
        read = rows / group * prompt
        seconds = speed.generation(rows, read, most) + speed.training(rows * answer + read, rows * answer)
    return _hours(seconds * steps, lengths)


def evaluation_hours(profile: Profile, speed: Speed, lengths: Lengths | None, answers: int) -> Hours:
    """Hours of generating so many answers, each as long as it may be."""
    settings = profile.evaluation
    prompt = lengths.prompt if lengths else settings.max_new_tokens
    steps = answers / settings.batch_size * settings.max_new_tokens
    read = answers * 2 / (settings.samples + 1) * prompt  # greedy and sampled answers stand in batches of their own
    return _hours(speed.generation(settings.batch_size, read, 0) + speed.generation(settings.batch_size, 0, steps), lengths)


def _hours(seconds: float, lengths: Lengths | None) -> Hours:
    known = "rows as long as they are" if lengths else "rows as long as they may be"
    return Hours(seconds / 3600, seconds / 3600, f"ESTIMATE: {_LAYERS} layers timed on this CPU, {known}")


def measure_speed(config, profile: Profile, rows: int) -> Speed:
    """Times layers of a transformers configuration on this CPU; `rows` is how many sequences are generated at once."""
    import torch
    from transformers import AutoModelForCausalLM

    set_up(profile.threads)
    layers = config.num_hidden_layers
    small = config.to_dict() | {"num_hidden_layers": _LAYERS}
    if small.get("layer_types"):  # Qwen's configurations list a type for each layer
        small["layer_types"] = small["layer_types"][:_LAYERS]
    small = type(config)(**small)
    model = AutoModelForCausalLM.from_config(small, dtype=getattr(torch, profile.model.torch_dtype))
    head = model.get_output_embeddings()
    body = model.get_decoder()
    if profile.lora:
        from peft import get_peft_model

        from sp3f_lib.training.common import lora_config

        get_peft_model(model, lora_config(profile))  # puts the adapters into the same layers
    ids = torch.randint(config.vocab_size, (_TOKENS // _ROW, _ROW))
    one = torch.randint(config.vocab_size, (rows, 1))
    hidden = torch.randn(_TOKENS, config.hidden_size, dtype=head.weight.dtype, requires_grad=True)

    def train() -> None:
        body(input_ids=ids, use_cache=False).last_hidden_state.float().sum().backward()

    def train_head() -> None:
        torch.nn.functional.cross_entropy(head(hidden).float(), ids.flatten()).backward()

    @torch.inference_mode()
    def read():
        body(input_ids=ids, use_cache=False)

    @torch.inference_mode()
    def steps() -> None:
        cache = body(input_ids=one.expand(rows, 2), use_cache=True).past_key_values
        for _ in range(_STEPS):
            cache = body(input_ids=one, past_key_values=cache, use_cache=True).past_key_values

    @torch.inference_mode()
    def head_step():
        head(hidden[:rows])

    body.train()
    threads = torch.get_num_threads()
    return Speed(
        layers=layers,
        layer_trained=_fastest(train, threads) / _TOKENS / _LAYERS,
        layer_read=_fastest(read, threads) / _TOKENS / _LAYERS,
        layer_step=_fastest(steps, threads) / (_STEPS + 1) / _LAYERS,
        head_trained=_fastest(train_head, threads) / _TOKENS,
        head_step=_fastest(head_step, threads),
        rows=rows,
    )


def _fastest(work: Callable[[], None], threads: int) -> float:
    """Seconds on an idle machine: of processor time over threads, the faster of a few times, behind one that warms up."""
    took = []
    for _ in range(1 + _TIMES):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return min(took[1:]) / threads
