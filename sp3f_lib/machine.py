"""This machine and this process: the processor's name, threads and quiet libraries, and children that end with their parent."""

import os
import platform
import threading
import warnings
from functools import cache
from pathlib import Path

CHILD = "SP3F_CHILD"  # set in the environment of processes that a stage, a notebook or a worker's launcher started
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
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for message in (".*gradient_checkpointing.*deprecated.*", ".*pin_memory.*", ".*torch.distributed.*is deprecated.*"):
        warnings.filterwarnings("ignore", message=message)
    disable_progress_bars()


def end_with_parent() -> None:
    """In a child: ends this process when the parent's end of the pipe closes."""
    if os.environ.get(CHILD) not in (None, WORKER):

        def wait():
            while os.read(0, 1024):  # not sys.stdin, whose lock would trouble the interpreter's end
                pass
            os._exit(1)

        threading.Thread(target=wait, daemon=True).start()
