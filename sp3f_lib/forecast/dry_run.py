"""`--dry-run`: the resolved profile and the plan of one model, of its evaluation or its answers to tasks, for people."""

import os
from collections.abc import Sequence

import yaml

from sp3f_lib.forecast.cpu import Speed, measure_speed
from sp3f_lib.forecast.lengths import read_lengths
from sp3f_lib.forecast.plan import Plan, global_batch, on_cpu, plan
from sp3f_lib.forecast.preference import preference_plan
from sp3f_lib.forecast.shape import Shape, load_config, load_shape
from sp3f_lib.forecast.tasks import task_plan
from sp3f_lib.lab.shipped import RECIPE
from sp3f_lib.methods.models import apply_changes, before, find
from sp3f_lib.profiles import Profile
from sp3f_lib.stages import RUNS

OF_EVALUATION = {"name", "seed", "model", "data", "evaluation"}
_SHARED = {"model", "data", "launch", "lora"}
_NOT_OF_GRPO = {"lab", "base", "sft", "preference", "dpo", "alignment", "self_translation"}


def dry_run(profile: Profile, name: str, evaluated: bool = False) -> tuple[str, bool]:
    """(what the training of a model, or its evaluation, needs; whether it fits). Nothing is loaded."""
    own, entry, profile = profile, find(name).entry, apply_changes(profile, name)
    stage = "evaluate" if evaluated else entry.section
    shown = {
        "sft": {"sft", *_SHARED, *(("methods", "self_translation") if entry.work else ())},
        "grpo": {*type(profile).model_fields} - _NOT_OF_GRPO,
        "evaluate": OF_EVALUATION,
    }.get(stage, {stage, "methods", *_SHARED})
    resolved = as_yaml(profile, shown)
    memory, gpu = machine_there(profile, stage)
    shape, runs = load_shape(profile), RUNS / profile.name
    if stage != "evaluate" and entry.work:
        found = preference_plan(profile, name, stage, shape, runs, memory, gpu)
        return f"{resolved}\n{found}", found.fits
    speed = _speed(profile, stage)
    lengths = read_lengths(profile, stage) if speed else None
    found = plan(profile, stage, shape, runs, memory, gpu, speed, lengths)
    whole = _whole(own, name, found, shape, speed, evaluated)
    return f"{resolved}\n{found}{whole}", found.fits


def _speed(profile: Profile, stage: str) -> Speed | None:
    """Of this CPU, where the stage runs on it in one process."""
    if not on_cpu(profile, stage) or profile.launch.processes > 1:
        return None
    rows = global_batch(profile, "grpo") if stage == "grpo" else profile.evaluation.batch_size
    return measure_speed(load_config(profile)[0], profile, rows)


def _whole(profile: Profile, name: str, found: Plan, shape: Shape, speed: Speed | None, evaluated: bool) -> str:
    """What a model takes together with those before it, one after the other, as if none were made; or which are not counted."""
    hours, rest = {}, []
    for one in dict.fromkeys((*before(profile, name), *([name] if evaluated else []))):
        entry, changed = find(one).entry, apply_changes(profile, one)
        if entry.section is None or (one == "base" and profile.model.path != RECIPE):
            continue
        counted = speed and entry.section in ("sft", "grpo") and not entry.work
        if not counted:
            rest.append(one)
            continue
        lengths = read_lengths(changed, entry.section)
        fast = _speed(changed, "grpo") if entry.section == "grpo" else speed  # it generates other numbers of rows at once
        hours[one] = plan(changed, entry.section, shape, RUNS / profile.name, speed=fast, lengths=lengths).hours
    hours["evaluation" if evaluated else name] = found.hours
    if rest:
        return f"\n  {not_counted(rest)}"
    if len(hours) < 2 or not all(hours.values()):
        return ""
    listed = ", ".join(f"{one} {60 * each.high:.0f}" for one, each in hours.items())
    return f"\n  with what comes before: {sum(60 * each.high for each in hours.values()):.0f} min = {listed}"


def not_counted(names: Sequence[str]) -> str:
    """The line about models that a plan leaves out."""
    return f"not counted: {', '.join(names)}, where they are not made yet (sp3f train {names[-1]} --dry-run)"


def tasks_dry_run(profile: Profile, name: str) -> tuple[str, bool]:
    """(what the answers of a model to the tasks of the profile need; whether it fits). Nothing is loaded."""
    profile = apply_changes(profile, name)
    found = task_plan(profile, load_shape(profile), *machine_there(profile))
    return f"{as_yaml(profile, OF_EVALUATION)}\n{found}", found.fits


def machine_there(profile: Profile, stage: str = "evaluate") -> tuple[float | None, str]:
    """(bytes of one process's share of the machine, or of one GPU; the GPU's name)."""
    import torch

    if on_cpu(profile, stage):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / profile.launch.processes, ""
    if torch.cuda.is_available():
        return torch.cuda.get_device_properties(0).total_memory, torch.cuda.get_device_name(0)
    return None, ""


def as_yaml(profile: Profile, sections: set[str]) -> str:
    """Some sections of the resolved profile."""
    found = {key: value for key, value in profile.model_dump(mode="json").items() if key in sections}
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True)
