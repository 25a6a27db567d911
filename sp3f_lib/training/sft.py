"""Stage 1: supervised fine-tuning on translated English solutions; and, in the lab, the training of the base model.

    max  mean log pi(t(y*) | t(x))        (arXiv 2601.18722, stage 1)

Both use TRL's SFTTrainer on prompt and completion; the loss is taken over the completion only.
"""

from pathlib import Path

from sp3f_lib.profiles import Profile


def train_base(directory: Path, profile: Profile) -> None:
    """Trains a lab base model by the recipe into `directory/model`."""
    from sp3f_lib.training.lab_model import base_rows, new_model, train_tokenizer

    recipe = profile.lab
    print("base: writing its texts and training a tokenizer", flush=True)
    tokenizer = train_tokenizer(recipe, tuple(recipe.shares), directory / "tokenizer")
    model = new_model(recipe, tokenizer, profile.seed)
    _train(directory, profile, profile.base, model, tokenizer, base_rows(recipe, profile.seed), "base")


def train_sft(directory: Path, profile: Profile, base: str, rows: list[dict], label: str = "sft") -> None:
    """Fine-tunes the model at `base` (a directory or hub id) on rows with translated solutions, into `directory/model`."""
    from sp3f_lib.evaluation.generate import load_model
    from sp3f_lib.training.common import lora_config

    model, tokenizer = load_model(base, profile.model.torch_dtype, profile.model.revision)
    examples = [
        {"prompt": row["input"], "completion": [{"role": "assistant", "content": row["translated_solution"]}]}
        for row in rows
    ]
    _train(directory, profile, profile.sft, model, tokenizer, examples, label, lora_config(profile))


def _train(
    directory: Path, profile: Profile, section: dict, model, tokenizer, examples: list[dict], label: str, lora=None
) -> None:
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
