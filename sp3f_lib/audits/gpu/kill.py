"""A training that is killed (SIGKILL) between two checkpoints and started again, beside one that nobody disturbed.

On a CPU, with one thread, the remaining steps have the same metrics and end with the same weights, to the last bit. On a GPU sums
come in another order, and a sampled token may become another one: equal within bf16's rounding. Metrics alone would not show there
that the optimizer began anew: in four steps of GRPO that moves no mean by more than the noise (by 3e-6 at toy size). So what it
remembers when the first remaining step begins is compared too: a number of steps for each weight, which no noise changes.
"""

import json
import math
import shutil
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

from transformers import TrainerCallback

from sp3f_lib.audits.gpu.child import end_child, start_child
from sp3f_lib.audits.gpu.result import Measured
from sp3f_lib.audits.gpu.setting import Setting
from sp3f_lib.audits.gpu.steps import Meter, trained
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import StageError

STEPS, SAVE, KILLED = 6, 2, 3
SAVED = KILLED // SAVE * SAVE
# Share by which the metrics of the remaining steps may differ on a GPU. A gradient is a small difference of large numbers; where a
# token of a completion becomes another, so do all that follow it, and its reward: of GRPO only means over all tokens are compared.
NOISE = {
    "sft": {"loss": 0.02, "entropy": 0.02, "grad_norm": 0.1, "learning_rate": 0},
    "grpo": {"entropy": 0.05, "learning_rate": 0, "completions/mean_length": 0},
}
_SMALL = 1e-9


def kill_check(setting: Setting, kind: str) -> Measured:
    """One training of six steps left alone, one killed after the third, whose last checkpoint is that of the second."""
    setting.disk(14)  # two checkpoints of weights and two moments for each of two trainings, with their weights
    profile, killed = kill_profile(setting, kind), setting.room(f"killed-{kind}")
    code, said = end_child(start_child(setting, profile, kind, killed, kill_at=KILLED), killed)
    if code != -signal.SIGKILL:
        raise StageError(f"the training that was to be killed at step {KILLED} ended with {code}: {said}")
    return resumed(setting, profile, kind, killed)


def kill_profile(setting: Setting, kind: str) -> Profile:
    """Six steps, a checkpoint after every second one, at a rate at which each step changes more than rounding does."""
    common = {
        "max_steps": STEPS,
        "save_strategy": "steps",
        "save_steps": SAVE,
        "learning_rate": 1e-3 if kind == "sft" else 1e-4,
    }
    changes = {f"{kind}.{key}": value for key, value in common.items()}
    if kind == "grpo":
        tokens = min(64, setting.sizes.tokens)
        changes |= setting.full_length(tokens) | {"grpo.max_completion_length": tokens}
        changes |= {"grpo.per_device_train_batch_size": setting.sizes.group, "grpo.gradient_accumulation_steps": 2}
    return setting.profile(changes)


def resumed(setting: Setting, profile: Profile, kind: str, killed: Path) -> Measured:
    """Goes on with a training that was killed in `killed`, makes another one undisturbed, and compares the two."""
    again, (old, new) = Meter(setting.device), (Memory(), Memory())
    trained(setting, profile, kind, killed.name, [again.watch, new.watch], goes_on=True)
    calm = trained(setting, profile, kind, f"calm-{kind}", [old.watch])
    noise = NOISE[kind] if setting.device.on_gpu else None
    found = compared(rows_of(calm), rows_of(killed), len(again.seconds), noise)
    if old.steps != new.steps:
        found = replace(
            found, misses=(*found.misses, f"after step {SAVED} the optimizer remembers {new}, undisturbed {old}")
        )
    if not setting.device.on_gpu and (lost := different_weights(calm, killed)):
        found = replace(found, misses=(*found.misses, f"the weights differ: {', '.join(lost)}"))
    for directory in (killed, calm):
        shutil.rmtree(directory)
    return found


class Memory(TrainerCallback):
    """How many weights (tensors) the optimizer has a state of, by its steps, when the first step after the checkpoint begins."""

    def __init__(self):
        self.steps: Counter[float] = Counter()

    def watch(self, trainer) -> None:
        trainer.add_callback(self)

    def on_step_begin(self, args, state, control, optimizer=None, **kwargs):
        if state.global_step == SAVED:
            self.steps = Counter(float(one["step"]) for one in optimizer.state.values() if one)

    def __str__(self) -> str:
        return ", ".join(f"{steps:g} steps of {number} tensors" for steps, number in self.steps.items()) or "nothing"


def rows_of(directory: Path) -> list[dict]:
    """The metrics of a training, a row a step."""
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def different_weights(calm: Path, killed: Path) -> list[str]:
    """The files of weights of one training that the other has not, byte for byte."""
    files = sorted(path.relative_to(calm) for path in calm.glob("model/*.safetensors"))
    return [str(name) for name in files if (calm / name).read_bytes() != (killed / name).read_bytes()]


def compared(calm: list[dict], again: list[dict], made: int, noise: dict[str, float] | None) -> Measured:
    """The metrics after the last checkpoint before the kill: those that `noise` limits, or if it is None all, which must be equal.

    `made`: steps that the second start made.
    """
    numbers = {"killed at step": KILLED, "last checkpoint": SAVED, "steps after it": made}
    if [row["step"] for row in again] != [row["step"] for row in calm]:
        return Measured(numbers, (f"its metrics have the steps {[row['step'] for row in again]}",))
    worst, where, misses = 0.0, None, []
    if made != STEPS - SAVED:
        misses.append(f"it did not go on from step {SAVED}: {made} steps were made")
    for one, other in zip(calm[SAVED:], again[SAVED:], strict=True):
        if one.keys() != other.keys():
            misses.append(f"step {one['step']} has other metrics: {', '.join(sorted(one.keys() ^ other.keys()))}")
        for name in sorted(one.keys() & other.keys() & (one.keys() if noise is None else noise.keys())):
            gap, limit = difference(one[name], other[name]), 0 if noise is None else noise[name]
            if gap > worst or math.isnan(gap):
                worst, where = gap, f"{name} at step {one['step']}"
            if not gap <= limit:
                misses.append(f"{name} at step {one['step']} is {other[name]:.6g}, undisturbed {one[name]:.6g}")
    shown = (*misses[:2], f"and {len(misses) - 2} more") if len(misses) > 2 else tuple(misses)
    numbers |= {"metrics": len(calm[-1] if noise is None else noise), "largest difference": worst, "in": where}
    return Measured(numbers, shown)


def difference(one: float, other: float) -> float:
    """The share of the larger of two metrics by which they differ.

    >>> difference(2.0, 2.0), difference(1.0, 2.0), difference(0.0, 0.0)
    (0.0, 0.5, 0.0)
    """
    return abs(one - other) / max(abs(one), abs(other), _SMALL)
