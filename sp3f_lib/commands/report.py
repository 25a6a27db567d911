"""`sp3f report`: the page of a run, one file that opens in any browser without a server."""

from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import LOOK, verb
from sp3f_lib.commands.options import PathOut, ProfileName
from sp3f_lib.profiles import load_profile
from sp3f_lib.stages import RUNS


@verb(LOOK)
def report(
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="default: runs/<profile>")] = None,
    profile: ProfileName = "lab",
    out: PathOut = None,
) -> None:
    """Write the page of a run: the picture, curves, tables, and every answer with its rewards and verdicts."""
    from sp3f_lib.report.page import write_report

    resolved = load_profile(profile)
    print(f"written: {write_report(folder or RUNS / resolved.name, out, ledger=Path(resolved.judge.ledger))}")
