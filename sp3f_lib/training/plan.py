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

Hours are those of a finished run of the same stage, profile and batch, per step; without one nothing is promised.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from sp3f_lib.judges.spend import Forecast, forecast
from sp3f_lib.profiles import LabModel, Profile
from sp3f_lib.runs import MANIFEST

_GB = 1e9
_SHARDED = ("fsdp2", "zero3")
# For the judge's forecast before any row is there: question and reference in bytes (an assumption), and bytes per token.
_TEXT_BYTES, _BYTES_PER_TOKEN = 2000, 3.5
# What decides how long a step takes; a run with other values is no measurement of this one.
_STEP_FIELDS = (
    "per_device_train_batch_size", "gradient_accumulation_steps", "num_generations", "max_completion_length", "max_length",
    "use_vllm", "gradient_checkpointing", "bf16", "use_cpu",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What of a model's configuration decides its memory. `layer` is the number of weights in one layer."""

    weights: int
    layer: int
    layers: int
    width: int
    vocabulary: int
    key_value_heads: int
    head_width: int


@dataclass(frozen=True)
class Plan:
    """Memory per GPU by component (bytes), tokens and steps, judge's forecast, hours (None: never measured)."""

    stage: str
    steps: int
    rows_a_step: int
    tokens_a_step: int
    training: dict[str, float]
    generation: dict[str, float]
    available: float | None
    judge: Forecast | None
    hours: float | None

    @property
    def needed(self) -> float:
        """Bytes of one GPU at the fullest moment."""
        return max(sum(self.training.values()), sum(self.generation.values()))

    def __str__(self) -> str:
        lines = [
            f"{self.stage}: {self.steps:,} steps of {self.rows_a_step:,} rows, at most {self.tokens_a_step:,} tokens a step"
        ]
        for name, parts in (("training", self.training), ("generation", self.generation)):
            if parts:
                listed = ", ".join(f"{part} {size / _GB:.2f}" for part, size in parts.items())
                lines.append(f"  memory per GPU, {name}: {sum(parts.values()) / _GB:.1f} GB = {listed}")
        if self.judge:
            lines.append(f"  judge: {self.judge}")
        lines.append(f"  time: {self.hours:.1f} h, as measured" if self.hours is not None else "  time: not measured yet")
        if self.available is None:
            lines.append("  no GPU here: give launch.gpu_memory_gb to compare with")
        elif self.needed > self.available:
            lines.append(
                f"  WARNING: this cannot fit: {self.needed / _GB:.1f} GB needed, {self.available / _GB:.1f} GB there; lower "
                "per_device_train_batch_size (and raise gradient_accumulation_steps), shard (launch.accelerate: fsdp2), or use lora"
            )
        else:
            lines.append(f"  fits: {self.needed / _GB:.1f} of {self.available / _GB:.1f} GB")
        return "\n".join(lines)


def plan(profile: Profile, stage: str, shape: Shape, runs: Path, gpu: float | None = None) -> Plan:
    """The plan of `stage` (sft, grpo or evaluate). `runs`: where finished runs of the profile are; `gpu`: bytes of one GPU."""
    gpu = profile.launch.gpu_memory_gb * _GB if profile.launch.gpu_memory_gb else gpu
    if stage == "evaluate":
        return _evaluation(profile, shape, gpu)
    section = getattr(profile, stage)
    rows = section.get("per_device_train_batch_size", 8)
    batch = rows * section.get("gradient_accumulation_steps", 1) * profile.launch.processes
    steps = section.get("max_steps", 0)
    prompt, answer = _lengths(section, stage)
    training = _training(profile, section, shape, rows, prompt + answer, answer if stage == "grpo" else prompt + answer)
    generation, judge = {}, None
    if stage == "grpo":
        kept = {name: training[name] for name in ("weights", "optimizer")}
        if section.get("use_vllm") and section.get("vllm_mode", "colocate") == "colocate":
            share = section.get("vllm_gpu_memory_utilization", 0.3) * (gpu or 0)
            generation = kept | {"vLLM": share}
            training |= {} if section.get("vllm_enable_sleep_mode") else {"vLLM": share}
        elif not section.get("use_vllm"):
            made = rows * section.get("steps_per_generation", section.get("gradient_accumulation_steps", 1))
            generation = kept | {"KV cache": _cache(shape, made, prompt + answer, 2 if section.get("bf16") else 4)}
        if profile.rewards.win_rate and profile.judge.name != "alignment":
            group = section.get("num_generations", 8)
            judge = forecast(profile.judge, steps * batch // group, group, _TEXT_BYTES, answer * _BYTES_PER_TOKEN)
    return Plan(
        stage, steps, batch, batch * (prompt + answer), training, generation, gpu, judge, _hours(profile, stage, steps, runs)
    )


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


def _evaluation(profile: Profile, shape: Shape, gpu: float | None) -> Plan:
    settings, width = profile.evaluation, 2 if profile.model.torch_dtype == "bfloat16" else 4
    languages = profile.data.eval_languages or profile.data.languages
    answers = profile.data.eval_problems * len(languages) * (settings.samples + 1)
    tokens = 2 * settings.max_new_tokens
    memory = {
        "weights": width * shape.weights,
        "KV cache": _cache(shape, settings.batch_size, tokens, width),
        "logits": 4 * settings.batch_size * shape.vocabulary,
    }
    steps = -(-answers // settings.batch_size)
    return Plan("evaluate", steps, settings.batch_size, settings.batch_size * tokens, {}, memory, gpu, None, None)


def _hours(profile: Profile, stage: str, steps: int, runs: Path) -> float | None:
    """Hours of `steps` steps at the pace of the fastest finished run with the same batch; None without one."""
    section, paces = getattr(profile, stage), []
    for path in sorted(runs.glob(f"*/*/{MANIFEST}")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        done = manifest["settings"].get(stage)
        if not done or not done.get("max_steps", 0) > 0:
            continue
        launch = manifest["settings"].get("launch", {"processes": 1})
        same = all(done.get(name) == section.get(name) for name in _STEP_FIELDS)
        if same and launch["processes"] == profile.launch.processes:
            paces.append(manifest["wall_seconds"] / done["max_steps"])
    return min(paces) * steps / 3600 if paces else None


def dry_run(profile: Profile, stage: str, runs: Path) -> str:
    """The resolved profile and the plan of a stage, for people."""
    import torch

    settings = profile.model_dump(mode="json")
    shown = (
        {stage, "model", "data", "launch", "lora"} if stage == "sft" else {*settings} - {"lab", "base", "sft", "preference"}
    )
    shown = {"name", "seed", "model", "data", "evaluation"} if stage == "evaluate" else shown
    resolved = yaml.safe_dump({k: v for k, v in settings.items() if k in shown}, sort_keys=False, allow_unicode=True)
    gpu = torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None
    return f"{resolved}\n{plan(profile, stage, load_shape(profile), runs, gpu)}"


def shape_of(config) -> Shape:
    """The shape of a transformers configuration; weights are counted in a model without storage (device `meta`)."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    layer = sum(weight.numel() for weight in model.get_decoder().layers[0].parameters())
    heads = config.num_attention_heads
    return Shape(
        weights=sum(weight.numel() for weight in model.parameters()),
        layer=layer,
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        vocabulary=config.vocab_size,
        key_value_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_width=getattr(config, "head_dim", None) or config.hidden_size // heads,
    )


def load_shape(profile: Profile) -> Shape:
    """The shape of the profile's model: the lab's, or that of a model directory's or hub id's configuration (no weights)."""
    from transformers import AutoConfig

    if profile.model.path == "lab":
        return shape_of(_lab_config(profile.lab))
    return shape_of(AutoConfig.from_pretrained(profile.model.path, revision=profile.model.revision))


def _lab_config(lab: LabModel):
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=lab.vocab_size, hidden_size=lab.hidden_size, intermediate_size=lab.intermediate_size,
        num_hidden_layers=lab.layers, num_attention_heads=lab.heads, num_key_value_heads=lab.key_value_heads,
        tie_word_embeddings=True,
    )  # fmt: skip
