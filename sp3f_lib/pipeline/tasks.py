"""The scored answers of any model to tasks (evaluation/tasks.py): rows, answers, scores, each a stage.

    task_evaluations(profile, "sp3f")       of all of `evaluation.tasks`

Answers are made in parts, so that a kill costs one part, and apart from their scores: a rule that is mended asks no model again.
"""

from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from sp3f_lib.evaluation.score import SAMPLES
from sp3f_lib.evaluation.task_rows import covered, files_of, task_rows
from sp3f_lib.evaluation.task_score import score_answer
from sp3f_lib.evaluation.tasks import Task, load_task
from sp3f_lib.generation.engines import EVALUATION, SAMPLED, generation_settings, generator, revision_of, sampling_of
from sp3f_lib.generation.local import load_tokenizer
from sp3f_lib.generation.parts import in_parts, part_seed
from sp3f_lib.generation.sampling import greedy_and_sampled
from sp3f_lib.pipeline.checks import check_answerer
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.progress import progress_printer
from sp3f_lib.runs import atomic_path
from sp3f_lib.stages import label, make_stage

ROWS, ANSWERS = "rows.parquet", "answers.parquet"
PART = 64  # prompts
_ROW_CODE = ("evaluation/tasks.py", "evaluation/task_rows.py", "languages.py")
_ANSWER_CODE = ("generation/local.py", "generation/sampling.py", "generation/decode.py", "generation/parts.py")
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
    wanted = settings.languages or profile.data.eval_languages or profile.data.languages
    # What was asked for by name must be there.
    languages = list(settings.languages) if settings.languages else covered(task, wanted, folder)
    files = files_of(task, languages, folder) if folder else {}

    def work(directory: Path) -> None:
        if left := [code for code in wanted if code not in languages]:
            print(f"{task.name}: no rows in {', '.join(left)}; the tables are over {', '.join(languages)}", flush=True)
        rows = task_rows(task, languages, folder, settings.limit)
        with atomic_path(directory / ROWS) as temporary:
            pa.parquet.write_table(pa.Table.from_pylist(rows), temporary)
        print(f"{task.name}: {len(rows)} rows", flush=True)

    described = {"task": task.model_dump(), "languages": languages, "limit": settings.limit}
    return make_stage(profile, f"rows-{task.name}", work, described, files, _ROW_CODE, (ROWS,)) / ROWS


def _answers(profile: Profile, name: str, task: Task, rows: Path) -> Path:
    """`answers.parquet`: one answer a line, `prompt` is the number of its row."""
    path = model(profile, name)

    def work(directory: Path) -> None:
        items, sampling = _read(rows), sampling_of(profile, EVALUATION)
        if task.decoding == "greedy":
            sampling = replace(sampling, samples=0)
        _say_what_is_too_long(profile, path, task, items, sampling.max_new_tokens)
        show = progress_printer(label(profile, f"{task.name} {name}"), f"parts of {PART} problems", directory)
        with generator(profile, path, section=EVALUATION) as generate:

            def answer(part, number):
                found = greedy_and_sampled(generate, [row["input"] for row in part], sampling, part_seed(0, number))
                return [asdict(one) | {"prompt": number * PART + one.prompt} for one in found]

            made = in_parts(directory / "parts", items, PART, answer, asdict(sampling), show)
        with atomic_path(directory / ANSWERS) as temporary:
            made.to_parquet(temporary, index=False)

    settings = generation_settings(profile, path, *SAMPLED, section=EVALUATION) | {"decoding": task.decoding}
    inputs = {"rows": rows, "model": path}
    return make_stage(
        profile, f"answers-{task.name}-{name}-{profile.regime}", work, settings, inputs, _ANSWER_CODE, (ANSWERS,)
    )


def _say_what_is_too_long(profile: Profile, path: Path | str, task: Task, items: list[dict], new: int) -> None:
    """Prints how many questions leave no room in the model's context for a whole answer: what it writes then is worth little."""
    from transformers import AutoConfig

    revision = revision_of(profile, path)
    tokenizer, config = load_tokenizer(path, revision), AutoConfig.from_pretrained(path, revision=revision)
    room = getattr(config, "max_position_embeddings", None)
    if room is None:
        return
    prompts = [tokenizer.apply_chat_template(row["input"], add_generation_prompt=True, return_dict=True) for row in items]
    lengths = [len(prompt["input_ids"]) for prompt in prompts]
    if long := Counter(row["lang"] for row, length in zip(items, lengths, strict=True) if length + new > room):
        by_language = ", ".join(f"{count} in {lang}" for lang, count in long.items())
        print(
            f"{task.name}: of {len(items)} questions {long.total()} ({by_language}) and an answer of {new} tokens are longer than "
            f"the model's context of {room} tokens; the longest question has {max(lengths)}",
            flush=True,
        )


def _scores(profile: Profile, name: str, task: Task, rows: Path) -> Path:
    answers = _answers(profile, name, task, rows) / ANSWERS

    def work(directory: Path) -> None:
        items, found = _read(rows), pd.read_parquet(answers).to_dict("records")
        score_answer(
            items[found[0]["prompt"]], found[0]["text"], profile.rewards.threshold
        )  # detectors load: no pace to go by
        show = progress_printer(label(profile, f"score {task.name} {name}"), "answers", directory)
        scored = []
        for number, one in enumerate(found, 1):
            scored.append(one | score_answer(items[one["prompt"]], one["text"], profile.rewards.threshold))
            show(number, len(found))
        with atomic_path(directory / SAMPLES) as temporary:
            pd.DataFrame(scored).to_parquet(temporary, index=False)

    settings, inputs = {"threshold": profile.rewards.threshold}, {"rows": rows, "answers": answers}
    return make_stage(
        profile, f"scores-{task.name}-{name}-{profile.regime}", work, settings, inputs, _SCORE_CODE, (SAMPLES,)
    )


def _read(path: Path) -> list[dict]:
    return pa.parquet.read_table(path).to_pylist()
