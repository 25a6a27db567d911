"""The same step of GRPO by TRL's own trainer, with the same settings, rows, rewards and judge: what our trainer costs beside it."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from sp3f_lib.audits.gpu.result import Measured, within
from sp3f_lib.audits.gpu.setting import Setting
from sp3f_lib.audits.gpu.steps import SDPA, Meter, measure_steps, trained, trainer_of
from sp3f_lib.judges import Judge, make_judge
from sp3f_lib.judges.groups import Group, judge_groups
from sp3f_lib.profiles import Profile
from sp3f_lib.training.common import trainer_settings

RATIO = 1.03


def stock_check(setting: Setting) -> Measured:
    """Our step, checkpointed and with torch's attention, over stock TRL's."""
    ours, _ = measure_steps(setting, "grpo", SDPA, True)
    profile = setting.profile(setting.full_length() | {"grpo.gradient_checkpointing": True})
    theirs = Meter(setting.device)
    shutil.rmtree(trained(setting, profile, "grpo", "stock", [theirs.watch], make=stock_trainer))
    ratio = ours.typical() / theirs.typical()
    numbers = {"ratio": ratio, "ours s": ours.typical(), "TRL s": theirs.typical()}
    return Measured(numbers, () if within(ratio, 0, RATIO) else (f"our step takes {ratio:.3f} x TRL's",))


def stock_trainer(profile: Profile, kind: str, directory: Path, start: str, rows: Path, label: str):
    """TRL's GRPOTrainer with the rows, the rewards and the judge of ours, and the model as transformers loads it."""
    import torch
    from transformers import AutoModelForCausalLM
    from trl import GRPOConfig, GRPOTrainer

    ours = trainer_of(profile, kind, directory, start, rows, label)
    settings = trainer_settings(profile.grpo, directory, profile.seed) | {"reward_weights": ours.args.reward_weights}
    *terms, _ = ours.reward_funcs
    dtype = getattr(torch, profile.model.torch_dtype)
    return GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(start, dtype=dtype),
        args=GRPOConfig(**settings),
        reward_funcs=[*terms, win_rate_of(make_judge(profile.judge), profile)],
        train_dataset=ours.train_dataset,
        processing_class=ours.processing_class,
    )


def win_rate_of(judge: Judge, profile: Profile) -> Callable[..., list[float]]:
    """The win rate as a plain reward function of TRL: right only where one process sees whole groups, as here."""
    size, settings = profile.grpo["num_generations"], profile.judge

    def win_rate(completions, question, reference, **_) -> list[float]:
        texts = [completion[-1]["content"] for completion in completions]
        groups = [Group(question[k], texts[k : k + size], reference[k]) for k in range(0, len(texts), size)]
        asyncio.run(judge_groups(judge, groups, settings))
        return [rate for group in groups for rate in group.rates(settings.schedule)]

    return win_rate
