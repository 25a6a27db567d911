"""`sp3f data`: the rows of the three splits."""

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.options import BaseModel, Changes, Folder, ProfileName, Regime, Seed, Source, chosen
from sp3f_lib.commands.stage import run, say_done


@verb(MAKE)
def data(
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Seed = None,
    source: Source = None,
    folder: Folder = None,
    model: BaseModel = None,
    changes: Changes = None,
) -> None:
    """Write the rows of the three splits."""
    say_done(run("data", chosen(profile, changes, regime=regime, seed=seed, source=source, folder=folder, model=model)))
