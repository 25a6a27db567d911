"""`sp3f base`: a base model of the lab by its recipe."""

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.options import Changes, ProfileName, Regime, Seed, chosen
from sp3f_lib.commands.stage import is_child, run, say_done


@verb(MAKE)
def base(profile: ProfileName = "lab", regime: Regime = None, seed: Seed = None, changes: Changes = None) -> None:
    """Train a base model of the lab by its recipe, and compare it with the shipped one."""
    done = run("base", chosen(profile, changes, regime=regime, seed=seed))
    if not is_child():
        from sp3f_lib.base.recipe import report

        print(report(done))
    say_done(done)
