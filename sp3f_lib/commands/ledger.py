"""`sp3f ledger`: what judges were asked and what it cost."""

from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import JUDGE, verb


@verb(JUDGE)
def ledger(
    path: Annotated[Path, typer.Argument(help="the ledger")] = Path("runs/verdicts.sqlite"),
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.parquet",
            help="all calls as parquet: replies, preferences, tokens, USD; of what was asked only a hash",
        ),
    ] = None,
    parse_again: Annotated[
        bool, typer.Option("--parse-again", help="read the stored replies again, after a change of the parser")
    ] = False,
) -> None:
    """What judges were asked and what it cost, by run."""
    from sp3f_lib.judges.ledger import open_ledger

    found = open_ledger(path)
    if parse_again:
        print(f"{found.parse_again()} preferences changed by the parser as it is now")
    if export:
        print(f"{found.export(export)} calls written to {export}")
    print(found.table().to_string(index=False))
