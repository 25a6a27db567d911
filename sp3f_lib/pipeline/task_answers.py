"""The answers of a model to the questions of a task, in blocks (generation/blocks.py) that processes share (shares.py)."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from sp3f_lib.evaluation.task_rows import read_task_rows
from sp3f_lib.evaluation.tasks import Task
from sp3f_lib.generation.blocks import Block, blocks_of, collect, make_blocks, missing, reuse
from sp3f_lib.generation.engines import (
    BLOCK_SIZES,
    EVALUATION,
    SAMPLED,
    generation_settings,
    generator,
    revision_of,
    sampling_of,
)
from sp3f_lib.generation.local import load_tokenizer
from sp3f_lib.pipeline.models import model
from sp3f_lib.pipeline.shares import CODE, deal_out, made_by, work_on_share
from sp3f_lib.profiles import Profile
from sp3f_lib.progress import progress_printer
from sp3f_lib.runs import atomic_path
from sp3f_lib.stages import label, make_stage

ANSWERS, BLOCKS = "answers.parquet", "blocks"


def task_answers(profile: Profile, name: str, task: Task, rows: Path) -> Path:
    """`answers.parquet`: one answer a line, `prompt` is the number of its row; greedy and sampled ones."""
    path = model(profile, name)
    settings = generation_settings(profile, path, *SAMPLED, section=EVALUATION) | {"decoding": task.decoding}

    def work(directory: Path) -> None:
        items = read_task_rows(rows)
        _say_what_is_too_long(profile, path, task, items)
        job = {"rows": str(rows), "model": str(path), "decoding": task.decoding, "by": made_by(profile, path)}
        job |= {"label": label(profile, f"{task.name} {name}")}
        blocks = _blocks(profile, job)
        if taken := reuse(directory / BLOCKS, blocks):
            print(f"{job['label']}: {taken} of {len(blocks)} blocks of answers are there from before", flush=True)
        if wanted := missing(directory / BLOCKS, blocks):
            files = [block.file for block in wanted]
            deal_out(directory, profile, job | {"files": files}, _make, "sp3f_lib.pipeline.task_answers")
        with atomic_path(directory / ANSWERS) as temporary:
            collect(directory / BLOCKS, blocks, temporary)

    inputs = {"rows": rows, "model": path}
    return (
        make_stage(profile, f"answers-{task.name}-{name}-{profile.regime}", work, settings, inputs, CODE, (ANSWERS,))
        / ANSWERS
    )


def _blocks(profile: Profile, job: dict) -> list[Block]:
    rows, sampling = read_task_rows(Path(job["rows"])), sampling_of(profile, EVALUATION)
    if job["decoding"] == "greedy":
        sampling = replace(sampling, samples=0)
    size = BLOCK_SIZES[profile.evaluation.generator]
    return blocks_of([row["input"] for row in rows], [row["lang"] for row in rows], size, sampling, job["by"])


def _make(directory: Path, profile: Profile, job: dict, files: list[str], says: bool) -> None:
    """The blocks of some files; `says` how far it is."""
    blocks = list({block.file: block for block in _blocks(profile, job) if block.file in set(files)}.values())
    said = f"blocks of answers{' in each process' if len(files) < len(job['files']) else ''}"
    show = {"progress": progress_printer(job["label"], said, directory)} if says else {}
    with generator(profile, job["model"], section=EVALUATION) as generate:
        make_blocks(directory / BLOCKS, blocks, generate, **show)


def _say_what_is_too_long(profile: Profile, path: Path | str, task: Task, items: list[dict]) -> None:
    """Prints how many questions leave no room in the model's context for a whole answer: what it writes then is worth little."""
    from transformers import AutoConfig

    revision, new = revision_of(profile, path), profile.evaluation.max_new_tokens
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


if __name__ == "__main__":
    work_on_share(_make)
