"""`sp3f compare ONE OTHER`: two models' answers to instructions, or one's and a file's, compared by a judge."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import CANNOT_FIT, JUDGE, verb
from sp3f_lib.commands.options import BaseModel, Changes, DryRun, PathOut, ProfileName, Regime, Seed, chosen
from sp3f_lib.commands.stage import at_work, begin, is_child, say_done
from sp3f_lib.judges.contest_prompt import WAYS
from sp3f_lib.profiles.section import ProfileError, nearest

TaskFolder = Annotated[
    Path | None, typer.Option("--folder", help="folder of the task's files, laid out as docs/data.md says")
]
Languages = Annotated[
    str | None, typer.Option("--languages", help="such as en,de; default: those of the profile's evaluation that are there")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="the first so many in each language; default: all")]
JudgeName = Annotated[
    str | None, typer.Option("--judge", help="alignment (embedded), api, or local; default: the profile's")
]


def evaluation_changes(folder: Path | None, languages: str | None, limit: int | None, judge: str | None) -> list[str]:
    """The options that judged evaluations share, as `--set` takes them."""
    given = {
        "evaluation.folder": folder and str(folder),
        "evaluation.languages": languages and [code.strip() for code in languages.split(",")],
        "evaluation.limit": limit,
        "judge.name": judge,
    }
    return [f"{key}={json.dumps(value)}" for key, value in given.items() if value]


def say_plan(plan: tuple[str, bool]) -> int:
    """Prints a plan; the exit status says whether it can fit."""
    print(plan[0])
    return 0 if plan[1] else CANNOT_FIT


@verb(JUDGE)
def compare(
    one: Annotated[str, typer.Argument(metavar="ONE", help="a model of the table, a directory or hub id")],
    other: Annotated[
        str,
        typer.Argument(metavar="OTHER", help="another one, or a file of answers (model_outputs.json; {lang}: the language)"),
    ],
    task: Annotated[
        str, typer.Option("--task", help="xalpacaeval, or a folder of <lang>.json files of your own")
    ] = "xalpacaeval",
    languages: Languages = None,
    folder: TaskFolder = None,
    limit: Limit = None,
    judge: JudgeName = None,
    way: Annotated[
        str, typer.Option("--way", help="reasons (then A or B), verdict (A or B alone), or scores (two, 0 to 10: LIDR's)")
    ] = "reasons",
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Seed = None,
    model: BaseModel = None,
    changes: Changes = None,
    out: PathOut = None,
    dry_run: DryRun = False,
) -> int:
    """Compare two models' answers by a judge, in both orders: win rates, wins, ties, losses; models that are not there are made."""
    if way not in WAYS:
        raise ProfileError(f"--way {way}: unknown{nearest(way, WAYS)}")
    own = [*(changes or ()), *evaluation_changes(folder, languages, limit, judge)]
    resolved = chosen(profile, own, regime=regime, seed=seed, model=model)
    if dry_run:
        from sp3f_lib.pipeline.judged_plans import compare_plan

        return say_plan(compare_plan(resolved, one, other, task, way))
    begin()
    from sp3f_lib.pipeline.head_to_head import compare as make

    with at_work(resolved):
        found = make(resolved, one, other, task, way, out)
    if not is_child():
        print(found.text)
    say_done(found.path)
    return 0
