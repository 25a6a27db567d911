"""`sp3f train NAME`: any model of the table."""

from sp3f_lib.commands.app import CANNOT_FIT, MAKE, verb
from sp3f_lib.commands.options import (
    BaseModel,
    Changes,
    DryRun,
    Folder,
    ModelName,
    ProfileName,
    Regime,
    Seed,
    Source,
    chosen,
    given,
    overrides,
)
from sp3f_lib.commands.stage import run, say_done
from sp3f_lib.profiles import Profile, ProfileError, load_profile


@verb(MAKE)
def train(
    name: ModelName,
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Seed = None,
    source: Source = None,
    folder: Folder = None,
    model: BaseModel = None,
    changes: Changes = None,
    dry_run: DryRun = False,
) -> int:
    """Train a model, and whatever it is made from: sft, rlvr, sp3f, icr_2, lidr_1, ..."""
    parameters = {"regime": regime, "seed": seed, "source": source, "folder": folder, "model": model}
    resolved = chosen(profile, changes, **parameters)
    if dry_run:
        return say_what_it_needs(name, resolved, profile, changes, parameters, evaluated=False)
    note_batch(name, resolved, profile, changes, parameters)
    say_done(run("train", resolved, name))
    return 0


def say_what_it_needs(name: str, resolved: Profile, profile: str, changes, parameters: dict, evaluated: bool) -> int:
    """Prints the plan of a model's training or evaluation; the exit status says whether it can fit."""
    from sp3f_lib.forecast.dry_run import dry_run as plan
    from sp3f_lib.methods.models import find
    from sp3f_lib.pipeline.checks import check_folder, check_model, check_profile

    check_model(resolved)
    check_folder(resolved)
    if not evaluated:
        if (entry := find(name).entry).section is None:
            raise ProfileError(f"{name!r} is not trained, it is {entry.about}: sp3f evaluate {name} --dry-run")
        check_profile(resolved, name)
    text, fits = plan(resolved, name, evaluated)
    print(text)
    note_batch(name, resolved, profile, changes, parameters)
    return 0 if fits else CANNOT_FIT


def note_batch(name: str, resolved: Profile, profile: str, changes: list[str] | None, parameters: dict) -> None:
    """Says where another number of processes by --set changes the batch of a stage that is trained for this model."""
    said = overrides(changes)
    if "launch.processes" not in said:
        return
    from sp3f_lib.forecast.plan import batch_note
    from sp3f_lib.methods.models import before, find

    sections = dict.fromkeys(find(one).entry.section for one in (*before(resolved, name), name))
    sections = [section for section in sections if section and getattr(resolved, section)]
    batch = [
        f"{section}.{key}" for section in sections for key in ("per_device_train_batch_size", "gradient_accumulation_steps")
    ]
    others = {key: value for key, value in said.items() if key not in batch and not key.startswith("launch.")}
    own = load_profile(profile, others, **given(**parameters))
    for section in sections:
        if note := batch_note(own, resolved, section):
            print(note, flush=True)
