"""`sp3f harness-export FOLDER`: our tasks as files for lm-evaluation-harness."""

from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.compare import Languages, Limit, TaskFolder, evaluation_changes
from sp3f_lib.commands.options import Changes, ProfileName, chosen
from sp3f_lib.evaluation.harness_export import export_task
from sp3f_lib.evaluation.tasks import load_task


@verb(MAKE, "harness-export")
def harness_export(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="where the files are written")],
    task: Annotated[
        list[str], typer.Option("--task", metavar="TASK", help="mgsm, belebele, ..., or a .yaml file; may be given again")
    ],
    languages: Languages = None,
    folder: TaskFolder = None,
    limit: Limit = None,
    samples: Annotated[
        int | None, typer.Option("--samples", min=1, help="sampled answers to a question; default: one greedy answer")
    ] = None,
    profile: ProfileName = "lab",
    changes: Changes = None,
) -> int:
    """Write tasks as YAML and rows for lm-evaluation-harness (--include_path FOLDER)."""
    from sp3f_lib.evaluation.task_rows import covered, task_rows

    resolved = chosen(profile, [*(changes or ()), *evaluation_changes(folder, languages, limit, None)])
    settings, names = resolved.evaluation, []
    for one in map(load_task, task):
        wanted = settings.languages or tuple(one.languages)
        rows = task_rows(one, covered(one, wanted, folder), folder, settings.limit)
        names += export_task(one, rows, out, settings, resolved.rewards.threshold, samples)
    print(f"for --tasks of lm_eval, with --include_path {out} --apply_chat_template:\n  {','.join(names)}")
    return 0
