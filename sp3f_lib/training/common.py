"""What SFT and GRPO share: checkpoints that are complete or absent (checkpoints.py), `metrics.jsonl`, progress.

`metrics.jsonl` is rewritten from the trainer's own history, so a resumed run has every step once.

In several processes the first one writes; the others wait for it where they would read. A file `.stop` in the stage's folder
(a signal makes it, see processes.py) ends the training after the step at hand, with a checkpoint.
"""

import json
import os
import random
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import PrinterCallback, TrainerCallback
from transformers.integrations.deepspeed import set_hf_deepspeed_config, unset_hf_deepspeed_config

from sp3f_lib.profiles import Profile
from sp3f_lib.progress import Progress
from sp3f_lib.runs import StageError, Stopped, write_text
from sp3f_lib.training.alarms import Watch
from sp3f_lib.training.checkpoints import CHECKPOINTS, COMPLETE, clear_incomplete, last_checkpoint, last_step
from sp3f_lib.training.processes import STOP
from sp3f_lib.training.tracking import reporters

METRICS = "metrics.jsonl"
MODEL = "model"
# Kept out of the metrics, because they differ between equal runs: the clock, and TRL's count of tokens since the last start.
_NOT_THE_RUN = {"step_time", "num_tokens"}


def trainer_settings(section: dict, directory: Path, seed: int) -> dict:
    """A profile section with what every stage sets itself: where it writes, its seed, and no side effects."""
    return section | {
        "output_dir": str(directory / CHECKPOINTS),
        "seed": seed,
        "report_to": [],
        "disable_tqdm": True,
        "save_total_limit": max(2, section.get("save_total_limit", 2)),
        # Every weight is used in every step of these models; looking for others costs a pass over the graph.
        "ddp_find_unused_parameters": section.get("ddp_find_unused_parameters", False),
    }


def lora_config(profile: Profile):
    """The profile's section `lora` as peft's `LoraConfig`; None if it is empty, that is, if all weights are trained."""
    if not profile.lora:
        return None
    from peft import LoraConfig

    return LoraConfig(**{"task_type": "CAUSAL_LM", "revision": profile.model.revision} | profile.lora)


def head_on_completions_only() -> None:
    """Lets TRL's language-model head leave out prompts and padding on a CPU too: a third of the lab's SFT.

    TRL does so on GPUs and scores everything elsewhere, for the sake of compilers that want fixed shapes; none is at work here. The
    losses are the same (`tests/training/test_shared_prompts.py`).
    """
    from trl.trainer import utils

    utils._use_triton = lambda device: True  # in that module it decides this and nothing else


def train(trainer, directory: Path, label: str, profile: Profile) -> None:
    """Trains from the last complete checkpoint, then exports model and tokenizer to `directory/model`.

    Alarms and tracking are those of the profile.
    """
    if (directory / MODEL).is_dir():  # killed after the last step, before the stage's manifest
        return
    head_on_completions_only()
    if trainer.is_world_process_zero():
        shutil.rmtree(directory / f".{MODEL}.partial", ignore_errors=True)
        clear_incomplete(directory)
    trainer.accelerator.wait_for_everyone()
    trainer.remove_callback(PrinterCallback)
    recorder, watch = Recorder(directory, label, tuple(profile.rewards.more)), Watch(profile.alarms, label)
    checkpoint = last_checkpoint(directory)
    callbacks = [recorder, watch]
    if trainer.is_world_process_zero():
        callbacks += reporters(profile.tracking, directory, label, last_step(directory) or 0)
    for callback in callbacks:
        trainer.add_callback(callback)
    try:
        trainer.train(resume_from_checkpoint=checkpoint)
        if recorder.stopped:
            step = trainer.state.global_step
            raise Stopped(f"{label}: stopped at step {step}, which is saved; the same command goes on from there")
        watch.check()
        save_model(trainer, directory / MODEL)
    except OSError as error:
        raise StageError(
            f"{label}: could not write to {directory}: {error}. Nothing finished is lost: free some space and start again, "
            f"it goes on from {last_checkpoint(directory) or 'the beginning'}."
        ) from error
    if trainer.is_world_process_zero():
        shutil.rmtree(directory / CHECKPOINTS)


def save_model(trainer, path: Path) -> None:
    """A plain Hugging Face directory (safetensors, tokenizer, chat template), complete or absent; LoRA weights are merged."""
    partial = path.with_name(f".{path.name}.partial")
    trainer.save_model(str(partial))
    if not trainer.is_world_process_zero():
        return
    if (partial / "adapter_config.json").is_file():
        _merge(trainer, partial)
    trainer.processing_class.save_pretrained(partial)
    (partial / "training_args.bin").unlink(missing_ok=True)
    os.replace(partial, path)


def _merge(trainer, path: Path) -> None:
    """Puts the whole model in place of the adapter at `path`. The base model is read again, in float32 and from the disk:
    in training it may be sharded, and a small change added in bf16 would be lost before the last rounding."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    trained = trainer.accelerator.unwrap_model(trainer.model)
    config, revision = trained.get_base_model().config, trained.active_peft_config.revision
    with _loading_whole(trainer):
        base = AutoModelForCausalLM.from_pretrained(config.name_or_path, revision=revision, dtype=torch.float32)
        merged = PeftModel.from_pretrained(base, path).merge_and_unload().to(config.dtype)
    merged.config, merged.generation_config = config, trained.get_base_model().generation_config
    shutil.rmtree(path)
    merged.save_pretrained(path)


@contextmanager
def _loading_whole(trainer):
    """Lets one process load a model by itself. Under ZeRO-3 transformers and peft would shard it over all processes, and wait for
    the others, which load nothing."""
    if not trainer.is_deepspeed_enabled:
        yield
        return
    unset_hf_deepspeed_config()
    try:
        yield
    finally:
        set_hf_deepspeed_config(trainer.accelerator.state.deepspeed_plugin.hf_ds_config)


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
    """Marks checkpoints as complete, writes the metrics, prints progress with the time that is left.

    `own`: names of reward terms of one's own (`rewards.more`), whose means are shown behind the others.
    """

    def __init__(self, directory: Path, label: str, own: Sequence[str] = ()):
        self.directory, self.label, self.stopped = directory, label, False
        self.shown = (*_SHOWN, *((f"rewards/{name}/mean", name.replace("_", " ")) for name in own))

    def on_train_begin(self, args, state, control, **kwargs):
        if not state.is_world_process_zero:
            return
        if state.global_step:
            print(f"{self.label}: goes on from step {state.global_step}", flush=True)
        self.progress = Progress(self.label, self.directory, state.global_step)
        self.progress.begin(f"step {state.global_step}/{state.max_steps}", state.max_steps)

    def on_save(self, args, state, control, **kwargs):
        PartialState().wait_for_everyone()  # every process writes a part
        if state.is_world_process_zero:
            path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            (path / COMPLETE).write_text(str(state.global_step))

    def on_log(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            # The last row, without a loss, sums up the time since the last start: no metric of the run.
            rows = [{k: v for k, v in row.items() if k not in _NOT_THE_RUN} for row in state.log_history if "loss" in row]
            lines = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
            write_text(self.directory / METRICS, lines)

    def on_step_end(self, args, state, control, **kwargs):
        # The first process decides: another might see the file a step earlier, and wait for the others for ever.
        if broadcast_object_list([(self.directory / STOP).exists()])[0] and state.global_step < state.max_steps:
            self.stopped = control.should_save = control.should_training_stop = True
        if not state.is_world_process_zero:
            return
        shown = [f"{name} {state.log_history[-1][key]:.2f}" for key, name in self.shown if _logged(state, key)]
        if state.log_history and (missing := state.log_history[-1].get("judge/no_verdict", 0.0)) > _MISSING:
            shown.append(f"no verdict {missing:.0%}")
        step = f"step {state.global_step}/{state.max_steps}"
        self.progress.at(state.global_step, state.max_steps, ", ".join([step, *shown]))


_MISSING = 0.01  # share of comparisons without a verdict from which it is said
_SHOWN = (
    ("loss", "loss"),
    ("rewards/accuracy/mean", "accuracy"),
    ("rewards/fidelity/mean", "fidelity"),
    ("rewards/win_rate/mean", "win rate"),
    ("rewards/score/mean", "score"),
)


def _logged(state, key: str) -> bool:
    if not state.log_history or (key == "loss" and "reward" in state.log_history[-1]):
        return False
    return isinstance(state.log_history[-1].get(key), float)
