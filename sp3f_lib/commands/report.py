"""`sp3f report`: the page of a run, one file that opens in any browser without a server."""

from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import LOOK, verb
from sp3f_lib.commands.options import Changes, PathOut, ProfileName, Regime, chosen, overrides
from sp3f_lib.stages import RUNS


@verb(LOOK)
def report(
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="default: runs/<profile>")] = None,
    profile: ProfileName = "lab",
    regime: Regime = None,
    changes: Changes = None,
    out: PathOut = None,
) -> None:
    """Write the page of a run: the picture, curves, tables, and every answer with its rewards and verdicts.

    With --regime that one alone. Of a model that was made several times the newest is shown; with --set only what was made so.
    """
    from sp3f_lib.report.page import made_with, write_report

    resolved = chosen(profile, changes, regime=regime)
    which = {"regime": regime} | ({"chosen": made_with(profile, overrides(changes))} if changes else {})
    print(f"written: {write_report(folder or RUNS / resolved.name, out, ledger=Path(resolved.judge.ledger), **which)}")
