"""`sp3f show NAME`: how a model was made, or would be."""

from sp3f_lib.commands.app import LOOK, verb
from sp3f_lib.commands.options import (
    BaseModel,
    Changes,
    Folder,
    ModelName,
    ProfileName,
    Regime,
    Seed,
    Source,
    as_given,
    chosen,
)
from sp3f_lib.profiles import load_profile


@verb(LOOK)
def show(
    name: ModelName,
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Seed = None,
    source: Source = None,
    folder: Folder = None,
    model: BaseModel = None,
    changes: Changes = None,
) -> None:
    """How a model was made, back to the base: stages, time, memory, settings, cost, results; or that it is not made yet."""
    from sp3f_lib.report.show import show as say

    parameters = {"regime": regime, "seed": seed, "source": source, "folder": folder, "model": model}
    resolved = chosen(profile, changes, **parameters)
    shipped = load_profile(profile, regime=resolved.regime)
    print(say(shipped, resolved, name, as_given(profile, changes, **parameters)))
