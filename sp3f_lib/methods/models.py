"""The table of named models, put together from the methods, and how a name is looked up."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from sp3f_lib.methods import english_grades, english_reference, english_start, icr, lidr, rivals, self_translation, sp3f
from sp3f_lib.methods.named import Named
from sp3f_lib.profiles import Profile, ProfileError, explain, nearest

_METHODS = (sp3f, rivals, self_translation, english_start, english_grades, english_reference, icr, lidr)
MODELS: dict[str, Named] = {name: entry for method in _METHODS for name, entry in method.MODELS.items()}
_ITERATED = re.compile(rf"({'|'.join(name for name, entry in MODELS.items() if entry.iterated)})_([1-9]\d*)")


@dataclass(frozen=True)
class Found:
    """A name that was looked up: its entry, the name of that, its iteration (1 for models without), and what it starts from."""

    name: str
    entry: Named
    family: str
    iteration: int
    start: str


def names() -> tuple[str, ...]:
    """All names, of families that are iterated the first (`icr_1`)."""
    return tuple(f"{name}_1" if entry.iterated else name for name, entry in MODELS.items())


def find(name: str) -> Found:
    """The entry of a model; `ProfileError` naming the nearest one if there is none.

    >>> find("icr_m_2").family, find("icr_m_2").iteration, find("icr_m_2").start
    ('icr_m', 2, 'icr_m_1')
    """
    if match := _ITERATED.fullmatch(name):
        family, iteration = match[1], int(match[2])
    else:
        family, iteration = name, 1
    entry = MODELS.get(family)
    if entry is None or entry.iterated != bool(match):
        raise ProfileError(f"unknown model {name!r}{nearest(name, names())}")
    return Found(name, entry, family, iteration, f"{family}_{iteration - 1}" if iteration > 1 else entry.start)


def is_model(name: str) -> bool:
    """Whether the table knows the name."""
    return (name in MODELS and not MODELS[name].iterated) or _ITERATED.fullmatch(name) is not None


def apply_changes(profile: Profile, name: str) -> Profile:
    """The profile with a model's changes."""
    return changed(profile, find(name).entry.changes)


def changed(profile: Profile, changes: Mapping[str, object]) -> Profile:
    """The profile with other values in dotted fields; `ProfileError` if they do not go together with the others."""
    if not changes:
        return profile
    changed = profile.model_dump()
    for key, value in changes.items():
        section, field = key.split(".")
        changed[section][field] = value
    try:
        return Profile.model_validate(changed)
    except ValidationError as error:
        raise ProfileError(explain(error, profile.name)) from None


def named_by(profile: Profile, start: str) -> str:
    """What a `start` or `reference` of the table means in this profile: a model's name, or a directory or hub id.

    >>> from sp3f_lib.profiles import load_profile
    >>> named_by(load_profile("lab"), "methods.start"), named_by(load_profile("lab"), "sft")
    ('dpo', 'sft')
    """
    section, _, field = start.partition(".")
    is_field = field and section in type(profile).model_fields
    return getattr(getattr(profile, section), field) if is_field else start


def before(profile: Profile, name: str) -> tuple[str, ...]:
    """The models (of the table) that must be made before `name`, earliest first.

    `ProfileError` if one of them would need itself.

    >>> from sp3f_lib.profiles import load_profile
    >>> before(load_profile("lab"), "icr_2")
    ('base', 'sft', 'dpo', 'icr_1')
    """
    made: dict[str, None] = {}

    def visit(one: str, path: tuple[str, ...]) -> None:
        if one in path:
            raise ProfileError(f"{' needs '.join([*path[path.index(one) :], one])}: no model can be made of itself")
        for other in needs(profile, one):
            visit(other, (*path, one))
            made[other] = None

    visit(name, ())
    return tuple(made)


def needs(profile: Profile, name: str) -> tuple[str, ...]:
    """The models of the table that `name` is made from directly: its start, its reference, those that it asks in training."""
    found = find(name)
    wanted = [named_by(profile, found.start)] + ([named_by(profile, found.entry.reference)] if found.entry.reference else [])
    wanted += asked(apply_changes(profile, name)).values() if found.entry.section == "grpo" else []
    return tuple(dict.fromkeys(one for one in wanted if is_model(one)))


def asked(profile: Profile) -> dict[str, str]:
    """The models that are asked in a training of stage 2, by the dotted field that names them: an implicit judge's, a teacher."""
    found = {}
    if profile.rewards.win_rate and profile.judge.name == "implicit":
        found |= {f"judge.{field}": getattr(profile.judge, field) for field in ("model", "reference_model")}
    if profile.teacher.use and profile.teacher.model != "policy":
        found["teacher.model"] = profile.teacher.model
    return found
