"""Stage 2: GRPO in its Dr. GRPO form, with verifiable rewards and the win rate of a pairwise judge.

    R_i = accuracy + parseable + fidelity + win rate,   advantage_i = R_i - mean of the group        (arXiv 2601.18722)

`SP3FTrainer` is TRL's GRPOTrainer with one method changed, in these ways:

1. TRL's reward functions see only the rows of their own process. Here whole groups are gathered, judged once on the main
   process, and handed back.
2. TRL turns a missing reward beside another into 0, that is, a loss. Here a group without any verdict gets the same win rate
   for everyone, which cancels in the advantage.
3. What the paper argues about is measured: groups without a correct answer, and groups without any signal.

TRL's defaults are not the paper's: the profiles set `loss_type: dr_grpo`, `scale_rewards: none`, `beta: 0`, `epsilon: 0.2`,
`epsilon_high: 0.28`, and bf16 and gradient checkpointing explicitly.
"""

import asyncio
from pathlib import Path

import torch
from accelerate.utils import broadcast_object_list, gather_object
from trl import GRPOConfig, GRPOTrainer

from sp3f_lib.data.schema import english_question
from sp3f_lib.judges.base import Judge
from sp3f_lib.judges.pairs import group_pairs
from sp3f_lib.profiles import Judge as JudgeSettings
from sp3f_lib.profiles import Profile
from sp3f_lib.rewards.pairwise import win_rates
from sp3f_lib.rewards.verifiable import verifiable_terms

# What a group without any verdict gets: the same for all, so it cancels.
NO_VERDICT = 0.5


def win_rate(completions, **_) -> list[float]:
    """The place of the judge's term among TRL's reward functions; SP3FTrainer fills it once whole groups are together."""
    return [NO_VERDICT] * len(completions)


class SP3FTrainer(GRPOTrainer):
    """GRPOTrainer whose last reward, if there is a `judge`, is the win rate within the group.

    Rows need `question` and `reference` (English) beside the columns that the verifiable rewards read.
    """

    def __init__(self, *args, judge: Judge | None, judge_settings: JudgeSettings, **kwargs):
        super().__init__(*args, **kwargs)
        self.judge, self.judge_settings = judge, judge_settings

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)  # (all rows, terms)
        if self.judge is not None:
            local = [
                (row["question"], row["reference"], c[-1]["content"]) for row, c in zip(inputs, completions, strict=True)
            ]
            rows = gather_object(local)
            rates = [self._judge_groups(rows) if self.accelerator.is_main_process else None]
            rewards[:, -1] = torch.tensor(broadcast_object_list(rates)[0], device=rewards.device)
        self._log_groups(rewards)
        return rewards

    def _judge_groups(self, rows: list[tuple[str, str, str]]) -> list[float]:
        size, groups = self.num_generations if self.model.training else self.num_generations_eval, []
        for start in range(0, len(rows), size):
            question, reference, _ = rows[start]
            if any(row[:2] != (question, reference) for row in rows[start : start + size]):
                raise RuntimeError(f"rows {start} to {start + size} are not one group: {question[:80]!r}")
            shown = reference if self.judge_settings.privilege == "solution" else None
            responses = [row[2] for row in rows[start : start + size]]
            groups.append(group_pairs(self.judge_settings.schedule, question, responses, shown))
        verdicts = iter(asyncio.run(self.judge.compare([pair for pairs in groups for pair in pairs])))
        rates, missing, asked = [], 0, 0
        for pairs in groups:
            given = [next(verdicts) for _ in pairs]
            missing, asked = missing + sum(v.preference is None for v in given), asked + len(given)
            rates += win_rates(pairs, given, size) or [NO_VERDICT] * size
        self._metrics["train" if self.model.training else "eval"]["judge/no_verdict"].append(missing / max(asked, 1))
        return rates

    def _log_groups(self, rewards: torch.Tensor) -> None:
        """Shares of groups in which no response is correct, and in which the weighted rewards are all equal."""
        training = self.model.training
        groups = rewards.view(-1, self.num_generations if training else self.num_generations_eval, rewards.shape[1])
        totals = (groups * self.reward_weights.to(rewards.device)).sum(-1)
        metrics = self._metrics["train" if training else "eval"]
        metrics["groups/none_correct"].append((groups[:, :, 0].max(1).values == 0).float().mean().item())
        metrics["groups/no_signal"].append(((totals.amax(1) - totals.amin(1)) < 1e-6).float().mean().item())


def train_policy(directory: Path, profile: Profile, start: str, rows: list[dict], label: str = "grpo") -> None:
    """Trains the model at `start` on `rows` with the rewards and the judge of the profile, into `directory/model`.

    The judge is used only if its weight is not 0.
    """
    from datasets import Dataset

    from sp3f_lib.evaluation.generate import load_model
    from sp3f_lib.judges import make_judge
    from sp3f_lib.training.common import train, trainer_settings

    model, tokenizer = load_model(start, profile.model.torch_dtype, profile.model.revision)
    weights, terms = profile.rewards, verifiable_terms(profile.rewards)
    judge = make_judge(profile.judge) if weights.win_rate else None
    settings = trainer_settings(profile.grpo, directory, profile.seed) | {
        "reward_weights": [weights.accuracy, weights.parseable, weights.fidelity, *([weights.win_rate] if judge else [])]
    }
    examples = [
        {
            "prompt": row["input"],
            "question": english_question(row),
            "reference": row["solution"],
            "reward_model": row["reward_model"],
            "extra_info": row["extra_info"],
        }
        for row in rows
    ]
    trainer = SP3FTrainer(
        model=model,
        args=GRPOConfig(**settings),
        reward_funcs=[*terms, *([win_rate] if judge else [])],
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
        judge=judge,
        judge_settings=profile.judge,
    )
    train(trainer, directory, label)
