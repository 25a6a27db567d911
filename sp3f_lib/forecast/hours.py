"""How long a stage takes: the pace of a finished run where there is one, else a range that is called an estimate.

The estimate is compute only. A token that is trained on costs, with N weights of which T are trained (Kaplan et al. 2020, arXiv
2001.08361, section 2.1):

    forward                                2 N
    gradients of activations and weights   2 N + 2 T        so 6 N where all are trained
    gradient checkpointing                 2 N              the forward pass once more
    vLLM's rollouts                        2 N              log-probabilities under the trained model

at 20 to 50 % of a GPU's published peak for dense bf16. Generating, judging, loading and saving come on top and are not in it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from sp3f_lib.forecast.shape import Shape
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import MANIFEST

UTILISATION = 0.2, 0.5
# GB, and TFLOP/s of dense bf16, from NVIDIA's data sheets (H100, H200: SXM; the sheets' "with sparsity" is twice as much).
GPUS = {"L40S": (48, 362), "A100": (80, 312), "H100": (80, 989), "H200": (141, 989)}
# What decides how long a step takes; a run with other values is no measurement of this one.
_STEP_FIELDS = (
    "per_device_train_batch_size", "gradient_accumulation_steps", "num_generations", "max_completion_length", "max_length",
    "use_vllm", "gradient_checkpointing", "bf16", "use_cpu",
)  # fmt: skip
# Bytes that the saved model has for each weight: bf16, or float32; a little more for headers, less where heads are tied.
_SAVED = (1.8, 2.2), (3.6, 4.4)


@dataclass(frozen=True)
class Hours:
    """From `low` to `high` hours (equal: measured), and where that comes from."""

    low: float
    high: float
    basis: str

    def __str__(self) -> str:
        unit, times = ("h", 1) if self.high >= 1 else ("min", 60)
        low, high = (_two_digits(times * hours) for hours in (self.low, self.high))
        return f"{low} {unit}, {self.basis}" if low == high else f"{low} to {high} {unit}, {self.basis}"


def measured(profile: Profile, stage: str, steps: int, shape: Shape, runs: Path) -> Hours | None:
    """Hours of `steps` steps at the pace of the fastest finished run with the same batch and model size; None without one."""
    section, paces = getattr(profile, stage), []
    for path in sorted(runs.glob(f"*/*/{MANIFEST}")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        done = manifest["settings"].get(stage)
        if not done or not (took := _steps(done, path.parent)) or not _same_size(manifest, shape):
            continue
        launch = manifest["settings"].get("launch", {"processes": 1})
        same = all(done.get(name) == section.get(name) for name in _STEP_FIELDS)
        same = same and ("teacher" in manifest["settings"]) == (stage == "grpo" and profile.teacher.use)
        if same and launch["processes"] == profile.launch.processes:
            paces.append((manifest["wall_seconds"] / took, path.parent))
    if not paces:
        return None
    pace, where = min(paces)
    hours = pace * steps / 3600
    return Hours(hours, hours, f"at the measured pace of {where}")


def _steps(section: dict, run: Path) -> int:
    """The steps of a finished run: as many as its section asks for, or the last that it logged; 0 if it logged none."""
    if section.get("max_steps", 0) > 0:
        return section["max_steps"]
    file = run / "metrics.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return json.loads(lines[-1])["step"] if lines else 0


def _same_size(manifest: dict, shape: Shape) -> bool:
    """Whether the run's model has as many weights: the same profile also trains other models (--model)."""
    size = sum(entry["bytes"] for name, entry in manifest["outputs"].items() if name.endswith(".safetensors"))
    return any(low <= size / shape.weights <= high for low, high in _SAVED)


def flop_per_token(weights: int, trained: int, section: dict, taught: bool = False) -> float:
    """FLOP to train on one token; `taught`: a teacher reads it too, and where vLLM does not have it read anyway, the policy.

    >>> flop_per_token(10, 10, {}), flop_per_token(10, 1, {"gradient_checkpointing": False}), flop_per_token(10, 10, {}, True)
    (80, 42, 120)
    """
    vllm = bool(section.get("use_vllm"))
    again = section.get("gradient_checkpointing", True) + vllm + taught * (2 - vllm)
    return 2 * weights * (2 + again) + 2 * trained


def estimate(flop: float, gpu: str, processes: int, more: bool = False) -> Hours:
    """The range for `flop` on so many GPUs of a kind, a key of `GPUS`; `more`: rollouts and judging come on top."""
    seconds = [flop / (processes * GPUS[gpu][1] * 1e12 * share) for share in UTILISATION]
    span = f"{UTILISATION[0]:.0%} to {UTILISATION[1]:.0%}"
    basis = f"ESTIMATE from {flop:.1e} FLOP at {span} of {processes} x {gpu}'s {GPUS[gpu][1]} TFLOP/s"
    basis += "; generation and judging come on top" if more else ""
    return Hours(seconds[1] / 3600, seconds[0] / 3600, basis)


def likely_gpu(name: str, memory: float) -> str:
    """The GPU to estimate for: the one called `name` if it is known, else the smallest known one with that much memory (bytes)."""
    named = [gpu for gpu in GPUS if gpu in name]
    large = [gpu for gpu, (size, _) in GPUS.items() if size * 1e9 >= memory]
    return (named or large or list(GPUS)[-1:])[0]


def _two_digits(hours: float) -> str:
    return "0.1" if hours < 0.1 else f"{float(f'{hours:.2g}'):,g}"
