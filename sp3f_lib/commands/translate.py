"""`sp3f translate ROWS.jsonl --languages sw bn te --out FOLDER`: training data for any language."""

from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.options import Changes, ProfileName, chosen
from sp3f_lib.commands.stage import say_done
from sp3f_lib.profiles import ProfileError


@verb(MAKE)
def translate(
    problems: Annotated[
        Path,
        typer.Argument(metavar="PROBLEMS", help="English problems with solutions and answers: .jsonl, .json or .parquet"),
    ],
    more: Annotated[list[str] | None, typer.Argument(metavar="LANGUAGE", hidden=True)] = None,
    languages: Annotated[
        list[str] | None, typer.Option("--languages", metavar="LANGUAGE...", help="such as sw bn te")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="where the rows are written")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="the first so many problems")] = None,
    profile: ProfileName = "lab",
    changes: Changes = None,
    batch_out: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="ask nobody: write the requests as a provider's batch file")
    ] = None,
    batch_in: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="replies of such a batch, in any order")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="rows, tokens, USD, hours; asks nobody")] = False,
) -> None:
    """Translate problems and their solutions into rows, checked, for `--source rows`."""
    from sp3f_lib.translation.make import make_rows, plan

    # `--languages sw bn te`: click gives the first to the option, the others to the arguments.
    wanted = [code for one in [*(languages or []), *(more or [])] for code in one.replace(",", " ").split()]
    if not wanted:
        raise ProfileError("--languages: name at least one, such as --languages sw bn te")
    resolved = chosen(profile, changes)
    if dry_run:
        print(plan(resolved, problems, wanted, limit))
        return
    if out is None:
        raise ProfileError("--out: name the folder that the rows are written to")
    make_rows(resolved, problems, wanted, out, limit, (batch_out, batch_in))
    say_done(out)
