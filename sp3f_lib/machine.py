"""The name of this machine's processor: equal seeds give equal numbers only where it is the same."""

import platform
from functools import cache
from pathlib import Path


@cache
def processor() -> str:
    """Such as `AMD EPYC 9B14, 2 cores`; what the platform says where /proc/cpuinfo does not."""
    import os

    info, name = Path("/proc/cpuinfo"), platform.processor() or platform.machine()
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0] if names else name
    return f"{name}, {os.cpu_count()} cores"
