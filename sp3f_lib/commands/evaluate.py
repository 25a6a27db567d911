"""`sp3f evaluate NAME`: the scored answers of any model of the table."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import CANNOT_FIT, MAKE, verb
from sp3f_lib.commands.options import (
    BaseModel,
    Changes,
    DryRun,
    Folder,
    ModelName,
    ProfileName,
    Regime,
    Seed,
    Source,
    chosen,
)
from sp3f_lib.commands.stage import is_child, run, run_tasks, say_done
from sp3f_lib.commands.train import note_batch, say_what_it_needs
from sp3f_lib.evaluation.tasks import load_task
from sp3f_lib.profiles import Profile
from sp3f_lib.stages import RUNS

Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="belebele, global_mmlu_lite, mgsm, mt_math100, or a .yaml file, in place of the evaluation problems; may be given "
        "again; --folder is then that of the tasks' files",
    ),
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        "--against", metavar="NAME", help="another model, compared with NAME on the same problems; may be given again"
    ),
]
Tables = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="for the tasks' tables as CSV (default: runs/PROFILE/tables/NAME-REGIME)"),
]


@verb(MAKE)
def evaluate(
    name: ModelName,
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Seed = None,
    source: Source = None,
    folder: Folder = None,
    model: BaseModel = None,
    task: Tasks = None,
    against: Against = None,
    out: Tables = None,
    changes: Changes = None,
    dry_run: DryRun = False,
) -> int:
    """Sample and score a model on the evaluation problems (or on tasks), and make it if it is not there."""
    if task:
        found = {"evaluation.tasks": list(task)} | ({"evaluation.folder": folder} if folder else {})
        changes, folder = [*(changes or ()), *(f"{key}={json.dumps(value)}" for key, value in found.items())], None
    parameters = {"regime": regime, "seed": seed, "source": source, "folder": folder, "model": model}
    resolved = chosen(profile, changes, **parameters)
    if dry_run and task:
        return _say_what_tasks_need(name, resolved)
    if dry_run:
        return say_what_it_needs(name, resolved, profile, changes, parameters, evaluated=True)
    note_batch(name, resolved, profile, changes, parameters)
    names = list(dict.fromkeys([name, *(against or ())]))
    paths = [] if task else [_problems(resolved, names)]
    if resolved.evaluation.tasks and not is_child():
        paths = [*_tasks(resolved, names, out or RUNS / resolved.name / "tables" / f"{name}-{resolved.regime}"), *paths]
    for path in paths:
        say_done(path)
    return 0


def _say_what_tasks_need(name: str, profile: Profile) -> int:
    """Prints the plan of the answers to tasks; the exit status says whether it can fit."""
    from sp3f_lib.forecast.dry_run import tasks_dry_run
    from sp3f_lib.pipeline.checks import check_model

    check_model(profile)
    text, fits = tasks_dry_run(profile, name)
    print(text)
    if name != "base":
        print(f"  not counted: how {name} is made, if it is not there yet (sp3f train {name} --dry-run)")
    return 0 if fits else CANNOT_FIT


def _problems(profile: Profile, names: list[str]) -> Path:
    """Scored answers to the evaluation problems: those of the first of `names`, printed, and its differences to the others."""
    done = {name: run("evaluate", profile, name) for name in names}
    if not is_child():
        _print_scores(done[names[0]])
    if len(names) > 1:
        from sp3f_lib.evaluation.score import read_samples

        samples = read_samples(done)
        _print_differences(samples.assign(task="problems", cluster=samples["problem"]), names)
    return done[names[0]]


def _tasks(profile: Profile, names: list[str], folder: Path) -> list[Path]:
    """The same of the tasks of the profile; the tables are written to `folder`, too."""
    done = {name: list(run_tasks(profile, name).values()) for name in names}

    from sp3f_lib.evaluation.task_report import task_report, task_tables, write_tables
    from sp3f_lib.evaluation.task_score import read_scored

    samples = read_scored(done)
    own = samples[samples["method"] == names[0]]
    tables = task_tables(own, [load_task(task) for task in profile.evaluation.tasks])
    print(task_report(tables, len(own)))
    if len(names) > 1:
        tables["differences"] = _print_differences(samples, names)
    write_tables(tables, folder)
    print(f"\n{', '.join(f'{table}.csv' for table in tables)} in {folder}")
    return done[names[0]]


def _print_differences(samples, names: list[str]):
    from sp3f_lib.evaluation.comparisons import compare
    from sp3f_lib.evaluation.task_report import comparison_report

    table = compare(samples, names[0], names[1:])
    print(f"\n{comparison_report(table)}")
    return table


def _print_scores(directory) -> None:
    import pandas as pd

    from sp3f_lib.evaluation.score import read_samples, summary

    samples = read_samples({"": directory})
    everything = summary(samples.assign(lang="all"), "lang") if samples.lang.nunique() > 1 else []
    lines = summary(samples, "lang") + everything
    print(
        f"{len(samples):,} answers, sampled and greedy ones. Accuracy, fidelity (percent, 95 % intervals over problems) and\n"
        "tokens (mean length) are those of the sampled ones; `greedy right` is the accuracy of the greedy ones."
    )
    print(pd.DataFrame(lines).to_string(index=False))
