"""Supervised fine-tuning: stage 1 on translated English solutions, LIDR's baseline, and the lab's base model (base/recipe.py).

    max  mean log pi(t(y*) | t(x))        (arXiv 2601.18722, stage 1)

TRL's SFTTrainer on prompt and completion; the loss is taken over the completion only.
"""

from pathlib import Path

from sp3f_lib.profiles import Profile


def train_sft(directory: Path, profile: Profile, base: str, rows: list[dict], label: str = "sft") -> None:
    """Fine-tunes the model at `base` (a directory or hub id) on rows with translated solutions, into `directory/model`."""
    from sp3f_lib.training.common import train

    train(sft_trainer(directory, profile, base, rows), directory, label, profile)


def sft_trainer(directory: Path, profile: Profile, base: str, rows: list[dict]):
    """TRL's `SFTTrainer` of `train_sft`, the model at `base` loaded."""
    from sp3f_lib.generation.local import load_model
    from sp3f_lib.training.common import lora_config

    model, tokenizer = load_model(base, profile.model.torch_dtype, profile.model.revision)
    examples = [
        {"prompt": row["input"], "completion": [{"role": "assistant", "content": row["translated_solution"]}]}
        for row in rows
    ]
    return _trainer(directory, profile, profile.sft, model, tokenizer, examples, lora_config(profile))


def train_on_examples(
    directory: Path, profile: Profile, section: dict, model, tokenizer, examples: list[dict], label: str
) -> None:
    """Trains `model` on examples of `prompt` and `completion` (chat messages) by a section of the profile."""
    from sp3f_lib.training.common import train

    train(_trainer(directory, profile, section, model, tokenizer, examples), directory, label, profile)


def _trainer(directory: Path, profile: Profile, section: dict, model, tokenizer, examples: list[dict], lora=None):
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from sp3f_lib.training.common import trainer_settings

    return SFTTrainer(
        model=model,
        args=SFTConfig(**trainer_settings(section, directory, profile.seed)),
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
        peft_config=lora,
    )
