"""Tokens that a training of stage 2 generated: the measure by which it is compared with what only answers and translates."""

import json
from pathlib import Path

from sp3f_lib.runs import read_manifest


def generated_tokens(stage: Path, seed: int | None = None) -> int | None:
    """Completion tokens, end tokens included, of a finished training with section `grpo`; None for another stage, or seed.

    From `metrics.jsonl`: mean length x completions a step. Prompts are not counted, nor what a judge wrote.
    """
    manifest = read_manifest(stage)
    if not manifest or "grpo" not in manifest["settings"] or seed not in (None, manifest["settings"]["seed"]):
        return None
    section = manifest["settings"]["grpo"]
    each = completions_a_step(section, manifest["settings"].get("launch", {}).get("processes", 1))
    total, before = 0.0, 0
    for line in (stage / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        total += (row["step"] - before) * each * row["completions/mean_length"]
        before = row["step"]
    return round(total / section.get("num_iterations", 1))


def most_tokens(section: dict, processes: int = 1) -> int:
    """The most that section `grpo` can generate: every completion as long as it may be.

    >>> most_tokens({"max_steps": 10, "per_device_train_batch_size": 4, "max_completion_length": 100})
    4000
    """
    steps = max(section.get("max_steps", 0), 0)
    return (
        steps
        * completions_a_step(section, processes)
        * section.get("max_completion_length", 256)
        // section.get("num_iterations", 1)
    )


def completions_a_step(section: dict, processes: int) -> int:
    """Completions of one optimiser step."""
    return section.get("per_device_train_batch_size", 8) * section.get("gradient_accumulation_steps", 1) * processes
