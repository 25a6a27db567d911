"""The shape of the language term in the trainer: the sum that is rewarded is another one, the terms that are logged are not."""

import pytest
import torch
from datasets import Dataset
from trl import GRPOConfig

from sp3f_lib.base.model import new_model
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.judges import AlignmentJudge
from sp3f_lib.lab.problems import Event, Problem, render_solution
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.judge_section import Judge
from sp3f_lib.profiles.sections import Rewards
from sp3f_lib.rewards.verifiable import term_weights, verifiable_terms
from sp3f_lib.training.grpo import SP3FTrainer, win_rate

from ..toy import TOY

PROBLEM = Problem("maria", "apple", 5, 0, (Event("buy", 3), Event("lose", 4)))
OTHER = Problem("maria", "apple", 5, 0, (Event("buy", 4), Event("lose", 4)))
RIGHT, WRONG = (render_solution(problem, "en") for problem in (PROBLEM, OTHER))
FOREIGN, FOREIGN_WRONG = (render_solution(problem, "sw") for problem in (PROBLEM, OTHER))


def rewards_of(tokenizer, folder, shape, step=0):
    """(rewards (4, terms) of one English group, their weighted sums, names of the terms, groups without signal)"""
    rewards, row = Rewards(language_shape=shape), lab_rows([PROBLEM], ("en",))[0]
    example = {"prompt": row["input"], "question": row["query"], "reference": row["solution"]}
    example |= {"reward_model": row["reward_model"], "extra_info": row["extra_info"]}
    settings = {"output_dir": str(folder), "report_to": [], "reward_weights": term_weights(rewards, judged=True)}
    profile = load_profile(TOY)
    trainer = SP3FTrainer(
        model=new_model(profile.lab, tokenizer, 0),
        args=GRPOConfig(**profile.grpo | settings),
        reward_funcs=[*verifiable_terms(rewards), win_rate],
        train_dataset=Dataset.from_list([example] * 4),
        processing_class=tokenizer,
        judge=AlignmentJudge(),
        judge_settings=Judge(),
        rewards=rewards,
    )
    trainer.model.train()
    trainer.state.max_steps, trainer.state.global_step = 100, step
    completions = [[{"role": "assistant", "content": text}] for text in (RIGHT, WRONG, FOREIGN, FOREIGN_WRONG)]
    inputs = [dict(example) for _ in completions]
    found = trainer._calculate_rewards(inputs, [row["input"]] * 4, completions, [[1]] * 4)
    return found, (found * trainer.reward_weights).sum(1), trainer.reward_func_names


def test_gated(tokenizer, tmp_path):
    added, totals, names = rewards_of(tokenizer, tmp_path, "add")
    assert names == ["accuracy", "parseable", "fidelity", "win_rate"]
    assert added[:, 2].tolist() == [1, 1, 0, 0]
    gated, gated_totals, names = rewards_of(tokenizer, tmp_path, "gated")
    assert names == ["accuracy", "parseable", "fidelity", "shape", "win_rate"]
    assert torch.equal(gated[:, [0, 1, 2, 4]], added)  # the terms are logged as they are, the judge's is the last one
    assert gated_totals.tolist() == pytest.approx([*totals[:2].tolist(), 0, 0])
    assert (added[2:, 3] > 0).any()  # also what the judge gave is gone


def test_adaptive_grows_with_the_trainers_steps(tokenizer, tmp_path):
    added, _, _ = rewards_of(tokenizer, tmp_path, "add")
    for step, bonus in ((0, 0.2), (50, 1.0), (100, 2.0)):
        _, totals, _ = rewards_of(tokenizer, tmp_path, "adaptive", step)
        expected = added[:, 0] + added[:, 1] + added[:, 3] + torch.tensor([bonus, 0, 0, 0])
        assert totals.tolist() == pytest.approx(expected.tolist())
