"""The answers of a model to the questions of a task, made in this process or shared by the processes of section `launch`.

Blocks (generation/blocks.py) are dealt out to the processes, each with the model on its own GPU, or with vLLM on as many as
`evaluation.engine.tensor_parallel_size` says; a server has batches of its own, so one process asks it. Who makes a block decides
nothing in it.
"""

import os
import sys
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
    answering_processes,
    check_engine,
    free_gpu,
    generation_settings,
    generator,
    revision_of,
    sampling_of,
)
from sp3f_lib.generation.local import load_tokenizer
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import Profile
from sp3f_lib.progress import progress_printer
from sp3f_lib.runs import HASHES, Hashes, atomic_path, code_hash, outputs_hash, versions
from sp3f_lib.stages import RUNS, label, make_stage
from sp3f_lib.training.processes import launch, work_on

ANSWERS, BLOCKS = "answers.parquet", "blocks"
_CODE = ("generation/local.py", "generation/sampling.py", "generation/decode.py", "generation/blocks.py")


def task_answers(profile: Profile, name: str, task: Task, rows: Path) -> Path:
    """`answers.parquet`: one answer a line, `prompt` is the number of its row; greedy and sampled ones."""
    path = model(profile, name)
    settings = generation_settings(profile, path, *SAMPLED, section=EVALUATION) | {"decoding": task.decoding}

    def work(directory: Path) -> None:
        items = read_task_rows(rows)
        _say_what_is_too_long(profile, path, task, items)
        job = {"rows": str(rows), "model": str(path), "decoding": task.decoding, "by": _made_by(profile, path)}
        job |= {"label": label(profile, f"{task.name} {name}"), "section": None}
        blocks = _blocks(profile, job)
        if taken := reuse(directory / BLOCKS, blocks):
            print(f"{job['label']}: {taken} of {len(blocks)} blocks of answers are there from before", flush=True)
        if wanted := missing(directory / BLOCKS, blocks):
            _make(directory, profile, job | {"files": [block.file for block in wanted]})
        with atomic_path(directory / ANSWERS) as temporary:
            collect(directory / BLOCKS, blocks, temporary)

    inputs = {"rows": rows, "model": path}
    return (
        make_stage(profile, f"answers-{task.name}-{name}-{profile.regime}", work, settings, inputs, _CODE, (ANSWERS,))
        / ANSWERS
    )


def _made_by(profile: Profile, path: Path | str) -> dict:
    """What decides the answers beside the prompts and how many of them are sampled: as the key of a stage (runs.py)."""
    settings = generation_settings(profile, path, section=EVALUATION)
    hashes = Hashes(RUNS / profile.name / HASHES)
    weights = outputs_hash(Path(path), hashes) if Path(path).exists() else str(path)
    return settings | {"weights": weights, "code": code_hash(*_CODE), "versions": versions()}


def _blocks(profile: Profile, job: dict) -> list[Block]:
    rows, sampling = read_task_rows(Path(job["rows"])), sampling_of(profile, EVALUATION)
    if job["decoding"] == "greedy":
        sampling = replace(sampling, samples=0)
    size = BLOCK_SIZES[profile.evaluation.generator]
    return blocks_of([row["input"] for row in rows], [row["lang"] for row in rows], size, sampling, job["by"])


def _make(directory: Path, profile: Profile, job: dict) -> None:
    """The blocks of the files that the job names."""
    profile = with_gpus_there_are(profile)
    if answering_processes(profile) == 1 or len(job["files"]) == 1:
        _make_share(directory, profile, job, (0, 1))
        return
    free_gpu()
    # Every process by itself: no weights are sharded, whatever the training does.
    apart = profile.launch.model_copy(update={"accelerate": "ddp"})
    launch(directory, profile.model_copy(update={"launch": apart}), job, "sp3f_lib.pipeline.task_answers")


def with_gpus_there_are(profile: Profile) -> Profile:
    """The profile with no more processes than this machine has GPUs: their number changes no answer, so fewer will do."""
    import torch

    launch, there = profile.launch, torch.cuda.device_count()
    if launch.machines > 1 or not 0 < there < launch.processes:
        return profile
    update = {"processes": there} | ({"accelerate": "single"} if there == 1 else {})
    found = profile.model_copy(update={"launch": launch.model_copy(update=update)})
    check_engine(found, EVALUATION)
    return found


def _make_share(directory: Path, profile: Profile, job: dict, share: tuple[int, int]) -> None:
    """Of the files of a job the k-th, and every n-th after it: `share` is (k, n)."""
    wanted = set(job["files"][share[0] :: share[1]])
    blocks = list({block.file: block for block in _blocks(profile, job) if block.file in wanted}.values())
    said = f"blocks of answers{' in each process' if share[1] > 1 else ''}"
    show = {"progress": progress_printer(job["label"], said, directory)} if share[0] == 0 else {}
    if blocks:
        with generator(profile, job["model"], section=EVALUATION) as generate:
            make_blocks(directory / BLOCKS, blocks, generate, **show)


def _job(directory: Path, profile: Profile, job: dict) -> None:
    """What one of the processes does, on its own GPUs."""
    rank, local = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    workers, machines = answering_processes(profile), profile.launch.machines
    each, gpus = workers // machines, profile.evaluation.engine.get("tensor_parallel_size", 1)
    if local >= each:  # its GPU belongs to another's engine
        return
    if profile.evaluation.generator == "vllm":  # the engine is in a process of its own, which knows nothing of ranks
        os.environ["CUDA_VISIBLE_DEVICES"] = _own_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"), local, gpus)
    else:
        import torch

        if torch.cuda.is_available():
            torch.cuda.set_device(local)
    machine = rank // (profile.launch.processes // machines)
    _make_share(directory, profile, job, (machine * each + local, workers))


def _own_gpus(visible: str | None, local: int, gpus: int) -> str:
    """The GPUs of the `local`-th process of a machine, `gpus` of those that are `visible` (None: all of them).

    >>> _own_gpus(None, 1, 2), _own_gpus("4,5,6,7", 3, 1)
    ('2,3', '7')
    """
    mine = range(local * gpus, (local + 1) * gpus)
    names = visible.split(",") if visible else [str(k) for k in range((local + 1) * gpus)]
    return ",".join(names[k] for k in mine)


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
    work_on(sys.argv[1:], _job)
