"""How much memory a stage takes, by component, from the profile and the shape of the model alone.

Memory of one GPU, in bytes, with P weights (T of them trained), S processes that share them (fsdp2, zero3; else 1), b rows at
once of t tokens, L layers of width h, vocabulary V:

    weights      w P / S           w = 4 bytes for float32 and for fsdp2 and zero3 with bf16 (they keep float32), else 2;
                                   with LoRA P + T
    bf16 copies  2 P               float32 weights computing in bf16 on one process or by ddp (autocast keeps its copies)
    gathered     2 x 2 P_layer     with S > 1: two layers at a time are whole, in bf16 (float32: 2 x 4), and the head in float32
                 + 4 V h
    gradients    w T / S
    buckets      w T               ddp sends gradients from a copy
    optimizer    2 w T / S         AdamW's two moments, each as wide as a weight
    activations  with gradient checkpointing  2 b t h L + 34 b t h: the inputs of all layers, and one layer in full
                 without                      34 b t h L     (34: Korthikanti et al. 2022, arXiv 2205.05198, section 4.1,
                 without its attention term, which fused attention does not keep; twice that in float32)
    logits       4 V h             TRL never holds all logits: the head's gradient in float32 (not with LoRA), and one tile of at
                 + w n v           most n = 4,096 tokens by v = 32,768 words; on a CPU nine tiles (measured); GRPO: completions only
    libraries    0.9 GB            where the profile trains on a CPU (measured)
    judge        2 w P             the judge `implicit`: two more models, in judge.torch_dtype
    reference    w P / S           DPO's reference model, unless LoRA or precompute_ref_log_probs makes it unnecessary (and b is
                                   twice the pairs: both responses of a pair pass together)
    KV cache     2 x 2 n t L k d   generating n rows of t tokens, k key-value heads of width d, by transformers (4 bytes: x 2)
    vLLM         u M               colocated: the share `vllm_gpu_memory_utilization` of the GPU's memory M, its weights included

Generation and training take turns: what is needed is the larger of weights + gradients + optimizer + activations + logits and
weights + optimizer + cache. vLLM's share counts beside the training unless it sleeps (`vllm_enable_sleep_mode`).
"""

from collections.abc import Callable

from sp3f_lib.forecast.shape import Shape
from sp3f_lib.profiles import Profile

GB = 1e9
WIDTH = {"float32": 4, "bfloat16": 2}  # bytes of a number
GPU_SIZES = (16, 24, 32, 40, 48, 80, 96, 141)  # GB, of GPUs that are sold; said where there is none to compare with
_SHARDED = ("fsdp2", "zero3")
_TILE = 4096, 32768  # tokens and words of the logits that TRL's head holds at once
_VLLM_SHARE = 0.9  # vLLM's own gpu_memory_utilization
_LIBRARIES = 0.9 * GB  # of a process on a CPU, measured: torch, TRL, detectors of languages
_TILES_ON_CPU = 9  # measured: 8.6 in float32, without the GPU's kernel


def fullest(*moments: dict[str, float]) -> float:
    """Bytes of the fullest of several moments, each given by component."""
    return max(sum(parts.values()) for parts in moments)


def smallest_gpu(moments: Callable[[float], tuple[dict[str, float], ...]]) -> int | None:
    """The size in GB of the smallest GPU on which `moments(its bytes)` fit; None if none is large enough."""
    return next((size for size in GPU_SIZES if fullest(*moments(size * GB)) <= size * GB), None)


def training_memory(profile: Profile, section: dict, shape: Shape, rows: int, tokens: int, scored: int) -> dict[str, float]:
    """Components of a training with a section's settings: `rows` sequences at once, of which `scored` tokens get logits."""
    shards = profile.launch.processes if profile.launch.accelerate in _SHARDED else 1
    bf16 = bool(section.get("bf16"))
    kept = 2 if profile.model.torch_dtype == "bfloat16" and not (shards > 1 and bf16) else 4
    trained = trained_weights(profile, shape)
    layers = shape.layers if not section.get("gradient_checkpointing", True) else 1
    whole = 34 * rows * tokens * shape.width * layers * (1 if bf16 else 2)
    inputs = rows * tokens * shape.width * shape.layers * (2 if bf16 else 4) if layers == 1 else 0
    head = 4 * shape.vocabulary * shape.width
    tile = (2 if bf16 or kept == 2 else 4) * min(rows * scored, _TILE[0]) * min(shape.vocabulary, _TILE[1])
    return {
        "weights": kept * (shape.weights + (trained if profile.lora else 0)) / shards,
        **({"bf16 copies": 2 * shape.weights} if shards == 1 and bf16 and kept == 4 else {}),
        **({"gathered": 2 * shape.layer * (2 if bf16 else 4) + head} if shards > 1 else {}),
        "gradients": kept * trained / shards,
        **({"buckets": kept * trained} if profile.launch.accelerate == "ddp" else {}),
        "optimizer": 2 * kept * trained / shards,
        "activations": inputs + whole,
        "logits": (0 if profile.lora else head) + tile * (_TILES_ON_CPU if section.get("use_cpu") else 1),
        **libraries(section),
    }


def libraries(section: dict) -> dict[str, float]:
    """What a process holds before any model is loaded, where that is the memory that counts."""
    return {"libraries": _LIBRARIES} if section.get("use_cpu") else {}


def cache_memory(shape: Shape, rows: int, tokens: int, width: int) -> float:
    """Bytes of the keys and values of `rows` sequences of so many tokens, in numbers of `width` bytes."""
    return 2 * width * rows * tokens * shape.layers * shape.key_value_heads * shape.head_width


def lora_weights(profile: Profile, shape: Shape) -> int:
    """Weights of the adapters: r (in + out) for each adapted matrix; taken as query and value (peft's default), h wide."""
    modules = profile.lora.get("target_modules")
    matrices = len(modules) if isinstance(modules, list) else 7 if modules == "all-linear" else 2
    return shape.layers * matrices * profile.lora.get("r", 8) * 2 * shape.width


def trained_weights(profile: Profile, shape: Shape) -> int:
    """All weights, or those of the adapters."""
    return lora_weights(profile, shape) if profile.lora else shape.weights


def engine_share(engine: dict) -> float:
    """Of the GPU's memory, what vLLM takes."""
    return engine.get("gpu_memory_utilization", _VLLM_SHARE)


def engine_memory(engine: dict, shape: Shape, width: int, size: float) -> dict[str, float]:
    """vLLM's share of a GPU of `size` bytes; it holds the weights, or the GPU is too small."""
    share = engine_share(engine)
    return {"vLLM": max(share * size, width * shape.weights / engine.get("tensor_parallel_size", 1) / share)}


def evaluation_memory(profile: Profile, shape: Shape, size: float) -> dict[str, float]:
    """Components of generating for the evaluation, on a GPU of `size` bytes."""
    settings, width = profile.evaluation, WIDTH[profile.model.torch_dtype]
    if settings.generator == "vllm":
        return engine_memory(settings.engine, shape, width, size)
    if settings.generator == "server":
        return {}
    return {
        "weights": width * shape.weights,
        "KV cache": cache_memory(shape, settings.batch_size, 2 * settings.max_new_tokens, width),
        "logits": 4 * settings.batch_size * shape.vocabulary,
        **libraries(profile.grpo),
    }
