"""`sp3f evaluate NAME`: the scored answers of any model of the table."""

import json
from typing import Annotated

import typer

from sp3f_lib.commands.app import MAKE, verb
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
from sp3f_lib.profiles import ProfileError

Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="belebele, global_mmlu_lite, mgsm, mt_math100, or a .yaml file, in place of the evaluation problems; may be given "
        "again; --folder is then that of the tasks' files",
    ),
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
        raise ProfileError("--dry-run counts the answers to the evaluation problems, not those to tasks: leave out --task")
    if dry_run:
        return say_what_it_needs(name, resolved, profile, changes, parameters, evaluated=True)
    note_batch(name, resolved, profile, changes, parameters)
    if not task:
        done = run("evaluate", resolved, name)
        if not is_child():
            _print_scores(done)
    if resolved.evaluation.tasks and not is_child():
        found = run_tasks(resolved, name)
        _print_tasks(found)
        for path in found.values():
            say_done(path)
    if not task:
        say_done(done)
    return 0


def _print_tasks(found) -> None:
    import pandas as pd

    from sp3f_lib.evaluation.score import SAMPLES
    from sp3f_lib.evaluation.task_report import task_report

    samples = pd.concat([pd.read_parquet(path / SAMPLES) for path in found.values()], ignore_index=True)
    print(task_report(samples, [load_task(task) for task in found]))


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
