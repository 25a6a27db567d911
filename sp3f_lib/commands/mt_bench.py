"""`sp3f mt-bench NAME`: MT-Bench, two turns, rated 1 to 10 by a judge."""

from typing import Annotated

import typer

from sp3f_lib.commands.app import JUDGE, verb
from sp3f_lib.commands.compare import JudgeName, Languages, TaskFolder, evaluation_changes, say_plan
from sp3f_lib.commands.options import BaseModel, Changes, DryRun, PathOut, ProfileName, Regime, Seed, chosen
from sp3f_lib.commands.stage import at_work, begin, is_child, say_done


@verb(JUDGE, "mt-bench")
def mt_bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a model of the table, a directory or hub id")],
    languages: Languages = None,
    folder: TaskFolder = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="the first so many of each category; default: all")
    ] = None,
    judge: JudgeName = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="how often the judge rates each answer")] = 1,
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Seed = None,
    model: BaseModel = None,
    changes: Changes = None,
    out: PathOut = None,
    dry_run: DryRun = False,
) -> int:
    """Rate a model's answers to MT-Bench from 1 to 10 by a judge, by category and turn; the model is made if it is not there."""
    own = [*(changes or ()), *evaluation_changes(folder, languages, limit, judge)]
    resolved = chosen(profile, own, regime=regime, seed=seed, model=model)
    if dry_run:
        from sp3f_lib.pipeline.judged_plans import mt_bench_plan

        return say_plan(mt_bench_plan(resolved, name, repeats))
    begin()
    from sp3f_lib.pipeline.mt_bench import mt_bench as make

    with at_work(resolved):
        _, text, path = make(resolved, name, repeats, out)
    if not is_child():
        print(text)
    say_done(path)
    return 0
