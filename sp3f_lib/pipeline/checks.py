"""What would stop a model, found before hours of training the models that come first."""

from collections.abc import Callable
from pathlib import Path

from sp3f_lib.endpoint.client import check_before_training
from sp3f_lib.generation.engines import EVALUATION, check_generator
from sp3f_lib.lab.shipped import OURS, RECIPE, SMOLLM2
from sp3f_lib.methods.models import apply_changes, before, find, is_model, named_by
from sp3f_lib.methods.named import Named
from sp3f_lib.methods.shared import check_prompts
from sp3f_lib.pipeline.trainings import KINDS
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.runs import MANIFEST, NotFinished, StageError, finished_only, only_looking
from sp3f_lib.stages import RUNS
from sp3f_lib.training.checks import check_machine, check_settings

_TRAINED = ("sft", "grpo", "dpo", "preference", "alignment")  # sections that models are trained with


def check_wanted(profile: Profile, name: str) -> None:
    """Everything that a model and those before it need of the profile, of this machine and of the environment."""
    check_profile(profile, name)
    entry, changed = find(name).entry, apply_changes(profile, name)
    if not _is_there(profile, name):  # one GPU, or none, is enough to read a finished model
        _of_section(check_machine, profile, entry.section)
    _check_sampling(profile, entry)
    if entry.section == "grpo" and changed.rewards.win_rate:
        check_before_training(changed.judge, RUNS / profile.name / f"{name}-{profile.regime}")


def check_profile(profile: Profile, name: str) -> None:
    """What the profile alone tells: sections, languages, and models that go together."""
    found = find(name)
    check_section(profile, found.entry.section, name)
    if found.entry.section:
        _of_section(check_settings, apply_changes(profile, name), found.entry.section)
    for other in (*before(profile, name), name):
        entry = find(other).entry
        if entry.section and other != name:
            check_section(profile, entry.section, f"{_why(profile, found.entry, other)}{other}")
        if entry.check:
            entry.check(profile)


def check_folder(profile: Profile) -> None:
    """Whether the folder of the problems is there, for a plan; a stage finds out when it reads them."""
    if profile.data.folder and not Path(profile.data.folder).is_dir():
        raise ProfileError(f"data.folder: there is no folder {profile.data.folder}")


def check_pairs(profile: Profile, name: str) -> None:
    """What the pairs of a model need, without its training."""
    for other in (*before(profile, name), name):
        if check := find(other).entry.check:
            check(profile)
    _check_sampling(profile, find(name).entry)


def _check_sampling(profile: Profile, entry: Named) -> None:
    """Whether the prompts of a model that is made of its own answers can be read, and somebody is there to answer."""
    if entry.work is None:
        return
    check_prompts(profile)
    if not _is_there(profile, named_by(profile, entry.start)):
        check_generator(profile)  # else its first stage does, and finished ones need none


def check_answerer(profile: Profile, finished: Callable[[], object]) -> None:
    """Whether somebody is there to answer for the evaluation, before anything is made; not if `finished` finds everything."""
    if only_looking() or profile.evaluation.generator == "transformers":
        return
    try:
        with finished_only():
            finished()
    except NotFinished:
        check_generator(profile, EVALUATION)


def _why(profile: Profile, entry, other: str) -> str:
    """`methods.start: ` where that field of the profile names the model."""
    fields = [field for field in (entry.start, entry.reference) if field and "." in field]
    return next((f"{field}: " for field in fields if named_by(profile, field) == other), "")


def check_section(profile: Profile, section: str | None, name: str) -> None:
    """`ProfileError` if the section that a model is trained with is empty."""
    if section is None or getattr(profile, section):
        return
    where, other = f"profile {profile.name}, regime {profile.regime}", profile.methods.regime
    mend = f"--regime {other} has it" if section != "sft" and other not in (None, profile.regime) else "set it"
    if mend == "set it" and (has := [one for one in _TRAINED if getattr(profile, one)]):
        mend += f", or train what this profile is for (it has {', '.join(has)})"
    if section == "dpo" and name != profile.methods.start:
        mend = f"set it; methods.start is {profile.methods.start}, so ICR and LIDR do not need it (start)"
    raise ProfileError(f"{where}: {name} needs the section {section}, which is empty; {mend}")


def check_model(profile: Profile) -> None:
    """`ProfileError` if the profile names a model directory that is not there."""
    path = profile.model.path
    if path not in OURS and _looks_like_a_path(path) and not Path(path).is_dir():
        raise ProfileError(
            f"model.path: there is no directory {path!r}; give a model directory, a hub id, or {', '.join(OURS)}"
        )
    if path not in OURS and Path(path).is_dir() and not (Path(path) / "config.json").is_file():
        raise ProfileError(f"model.path: {path!r} holds no config.json, so it is no model as save_pretrained writes it")


def _looks_like_a_path(path: str) -> bool:
    return path.startswith((".", "/", "~")) or path.count("/") != 1


def _of_section(check, profile: Profile, section: str) -> None:
    """A check of a training, for the section that it is configured by."""
    kind = KINDS.get(section, section)
    try:
        check(profile.model_copy(update={kind: getattr(profile, section)}), kind)
    except (ProfileError, StageError) as error:
        raise type(error)(str(error).replace(f"{kind}.", f"{section}.")) from None


def _is_there(profile: Profile, name: str) -> bool:
    """Whether a model is one from elsewhere, or was made here with whatever settings."""
    if not is_model(name):
        return True
    entry = find(name).entry
    if entry.section:
        return any((RUNS / profile.name).glob(f"{name}-{profile.regime}/*/{MANIFEST}"))
    if entry.start != "model.path":
        return _is_there(profile, named_by(profile, entry.start))
    stage = {RECIPE: "base", SMOLLM2: SMOLLM2}.get(profile.model.path)
    return stage is None or any((RUNS / profile.name).glob(f"{stage}/*/{MANIFEST}"))
