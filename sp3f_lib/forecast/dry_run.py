"""`--dry-run`: the resolved profile and the plan of one model, or of its evaluation, for people."""

import os

import yaml

from sp3f_lib.forecast.plan import on_cpu, plan
from sp3f_lib.forecast.preference import preference_plan
from sp3f_lib.forecast.shape import load_shape
from sp3f_lib.methods.models import apply_changes, find
from sp3f_lib.profiles import Profile
from sp3f_lib.stages import RUNS

_SHARED = {"model", "data", "launch", "lora"}
_NOT_OF_GRPO = {"lab", "base", "sft", "preference", "dpo", "alignment", "self_translation"}


def dry_run(profile: Profile, name: str, evaluated: bool = False) -> tuple[str, bool]:
    """(what the training of a model, or its evaluation, needs; whether it fits). Nothing is loaded."""
    import torch

    entry, profile = find(name).entry, apply_changes(profile, name)
    stage = "evaluate" if evaluated else entry.section
    settings = profile.model_dump(mode="json")
    shown = {
        "sft": {"sft", *_SHARED, *(("methods", "self_translation") if entry.work else ())},
        "grpo": {*settings} - _NOT_OF_GRPO,
        "evaluate": {"name", "seed", "model", "data", "evaluation"},
    }.get(stage, {stage, "methods", *_SHARED})
    resolved = yaml.safe_dump({k: v for k, v in settings.items() if k in shown}, sort_keys=False, allow_unicode=True)
    memory, gpu = None, ""
    if on_cpu(profile, stage):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / profile.launch.processes
    elif torch.cuda.is_available():
        memory, gpu = torch.cuda.get_device_properties(0).total_memory, torch.cuda.get_device_name(0)
    shape, runs = load_shape(profile), RUNS / profile.name
    if stage != "evaluate" and entry.work:
        found = preference_plan(profile, name, stage, shape, runs, memory, gpu)
    else:
        found = plan(profile, stage, shape, runs, memory, gpu)
    return f"{resolved}\n{found}", found.fits
