"""Which model answers, and how: transformers in this process, vLLM, or a server, as `<section>.generator` of the profile says.

The sections are `methods` (ICR, LIDR) and `evaluation`; both hold the fields of profiles/generator_section.py.
"""

import gc
from contextlib import contextmanager
from pathlib import Path

from sp3f_lib.machine import set_up
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.runs import StageError

METHODS, EVALUATION = "methods", "evaluation"
SAMPLED = ("samples", "temperature", "top_p", "max_new_tokens")  # fields of either section that decide what is sampled
# Prompts in a block of the evaluation: a batch of the lab's; vLLM and servers work on as many at a time (vLLM's max_num_seqs).
BLOCK_SIZES = {"transformers": 128, "vllm": 256, "server": 256}
# Fields of vLLM's LLM that do not change what it writes.
_HOW_TO_RUN = ("tensor_parallel_size", "gpu_memory_utilization", "max_model_len")


def free_gpu() -> None:
    """Gives back what finished stages of this process held of the GPU: torch keeps it, and vLLM or other processes want it."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()


def loaded_model(profile: Profile, path: Path | str):
    """(model, tokenizer), on the GPU if there is one."""
    import torch

    from sp3f_lib.generation.local import load_model

    set_up(profile.threads)
    model, tokenizer = load_model(str(path), profile.model.torch_dtype, revision_of(profile, path))
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def revision_of(profile: Profile, path: Path | str) -> str | None:
    """The profile's revision is that of its base model."""
    return profile.model.revision if str(path) == profile.model.path else None


@contextmanager
def generator(profile: Profile, path: Path | str, loaded=None, section: str = METHODS, **progress):
    """Generates with the model at `path`: `loaded` (or loaded here), an engine of vLLM, or a server, as the section says.

    `progress=...`: see `local_generator`; the others have none.
    """
    free_gpu()
    chosen, revision = getattr(profile, section), revision_of(profile, path)
    with _errors_name(section):
        if chosen.generator == "vllm":
            from sp3f_lib.generation.vllm_engine import vllm_generator

            with vllm_generator(str(path), profile.model.torch_dtype, revision, **chosen.engine) as generate:
                yield generate
        elif chosen.generator == "server":
            from sp3f_lib.generation.server import Limits, server_generator

            server = chosen.server.model_dump()
            name, vllm = server.pop("model"), server.pop("vllm")
            yield server_generator(str(path), name, vllm, Limits(**server), revision)
        else:
            from sp3f_lib.generation.sampling import local_generator

            yield local_generator(*(loaded or loaded_model(profile, path)), **progress)


@contextmanager
def _errors_name(section: str):
    """The generators know nothing of sections; their errors say `methods.`."""
    try:
        yield
    except StageError as error:
        if section == METHODS:
            raise
        said = str(error)
        for field in ("generator", "server", "engine"):
            said = said.replace(f"{METHODS}.{field}", f"{section}.{field}")
        raise type(error)(said) from None


def check_generator(profile: Profile, section: str = METHODS) -> None:
    """`StageError` if the generator of a section cannot work here: vLLM is not installed, or a server has no address."""
    check_engine(profile, section)
    name = getattr(profile, section).generator
    with _errors_name(section):
        if name == "vllm":
            from sp3f_lib.generation.vllm_engine import check_vllm

            check_vllm()
        if name == "server":
            from sp3f_lib.generation.server import check_server

            check_server()


def check_engine(profile: Profile, section: str = METHODS) -> None:
    """`ProfileError` if an engine of vLLM wants more GPUs than a machine of section `launch` has."""
    chosen, launch = getattr(profile, section), profile.launch
    parallel, there = chosen.engine.get("tensor_parallel_size", 1), launch.processes // launch.machines
    if chosen.generator == "vllm" and launch.accelerate != "single" and parallel > there:
        raise ProfileError(
            f"{section}.engine.tensor_parallel_size is {parallel}, but a machine has {there} processes (launch), one for each GPU; "
            "make it no larger"
        )


def sampling_of(profile: Profile, section: str = METHODS):
    """How a section samples, as a `Sampling`."""
    from sp3f_lib.generation.sampling import Sampling

    return Sampling(**getattr(profile, section).model_dump(include={*SAMPLED, "batch_size"}))


def answering_processes(profile: Profile) -> int:
    """How many processes answer for the evaluation: those of `launch`, fewer where one takes several GPUs; one asks a server."""
    chosen, there = profile.evaluation, profile.launch
    if there.accelerate == "single" or chosen.generator == "server":
        return 1
    gpus = chosen.engine.get("tensor_parallel_size", 1) if chosen.generator == "vllm" else 1
    return (there.processes // there.machines // gpus) * there.machines


def which_model(profile: Profile, path: Path | str) -> dict:
    """What decides a model's numbers beside its files or hub id."""
    return {"dtype": profile.model.torch_dtype, "revision": revision_of(profile, path)}


def generation_settings(profile: Profile, path: Path | str, *keys: str, section: str = METHODS) -> dict:
    """What of the profile decides the texts that the model at `path` generates: fields of a section, and how it is run."""
    chosen = getattr(profile, section)
    found = {section: chosen.model_dump(include={*keys, "generator"}), "model": which_model(profile, path)}
    if chosen.generator == "transformers":  # batches share their random numbers
        return found | {"batch_size": chosen.batch_size, "threads": profile.threads}
    if chosen.generator == "server":
        return found | {"vllm": chosen.server.vllm}
    return found | {"engine": {key: value for key, value in chosen.engine.items() if key not in _HOW_TO_RUN}}
