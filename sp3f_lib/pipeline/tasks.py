"""The scored answers of any model to tasks (evaluation/tasks.py): rows, answers (task_answers.py), scores, each a stage.

    task_evaluations(profile, "sp3f")       of all of `evaluation.tasks`

Scores are apart from the answers: a rule that is mended asks no model again.
"""

from pathlib import Path

from sp3f_lib.evaluation.score import SAMPLES
from sp3f_lib.evaluation.task_rows import (
    ROWS,
    evaluated_languages,
    files_of,
    languages_asked,
    read_task_rows,
    task_rows,
    write_task_rows,
)
from sp3f_lib.evaluation.task_score import score_answer, score_file
from sp3f_lib.evaluation.tasks import Task, load_task
from sp3f_lib.pipeline.checks import check_answerer
from sp3f_lib.pipeline.task_answers import task_answers
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.progress import progress_printer
from sp3f_lib.runs import atomic_path
from sp3f_lib.stages import label, make_stage

_ROW_CODE = ("evaluation/tasks.py", "evaluation/task_rows.py", "languages.py")
_SCORE_CODE = (
    "evaluation/task_score.py", "evaluation/choices.py", "evaluation/choice_words.py", "evaluation/authors_verifier.py",
    "evaluation/two_class.py", "rewards", "languages.py",
)  # fmt: skip


def task_evaluations(profile: Profile, name: str) -> dict[str, Path]:
    """{task: directory of `samples.parquet`} of every task of the profile; all tasks are read before the model is made."""
    tasks = {task: load_task(task) for task in profile.evaluation.tasks}
    check_answerer(profile, lambda: task_evaluations(profile, name))
    if len({task.name for task in tasks.values()}) != len(tasks):
        raise ProfileError(f"evaluation.tasks: two of {', '.join(tasks)} have one name")
    rows = {given: rows_of_task(profile, task) for given, task in tasks.items()}
    return {given: _scores(profile, name, task, rows[given]) for given, task in tasks.items()}


def rows_of_task(profile: Profile, task: Task) -> Path:
    """The file of the rows of a task in the languages of the profile; those that it does not have are said and left out."""
    settings = profile.evaluation
    folder = Path(settings.folder) if settings.folder else None
    wanted, languages = evaluated_languages(profile), languages_asked(profile, task)
    files = files_of(task, languages, folder) if folder else {}

    def work(directory: Path) -> None:
        if left := [code for code in wanted if code not in languages]:
            print(f"{task.name}: no rows in {', '.join(left)}; the tables are over {', '.join(languages)}", flush=True)
        rows = task_rows(task, languages, folder, settings.limit)
        write_task_rows(rows, directory / ROWS)
        print(f"{task.name}: {len(rows)} rows", flush=True)

    described = {"task": task.model_dump(), "languages": languages, "limit": settings.limit}
    return make_stage(profile, f"rows-{task.name}", work, described, files, _ROW_CODE, (ROWS,)) / ROWS


def _scores(profile: Profile, name: str, task: Task, rows: Path) -> Path:
    answers = task_answers(profile, name, task, rows)

    def work(directory: Path) -> None:
        items, threshold = read_task_rows(rows), profile.rewards.threshold
        score_answer(items[0], items[0]["input"][-1]["content"], threshold)  # detectors load: no pace to go by
        show = progress_printer(label(profile, f"score {task.name} {name}"), "answers", directory)
        with atomic_path(directory / SAMPLES) as temporary:
            score_file(answers, items, threshold, temporary, show)

    settings, inputs = {"threshold": profile.rewards.threshold}, {"rows": rows, "answers": answers}
    return make_stage(
        profile, f"scores-{task.name}-{name}-{profile.regime}", work, settings, inputs, _SCORE_CODE, (SAMPLES,)
    )
