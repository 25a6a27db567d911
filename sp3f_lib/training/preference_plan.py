"""What a model of ICR or LIDR will need: `python -m sp3f_lib preference --profile paper_icr --arm icr_2 --dry-run`.

Answers, translations and pairs are counted as if none failed, and each is taken to be as long as it may be. One GPU samples
with transformers, or as many as `methods.engine` says with vLLM. Each GPU that scores (scoring_job.py) holds both models whole:

    weights      2 w P             policy and reference, in the profile's torch_dtype
    logits       w t V b           b responses of t tokens, fewer where that is more than 2^28 numbers, one at least

What is on disk already is not subtracted. Memory of the training: memory.py.
"""

from dataclasses import dataclass
from pathlib import Path

from sp3f_lib.lab.shipped import RECIPE
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.scoring_job import processes_that_score
from sp3f_lib.stages import PREFERENCES, iteration_of
from sp3f_lib.training.hours import estimate, flop_per_token, likely_gpu, measured
from sp3f_lib.training.memory import (
    GB,
    GPU_SIZES,
    WIDTH,
    cache_memory,
    libraries,
    smallest_gpu,
    trained_weights,
    training_memory,
)
from sp3f_lib.training.plan import Plan, global_batch, on_cpu
from sp3f_lib.training.shape import Shape

_LOGITS = 2**28  # numbers: methods.scoring's bound
_VLLM_SHARE = 0.9  # vLLM's own gpu_memory_utilization


@dataclass(frozen=True)
class Work:
    """What is made before the training of one model, at most: numbers of responses, translations, scores and pairs (or rows).

    Responses and scores of ICR are shared by the arms that need the same ones.
    """

    prompts: int
    languages: int
    responses: int = 0
    translations: int = 0
    scores: int = 0
    pairs: int = 0
    what: str = "pairs"
    reward: str = ""

    def __str__(self) -> str:
        parts = [
            f"{getattr(self, name):,} {name}" for name in ("responses", "translations", "scores") if getattr(self, name)
        ]
        where = f" in {self.languages} languages" if self.languages > 1 else ""
        return f"made before, at most: {self.prompts:,} prompts{where} -> {' -> '.join(parts)} -> {self.pairs:,} {self.what}"


def preference_plan(
    profile: Profile, method: str, section: str, shape: Shape, runs: Path, memory: float | None = None, gpu: str = ""
) -> Plan:
    """The plan of `dpo`, `lidr_sft` or an iteration, trained with `section` (dpo, alignment or preference) of the profile.

    Other arguments as in `plan.plan`. `ProfileError` if the number of prompts cannot be known before they are read.
    """
    memory = profile.launch.gpu_memory_gb * GB if profile.launch.gpu_memory_gb else memory
    work, settings = work_of(profile, method), getattr(profile, section)
    sequences = 1 if section == "alignment" else 2  # chosen and rejected pass together

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
            before.append(f"scoring: {estimate(flop, kind, processes_that_score(profile, work.reward))}")
    return Plan(
        method, steps, batch, batch * sequences * length, training, generation, memory, smallest, None, hours, place,
        shape.note, scoring, (*before, *_not_counted(profile, method)), "training",
    )  # fmt: skip


def _not_counted(profile: Profile, method: str) -> list[str]:
    name, iteration = iteration_of(method) or (method, 1)
    methods = profile.methods
    needed = {methods.start, methods.reference} if name.startswith("icr") else {methods.start}
    needed = {"sft"} if method == "dpo" else needed
    made = ["base"] if profile.model.path == RECIPE else []
    made += ["sft"] if needed & {"sft", "dpo"} else []
    made += ["dpo"] if "dpo" in needed else []
    made += [f"{name}_{k}" for k in range(1, iteration)]
    lines = [f"not counted: {', '.join(made)}, where they are not made yet"] if made else []
    if methods.prompts and not Path(methods.prompts).is_dir():
        lines.append(
            f"assumed: {methods.problems:,} prompts a language (methods.problems); there is no folder {methods.prompts}"
        )
    return [*lines, "every text is taken to be as long as it may be; the time of sampling and translating is not estimated"]


def work_of(profile: Profile, method: str) -> Work:
    """What is sampled, translated, scored and paired for one model of ICR or LIDR, at most; earlier iterations not included."""
    methods = profile.methods
    if method == "dpo":
        problems = profile.data.rl_problems
        return Work(problems, 1, responses=problems * methods.samples, pairs=problems * methods.english_pairs)
    name, _ = iteration_of(method) or ("lidr", 1)
    languages = len(profile.data.rl_languages or profile.data.languages)
    prompts = _prompts(profile) * languages
    others = prompts // languages * (languages - 1)  # not English
    if name.startswith("icr"):
        responses, reward = prompts * methods.samples, PREFERENCES[name]
        translations = others * methods.samples if reward == "R_t" else 0
        scores, pairs = (2 * translations, others) if translations else (2 * responses, prompts)
        return Work(prompts, languages, responses, translations, scores, pairs, reward=reward)
    pairs, what = (others, "rows") if method == "lidr_sft" else (2 * others, "pairs")
    return Work(prompts, languages, responses=prompts, translations=2 * others, pairs=pairs, what=what)


def _prompts(profile: Profile) -> int:
    """Prompts in one language."""
    methods, languages = profile.methods, profile.data.rl_languages or profile.data.languages
    if not methods.prompts:
        return min(methods.problems or profile.data.rl_problems, profile.data.rl_problems)
    if Path(methods.prompts).is_dir():
        from sp3f_lib.methods.prompts import read_prompts

        return len(read_prompts(methods.prompts, languages, methods.problems, methods.intersect)[0])
    if methods.problems:
        return methods.problems
    raise ProfileError(
        f"methods.prompts: there is no folder {methods.prompts!r} to count its prompts; set methods.problems for a plan without it"
    )


def _generation(profile: Profile, shape: Shape, size: float) -> dict[str, float]:
    methods, width = profile.methods, WIDTH[profile.model.torch_dtype]
    if methods.generator == "vllm":
        share = methods.engine.get("gpu_memory_utilization", _VLLM_SHARE)
        weights = width * shape.weights / methods.engine.get("tensor_parallel_size", 1)
        return {"vLLM": max(share * size, weights / share)}  # the share holds the weights, or the GPU is too small
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
