"""The plan of the answers to tasks: `sp3f evaluate sp3f --task mgsm --profile paper --dry-run`.

Prompts are read where their files are in a folder; tasks of the hub say how many they have, and their length is assumed.
"""

from pathlib import Path

from sp3f_lib.evaluation.task_rows import languages_asked, task_rows
from sp3f_lib.evaluation.tasks import Task, load_task
from sp3f_lib.forecast.answers import BYTES_PER_TOKEN, PROMPT_TOKENS, AnswersPlan, Prompts, answers_plan, in_languages
from sp3f_lib.forecast.shape import Shape
from sp3f_lib.profiles import Profile


def task_plan(profile: Profile, shape: Shape, memory: float | None = None, gpu: str = "") -> AnswersPlan:
    """The plan of the answers to the tasks of the profile. `memory`: bytes of one GPU, `gpu`: its name, as in `plan.plan`."""
    asked = [_asked(profile, load_task(task)) for task in profile.evaluation.tasks]
    how = f"{profile.evaluation.samples} sampled ones and a greedy one to a prompt"
    return answers_plan(profile, shape, asked, how, memory, gpu)


def _asked(profile: Profile, task: Task) -> Prompts:
    settings = profile.evaluation
    folder, languages = Path(settings.folder) if settings.folder else None, languages_asked(profile, task)
    each = 1 + (settings.samples if task.decoding == "sampled" else 0)
    if folder is None and task.problems:
        count = min(settings.limit or task.problems, task.problems) * sum(len(task.configs(lang)) for lang in languages)
        tokens, counted = count * PROMPT_TOKENS, f"{PROMPT_TOKENS} each assumed"
    else:
        rows = task_rows(task, languages, folder, settings.limit)
        size = sum(len(message["content"].encode()) for row in rows for message in row["input"])
        count, tokens, counted = len(rows), round(size / BYTES_PER_TOKEN), "counted"
    said = (
        f"{task.name}: {count:,} prompts {in_languages(languages)}, {count * each:,} answers; "
        f"prompts about {tokens:,} tokens ({counted})"
    )
    return Prompts(said, count, tokens, count * each)
