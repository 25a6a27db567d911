"""GRPO whose completions vLLM generates, in the training process (colocated) or on a server: pace, and how far it disagrees.

TRL measures at each step how far the log-probabilities that vLLM gave its tokens are from those of training. Written for vLLM 0.31
and TRL 1.16, from their documentation and source; not run with it yet.
"""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec

from sp3f_lib.audits.gpu.child import end_child, measured_by_child, start_child
from sp3f_lib.audits.gpu.device import Device
from sp3f_lib.audits.gpu.kill import rows_of
from sp3f_lib.audits.gpu.numbers import BF16
from sp3f_lib.audits.gpu.result import Measured, NotPossible, within
from sp3f_lib.audits.gpu.setting import Setting
from sp3f_lib.audits.gpu.steps import GENERATION
from sp3f_lib.machine import killed_with_parent, seeing
from sp3f_lib.runs import StageError

_PATIENCE = 240.0  # seconds until a server must answer
_MISMATCH = "sampling/sampling_logp_difference"


def colocated_check(setting: Setting) -> Measured:
    """vLLM in the training process, asleep while it trains."""
    check_vllm(setting.device)
    changes = {"grpo.vllm_mode": "colocate", "grpo.vllm_gpu_memory_utilization": 0.3, "grpo.vllm_enable_sleep_mode": True}
    return _measured(setting, "vllm-colocated", changes)


def server_check(setting: Setting) -> Measured:
    """vLLM as a server on the last GPU; the training on the first one sends it its weights."""
    check_vllm(setting.device)
    if len(setting.gpus) < 2:
        raise NotPossible("a server needs a GPU of its own (weights are sent by NCCL), there is one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving(setting, port):
        changes = {"grpo.vllm_mode": "server", "grpo.vllm_server_base_url": f"http://127.0.0.1:{port}"}
        return _measured(setting, "vllm-server", changes)


def check_vllm(device: Device) -> None:
    """`NotPossible` where vLLM is not installed or cannot be imported, with what it says, and on a CPU."""
    if find_spec("vllm") is None:
        raise NotPossible("vLLM is not installed (environment.yml has it)")
    if not device.on_gpu:
        raise NotPossible("vLLM is tried on GPUs only")
    try:
        import vllm  # noqa: F401
    except Exception as error:
        raise NotPossible(f"vLLM cannot be imported: {type(error).__name__}: {error}") from error


@contextmanager
def serving(setting: Setting, port: int) -> Iterator[None]:
    """While the block runs `vllm serve` answers at the port, started as slurm/train.sbatch does."""
    command = ["vllm", "serve", setting.model, "--port", str(port), "--host", "127.0.0.1", "--gpu-memory-utilization", "0.5"]
    command += [
        "--weight-transfer-config",
        '{"backend": "nccl"}',
        "--logprobs-mode",
        "processed_logprobs",
        "--max-logprobs",
        "-1",
    ]
    command += ["--max-model-len", str(setting.prompt + setting.sizes.tokens)]
    path = setting.folder / "vllm-serve.log"
    with open(path, "w", encoding="utf-8") as log:
        environment = os.environ | {"VLLM_SERVER_DEV_MODE": "1"} | seeing(setting.gpus[-1])
        server = subprocess.Popen(killed_with_parent(command), stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        _wait(server, f"http://127.0.0.1:{port}/health", path)
        yield
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(30)
        server.kill()


def _wait(server: subprocess.Popen, url: str, log) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if server.poll() is not None:
            said = " ".join(log.read_text(encoding="utf-8", errors="replace").split())
            raise StageError(f"vllm serve ended with {server.returncode}: {said[-300:]}")
        with suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(1)
    raise StageError(f"vllm serve did not answer within {_PATIENCE:g} s; {log} has what it said")


def _measured(setting: Setting, name: str, changes: dict) -> Measured:
    """Three steps, in a process of their own, which vLLM does not give back; the disagreement of the last one, whose weights were
    sent anew."""
    # Other names than transformers': these go into vLLM's SamplingParams.
    vllm = {"grpo.use_vllm": True, "grpo.generation_kwargs": {"min_tokens": setting.sizes.tokens}}
    profile, directory = setting.profile(setting.full_length() | vllm | changes), setting.room(name)
    code, said = end_child(start_child(setting, profile, "grpo", directory, parts=[GENERATION]), directory)
    if code:
        raise StageError(f"the training ended with {code}: {said}")
    meter, last = measured_by_child(directory, setting.device), rows_of(directory)[-1]
    generation = meter.part(GENERATION)
    shutil.rmtree(directory)
    mean = last[f"{_MISMATCH}/mean"]
    numbers = {"step s": meter.typical(), "generation s": generation}
    numbers |= {"generated tokens/s": setting.sizes.completions * setting.sizes.tokens / generation}
    numbers |= {"mean difference (nats)": mean, "largest": last[f"{_MISMATCH}/max"]}
    return Measured(numbers, () if within(mean, 0, BF16) else (f"vLLM and training differ by {mean:.3g} nats a token",))
