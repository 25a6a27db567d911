"""`sp3f gpu-check`: whether the library trains on this machine's GPUs as it should."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sp3f_lib.commands.app import LOOK, verb
from sp3f_lib.commands.stage import begin
from sp3f_lib.lab.shipped import SMOLLM2
from sp3f_lib.machine import gpus, only_gpus
from sp3f_lib.profiles import load_profile


@verb(LOOK, "gpu-check")
def gpu_check(
    minutes: Annotated[float, typer.Option(min=0, help="after them no further check is begun")] = 10.0,
    device: Annotated[Literal["cuda", "cpu"], typer.Option(help="cpu: the same program at toy size")] = "cuda",
    model: Annotated[
        str | None,
        typer.Option(
            help="smollm2, lab, model directory or hub id (default: random weights, of Qwen2.5-0.5B's shape on a GPU)"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the report as JSON (default: runs/gpu-check/report.json)")
    ] = None,
    two_processes: Annotated[bool, typer.Option("--two-processes", help="also two trainings at once on one device")] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="only checks with this in their name; may be given again")
    ] = None,
) -> int:
    """Check training on this machine's GPUs: numbers, speed, memory, kills; ends with 1 if anything failed."""
    begin()
    there = tuple(gpus()) if device == "cuda" else ()
    with only_gpus(there[0] if there else None):  # before anything is imported that might begin CUDA
        from sp3f_lib.audits.gpu.program import gpu_check as check

        if model == SMOLLM2:
            from sp3f_lib.pipeline.models import smollm2

            model = str(smollm2(load_profile("laptop")) / "model")
        return 0 if check(device, there, minutes, model, out, two_processes, only) else 1
