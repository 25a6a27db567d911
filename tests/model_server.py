"""`transformers serve`, a server that is not ours, for the tests that ask one."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

_LONGEST_START = 120  # seconds; some 15 on an idle core


def needs_serve(**skip) -> None:
    """Skips where the packages of `transformers serve` are not installed."""
    if missing := [name for name in ("openai", "fastapi", "uvicorn", "rich") if find_spec(name) is None]:
        pytest.skip(f"`transformers serve` needs {', '.join(missing)}: pip install 'transformers[serving]'", **skip)


@contextmanager
def transformers_serve(folder: Path, log_file: Path) -> Iterator[str]:
    """The address of a running server of the model in `folder`, which it knows by that path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(sys.executable).with_name("transformers"))
    command = [program, "serve", str(folder), "--port", str(port), "--device", "cpu", "--host", "127.0.0.1"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with open(log_file, "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    began = time.monotonic()
    try:
        while not _answers(f"http://127.0.0.1:{port}/health"):
            stopped = process.poll() is not None
            if stopped or time.monotonic() > began + _LONGEST_START:
                pytest.fail(f"the server {'ended' if stopped else 'did not start'}: {log_file.read_text()[-2000:]}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except OSError:
        return False
    return True
