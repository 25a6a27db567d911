"""Twenty optimiser steps of SP3FTrainer and of PreferenceTrainer on a tiny model: the reference trajectories.

`test_reference.py` runs them again and compares, so that an upgrade of TRL, transformers or torch that changes the mathematics
of loss or optimiser is seen. To accept such a change, and say so in the commit:

    PYTHONPATH=. python tests/training/make_reference.py        # rewrites tests/training/reference/trajectories.json

Nothing here is sampled from the model: another CPU has other last bits in its logits, and so other samples. Weights,
completions and pairs come from Python's own generator, and settings stand here rather than in toy.yaml, so that only the
mathematics is compared. Every batch of completions is used twice (`num_iterations: 2`), because the ratios, and with them the
clipping, come into play only off the policy that is being trained.
"""

import json
import platform
import random
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, PrinterCallback, TrainerCallback
from trl import DPOConfig, GRPOConfig

from sp3f_lib.base.model import CHAT_TEMPLATE, END, SPECIAL, new_model
from sp3f_lib.machine import set_up
from sp3f_lib.profiles.judge_section import Judge
from sp3f_lib.profiles.sections import LabModel
from sp3f_lib.runs import write_text
from sp3f_lib.training.grpo import SP3FTrainer
from sp3f_lib.training.preference import PreferenceTrainer

FILE = Path(__file__).parent / "reference" / "trajectories.json"
LIBRARIES = ("torch", "transformers", "trl", "accelerate")
COLUMNS = {
    "grpo": ("reward", "loss", "grad_norm", "clip_ratio/low_mean", "clip_ratio/high_mean", "moved"),
    "preference": (
        "loss",
        "loss/dpo",
        "loss/nll",
        "rewards/margins",
        "logps/chosen",
        "logps/rejected",
        "grad_norm",
        "moved",
    ),
}
WORDS = [f"w{n}" for n in range(100)]
LONGEST = 12
COMMON = {"max_steps": 20, "logging_steps": 1, "save_strategy": "no", "report_to": [], "disable_tqdm": True, "seed": 0}
COMMON |= {"bf16": False, "use_cpu": True, "gradient_checkpointing": False, "gradient_accumulation_steps": 2}
GRPO = {"per_device_train_batch_size": 4, "num_generations": 4, "num_iterations": 2, "max_completion_length": LONGEST}
GRPO |= {"loss_type": "dr_grpo", "scale_rewards": "none", "beta": 0.0, "epsilon": 0.2, "epsilon_high": 0.28}
GRPO |= {"learning_rate": 3e-3}
PREFERENCE = {"per_device_train_batch_size": 2, "loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 1.0], "beta": 0.5}
PREFERENCE |= {"learning_rate": 3e-3}


def make_tokenizer():
    """One token a word."""
    vocabulary = {word: n for n, word in enumerate([*SPECIAL, *WORDS])}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[0]))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    plain.add_special_tokens(list(SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, eos_token=END, pad_token=SPECIAL[0], padding_side="left", chat_template=CHAT_TEMPLATE
    )


def make_model(tokenizer):
    """The model of the lab at toy size, with weights large enough that its predictions differ from token to token."""
    recipe = LabModel(hidden_size=32, layers=1, heads=4, key_value_heads=1, intermediate_size=64)
    model, rng = new_model(recipe, tokenizer, 0), random.Random(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.copy_(torch.tensor([rng.gauss(0, 0.1) for _ in range(weight.numel())]).view_as(weight))
    return model


def words(rng: random.Random, longest: int = LONGEST) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, longest)))


def message(role: str, content: str) -> list[dict]:
    return [{"role": role, "content": content}]


class FixedCompletions(SP3FTrainer):
    """Takes its completions from a generator that does not know the model."""

    completions_rng: random.Random

    def _generate_single_turn(self, prompt_ids, *_, **__):
        end = [self.processing_class.eos_token_id]
        texts = [words(self.completions_rng, LONGEST - 1) for _ in prompt_ids]
        return [self.processing_class(text)["input_ids"] + end for text in texts], None


def early_words(completions, **_) -> list[float]:
    """The share of words below w50: a reward that depends on the text alone."""
    texts = [completion[-1]["content"].split() for completion in completions]
    return [sum(int(word[1:]) < 50 for word in text) / len(text) for text in texts]


def has_w7(completions, **_) -> list[float]:
    return [float("w7" in completion[-1]["content"]) for completion in completions]


class Moved(TrainerCallback):
    """How far the weights are from where they started, after each step."""

    def on_train_begin(self, args, state, control, model, **kwargs):
        self.start, self.moved = [p.detach().clone() for p in model.parameters()], []

    def on_step_end(self, args, state, control, model, **kwargs):
        squares = [(p.detach() - s).pow(2).sum() for p, s in zip(model.parameters(), self.start, strict=True)]
        self.moved.append(torch.stack(squares).sum().sqrt().item())


def grpo(trainer_class=FixedCompletions, **changes) -> list[dict]:
    """The trajectory of SP3FTrainer without judge, with `changes` to its settings."""
    rng, tokenizer = random.Random(1), make_tokenizer()
    with TemporaryDirectory() as folder:
        trainer = trainer_class(
            model=make_model(tokenizer),
            args=GRPOConfig(**COMMON | GRPO | {"output_dir": folder, "reward_weights": [1.0, 0.5]} | changes),
            reward_funcs=[early_words, has_w7],
            train_dataset=Dataset.from_list([{"prompt": message("user", words(rng))} for _ in range(6)]),
            processing_class=tokenizer,
            judge=None,
            judge_settings=Judge(),
        )
        trainer.completions_rng = rng
        return _run(trainer, COLUMNS["grpo"])


def preference(trainer_class=PreferenceTrainer, **changes) -> list[dict]:
    """The trajectory of PreferenceTrainer, with `changes` to its settings."""
    rng, tokenizer = random.Random(2), make_tokenizer()
    pairs = [
        {"prompt": message("user", words(rng))} | {s: message("assistant", words(rng)) for s in ("chosen", "rejected")}
        for _ in range(16)
    ]
    with TemporaryDirectory() as folder:
        trainer = trainer_class(
            model=make_model(tokenizer),
            ref_model=make_model(tokenizer),
            args=DPOConfig(**COMMON | PREFERENCE | {"output_dir": folder} | changes),
            train_dataset=Dataset.from_list(pairs),
            processing_class=tokenizer,
        )
        return _run(trainer, COLUMNS["preference"])


def installed() -> dict[str, str]:
    """Versions of what decides the numbers."""
    return {name: version(name) for name in LIBRARIES} | {"machine": platform.machine()}


def _run(trainer, columns) -> list[dict]:
    moved = Moved()
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(moved)
    trainer.train()
    steps = [row for row in trainer.state.log_history if "loss" in row]
    return [
        {name: row[name] for name in columns if name in row} | {"moved": far}
        for row, far in zip(steps, moved.moved, strict=True)
    ]


def main() -> None:
    set_up(1)
    parts = {"grpo": grpo(), "preference": preference()}
    rows = {name: ",\n  ".join(json.dumps(row) for row in steps) for name, steps in parts.items()}
    body = "".join(f',\n "{name}": [\n  {lines}\n ]' for name, lines in rows.items())
    FILE.parent.mkdir(exist_ok=True)
    write_text(FILE, f'{{"versions": {json.dumps(installed())}{body}}}\n')
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
