"""`sp3f judge PAIRS.jsonl`: a judge on pairs from a file."""

from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import JUDGE, verb
from sp3f_lib.commands.options import Changes, PathOut, ProfileName, overrides
from sp3f_lib.profiles import load_profile


@verb(JUDGE)
def judge(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS.jsonl", help="question, response_a, response_b, solution, better")],
    name: Annotated[
        str | None, typer.Option("--judge", help="alignment (embedded), api, or local; default: the profile's")
    ] = None,
    level: Annotated[
        str | None, typer.Option(help="what the judge is shown: none, answer, solution, translated, wrong")
    ] = None,
    profile: ProfileName = "lab",
    changes: Changes = None,
    out: PathOut = None,
) -> None:
    """Judge the pairs of a file: agreement and cost. Verdicts go to PAIRS.<judge>-<level>.jsonl, or where --out says."""
    from sp3f_lib.audits.judge_file import judge_file

    chosen = {"judge.name": name, "judge.privilege": level}
    resolved = load_profile(profile, overrides(changes) | {key: value for key, value in chosen.items() if value})
    settings = resolved.judge
    named = f"{(settings.model or settings.name).replace('/', '_')}-{settings.privilege}"
    judge_file(pairs, settings, out or pairs.with_suffix(f".{named}.jsonl"))
