"""Steps of SFT and GRPO by the library's own trainers: seconds, tokens a second and peak memory, beside what `--dry-run` says.

A step of GRPO is generation, rewards and judge, and the rest: log-probabilities, gradients, optimizer. The dry run estimates the
rest alone, so that is what its hours are compared with. The first step warms up and does not count.
"""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from transformers import TrainerCallback

from sp3f_lib.audits.gpu.device import Device, begin_peak, free, peak, settle
from sp3f_lib.audits.gpu.result import Measured, NotPossible, within
from sp3f_lib.audits.gpu.setting import Setting, with_attention
from sp3f_lib.data.schema import read_rows
from sp3f_lib.forecast.hours import GPUS
from sp3f_lib.forecast.memory import GB
from sp3f_lib.forecast.plan import Plan
from sp3f_lib.machine import set_up
from sp3f_lib.profiles import Profile
from sp3f_lib.training.checks import check_settings
from sp3f_lib.training.common import train
from sp3f_lib.training.policy import policy_trainer
from sp3f_lib.training.sft import sft_trainer

MEMORY, TIME = 0.15, 1.5
GOAL = f"ends; on a GPU also peak memory within {MEMORY:.0%} and time within {TIME} x of the dry run"
SDPA, FLASH = "sdpa", "flash_attention_2"


@dataclass
class Meter:
    """The seconds of each step, and of parts of it (the trainer's methods that `part` names); bytes at the peak; tokens seen."""

    device: Device
    seconds: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    tokens: list[float] = field(default_factory=list)
    peak: float = 0.0

    def typical(self) -> float:
        """Seconds of a step, the first one left out where there are more."""
        return median(self.seconds[1:] or self.seconds)

    def part(self, name: str) -> float:
        """The same of a part of each step; 0 if there is none."""
        found = self.parts.get(name, [])
        return median(found[1:] or found) if found else 0.0

    def tokens_a_step(self) -> float:
        """Tokens that were read, prompts and answers, without padding."""
        return self.tokens[-1] / len(self.tokens) if self.tokens else 0.0

    def watch(self, trainer, *methods: str) -> None:
        """Measures a trainer from its first step on, and each call of some methods."""
        meter, device, began = self, self.device, [0.0]

        class Clock(TrainerCallback):
            def on_step_begin(self, args, state, control, **kwargs):
                settle(device)
                began[0] = time.perf_counter()

            def on_step_end(self, args, state, control, **kwargs):
                settle(device)
                meter.seconds.append(time.perf_counter() - began[0])

            def on_train_end(self, args, state, control, **kwargs):
                meter.peak = peak(device)
                meter.tokens = [row["num_tokens"] for row in state.log_history if "loss" in row and "num_tokens" in row]

        trainer.add_callback(Clock())
        for name in methods:
            setattr(trainer, name, self._timed(getattr(trainer, name), name))

    def _timed(self, original: Callable, name: str) -> Callable:
        def measured(*args, **kwargs):
            settle(self.device)
            began = time.perf_counter()
            found = original(*args, **kwargs)
            settle(self.device)
            self.parts.setdefault(name, []).append(time.perf_counter() - began)
            return found

        return measured


GENERATION, REWARDS = "_generate_single_turn", "_calculate_rewards"


def trainer_of(profile: Profile, kind: str, directory: Path, start: str, rows: Path, label: str):
    """The library's trainer for `sft` or `grpo`, the model loaded."""
    check_settings(profile, kind)
    set_up(profile.threads)
    found = read_rows(rows, for_sft=kind == "sft")
    if kind == "sft":
        return sft_trainer(directory, profile, start, found)
    return policy_trainer(directory, profile, start, found, label)


def trained(
    setting: Setting,
    profile: Profile,
    kind: str,
    name: str,
    watch: Iterable[Callable] = (),
    make: Callable = trainer_of,
    goes_on: bool = False,
) -> Path:
    """Trains in this process, in a folder of its own, and gives the folder: an empty one, unless a training there `goes_on`.

    `watch`: functions of the trainer, called before the first step.
    """
    directory = setting.folder / name if goes_on else setting.room(name)
    try:
        trainer = make(profile, kind, directory, setting.model, setting.rows(kind), name)
        for look in watch:
            look(trainer)
        train(trainer, directory, name, profile)
    finally:
        trainer = None
        free(setting.device)  # it and its model are parts of circles
    return directory


def step_check(setting: Setting, kind: str, attention: str, checkpointing: bool) -> Measured:
    """Three steps of a kind; `NotPossible` where the attention is not installed or the memory does not suffice."""
    if attention == FLASH:
        check_flash(setting.device)
        setting = with_attention(setting, attention)
    meter, forecast = measure_steps(setting, kind, attention, checkpointing)
    return judged(setting, kind, meter, forecast)


def measure_steps(setting: Setting, kind: str, attention: str, checkpointing: bool) -> tuple[Meter, Plan]:
    """What three steps took, and what the dry run says of them; measured once for all checks."""
    key = kind, attention, checkpointing
    if key not in setting.steps:
        profile = setting.profile(setting.full_length() | {f"{kind}.gradient_checkpointing": checkpointing})
        forecast = setting.forecast(profile, kind)
        if setting.device.on_gpu and forecast.needed > setting.device.free:
            gigabytes = f"{forecast.needed / GB:.1f} GB, {setting.device.free / GB:.1f} GB"
            raise NotPossible(f"the dry run says {gigabytes} are free")
        meter = Meter(setting.device)
        free(setting.device)  # what a check that failed has left
        begin_peak(setting.device)
        parts = (GENERATION, REWARDS) if kind == "grpo" else ()
        name = f"{kind}-{attention}-{'with' if checkpointing else 'without'}-checkpointing"
        shutil.rmtree(trained(setting, profile, kind, name, [lambda trainer: meter.watch(trainer, *parts)]))
        setting.steps[key] = meter, forecast
    return setting.steps[key]


def check_flash(device: Device) -> None:
    """`NotPossible` where flash attention cannot be used."""
    from transformers.utils import is_flash_attn_2_available

    if not device.on_gpu:
        raise NotPossible("flash attention runs on GPUs only")
    if not is_flash_attn_2_available():
        raise NotPossible("the package flash-attn is not installed (sdpa has torch's own kernel of it)")


def judged(setting: Setting, kind: str, meter: Meter, forecast: Plan) -> Measured:
    """What was measured beside the forecast. On a CPU at toy size libraries are the memory, and there is no estimate of time."""
    step, generation, rewards = meter.typical(), meter.part(GENERATION), meter.part(REWARDS)
    rest, sizes = step - generation - rewards, setting.sizes
    numbers = {"step s": step, "training tokens/s": meter.tokens_a_step() / rest}
    if kind == "grpo":
        made = sizes.completions * sizes.tokens
        numbers |= {"of it generation s": generation, "rewards and judge s": rewards, "rest s": rest}
        numbers |= {"generated tokens/s": made / generation}
    numbers |= {"peak GB": meter.peak / GB, "dry run GB": forecast.needed / GB}
    misses = []
    if setting.device.on_gpu:
        if not within(meter.peak / forecast.needed, 1 - MEMORY, 1 + MEMORY):
            misses.append(f"peak memory is {meter.peak / forecast.needed:.2f} x the dry run's")
        low, high = (hours * 3600 / forecast.steps for hours in (forecast.hours.low, forecast.hours.high))
        numbers |= {"dry run s": f"{low:.3g} to {high:.3g}"}
        if not any(gpu in setting.device.name for gpu in GPUS):
            numbers |= {"time": f"not judged, the dry run does not know a {setting.device.name}"}
        elif not within(rest, low / TIME, high * TIME):
            misses.append(f"{rest:.3g} s are not within {TIME} x of the dry run's {low:.3g} to {high:.3g} s")
    return Measured(numbers, tuple(misses))
