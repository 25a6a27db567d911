"""What a stage will need, before anything is loaded: `python -m sp3f_lib grpo --profile paper --arm sp3f --dry-run`.

All from the profile and the model's configuration. Upper bounds where a length is not known: every completion is taken to be
as long as it may be, and a prompt as long as the completion unless `vllm_max_model_length` says more. Memory of one GPU, in
bytes, with P weights (T of them trained), S processes that share them (fsdp2, zero3; else 1), b rows at once of t tokens, L
layers of width h, vocabulary V:

    weights      w P / S           w = 4 bytes for float32 and for fsdp2 and zero3 with bf16 (they keep float32), else 2;
                                   with LoRA P + T
    bf16 copies  2 P               float32 weights computing in bf16 on one process or by ddp (autocast keeps its copies)
    gathered     2 x 2 P_layer     with S > 1: two layers at a time are whole, in bf16 (float32: 2 x 4)
    gradients    w T / S
    buckets      w T               ddp sends gradients from a copy
    optimizer    2 w T / S         AdamW's two moments, each as wide as a weight
    activations  with gradient checkpointing  2 b t h L + 34 b t h: the inputs of all layers, and one layer in full
                 without                      34 b t h L     (34: Korthikanti et al. 2022, arXiv 2205.05198, section 4.1,
                 without its attention term, which fused attention does not keep; twice that in float32)
    logits       12 b t V          float32: logits, their log-softmax, their gradient; GRPO over completion tokens only
    KV cache     2 x 2 n t L k d   generating n rows of t tokens, k key-value heads of width d, by transformers (4 bytes: x 2)
    vLLM         u M               colocated: the share `vllm_gpu_memory_utilization` of the GPU's memory M, its weights included

Generation and training take turns: what is needed is the larger of weights + gradients + optimizer + activations + logits and
weights + optimizer + cache. vLLM's share counts beside the training unless it sleeps (`vllm_enable_sleep_mode`).

Hours: see hours.py; the shape of the model: see shape.py. The summary comes first: does it fit, how long, what will the judge
cost. The command ends with 2 if it cannot fit.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from sp3f_lib.judges.spend import Forecast, forecast
from sp3f_lib.profiles import Profile
from sp3f_lib.training.hours import Hours, estimate, flop_per_token, likely_gpu, measured
from sp3f_lib.training.shape import Shape, load_shape

_GB = 1e9
_SHARDED = ("fsdp2", "zero3")
_GPU_SIZES = (16, 24, 32, 40, 48, 80, 96, 141)  # GB, of GPUs that are sold; said where there is none to compare with
# For the judge's forecast before any row is there: question and reference in bytes (an assumption), and bytes per token.
_TEXT_BYTES, _BYTES_PER_TOKEN = 2000, 3.5
_BATCH = ("per_device_train_batch_size", "gradient_accumulation_steps")


@dataclass(frozen=True)
class Plan:
    """Memory of one process by component (bytes), tokens and steps, the judge's forecast, hours (None: nothing to go by).

    `available` is the memory to compare with, `smallest` the size in GB of the smallest GPU that is large enough. `place`
    has the memory: a GPU, or a process where the profile trains on the CPU.
    """

    stage: str
    steps: int
    rows_a_step: int
    tokens_a_step: int
    training: dict[str, float]
    generation: dict[str, float]
    available: float | None
    smallest: int | None
    judge: Forecast | None
    hours: Hours | None
    place: str = "GPU"
    note: str = ""

    @property
    def needed(self) -> float:
        """Bytes at the fullest moment."""
        return _fullest(self.training, self.generation)

    @property
    def fits(self) -> bool:
        """Whether the memory suffices: that to compare with, or that of the largest GPU where there is none."""
        return self.needed <= self.available if self.available else self.smallest is not None

    def __str__(self) -> str:
        lines = [f"{self.stage}: {self._memory()}", f"  time: {self.hours or self._no_hours()}"]
        if self.judge:
            lines.append(f"  judge: {self.judge}")
        if not self.fits:
            lines.append(
                "  lower per_device_train_batch_size (and raise gradient_accumulation_steps), shard (launch.accelerate: fsdp2), "
                "or use lora"
            )
        lines.append(
            f"  {self.steps:,} steps of {self.rows_a_step:,} rows, at most {self.tokens_a_step:,} tokens, in all processes"
        )
        for name, parts in (("training", self.training), ("generation", self.generation)):
            if parts:
                listed = ", ".join(f"{part} {size / _GB:.2f}" for part, size in parts.items())
                lines.append(f"  memory per {self.place}, {name}: {sum(parts.values()) / _GB:.1f} GB = {listed}")
        return "\n".join([*lines, *([f"  assumed: {self.note}"] if self.note else [])])

    def _memory(self) -> str:
        if self.available:
            verdict = "fits" if self.fits else "CANNOT FIT"
            return f"{verdict}: {self.needed / _GB:.1f} GB needed, {self.available / _GB:.1f} GB per {self.place} there"
        if not self.smallest:
            return f"CANNOT FIT: {self.needed / _GB:.1f} GB needed, and no GPU has more than {_GPU_SIZES[-1]} GB"
        return (
            f"fits a GPU of {self.smallest} GB or more: {self.needed / _GB:.1f} GB needed "
            "(no GPU here; --set launch.gpu_memory_gb=... compares with yours)"
        )

    def _no_hours(self) -> str:
        if self.stage == "evaluate" or self.place != "GPU":
            return "not measured yet"
        return "not known: max_steps is not set"


def plan(profile: Profile, stage: str, shape: Shape, runs: Path, memory: float | None = None, gpu: str = "") -> Plan:
    """The plan of `stage` (sft, grpo or evaluate). `runs`: where finished runs of the profile are.

    `memory`: bytes of one GPU, or of one process's share of the machine where the profile trains on the CPU; `gpu`: its name.
    """
    memory = profile.launch.gpu_memory_gb * _GB if profile.launch.gpu_memory_gb else memory
    enough = (size for size in _GPU_SIZES if _fullest(*_parts(profile, stage, shape, size * _GB)) <= size * _GB)
    smallest = next(enough, None)
    compared = memory or (smallest or _GPU_SIZES[-1]) * _GB  # vLLM takes a share of what there is
    training, generation = _parts(profile, stage, shape, compared)
    place = "process" if on_cpu(profile, stage) else "GPU"
    common = {"available": memory, "smallest": smallest, "place": place, "note": shape.note}
    if stage == "evaluate":
        settings, answers = profile.evaluation, _answers(profile)
        steps = -(-answers // settings.batch_size)
        tokens = settings.batch_size * 2 * settings.max_new_tokens
        return Plan(stage, steps, settings.batch_size, tokens, training, generation, judge=None, hours=None, **common)
    section = getattr(profile, stage)
    batch = global_batch(profile, stage)
    steps, (prompt, answer) = section.get("max_steps", 0), _lengths(section, stage)
    hours = measured(profile, stage, steps, shape, runs)
    if hours is None and steps > 0 and place == "GPU":
        trained = lora_weights(profile, shape) if profile.lora else shape.weights
        flop = steps * batch * (prompt + answer) * flop_per_token(shape.weights, trained, section)
        hours = estimate(flop, likely_gpu(gpu, compared), profile.launch.processes, more=stage == "grpo")
    judge = None
    if stage == "grpo" and profile.rewards.win_rate and profile.judge.name not in ("alignment", "implicit"):
        group = section.get("num_generations", 8)
        judge = forecast(profile.judge, steps * batch // group, group, _TEXT_BYTES, answer * _BYTES_PER_TOKEN)
    tokens = batch * (prompt + answer)
    return Plan(stage, steps, batch, tokens, training, generation, judge=judge, hours=hours, **common)


def global_batch(profile: Profile, stage: str) -> int:
    """Rows (sft) or completions (grpo) of one optimiser step, over all processes."""
    section = getattr(profile, stage)
    return section.get(_BATCH[0], 8) * section.get(_BATCH[1], 1) * profile.launch.processes


def batch_note(own: Profile, changed: Profile, stage: str) -> str | None:
    """What to say where another number of processes than the profile's own gives another batch; None where it does not.

    Nothing is changed by itself: whoever has fewer GPUs may want a smaller batch.
    """
    before, after = global_batch(own, stage), global_batch(changed, stage)
    had, has = own.launch.processes, changed.launch.processes
    if had == has or before == after:
        return None
    what = "completions" if stage == "grpo" else "rows"
    steps, rest = divmod(before * getattr(changed, stage).get(_BATCH[1], 1), after)
    mend = f"set {stage}.{_BATCH[1]}={steps} to keep it" if not rest else f"no {stage}.{_BATCH[1]} keeps it"
    return (
        f"note: {has} process{'es' * (has > 1)} give{'s' * (has == 1)} {after} {what} a step, the profile's {had} "
        f"give{'s' * (had == 1)} {before}; {mend}"
    )


def on_cpu(profile: Profile, stage: str) -> bool:
    """Whether the stage runs on the CPU by the profile's own wish; an evaluation runs where stage 2 does."""
    return bool(getattr(profile, "grpo" if stage == "evaluate" else stage).get("use_cpu"))


def _fullest(training: dict[str, float], generation: dict[str, float]) -> float:
    return max(sum(training.values()), sum(generation.values()))


def _parts(profile: Profile, stage: str, shape: Shape, memory: float) -> tuple[dict[str, float], dict[str, float]]:
    """Components (training, generation) on a GPU with so much memory."""
    if stage == "evaluate":
        return {}, _evaluation(profile, shape)
    section = getattr(profile, stage)
    rows, (prompt, answer) = section.get(_BATCH[0], 8), _lengths(section, stage)
    training = _training(profile, section, shape, rows, prompt + answer, answer if stage == "grpo" else prompt + answer)
    if stage != "grpo":
        return training, {}
    kept = {name: training[name] for name in ("weights", "optimizer")}
    if not section.get("use_vllm"):
        made = rows * section.get("steps_per_generation", section.get(_BATCH[1], 1))
        return training, kept | {"KV cache": _cache(shape, made, prompt + answer, 2 if section.get("bf16") else 4)}
    if section.get("vllm_mode", "colocate") != "colocate":
        return training, {}
    share = {"vLLM": section.get("vllm_gpu_memory_utilization", 0.3) * memory}
    return training | ({} if section.get("vllm_enable_sleep_mode") else share), kept | share


def _lengths(section: dict, stage: str) -> tuple[int, int]:
    """Tokens of prompt and answer at most."""
    if stage == "sft":
        return 0, section.get("max_length") or 1024
    answer = section.get("max_completion_length", 256)
    return max((section.get("vllm_max_model_length") or 2 * answer) - answer, 0), answer


def _training(profile: Profile, section: dict, shape: Shape, rows: int, tokens: int, scored: int) -> dict[str, float]:
    shards = profile.launch.processes if profile.launch.accelerate in _SHARDED else 1
    bf16 = bool(section.get("bf16"))
    kept = 2 if profile.model.torch_dtype == "bfloat16" and not (shards > 1 and bf16) else 4
    trained = lora_weights(profile, shape) if profile.lora else shape.weights
    layers = shape.layers if not section.get("gradient_checkpointing", True) else 1
    whole = 34 * rows * tokens * shape.width * layers * (1 if bf16 else 2)
    inputs = rows * tokens * shape.width * shape.layers * (2 if bf16 else 4) if layers == 1 else 0
    return {
        "weights": kept * (shape.weights + (trained if profile.lora else 0)) / shards,
        **({"bf16 copies": 2 * shape.weights} if shards == 1 and bf16 and kept == 4 else {}),
        **({"gathered": 2 * shape.layer * (2 if bf16 else 4)} if shards > 1 else {}),
        "gradients": kept * trained / shards,
        **({"buckets": kept * trained} if profile.launch.accelerate == "ddp" else {}),
        "optimizer": 2 * kept * trained / shards,
        "activations": inputs + whole,
        "logits": 12 * rows * scored * shape.vocabulary,
    }


def _cache(shape: Shape, rows: int, tokens: int, width: int) -> float:
    return 2 * width * rows * tokens * shape.layers * shape.key_value_heads * shape.head_width


def lora_weights(profile: Profile, shape: Shape) -> int:
    """Weights of the adapters: r (in + out) for each adapted matrix; taken as query and value (peft's default), h wide."""
    modules = profile.lora.get("target_modules")
    matrices = len(modules) if isinstance(modules, list) else 7 if modules == "all-linear" else 2
    return shape.layers * matrices * profile.lora.get("r", 8) * 2 * shape.width


def _answers(profile: Profile) -> int:
    languages = profile.data.eval_languages or profile.data.languages
    return profile.data.eval_problems * len(languages) * (profile.evaluation.samples + 1)


def _evaluation(profile: Profile, shape: Shape) -> dict[str, float]:
    settings, width = profile.evaluation, 2 if profile.model.torch_dtype == "bfloat16" else 4
    return {
        "weights": width * shape.weights,
        "KV cache": _cache(shape, settings.batch_size, 2 * settings.max_new_tokens, width),
        "logits": 4 * settings.batch_size * shape.vocabulary,
    }


def dry_run(profile: Profile, stage: str, runs: Path) -> tuple[str, bool]:
    """The plan of a stage and the resolved profile, for people; and whether it fits."""
    import torch

    settings = profile.model_dump(mode="json")
    shown = (
        {stage, "model", "data", "launch", "lora"} if stage == "sft" else {*settings} - {"lab", "base", "sft", "preference"}
    )
    shown = {"name", "seed", "model", "data", "evaluation"} if stage == "evaluate" else shown
    resolved = yaml.safe_dump({k: v for k, v in settings.items() if k in shown}, sort_keys=False, allow_unicode=True)
    memory, gpu = None, ""
    if on_cpu(profile, stage):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / profile.launch.processes
    elif torch.cuda.is_available():
        memory, gpu = torch.cuda.get_device_properties(0).total_memory, torch.cuda.get_device_name(0)
    found = plan(profile, stage, load_shape(profile), runs, memory, gpu)
    return f"{found}\n\n{resolved}", found.fits
