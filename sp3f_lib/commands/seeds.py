"""`sp3f seeds`: every model over several seeds, with intervals over seeds."""

from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.options import BaseModel, Changes, Folder, ProfileName, Regime, Source, given, numbers, overrides
from sp3f_lib.profiles import load_profile


@verb(MAKE)
def seeds(
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="one of the seeds; may be given again (default: 0 1 2)")
    ] = None,
    several: Annotated[
        list[str] | None,
        typer.Option(
            "--seeds", metavar="REGIME=FIRST-LAST", help="seeds of one regime, such as cold=0-9; may be given again"
        ),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option("--arm", help="default: those of the regime; may be given again: each is compared with the first"),
    ] = None,
    source: Source = None,
    folder: Folder = None,
    model: BaseModel = None,
    changes: Changes = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="write seeds.csv, seed_differences.csv and a picture there")
    ] = None,
) -> None:
    """Train and score every model over several seeds; differences within a seed, with intervals over seeds."""
    from sp3f_lib.evaluation.seeds import HEADLINES, read_results, report, seed_table
    from sp3f_lib.methods.models import find
    from sp3f_lib.pipeline.seeds import START, run_seeds
    from sp3f_lib.plots.seeds import save_seeds

    parameters, said = given(source=source, folder=folder, model=model), overrides(changes)
    for name in arm or ():
        find(name)
    first = load_profile(profile, said, **parameters)
    wanted = _by_regime(several) or dict.fromkeys((regime,) if regime else first.experiments, seed or [0, 1, 2])
    profiles = [
        load_profile(profile, said | {"seeds": len(chosen)}, **parameters | {"seed": one, "regime": name})
        for name, chosen in wanted.items()
        for one in chosen
    ]
    results = seed_table(read_results(run_seeds(profiles, lambda profile: (*START, *(arm or profile.arms)))))
    # Arms that are named are compared with the first of them, whatever else is.
    pairs = tuple(dict.fromkeys([*HEADLINES, *((name, arm[0]) for name in (arm or ())[1:])]))
    print(report(results, pairs))
    if out:
        print(f"written: {save_seeds(results, out, pairs)}")


def _by_regime(several: list[str] | None) -> dict[str, list[int]]:
    """The seeds of each regime.

    >>> _by_regime(["cold=0-3", "warm=7"])
    {'cold': [0, 1, 2, 3], 'warm': [7]}
    """
    found = {}
    for text in several or ():
        regime, _, which = text.partition("=")
        chosen = numbers(which)
        if not regime or chosen is None:
            raise ValueError(f"--seeds {text}: write REGIME=FIRST-LAST, such as cold=0-9")
        found[regime] = list(chosen)
    return found
