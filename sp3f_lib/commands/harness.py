"""`sp3f harness NAME`: tasks of EleutherAI's lm-evaluation-harness (mMMLU, HellaSwag, ARC, TruthfulQA, Belebele, ...)."""

from typing import Annotated

import typer

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.compare import TaskFolder
from sp3f_lib.commands.options import BaseModel, Changes, ModelName, PathOut, ProfileName, Regime, Seed, chosen
from sp3f_lib.commands.stage import at_work, begin, is_child, say_done

Limit = Annotated[int | None, typer.Option("--limit", min=1, help="the first so many items of each task; default: all")]


@verb(MAKE)
def harness(
    name: ModelName,
    task: Annotated[
        list[str],
        typer.Option("--task", metavar="TASK", help="such as m_mmlu_de, arc_de, belebele_deu_Latn; may be given again"),
    ],
    against: Annotated[
        str | None,
        typer.Option("--against", help="a second model, such as the start of the first: differences (alignment tax)"),
    ] = None,
    folder: TaskFolder = None,
    limit: Limit = None,
    shots: Annotated[
        int | None, typer.Option("--shots", help="examples before each question; default: the task's own")
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="asked through the chat template")] = False,
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Seed = None,
    model: BaseModel = None,
    changes: Changes = None,
    out: PathOut = None,
) -> int:
    """Score a model on tasks of lm-evaluation-harness, from the hub or a folder; finished tasks are not run again."""
    resolved = chosen(profile, changes, regime=regime, seed=seed, model=model)
    begin()
    from sp3f_lib.evaluation.harness import Shots
    from sp3f_lib.pipeline.harness import harness as make

    asked = Shots(shots, limit, chat)
    with at_work(resolved):
        found = make(resolved, name, task, folder and str(folder), asked, against, out)
    if not is_child():
        print(found.text)
    say_done(found.path)
    return 0
