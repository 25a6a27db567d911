"""The device that is checked: what it is, whether it can be used at all, its clock and its peak memory.

What makes the check impossible is one line: no GPU, a torch without CUDA, a driver that torch cannot use, no bf16, too little
memory. A driver is asked by `nvidia-smi`, where that is there.
"""

import shutil
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from sp3f_lib.forecast.memory import GB
from sp3f_lib.generation.engines import free_gpu
from sp3f_lib.machine import forget_peak_memory, peak_memory, processor
from sp3f_lib.runs import StageError

CPU_INSTEAD = "`--device cpu` runs the same program at toy size"


@dataclass(frozen=True)
class Device:
    """`kind` is cuda or cpu; memory in bytes, `free` at the start; `count` GPUs are there, of which the first is used."""

    kind: str
    name: str
    total: float
    free: float
    bf16: bool = True
    count: int = 1
    capability: str = ""
    driver: str = ""

    @property
    def on_gpu(self) -> bool:
        return self.kind == "cuda"

    def about(self) -> dict:
        """For the report, memory in GB."""
        return asdict(self) | {"total": round(self.total / GB, 2), "free": round(self.free / GB, 2)}

    def __str__(self) -> str:
        if not self.on_gpu:
            return f"CPU {self.name}, {self.free / GB:.1f} of {self.total / GB:.1f} GB free"
        several = f"{self.count} x " if self.count > 1 else ""
        details = f"{self.free / GB:.1f} of {self.total / GB:.1f} GB free, compute capability {self.capability}"
        return f"{several}{self.name}, {details}, driver {self.driver or 'unknown'}"


def find_device(kind: str, count: int = 1) -> Device:
    """The first GPU of `count`, or the CPU, as `kind` says; `StageError` in one line where there is no GPU that can be used.

    Within `machine.only_gpus`: this is where CUDA begins.
    """
    import torch

    if kind == "cpu":
        memory = psutil.virtual_memory()
        return Device("cpu", processor(), memory.total, memory.available)
    check_cuda(torch.__version__, torch.version.cuda, count, torch.cuda.is_available)
    if torch.cuda.device_count() > 1:  # CUDA had begun before this process was told to see one
        raise StageError(
            "several GPUs are seen, where TRL does not train in one process: start this with CUDA_VISIBLE_DEVICES=0"
        )
    found = torch.cuda.get_device_properties(0)
    free, total = torch.cuda.mem_get_info(0)
    bf16, capability = torch.cuda.is_bf16_supported(including_emulation=False), f"{found.major}.{found.minor}"
    return Device("cuda", found.name, total, free, bf16, count, capability, _driver())


def check_cuda(version: str, cuda: str | None, count: int, usable) -> None:
    """`StageError` where torch sees no GPU: of its version, the CUDA that it was built for, GPUs that are seen, `usable()`."""
    if cuda is None:
        raise StageError(
            f"no GPU can be used: torch {version} was built without CUDA (environment.yml has one); {CPU_INSTEAD}"
        )
    if not count:
        raise StageError(f"no GPU is there, or CUDA_VISIBLE_DEVICES hides it; {CPU_INSTEAD}")
    if not usable():
        raise StageError(
            f"{count} GPU{'s are' if count > 1 else ' is'} there, but torch {version} cannot use the driver: it was built for CUDA "
            f"{cuda}; `nvidia-smi` says which one the driver knows. {CPU_INSTEAD}"
        )


def check_device(device: Device, needed: float) -> None:
    """`StageError` if a GPU has no bf16, or less memory free than `needed` bytes, those of the smallest training."""
    if not device.bf16:
        raise StageError(
            f"{device.name} (compute capability {device.capability}, driver {device.driver or 'unknown'}) has no bf16, in which "
            "the profiles for GPUs train; take an Ampere or later one"
        )
    if needed > device.free:
        place = "the GPU" if device.on_gpu else "the machine"
        raise StageError(
            f"{place} has too little memory: {device.free / GB:.1f} of {device.total / GB:.1f} GB are free, the smallest training "
            f"needs {needed / GB:.1f} GB; end what else runs there, or take a smaller model (--model)"
        )


def settle(device: Device) -> None:
    """Waits for the GPU, so that a clock read next is right."""
    if device.on_gpu:
        import torch

        torch.cuda.synchronize()


def free(device: Device) -> None:
    """Gives back what finished trainings held of the GPU. On a CPU at toy size it is not worth the time of looking for it."""
    if device.on_gpu:
        free_gpu()


def begin_peak(device: Device) -> None:
    """From here on `peak` counts."""
    if device.on_gpu:
        import torch

        torch.cuda.reset_peak_memory_stats()
    else:
        forget_peak_memory()


def peak(device: Device) -> float:
    """Most bytes since `begin_peak`: what torch had allocated of the GPU, or what this process had of the machine."""
    if device.on_gpu:
        import torch

        return float(torch.cuda.max_memory_allocated())
    return peak_memory()


def _driver() -> str:
    if not shutil.which("nvidia-smi"):
        version = Path("/proc/driver/nvidia/version")
        return version.read_text().splitlines()[0].strip() if version.is_file() else ""
    with suppress(subprocess.SubprocessError, OSError):
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.splitlines()[0].strip()
    return ""
