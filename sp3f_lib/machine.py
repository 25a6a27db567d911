"""This machine and this process: processor, GPUs, threads and quiet libraries, memory, children that end with their parent."""

import atexit
import ctypes
import gc
import os
import platform
import resource
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

CHILD = "SP3F_CHILD"  # set in the environment of processes that a stage, a notebook or a worker's launcher started
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's mallopt
WORKER = "worker"  # its value in pipeline/workers.py, which watches its input itself
_VISIBLE = "CUDA_VISIBLE_DEVICES"
# 1: PR_SET_PDEATHSIG, 9: SIGKILL; elsewhere than on Linux there is no such call. The parent may have ended before it.
_BOUND = """
import ctypes, os, sys
getattr(ctypes.CDLL(None), "prctl", max)(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


@cache
def processor() -> str:
    """Such as `AMD EPYC 9B14, 2 cores`; what the platform says where /proc/cpuinfo does not. Equal seeds give equal numbers only
    where it is the same."""
    info, name = Path("/proc/cpuinfo"), platform.processor() or platform.machine()
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0] if names else name
    return f"{name}, {os.cpu_count()} cores"


def gpus() -> list[str]:
    """The GPUs that this process may use, each as CUDA_VISIBLE_DEVICES names it. CUDA is not begun by asking."""
    if (told := os.environ.get(_VISIBLE)) is not None:
        return [name for part in told.split(",") if (name := part.strip()) and not name.startswith("-")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def seeing(names: str | None) -> dict[str, str]:
    """What of the environment makes a process see only the GPUs `names`, such as "0,2"; "": none, None: those that there are."""
    return {} if names is None else {_VISIBLE: names}


@contextmanager
def only_gpus(names: str | None) -> Iterator[None]:
    """Within the block this process sees only these GPUs (`seeing`). For the time before CUDA begins: later it changes nothing."""
    before = os.environ.get(_VISIBLE)
    os.environ.update(seeing(names))
    try:
        yield
    finally:
        if before is not None:
            os.environ[_VISIBLE] = before
        elif names is not None:
            del os.environ[_VISIBLE]


def forget_peak_memory() -> None:
    """From here on `peak_memory` counts, where Linux allows it; elsewhere it counts from the start of the process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> float:
    """The most bytes that this process had in memory since `forget_peak_memory`."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024.0 * int(line.split()[1])
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def set_up(threads: int | None) -> None:
    """Thread count and quiet libraries. One thread count everywhere makes sums, and so results, repeatable."""
    import torch
    from datasets import disable_progress_bars
    from transformers.utils import logging

    if threads:
        torch.set_num_threads(threads)
    if not torch.cuda.is_available():
        keep_freed_memory()
    end_quickly()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for message in (".*gradient_checkpointing.*deprecated.*", ".*pin_memory.*", ".*torch.distributed.*is deprecated.*"):
        warnings.filterwarnings("ignore", message=message)
    disable_progress_bars()


def collect_seldom() -> None:
    """Lets Python search for garbage seldom: among all that torch and TRL import, that is a fifth of the time that imports take."""
    gc.set_threshold(100_000, 20, 20)


@cache
def end_quickly() -> None:
    """Spares this process the search for garbage at its end: among all that torch and TRL import it takes 1.7 s."""
    atexit.register(gc.freeze)


def keep_freed_memory() -> None:
    """Lets the C library keep what is freed, in place of giving every large tensor back to the system and asking for it anew.

    On a CPU the system's clearing of new pages takes 7 % of a training's time (LOG.md). Without glibc nothing changes.
    """
    with suppress(AttributeError, OSError):  # no glibc
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def end_with_parent() -> None:
    """In a child: ends this process when the parent's end of the pipe closes."""
    if os.environ.get(CHILD) not in (None, WORKER):

        def wait():
            while os.read(0, 1024):  # not sys.stdin, whose lock would trouble the interpreter's end
                pass
            os._exit(1)

        threading.Thread(target=wait, daemon=True).start()


def killed_with_parent(command: list[str]) -> list[str]:
    """The command of a program that is not ours, so that Linux kills it when the process that starts it ends, however that ends.

    A Python in between asks for that and becomes the program: to do so between fork and exec is not safe where there are threads.
    """
    return [sys.executable, "-c", _BOUND, str(os.getpid()), *command]
