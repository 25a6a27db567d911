"""`sp3f show NAME` in words: how a model was made, back to the base, or would be.

For each model on the way the stages that are its own, in the order in which they are made: what they hold, where (the folder's name
is the key), how long they took and how much memory; the settings that are not the profile's; what its judge cost; accuracy and
fidelity with 95 % intervals over problems.
"""

from pathlib import Path

import pyarrow.parquet

from sp3f_lib.evaluation.score import read_samples, summary
from sp3f_lib.lab.shipped import SHIPPED
from sp3f_lib.methods.models import apply_changes, asked, before, find, is_model, named_by
from sp3f_lib.pipeline.checks import check_model, check_profile
from sp3f_lib.pipeline.look import Look, cost, look, spent, state_of
from sp3f_lib.profiles import Profile


def show(shipped: Profile, profile: Profile, name: str, options: str = "") -> str:
    """How `name` is made by `profile`; `shipped` is the same profile and regime without changes of the user's own.

    `options`: those that chose `profile`, as they stand on a command line; commands that are suggested end with them.
    """
    check_model(profile)
    check_profile(profile, name)
    looks = [look(profile, one) for one in (*before(profile, name), name)]
    lines = [f"profile {profile.name}, regime {profile.regime}, seed {profile.seed}: {' <- '.join(_starts(profile, name))}"]
    lines += _differences(shipped, profile, "")
    told: dict[Path, dict] = {}
    for path, manifest in looks[-1].finished.items():
        if path.parent.name == "data":  # all models share it
            lines += ["", *_stage(path, manifest, "rows: ")]
            told[path] = manifest
    waiting: Path | None = None  # the first stage that is missing is told once
    for found in looks:
        lines += ["", _heading(profile, found.name), *_model(profile, found, told, waiting)]
        told |= found.finished
        waiting = waiting or found.missing
    return "\n".join([*lines, "", *_end(looks[-1], told, options)])


def _starts(profile: Profile, name: str) -> list[str]:
    """The models that one starts from, the first one first, and itself: base, sft, dpo, icr_1."""
    start = named_by(profile, find(name).start)
    return [*(_starts(profile, start) if is_model(start) else []), name]


def _heading(profile: Profile, name: str) -> str:
    """What a model is made from, and how: `icr_1 <- dpo, reference sft: ICR: ...`."""
    entry, start = find(name).entry, named_by(profile, find(name).start)
    said = f"{name} <- {start}{' (shipped)' if start in SHIPPED else ''}"
    if entry.reference:
        said += f", reference {named_by(profile, entry.reference)}"
    if entry.section == "grpo" and (asks := asked(apply_changes(profile, name))):
        said += f", asks {' and '.join(asks.values())}"
    return f"{said}: {entry.about}" + (f" (arXiv {entry.paper})" if entry.section and entry.paper else "")


def _model(profile: Profile, found: Look, told: dict[Path, dict], waiting: Path | None) -> list[str]:
    """A line for each of a model's own stages, and for what is known of it."""
    changed = apply_changes(profile, found.name)
    lines = _differences(profile, changed, "  ")
    for path, manifest in found.finished.items():
        if path not in told and path != found.evaluated:
            lines += _stage(path, manifest)
    if found.made and found.stage is None:
        lines.append(_line("model", str(found.made)))
    if found.stage and (costs := spent(changed, found.stage)):
        lines.append(_line("judge", cost(costs)))
    if found.evaluated:
        lines += _results(found.evaluated, found.finished[found.evaluated])
    elif found.missing != waiting and (state := state_of(found.missing)):
        lines += [_line(found.missing.parent.name, f"{found.missing}: {state}")]
    else:
        lines.append(_line("", "not evaluated yet" if found.made else "not made yet"))
    return lines


def _stage(path: Path, manifest: dict, kind: str = "") -> list[str]:
    """What a finished stage holds and took."""
    what = ", ".join(f"{name} {count}" for name, count in _holds(path, manifest).items())
    memory = f"{manifest['peak_memory_mb'] / 1024:.1f} GB"
    return [_line(kind + what, f"{path}, {_time(manifest['wall_seconds'])}, {memory}")]


def _holds(path: Path, manifest: dict) -> dict[str, str]:
    """Rows of each file or folder of parts, and the size of a model: {"pairs": "412"}."""
    counts: dict[str, int] = {}
    size = 0
    for name, output in manifest["outputs"].items():
        kind, what = Path(name).suffix, Path(Path(name).parts[0]).stem
        if what == "model":
            size += output["bytes"]
        elif kind == ".parquet":
            counts[what] = counts.get(what, 0) + pyarrow.parquet.read_metadata(path / name).num_rows
        elif kind == ".jsonl":
            with open(path / name, encoding="utf-8") as file:
                counts[what] = sum(1 for line in file if line.strip())
    return {what: f"{count:,}" for what, count in counts.items()} | ({"model": f"{size / 1e6:,.1f} MB"} if size else {})


def _results(path: Path, manifest: dict) -> list[str]:
    (found,) = summary(read_samples({"": path}), "method")
    said = f"accuracy {found['accuracy']} %, fidelity {found['fidelity']} %, {found['tokens']} tokens an answer"
    number = f"{found['sampled']:,} sampled answers to {found['problems']} problems, 95 % intervals over problems"
    greedy = f"; {found['greedy']:,} greedy answers beside: {found['greedy right']} % right"
    return [*_stage(path, manifest), _line("results", said), _line("", number + greedy)]


def _differences(profile: Profile, changed: Profile, indent: str) -> list[str]:
    """What one profile says otherwise than another, seed and name apart."""
    before, after = _flat(profile.model_dump()), _flat(changed.model_dump())
    keys = [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key) and key != "seed"]
    usual = {key: f"not {before[key]} as in the profile" if key in before else "not set in the profile" for key in keys}
    return [f"{indent}{key}: {after.get(key)}, {usual[key]}" for key in keys]


def _flat(section: dict, prefix: str = "") -> dict:
    flat: dict = {}
    for key, value in section.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _end(found: Look, told: dict[Path, dict], options: str) -> list[str]:
    seconds = sum(manifest["wall_seconds"] for manifest in told.values())
    lines = [f"{len(told)} stages are finished, {_time(seconds)} in all"] if told else []
    if not found.made:
        lines.append(f"{found.name} is not made yet. This makes it (with --dry-run it says what that takes):")
        lines.append(f"  sp3f train {found.name}{options}")
    elif not found.evaluated:
        lines += ["not evaluated yet. This does it:", f"  sp3f evaluate {found.name}{options}"]
    return lines


def _line(what: str, said: str) -> str:
    return f"  {what:<33} {said}"


def _time(seconds: float) -> str:
    """For people.

    >>> _time(34.2), _time(200), _time(7500)
    ('34 s', '3 min 20 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
