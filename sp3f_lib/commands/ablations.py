"""`sp3f ablations`: the questions of notebook 04 over several seeds, as one queue."""

from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.options import BaseModel, Changes, ProfileName, given, numbers, overrides
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.stages import RUNS


@verb(MAKE)
def ablations(
    questions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[QUESTION]...",
            help="headline, terms, privilege, who, accuracy, schedule, start, language (default: all)",
        ),
    ] = None,
    seeds: Annotated[str, typer.Option("--seeds", metavar="FIRST-LAST", help="such as 0-4")] = "0-2",
    parallel: Annotated[int | None, typer.Option("--parallel", help="models at once, one thread each")] = None,
    profile: ProfileName = "lab",
    model: BaseModel = None,
    changes: Changes = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="of cells.csv and curves.csv (default: runs/<profile>/ablations)")
    ] = None,
) -> None:
    """Train and score the models of some questions over several seeds: who should see the English reference, and more."""
    from sp3f_lib.evaluation.seeds import report
    from sp3f_lib.pipeline.ablations import ablations as run
    from sp3f_lib.pipeline.questions import find_questions

    chosen, said = numbers(seeds), overrides(changes) | given(parallel=parallel)
    if chosen is None:
        raise ProfileError(f"--seeds {seeds}: write FIRST-LAST, such as 0-4")

    def load(seed: int, regime: str, of_cell):
        return load_profile(profile, said | dict(of_cell) | {"seeds": len(chosen)}, seed=seed, regime=regime, model=model)

    asked = find_questions(questions or ["all"])
    folder = out or RUNS / load_profile(profile, said).name / "ablations"
    table = run(asked, load, chosen, folder)
    for name, question in asked.items():
        keys = {cell.key for cell in question.cells}
        part = table[[key in keys for key in zip(table.regime, table.method, strict=True)]]
        print(f"\n{name}: {question.asked}\n{report(part, question.pairs())}")
    print(f"\nwritten: {folder}")
