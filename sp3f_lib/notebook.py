"""What every notebook's second cell does: check the parameters, resolve the profile for each regime, say where it all goes."""

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sp3f_lib.profiles import Profile, ProfileError, load_profile, nearest
from sp3f_lib.stages import START, check_method, check_model

PARAMETERS = ("profile", "seed", "source", "folder", "model", "overrides", "figures")
_JUPYTER = {"In", "Out", "get_ipython", "exit", "quit", "open"}


@dataclass(frozen=True)
class Experiment:
    """The resolved profile of each regime that the notebooks run, and the folder for figures."""

    regimes: dict[str, Profile]
    figures: Path

    @property
    def first(self) -> Profile:
        """The profile of the first regime; what all regimes share can be read from it."""
        return next(iter(self.regimes.values()))

    def methods(self, regime: str) -> tuple[str, ...]:
        """base, sft and the arms of a regime."""
        return (*START, *self.regimes[regime].arms)

    def seeds(self, regime: str) -> list[Profile]:
        """The profile of each seed of a regime, from the profile's own on."""
        first = self.regimes[regime]
        return [first.model_copy(update={"seed": first.seed + k}) for k in range(first.seeds)]


def check_parameters(scope: dict, also: tuple[str, ...] = (), preference: bool = False) -> Experiment:
    """Checks the notebook's parameters (`scope` is its `globals()`), which papermill does not, and resolves the profiles.

    `also` are parameters that only this notebook has; with `preference` it runs in the regime of ICR and LIDR. `ProfileError`
    names an unknown parameter, key, language, judge or arm and the nearest known one.
    """
    given = {name for name in scope if not name.startswith("_") and name not in _JUPYTER}
    given = {name for name in given if not callable(scope[name]) and type(scope[name]).__name__ != "module"}
    for name in sorted(given - {*PARAMETERS, *also}):
        raise ProfileError(f"unknown notebook parameter {name!r}{nearest(name, (*PARAMETERS, *also))}")
    if Path.cwd().name == "notebooks" and (Path.cwd().parent / "pyproject.toml").is_file():
        os.chdir(Path.cwd().parent)  # JupyterLab starts a notebook in its own folder; runs/ and figures/ are beside it
    pd.set_option("display.max_colwidth", 120)
    chosen = {name: scope[name] for name in ("seed", "source", "folder", "model")}
    overrides = dict(scope["overrides"] or {})
    start = load_profile(scope["profile"], overrides, **chosen)
    names = (start.methods.regime,) if preference and start.methods.regime else start.experiments
    names = (overrides["regime"],) if "regime" in overrides else names
    regimes = {name: load_profile(scope["profile"], overrides, **chosen, regime=name) for name in names}
    for profile in regimes.values():
        check_model(profile)
        for arm in profile.arms:
            check_method(arm)
    return Experiment(regimes, Path(scope["figures"]))
