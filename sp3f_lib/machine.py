"""This machine and this process: the processor's name, threads and quiet libraries, and children that end with their parent."""

import ctypes
import os
import platform
import threading
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path

CHILD = "SP3F_CHILD"  # set in the environment of processes that a stage, a notebook or a worker's launcher started
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's mallopt
WORKER = "worker"  # its value in pipeline/workers.py, which watches its input itself


@cache
def processor() -> str:
    """Such as `AMD EPYC 9B14, 2 cores`; what the platform says where /proc/cpuinfo does not. Equal seeds give equal numbers only
    where it is the same."""
    info, name = Path("/proc/cpuinfo"), platform.processor() or platform.machine()
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0] if names else name
    return f"{name}, {os.cpu_count()} cores"


def set_up(threads: int | None) -> None:
    """Thread count and quiet libraries. One thread count everywhere makes sums, and so results, repeatable."""
    import torch
    from datasets import disable_progress_bars
    from transformers.utils import logging

    if threads:
        torch.set_num_threads(threads)
    if not torch.cuda.is_available():
        keep_freed_memory()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for message in (".*gradient_checkpointing.*deprecated.*", ".*pin_memory.*", ".*torch.distributed.*is deprecated.*"):
        warnings.filterwarnings("ignore", message=message)
    disable_progress_bars()


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
