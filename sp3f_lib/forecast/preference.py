"""What a model of ICR or LIDR will need: `sp3f train icr_2 --profile paper_icr --dry-run`.

Answers, translations and pairs are counted as if none failed, and each is taken to be as long as it may be. One GPU samples
with transformers, or as many as `methods.engine` says with vLLM. Each GPU that scores holds both models whole:

    weights      2 w P             policy and reference, in the profile's torch_dtype
    logits       w t V b           b responses of t tokens, fewer where that is more than 2^28 numbers, one at least

What is on disk already is not subtracted. Memory of the training: memory.py.
"""

from pathlib import Path

from sp3f_lib.forecast.hours import estimate, flop_per_token, likely_gpu, measured
from sp3f_lib.forecast.memory import (
    GB,
    GPU_SIZES,
    WIDTH,
    cache_memory,
    engine_memory,
    libraries,
    smallest_gpu,
    trained_weights,
    training_memory,
)
from sp3f_lib.forecast.plan import Plan, global_batch, on_cpu
from sp3f_lib.forecast.shape import Shape
from sp3f_lib.lab.shipped import RECIPE
from sp3f_lib.methods.models import before, find
from sp3f_lib.methods.named import Work
from sp3f_lib.profiles import Profile

_LOGITS = 2**28  # numbers: generation/scoring.py's bound


def preference_plan(
    profile: Profile, method: str, section: str, shape: Shape, runs: Path, memory: float | None = None, gpu: str = ""
) -> Plan:
    """The plan of `dpo`, `lidr_sft` or an iteration, trained with `section` (dpo, alignment or preference) of the profile.

    Other arguments as in `plan.plan`. `ProfileError` if the number of prompts cannot be known before they are read.
    """
    memory = profile.launch.gpu_memory_gb * GB if profile.launch.gpu_memory_gb else memory
    work, settings = find(method).entry.work(profile), getattr(profile, section)
    sequences = 1 if section in ("alignment", "sft") else 2  # chosen and rejected pass together

    def moments(size: float) -> tuple[dict[str, float], ...]:
        rows, tokens = settings.get("per_device_train_batch_size", 8) * sequences, settings.get("max_length") or 1024
        training = training_memory(profile, settings, shape, rows, tokens, tokens)
        if sequences == 2 and not profile.lora and not settings.get("precompute_ref_log_probs"):
            training = {"weights": training["weights"], "reference": training["weights"]} | training
        others = _generation(profile, shape, size), _scoring(profile, shape, work, size)
        return training, *(parts | libraries(settings) if parts else parts for parts in others)

    smallest = smallest_gpu(moments)
    compared = memory or (smallest or GPU_SIZES[-1]) * GB
    training, generation, scoring = moments(compared)
    batch, length = global_batch(profile, section), settings.get("max_length") or 1024
    steps = settings.get("max_steps", 0)
    if steps <= 0:
        steps = -(-int(work.pairs * settings.get("num_train_epochs", 3)) // batch)
    place = "process" if on_cpu(profile, section) else "GPU"
    hours, before = measured(profile, section, steps, shape, runs), [str(work)]
    if place == "GPU":
        kind = likely_gpu(gpu, compared)
        if hours is None:
            each = flop_per_token(shape.weights, trained_weights(profile, shape), settings)
            each += 2 * shape.weights if "reference" in training else 0
            hours = estimate(steps * batch * sequences * length * each, kind, profile.launch.processes)
        if work.scores:
            flop = work.scores * profile.methods.max_new_tokens * 2 * shape.weights
            before.append(f"scoring: {estimate(flop, kind, 1 if work.alone else profile.launch.processes)}")
    return Plan(
        method, steps, batch, batch * sequences * length, training, generation, memory, smallest, None, hours, place,
        shape.note, scoring, (*before, *_not_counted(profile, method)), "training",
    )  # fmt: skip


def _not_counted(profile: Profile, name: str) -> list[str]:
    made = [one for one in before(profile, name) if one != "base" or profile.model.path == RECIPE]
    lines = [f"not counted: {', '.join(made)}, where they are not made yet"] if made else []
    methods = profile.methods
    if methods.prompts and not Path(methods.prompts).is_dir():
        lines.append(
            f"assumed: {methods.problems:,} prompts a language (methods.problems); there is no folder {methods.prompts}"
        )
    return [*lines, "every text is taken to be as long as it may be; the time of sampling and translating is not estimated"]


def _generation(profile: Profile, shape: Shape, size: float) -> dict[str, float]:
    methods, width = profile.methods, WIDTH[profile.model.torch_dtype]
    if methods.generator == "vllm":
        return engine_memory(methods.engine, shape, width, size)
    if methods.generator == "server":
        return {}
    tokens = 2 * max(methods.max_new_tokens, methods.translation_tokens)
    cache = cache_memory(shape, methods.batch_size, tokens, width)
    return {"weights": width * shape.weights, "KV cache": cache, "logits": 4 * methods.batch_size * shape.vocabulary}


def _scoring(profile: Profile, shape: Shape, work: Work, size: float) -> dict[str, float]:
    if not work.scores:
        return {}
    width, one = WIDTH[profile.model.torch_dtype], profile.methods.max_new_tokens * shape.vocabulary
    most = max(one, min(_LOGITS, one * profile.methods.scoring_batch_size))
    translator = _generation(profile, shape, size) if work.translations and profile.methods.generator == "vllm" else {}
    return {"weights": 2 * width * shape.weights, "logits": width * most} | translator
