"""The GPU check from beginning to end: the device, the model, the checks in order, the table, the report.

The first ones are what a training stands on; those that take long or need more than one GPU come last, so that a short time budget
leaves them out.
"""

import platform
import time
from functools import partial
from importlib import metadata
from pathlib import Path

from sp3f_lib.audits.gpu import kill, numbers, several, stock, with_vllm
from sp3f_lib.audits.gpu.device import Device, check_device, find_device
from sp3f_lib.audits.gpu.result import FAIL, TIME_IS_OVER, Check, run_checks, summary, table, write_report
from sp3f_lib.audits.gpu.setting import Setting, alone_in, make_setting, tidy
from sp3f_lib.audits.gpu.steps import FLASH, GOAL, SDPA, step_check
from sp3f_lib.display import shown
from sp3f_lib.machine import processor
from sp3f_lib.profiles import ProfileError, nearest
from sp3f_lib.runs import StageError, versions
from sp3f_lib.stages import RUNS

FOLDER = RUNS / "gpu-check"
_MORE = ("peft", "flash-attn", "deepspeed", "vllm", "triton")


def gpu_check(
    kind: str,
    there: tuple[str, ...] = (),
    minutes: float = 10.0,
    model: str | None = None,
    out: Path | None = None,
    two_processes: bool = False,
    only: list[str] | None = None,
) -> bool:
    """Runs and prints all checks; True if none failed.

    `there`: all GPUs of the machine, of which this process sees the first (`machine.only_gpus`): TRL trains in one process only
    where it sees one. `only`: words; a check's name must hold one of them. `StageError`, one line: the device cannot be used.
    """
    device = find_device(kind, len(there))
    print(f"device: {device}", flush=True)
    check_device(device, 0)
    with alone_in(FOLDER), shown(RUNS):
        return _check(device, there, minutes, model, out or FOLDER / "report.json", two_processes, only)


def _check(device: Device, there, minutes: float, model: str | None, path: Path, two_processes: bool, only) -> bool:
    setting = make_setting(device, FOLDER, model, there)
    check_device(device, _least(setting))
    checks, about = chosen(checks_of(setting, two_processes), only), _about(setting, model)
    print(f"model: {about['model']}", flush=True)
    write_report(path, about, [])  # before hours are spent: can it be written?
    try:
        results = run_checks(checks, 60 * minutes, lambda found: write_report(path, about, found))
    except KeyboardInterrupt:
        raise StageError(f"stopped; what was found so far is in {path}") from None
    finally:
        said = tidy(setting.folder)
    print(f"\n{about['date']}, {device}, {_line(about['versions'])}\n\n{table(results)}\n\n{summary(results)}", flush=True)
    if left := sum(result.reason.startswith(TIME_IS_OVER) for result in results):
        print(f"{left} checks were not begun: the {minutes:g} minutes are over", flush=True)
    if said:
        print(f"what processes said that failed: {', '.join(map(str, said))}", flush=True)
    print(f"report: {path}", flush=True)
    return not any(result.status == FAIL for result in results)


def checks_of(setting: Setting, two_processes: bool = False) -> list[Check]:
    """All checks, in order."""

    def steps(kind: str, attention: str, checkpointing: bool) -> Check:
        name = f"{kind} step, {attention}, {'with' if checkpointing else 'without'} checkpointing"
        return Check(name, GOAL, partial(step_check, setting, kind, attention, checkpointing))

    same = "within bf16's noise" if setting.device.on_gpu else "and the model equal weights, to the last bit"
    kills = f"the remaining steps have equal metrics, {same}"
    limit = numbers.generation_goal(setting.device)
    checks = [
        Check("bf16 logits", f"at most {numbers.BF16} nats a token from float32", partial(numbers.logits_check, setting)),
        Check(
            "generation against training", f"at most {limit} nats a token apart", partial(numbers.generation_check, setting)
        ),
        steps("sft", SDPA, True),
        steps("grpo", SDPA, True),
        Check("grpo step against stock TRL", f"at most {stock.RATIO} x", partial(stock.stock_check, setting)),
        Check("kill and resume, sft", kills, partial(kill.kill_check, setting, "sft")),
        Check("kill and resume, grpo", kills, partial(kill.kill_check, setting, "grpo")),
        steps("sft", SDPA, False),
        steps("grpo", SDPA, False),
        *(steps(one, FLASH, checkpointing) for checkpointing in (True, False) for one in ("sft", "grpo")),
        Check(
            "vLLM colocated",
            f"at most {numbers.BF16} nats a token from training",
            partial(with_vllm.colocated_check, setting),
        ),
        Check("vLLM server", f"at most {numbers.BF16} nats a token from training", partial(with_vllm.server_check, setting)),
    ]
    alike = "losses and gradients of SFT are those of one process, GRPO ends"
    checks += [
        Check(f"several processes, {name}", alike, partial(several.processes_check, setting, name))
        for name in ("ddp", "fsdp2", "zero3")
    ]
    if two_processes:
        checks.append(Check("two trainings side by side", "both end", partial(several.side_by_side_check, setting)))
    return checks


def chosen(checks: list[Check], only: list[str] | None) -> list[Check]:
    """The checks whose name holds one of the words; `ProfileError` for a word that no name holds."""
    words = {word.strip(",") for check in checks for word in check.name.split()}
    for word in only or ():
        if not any(word in check.name for check in checks):
            raise ProfileError(f"--only {word}: no check has that in its name{nearest(word, words)}")
    return [check for check in checks if not only or any(word in check.name for word in only)]


def _least(setting: Setting) -> float:
    """Bytes of the smallest training of the check."""
    profile = setting.profile(setting.full_length())
    return min(setting.forecast(profile, kind).needed for kind in ("sft", "grpo"))


def _about(setting: Setting, model: str | None) -> dict:
    found = versions() | {"platform": platform.platform()}
    for name in _MORE:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S%z"),
        "device": setting.device.about(),
        "gpus": list(setting.gpus),
        "processor": processor(),
        "versions": found,
        "model": model or f"random weights, {'the shape of Qwen2.5-0.5B' if setting.device.on_gpu else 'a toy Qwen2'}",
        "sizes": setting.sizes.__dict__,
    }


def _line(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {found[name]}" for name in ("torch", "transformers", "trl", *_MORE) if name in found)
