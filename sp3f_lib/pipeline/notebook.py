"""What every notebook's second cell does: check the parameters, resolve the profile for each regime, say where it all goes."""

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sp3f_lib.methods.models import find
from sp3f_lib.pipeline.checks import check_model
from sp3f_lib.pipeline.seeds import START
from sp3f_lib.profiles import Profile, ProfileError, load_profile, nearest

PARAMETERS = ("profile", "overrides", "figures")
# Overrides by a short name, which no notebook lists: `sp3f reproduce` and `papermill -p seed 1` set them.
SHORT = ("seed", "source", "folder", "model")
_JUPYTER = {"In", "Out", "get_ipython", "exit", "quit", "open"}


@dataclass(frozen=True)
class Experiment:
    """The resolved profile of each regime that the notebooks run, and the folder for figures."""

    regimes: dict[str, Profile]
    figures: Path

    def __repr__(self) -> str:
        return "\n".join(f"{self.first.name}, {regime}: {self._about(regime)}" for regime in self.regimes)

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

    def _about(self, regime: str) -> str:
        data, seeds = self.regimes[regime].data, " ".join(str(profile.seed) for profile in self.seeds(regime))
        return f"source {data.source} in {' '.join(data.languages)}; models {' '.join(self.methods(regime))}; seed {seeds}"


def check_parameters(scope: dict, also: tuple[str, ...] = (), preference: bool = False) -> Experiment:
    """Checks the notebook's parameters (`scope` is its `globals()`), which papermill does not, and resolves the profiles.

    `also` are parameters that only this notebook has; with `preference` it runs in the regime of ICR and LIDR. `ProfileError`
    names an unknown parameter, key, language, judge or arm and the nearest known one.
    """
    known = (*PARAMETERS, *SHORT, *also)
    given = {name for name in scope if not name.startswith("_") and name not in _JUPYTER}
    given = {name for name in given if not callable(scope[name]) and type(scope[name]).__name__ != "module"}
    if not any(isinstance(scope[name], Experiment) for name in given):  # else the cell is run again, after others
        for name in sorted(given - set(known)):
            raise ProfileError(f"unknown notebook parameter {name!r}{nearest(name, known)}")
    if Path.cwd().name == "notebooks" and (Path.cwd().parent / "pyproject.toml").is_file():
        os.chdir(Path.cwd().parent)  # JupyterLab starts a notebook in its own folder; runs/ and figures/ are beside it
    pd.set_option("display.max_colwidth", 120)
    chosen = {name: scope.get(name) for name in SHORT}
    overrides = dict(scope["overrides"] or {})
    start = load_profile(scope["profile"], overrides, **chosen)
    names = (start.methods.regime,) if preference and start.methods.regime else start.experiments
    names = (overrides["regime"],) if "regime" in overrides else names
    regimes = {name: load_profile(scope["profile"], overrides, **chosen, regime=name) for name in names}
    for profile in regimes.values():
        check_model(profile)
        for arm in profile.arms:
            find(arm)
    return Experiment(regimes, Path(scope["figures"]))
