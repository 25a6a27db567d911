"""The answers of an evaluation, made in this process or shared by the processes of section `launch`.

A job names the files (blocks, or chains of blocks: generation/blocks.py, conversations.py) that are missing; they are dealt out
to the processes, each with the model on its own GPU, or with vLLM on as many as `evaluation.engine.tensor_parallel_size` says; a
server has batches of its own, so one process asks it. Who makes a file decides nothing in it.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sp3f_lib.generation.engines import EVALUATION, answering_processes, check_engine, free_gpu, generation_settings
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import HASHES, Hashes, code_hash, outputs_hash, versions
from sp3f_lib.stages import RUNS
from sp3f_lib.training.processes import launch, work_on

CODE = (
    "generation/local.py",
    "generation/sampling.py",
    "generation/decode.py",
    "generation/token_step.py",
    "generation/blocks.py",
)
# (directory of the stage, profile, job, files that this process makes, whether it says how far it is)
Make = Callable[[Path, Profile, dict, list[str], bool], None]


def made_by(profile: Profile, path: Path | str, code: tuple[str, ...] = CODE) -> dict:
    """What decides the answers beside the prompts and how many of them are sampled: as the key of a stage (runs.py)."""
    settings = generation_settings(profile, path, section=EVALUATION)
    hashes = Hashes(RUNS / profile.name / HASHES)
    weights = outputs_hash(Path(path), hashes) if Path(path).exists() else str(path)
    return settings | {"weights": weights, "code": code_hash(*code), "versions": versions()}


def deal_out(directory: Path, profile: Profile, job: dict, make: Make, module: str) -> None:
    """Makes `job["files"]`, in this process by `make`, or in several, whose `module` ends with `work_on_share(make)`."""
    profile = with_gpus_there_are(profile)
    if answering_processes(profile) == 1 or len(job["files"]) == 1:
        make(directory, profile, job, job["files"], True)
        return
    free_gpu()
    # Every process by itself: no weights are sharded, whatever the training does.
    apart = profile.launch.model_copy(update={"accelerate": "ddp"})
    launch(directory, profile.model_copy(update={"launch": apart}), job | {"section": None}, module)


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


def work_on_share(make: Make) -> None:
    """The end of a module that is started in several processes: its share of the job, and the end of the process."""
    work_on(sys.argv[1:], partial(make_share, make))


def make_share(make: Make, directory: Path, profile: Profile, job: dict) -> None:
    """What one of the processes does, on its own GPUs: every n-th file of the job."""
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
    number = rank // (profile.launch.processes // machines) * each + local
    if files := job["files"][number::workers]:
        make(directory, profile, job, files, number == 0)


def _own_gpus(visible: str | None, local: int, gpus: int) -> str:
    """The GPUs of the `local`-th process of a machine, `gpus` of those that are `visible` (None: all of them).

    >>> _own_gpus(None, 1, 2), _own_gpus("4,5,6,7", 3, 1)
    ('2,3', '7')
    """
    mine = range(local * gpus, (local + 1) * gpus)
    names = visible.split(",") if visible else [str(k) for k in range((local + 1) * gpus)]
    return ",".join(names[k] for k in mine)
