"""More than one process: two trainings side by side on one device, and one training in several processes (DDP, FSDP2, ZeRO-3).

Side by side is what `parallel: 2` does with stages that train in one process. One training in several processes is begun by the
library's own `accelerate launch`. SFT has the same rows a step as in one process, so losses and gradients must be the same; GRPO,
whose processes sample with seeds of their own, must end with finite ones.
"""

import math
import shutil
from importlib.util import find_spec
from pathlib import Path

from sp3f_lib.audits.gpu.child import end_child, measured_by_child, start_child
from sp3f_lib.audits.gpu.kill import difference, rows_of
from sp3f_lib.audits.gpu.result import Measured, NotPossible
from sp3f_lib.audits.gpu.setting import Setting
from sp3f_lib.audits.gpu.steps import trained
from sp3f_lib.forecast.memory import GB
from sp3f_lib.runs import StageError

# Share of a step's loss and gradient by which several processes may differ from one on a GPU; on a CPU a hundredth of it.
LIMITS = {"loss": 0.02, "grad_norm": 0.1}
_MOST = 8


def side_by_side_check(setting: Setting) -> Measured:
    """SFT alone in a process, then twice at the same time: both must end; how much more is done in the same time is measured."""
    profile = setting.profile({"sft.max_steps": 6})
    needed = setting.forecast(profile, "sft").needed
    if setting.device.on_gpu and 2 * needed > setting.device.free:
        raise NotPossible(f"two need {2 * needed / GB:.1f} GB, {setting.device.free / GB:.1f} GB are free")
    paths, steps = [setting.room(f"beside-{number}") for number in range(3)], []
    for group in (paths[:1], paths[1:]):
        children = [start_child(setting, profile, "sft", path) for path in group]
        try:
            ended = [end_child(child, path) for child, path in zip(children, group, strict=True)]
        finally:
            for child in children:
                child.kill()
        if failed := [(code, said) for code, said in ended if code]:
            raise StageError(f"{len(failed)} of {len(group)} ended with {failed[0][0]}: {failed[0][1]}")
        steps.append([measured_by_child(path, setting.device).typical() for path in group])
        for path in group:
            shutil.rmtree(path)
    numbers = {"alone step s": steps[0][0], "together step s": max(steps[1])}
    return Measured(numbers | {"work in the same time, x": 2 * steps[0][0] / max(steps[1])})


def processes_check(setting: Setting, strategy: str) -> Measured:
    """SFT and GRPO in as many processes as there are GPUs (a power of two, at most 8; two on a CPU), SFT beside one process."""
    on_gpu, sizes = setting.device.on_gpu, setting.sizes
    number = processes_for(len(setting.gpus)) if on_gpu else 2
    if number < 2:
        raise NotPossible("there is one GPU; several processes need one each")
    if not on_gpu and strategy != "ddp":
        raise NotPossible(f"{strategy} shards over GPUs; on a CPU only ddp is tried")
    if strategy == "zero3" and find_spec("deepspeed") is None:
        raise NotPossible("DeepSpeed is not installed")
    setting.disk(4)
    launch = {"launch.accelerate": strategy, "launch.processes": number}
    at_once = max(1, min(sizes.rows_at_once, sizes.rows // number))
    batch = {"per_device_train_batch_size": at_once, "gradient_accumulation_steps": sizes.rows // (at_once * number)}
    together = _launched(setting, "sft", launch | {f"sft.{key}": value for key, value in batch.items()})
    alone = trained(setting, setting.profile(), "sft", "one-process")
    rows = [rows_of(path) for path in (alone, together)]
    batch = {"max_steps": 2, "max_completion_length": min(32, sizes.tokens), "per_device_train_batch_size": sizes.group}
    batch |= {"gradient_accumulation_steps": 1}
    policy = _launched(setting, "grpo", launch | {f"grpo.{key}": value for key, value in batch.items()})
    sampled = rows_of(policy)
    for path in (alone, together, policy):
        shutil.rmtree(path)
    gaps, misses = compared(*rows, limits={name: limit if on_gpu else limit / 100 for name, limit in LIMITS.items()})
    numbers = {"processes": number, "sft steps": len(rows[0]), "grpo steps": len(sampled)}
    numbers |= {f"largest difference of {name}": gap for name, gap in gaps.items()}
    if not all(math.isfinite(row[name]) for row in sampled for name in LIMITS):
        misses.append("a loss or gradient of GRPO is no number")
    return Measured(numbers, tuple(misses))


def compared(alone: list[dict], together: list[dict], limits: dict[str, float]) -> tuple[dict[str, float], list[str]]:
    """(the largest difference of each metric of `limits`, a share of it; those that exceed their limit, in words)."""
    pairs = list(zip(alone, together, strict=True))
    gaps = {name: sorted((difference(a[name], b[name]) for a, b in pairs), key=_nan_last)[-1] for name in limits}
    return gaps, [
        f"{name} differs by {gap:.2%} from that of one process" for name, gap in gaps.items() if not gap <= limits[name]
    ]


def _nan_last(gap: float) -> tuple[bool, float]:
    return math.isnan(gap), gap  # `max` may pass over what is no number


def _launched(setting: Setting, kind: str, changes: dict) -> Path:
    """The folder of a training in the processes that the changes of the profile ask for, which see all GPUs."""
    strategy = changes["launch.accelerate"]
    directory = setting.room(f"{strategy}-{kind}")
    child = start_child(setting, setting.profile(changes), kind, directory, ",".join(setting.gpus) or None, stage=True)
    code, said = end_child(child, directory)
    if code:
        raise StageError(f"{kind} by {strategy} in {changes['launch.processes']} processes ended with {code}: {said}")
    return directory


def processes_for(gpus: int) -> int:
    """The number of processes: a power of two, which divides the rows of a step.

    >>> [processes_for(n) for n in (0, 1, 3, 8, 16)]
    [0, 1, 2, 8, 8]
    """
    return min(1 << (gpus.bit_length() - 1), _MOST) if gpus else 0
