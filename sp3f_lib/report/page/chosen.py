"""Which of a run folder's stages were made with the settings that one asks for (`sp3f report --set ...`).

A folder may hold one model several times, with other settings each. A stage's folder is its key, so the settings lead to it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from sp3f_lib.pipeline.look import look
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.report.page.folder import NO_SEED, Stage
from sp3f_lib.runs import StageError


def made_with(profile: str, overrides: dict) -> Callable[[Sequence[Stage]], set[Path]]:
    """A function from stages to the paths of those that lie on the way to a model of this profile with these `overrides`.

    `StageError` if there is none: what was asked for is not made.
    """

    def chosen(stages: Sequence[Stage]) -> set[Path]:
        on_the_way: set[Path] = set()
        for method, regime, seed in dict.fromkeys((s.method, s.regime, s.seed) for s in stages if s.regime):
            seeds = {} if seed == NO_SEED else {"seed": seed}
            try:
                found = look(load_profile(profile, overrides, regime=regime, **seeds), method).finished
            except (ProfileError, StageError):  # of another profile or an older commit, or damaged
                continue
            on_the_way |= {path.resolve() for path in found}
        paths = {stage.path for stage in stages if stage.regime and stage.path.resolve() in on_the_way}
        if not paths:
            raise StageError("no model in this folder was made with the settings of --set; without it the newest are shown")
        return paths

    return chosen
