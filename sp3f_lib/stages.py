"""A stage of one profile: its folder below `runs/<profile>/`, what its key is made of, and how it is called where it prints."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sp3f_lib.profiles import Profile
from sp3f_lib.runs import run_stage

RUNS = Path("runs")


def make_stage(
    profile: Profile,
    stage: str,
    work: Callable[[Path], None],
    settings: Mapping,
    inputs: Mapping[str, Path | str],
    code: Iterable[str],
    outputs: Iterable[str],
) -> Path:
    """`run_stage` below `runs/<profile>/`: the directory of the finished stage."""
    return run_stage(RUNS / profile.name, stage, work, settings=settings, inputs=inputs, code=code, outputs=outputs)


def label(profile: Profile, what: str) -> str:
    """How a stage is called where it prints: with its regime, and its seed if there are several."""
    return f"{what} {profile.regime}" + (f" seed {profile.seed}" if profile.seed or profile.seeds > 1 else "")
