"""Which model answers for ICR and LIDR, and how: transformers in this process, vLLM, or a server, as `methods.generator` says."""

import gc
from contextlib import contextmanager
from pathlib import Path

from sp3f_lib.machine import set_up
from sp3f_lib.profiles import Profile

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
    model, tokenizer = load_model(str(path), profile.model.torch_dtype, _revision(profile, path))
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def _revision(profile: Profile, path: Path | str) -> str | None:
    """The profile's revision is that of its base model."""
    return profile.model.revision if str(path) == profile.model.path else None


@contextmanager
def generator(profile: Profile, path: Path | str, loaded=None):
    """Generates with the model at `path`: `loaded` (or loaded here), an engine of vLLM, or a server, as the profile says."""
    free_gpu()
    methods, revision = profile.methods, _revision(profile, path)
    if methods.generator == "vllm":
        from sp3f_lib.generation.vllm_engine import vllm_generator

        with vllm_generator(str(path), profile.model.torch_dtype, revision, **methods.engine) as generate:
            yield generate
    elif methods.generator == "server":
        from sp3f_lib.generation.server import Limits, server_generator

        server = methods.server.model_dump()
        name, vllm = server.pop("model"), server.pop("vllm")
        yield server_generator(str(path), name, vllm, Limits(**server), revision)
    else:
        from sp3f_lib.generation.sampling import local_generator

        yield local_generator(*(loaded or loaded_model(profile, path)))


def check_generator(name: str) -> None:
    """`StageError` if the generator of that name cannot work here: vLLM is not installed, or a server has no address."""
    if name == "vllm":
        from sp3f_lib.generation.vllm_engine import check_vllm

        check_vllm()
    if name == "server":
        from sp3f_lib.generation.server import check_server

        check_server()


def which_model(profile: Profile, path: Path | str) -> dict:
    """What decides a model's numbers beside its files or hub id."""
    return {"dtype": profile.model.torch_dtype, "revision": _revision(profile, path)}


def generation_settings(profile: Profile, path: Path | str, *keys: str) -> dict:
    """What of the profile decides the texts that the model at `path` generates: fields of `methods`, and how it is run."""
    methods = profile.methods
    found = {"methods": methods.model_dump(include={*keys, "generator"}), "model": which_model(profile, path)}
    if methods.generator == "transformers":  # batches share their random numbers
        return found | {"batch_size": methods.batch_size, "threads": profile.threads}
    if methods.generator == "server":
        return found | {"vllm": methods.server.vllm}
    return found | {"engine": {key: value for key, value in methods.engine.items() if key not in _HOW_TO_RUN}}
