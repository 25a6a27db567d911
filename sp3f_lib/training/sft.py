"""Supervised fine-tuning: stage 1 on translated English solutions, LIDR's baseline, and the lab's base model (base/recipe.py).

    max  mean log pi(t(y*) | t(x))        (arXiv 2601.18722, stage 1)

TRL's SFTTrainer on prompt and completion; the loss is taken over the completion only.
"""

from pathlib import Path

from sp3f_lib.profiles import Profile


def train_sft(directory: Path, profile: Profile, base: str, rows: list[dict], label: str = "sft") -> None:
    """Fine-tunes the model at `base` (a directory or hub id) on rows with translated solutions, into `directory/model`."""
    from sp3f_lib.generation.local import load_model
    from sp3f_lib.training.common import lora_config

    model, tokenizer = load_model(base, profile.model.torch_dtype, profile.model.revision)
    examples = [
        {"prompt": row["input"], "completion": [{"role": "assistant", "content": row["translated_solution"]}]}
        for row in rows
    ]
    train_on_examples(directory, profile, profile.sft, model, tokenizer, examples, label, lora_config(profile))


def train_on_examples(
    directory: Path, profile: Profile, section: dict, model, tokenizer, examples: list[dict], label: str, lora=None
) -> None:
    """Trains `model` on examples of `prompt` and `completion` (chat messages) by a section of the profile."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from sp3f_lib.training.common import train, trainer_settings

    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**trainer_settings(section, directory, profile.seed)),
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
        peft_config=lora,
    )
    train(trainer, directory, label, profile)
