"""The options that verbs share, and the profile that they choose."""

import shlex
from pathlib import Path
from typing import Annotated

import typer
import yaml

from sp3f_lib.profiles import Profile, ProfileError, load_profile, profile_names


def _models(incomplete: str) -> list[str]:
    from sp3f_lib.methods.models import names

    return [name for name in names() if name.startswith(incomplete)]


def _profiles(incomplete: str) -> list[str]:
    return [name for name in profile_names() if name.startswith(incomplete)]


ModelName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="base, sft, rlvr, sp3f, dpo, icr_1, lidr_2, ... (`sp3f status --all` lists them)",
        autocompletion=_models,
    ),
]
ProfileName = Annotated[
    str, typer.Option("--profile", help=f"{', '.join(profile_names())}, or a .yaml file", autocompletion=_profiles)
]
Regime = Annotated[str | None, typer.Option("--regime", help="a named setting of the profile, such as warm or cold")]
Seed = Annotated[int | None, typer.Option("--seed", help="default: the profile's")]
Source = Annotated[
    str | None, typer.Option("--source", help="lab, mgsm, sp3f (the released training data), deepscaler or rows")
]
Folder = Annotated[str | None, typer.Option("--folder", help="folder of the source's files (default: the hub)")]
BaseModel = Annotated[str | None, typer.Option("--model", help="model directory or hub id in place of the profile's")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="such as grpo.max_steps=20; may be given again")
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="say what it needs (memory, hours, judge's calls and USD), do nothing; ends with 2 if it cannot fit, else 0",
    ),
]
PathOut = Annotated[Path | None, typer.Option("--out", metavar="PATH", help="where it is written")]


def chosen(profile: str, changes: list[str] | None, **parameters) -> Profile:
    """The profile that a command line chooses; `parameters` that are None are left to it."""
    return load_profile(profile, overrides(changes), **given(**parameters))


def as_given(profile: str, changes: list[str] | None, **parameters) -> str:
    """The options that `chosen` was given, to be put behind another command; empty if there are none.

    >>> as_given("lab", ["rewards.more={short: 0.5}"], regime="warm", seed=None)
    " --regime warm --set 'rewards.more={short: 0.5}'"
    """
    words = [] if profile == "lab" else ["--profile", profile]
    words += [word for name, value in given(**parameters).items() for word in (f"--{name}", str(value))]
    words += [word for change in changes or () for word in ("--set", change)]
    return f" {shlex.join(words)}" if words else ""


def given(**parameters) -> dict:
    """The parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}


def overrides(assignments: list[str] | None) -> dict:
    """What `--set KEY=VALUE` says, values as YAML reads them."""
    found = {}
    for assignment in assignments or ():
        key, separator, value = assignment.partition("=")
        if not separator:
            raise ProfileError(f"--set {assignment}: write KEY=VALUE, such as grpo.max_steps=20")
        found[key] = yaml.safe_load(value)
    return found


def numbers(text: str) -> range | None:
    """What FIRST-LAST, or one number, means; None for anything else.

    >>> numbers("0-3"), numbers("7"), numbers("3-0"), numbers("a")
    (range(0, 4), range(7, 8), None, None)
    """
    first, _, last = text.partition("-")
    if not first.isdigit() or not (last or first).isdigit() or int(last or first) < int(first):
        return None
    return range(int(first), int(last or first) + 1)
