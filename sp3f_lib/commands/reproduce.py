"""`sp3f reproduce`: the notebooks, headless, and the result in words."""

from typing import Annotated

import typer

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.options import BaseModel, Folder, ProfileName, Seed, Source, given
from sp3f_lib.profiles import load_profile
from sp3f_lib.stages import RUNS


@verb(MAKE)
def reproduce(
    notebooks: Annotated[list[str] | None, typer.Argument(help="numbers or names; default: 01 02 03 05")] = None,
    profile: ProfileName = "lab",
    seeds: Annotated[
        int | None, typer.Option(help="how many, in every regime; default: the profile's (lab: 3 cold, 1 otherwise)")
    ] = None,
    seed: Seed = None,
    source: Source = None,
    folder: Folder = None,
    model: BaseModel = None,
) -> None:
    """Run the notebooks that are not up to date."""
    from sp3f_lib.pipeline.headless import MAIN_JOB, run_notebooks
    from sp3f_lib.report.page import write_report
    from sp3f_lib.report.result import print_result

    parameters = given(seed=seed, source=source, folder=folder, model=model)
    figures, last = run_notebooks(profile, parameters, notebooks or [], seeds)
    if last == MAIN_JOB[-1]:
        print_result(figures)
        run, table = RUNS / load_profile(profile, {}, **parameters).name, figures / "pareto.csv"
        page = run / "report.html"
        if not page.is_file() or (table.is_file() and page.stat().st_mtime < table.stat().st_mtime):
            write_report(run)
        print(f"Page:   {page}  (opens in any browser)")
