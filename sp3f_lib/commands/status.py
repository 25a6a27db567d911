"""`sp3f status`: what is made, what runs, what is missing."""

from typing import Annotated

import typer

from sp3f_lib.commands.app import LOOK, verb
from sp3f_lib.commands.options import BaseModel, Folder, ProfileName, Seed, Source, given


@verb(LOOK)
def status(
    profile: ProfileName = "lab",
    seeds: Annotated[int | None, typer.Option(help="as for `sp3f reproduce`")] = None,
    seed: Seed = None,
    source: Source = None,
    folder: Folder = None,
    model: BaseModel = None,
    everything: Annotated[bool, typer.Option("--all", help="and every model that there is a name for")] = False,
) -> None:
    """What is made, what is running, and what is missing for `sp3f reproduce`."""
    from sp3f_lib.report.status import models
    from sp3f_lib.report.status import status as say

    print(say(profile, given(seed=seed, source=source, folder=folder, model=model), seeds))
    if everything:
        print(f"\nModels that `sp3f train` and `sp3f evaluate` make\n{models()}")
