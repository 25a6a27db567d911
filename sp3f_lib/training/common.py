"""What SFT and GRPO share: checkpoints that are complete or absent, `metrics.jsonl`, progress lines, threads.

A checkpoint counts only once it holds `COMPLETE`, written after everything else; a run that was killed while saving goes on
from the one before. `metrics.jsonl` is rewritten from the trainer's own history, so a resumed run has every step once.
"""

import json
import os
import random
import shutil
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from transformers import PrinterCallback, TrainerCallback
from transformers.utils import logging as transformers_logging

from sp3f_lib.runs import StageError, write_text

COMPLETE = "COMPLETE"
CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
MODEL = "model"
# Kept out of the metrics, because they differ between equal runs: the clock, and TRL's count of tokens since the last start.
_NOT_THE_RUN = {"step_time", "num_tokens"}


def set_up(threads: int | None) -> None:
    """Thread count and quiet libraries. One thread count everywhere makes sums, and so results, repeatable."""
    if threads:
        torch.set_num_threads(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*deprecated.*")
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    from datasets import disable_progress_bars

    disable_progress_bars()


def trainer_settings(section: dict, directory: Path, seed: int) -> dict:
    """A profile section with what every stage sets itself: where it writes, its seed, and no side effects."""
    return section | {
        "output_dir": str(directory / CHECKPOINTS),
        "seed": seed,
        "report_to": [],
        "disable_tqdm": True,
        "save_total_limit": max(2, section.get("save_total_limit", 2)),
    }


def last_checkpoint(directory: Path) -> str | None:
    """The newest complete checkpoint; those that a kill or a full disk left unfinished are removed."""
    complete = []
    for path in (directory / CHECKPOINTS).glob("checkpoint-*"):
        if (path / COMPLETE).is_file():
            complete.append(path)
        else:
            shutil.rmtree(path)
    newest = max(complete, key=lambda path: int(path.name.rsplit("-", 1)[1]), default=None)
    return str(newest) if newest else None


def train(trainer, directory: Path, label: str) -> None:
    """Trains from the last complete checkpoint, then exports model and tokenizer to `directory/model`."""
    if (directory / MODEL).is_dir():  # killed after the last step, before the stage's manifest
        return
    if trainer.is_world_process_zero():
        shutil.rmtree(directory / f".{MODEL}.partial", ignore_errors=True)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Recorder(directory, label))
    checkpoint = last_checkpoint(directory)
    try:
        trainer.train(resume_from_checkpoint=checkpoint)
        save_model(trainer, directory / MODEL)
    except OSError as error:
        raise StageError(
            f"{label}: could not write to {directory}: {error}. Nothing finished is lost: free some space and start again, "
            f"it goes on from {last_checkpoint(directory) or 'the beginning'}."
        ) from error
    if trainer.is_world_process_zero():
        shutil.rmtree(directory / CHECKPOINTS)


def save_model(trainer, path: Path) -> None:
    """A plain Hugging Face directory (safetensors, tokenizer, chat template), complete or absent."""
    partial = path.with_name(f".{path.name}.partial")
    trainer.save_model(str(partial))
    if not trainer.is_world_process_zero():
        return
    trainer.processing_class.save_pretrained(partial)
    (partial / "training_args.bin").unlink(missing_ok=True)
    os.replace(partial, path)


class StopAtCheckpoint:
    """For a Trainer: a `StageError` while a batch is prepared (the judge cannot go on) leaves a checkpoint of the last step.

    The random states go into it as they were at the end of that step, so the run that goes on makes the same batch again.
    """

    _states = None

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        self._states = _random_states()
        return loss

    def _prepare_inputs(self, inputs):
        try:
            return super()._prepare_inputs(inputs)
        except StageError:
            between_steps = self._step % self.args.gradient_accumulation_steps == 0
            if self.model.training and between_steps and self._states:
                _restore(self._states)
                self._save_at_stop()
            raise

    def _save_at_stop(self) -> None:
        path = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        if not (path / COMPLETE).is_file():
            self._save_checkpoint(self.model, None)
            self.control = self.callback_handler.on_save(self.args, self.state, self.control)


def _random_states() -> tuple:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda


def _restore(states: tuple) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    if states[3] is not None:
        torch.cuda.set_rng_state_all(states[3])


class Recorder(TrainerCallback):
    """Marks checkpoints as complete, writes the metrics, prints progress with the time that is left."""

    def __init__(self, directory: Path, label: str):
        self.directory, self.label = directory, label

    def on_train_begin(self, args, state, control, **kwargs):
        self.began, self.first, self.printed = time.monotonic(), state.global_step, -1
        if state.global_step:
            print(f"{self.label}: goes on from step {state.global_step}", flush=True)

    def on_save(self, args, state, control, **kwargs):
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        (path / COMPLETE).write_text(str(state.global_step))

    def on_log(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            # The last row, without a loss, sums up the time since the last start: no metric of the run.
            rows = [{k: v for k, v in row.items() if k not in _NOT_THE_RUN} for row in state.log_history if "loss" in row]
            lines = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
            write_text(self.directory / METRICS, lines)

    def on_step_end(self, args, state, control, **kwargs):
        tenth = 10 * state.global_step // state.max_steps
        if (tenth == self.printed and state.global_step - self.first != 1) or not state.is_world_process_zero:
            return
        self.printed = tenth
        rate = (time.monotonic() - self.began) / (state.global_step - self.first)
        left = rate * (state.max_steps - state.global_step)
        shown = [f"{name} {state.log_history[-1][key]:.2f}" for key, name in _SHOWN if _logged(state, key)]
        print(
            f"{self.label}: step {state.global_step}/{state.max_steps}, {', '.join([*shown, f'{left:.0f} s left'])}",
            flush=True,
        )


_SHOWN = (
    ("loss", "loss"),
    ("rewards/accuracy/mean", "accuracy"),
    ("rewards/fidelity/mean", "fidelity"),
    ("rewards/win_rate/mean", "win rate"),
)


def _logged(state, key: str) -> bool:
    if not state.log_history or (key == "loss" and "reward" in state.log_history[-1]):
        return False
    return isinstance(state.log_history[-1].get(key), float)


def progress_printer(label: str):
    """A progress function `(done, total)` that prints about ten lines with the time that is left."""
    began, printed = time.monotonic(), [-1]

    def show(done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenth > printed[0] and sys.stdout:
            printed[0] = tenth
            left = (time.monotonic() - began) / done * (total - done)
            print(f"{label}: {done}/{total} answers, {left:.0f} s left", flush=True)

    return show
