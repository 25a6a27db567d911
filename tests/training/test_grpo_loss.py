"""The Dr. GRPO loss of SP3FTrainer against one written from the paper, on a tiny model and on hand-made log-probabilities.

    L = -1/(B C) sum_i sum_t min( rho A_i, clip(rho, 0.8, 1.28) A_i ),   A_i = R_i - mean of the group,   rho = pi / pi_old

B responses, C the constant `max_completion_length`: neither the lengths nor the spread of the rewards enter.
"""

import pytest
import torch
from datasets import Dataset
from trl import GRPOConfig

from sp3f_lib.base.model import new_model
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.judge_section import Judge
from sp3f_lib.training.grpo import SP3FTrainer

from ..toy import TOY

CONSTANT = 12  # toy.yaml: max_completion_length
# Below, inside and above the clipping range, and just beside each of its ends.
RATIOS = [0.5, 0.79, 0.81, 1.0, 1.27, 1.29, 2.0]
PROMPTS = [[5, 6, 7], [8, 9], [10, 11, 12, 13], [14]]
COMPLETIONS = [[20, 21, 22, 23, 24, 25, 26], [30, 31, 32, 33, 34, 35, 36], [40, 41, 42], [50, 51, 52, 53, 54]]
ADVANTAGES = [1.5, -1.25, 0.5, -0.75]


def length_reward(completion_ids, **_):
    return [float(len(ids)) for ids in completion_ids]


class FixedCompletions(SP3FTrainer):
    """Samples nothing: every prompt gets the completions above in turn."""

    def _generate_single_turn(self, prompt_ids, *_, **__):
        return [COMPLETIONS[k % 4] for k in range(len(prompt_ids))], None


@pytest.fixture(scope="module")
def lab(tmp_path_factory, tokenizer):
    """(profile, tokenizer, folder)"""
    return load_profile(TOY), tokenizer, tmp_path_factory.mktemp("trainer")


def make_trainer(lab, **changes):
    profile, tokenizer, folder = lab
    trainer = FixedCompletions(
        model=new_model(profile.lab, tokenizer, 0),
        args=GRPOConfig(**profile.grpo | {"output_dir": str(folder), "report_to": []} | changes),
        reward_funcs=[length_reward],
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "Who?"}]}] * 4),
        processing_class=tokenizer,
        judge=None,
        judge_settings=Judge(),
    )
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def exact_model(lab):
    """The trainer's model in float64. Made anew: in a copy of a model that TRL has patched, `forward` is the original's."""
    return new_model(lab[0].lab, lab[1], 0).double()


def logps_alone(model, prompt, completion):
    """Log-probabilities of the tokens of one completion, without padding."""
    ids = torch.tensor([prompt + completion])
    each = model(ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    return each[range(len(completion)), completion]


def old_logps(model):
    """What the old policy gave each token, such that the ratio of token k is RATIOS[k], differently shifted per response."""
    with torch.no_grad():
        return [
            logps_alone(model, prompt, completion)
            - torch.tensor([RATIOS[(k + 2 * i) % 7] for k in range(len(completion))], dtype=model.dtype).log()
            for i, (prompt, completion) in enumerate(zip(PROMPTS, COMPLETIONS, strict=True))
        ]


def paper_loss(model, old):
    total = 0.0
    for prompt, completion, before, advantage in zip(PROMPTS, COMPLETIONS, old, ADVANTAGES, strict=True):
        for new, was in zip(logps_alone(model, prompt, completion), before, strict=True):
            ratio = torch.exp(new - was)
            total = total - torch.minimum(ratio * advantage, ratio.clip(0.8, 1.28) * advantage)
    return total / (len(COMPLETIONS) * CONSTANT)


def padded(rows, side, value=0):
    longest = max(len(row) for row in rows)
    fill = [torch.full((longest - len(row),), value) for row in rows]
    return torch.stack([torch.cat([f, row] if side == "left" else [row, f]) for f, row in zip(fill, rows, strict=True)])


def batch(old):
    prompts, completions = ([torch.tensor(row) for row in rows] for rows in (PROMPTS, COMPLETIONS))
    return {
        "prompt_ids": padded(prompts, "left"),
        "prompt_mask": padded([torch.ones_like(row) for row in prompts], "left"),
        "completion_ids": padded(completions, "right"),
        "completion_mask": padded([torch.ones_like(row) for row in completions], "right"),
        "advantages": torch.tensor(ADVANTAGES),
        "old_per_token_logps": padded([row.float() for row in old], "right"),
        "num_items_in_batch": torch.tensor(sum(map(len, COMPLETIONS))),
    }


def loss_and_gradient(trainer, inputs):
    trainer.model.zero_grad()
    trainer._metrics["train"].clear()
    loss = trainer.compute_loss(trainer.model, inputs)
    loss.backward()
    return loss.item(), torch.cat([p.grad.flatten() for p in trainer.model.parameters()]).double()


def distance(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


def test_value_and_gradient_are_those_of_the_paper(lab):
    trainer = make_trainer(lab)
    exact = exact_model(lab)
    old = old_logps(exact)
    expected = paper_loss(exact, old)
    expected.backward()
    expected_gradient = torch.cat([p.grad.flatten() for p in exact.parameters()])
    found, gradient = loss_and_gradient(trainer, batch(old))
    assert found == pytest.approx(expected.item(), rel=1e-6)
    assert distance(gradient, expected_gradient) < 1e-6
    # Clipping acted on 8 of the 22 tokens: 1.29 and 2.0 in both responses to be raised, 0.5 and 0.79 in both to be lowered.
    metrics = trainer._metrics["train"]
    assert metrics["clip_ratio/high_mean"][-1] == pytest.approx(4 / 22)
    assert metrics["clip_ratio/low_mean"][-1] == pytest.approx(4 / 22)


@pytest.mark.parametrize(
    "change", [{"loss_type": "grpo"}, {"loss_type": "bnpo"}, {"loss_type": "dapo"}, {"epsilon_high": 0.2}]
)
def test_other_losses_of_trl_would_be_noticed(lab, change):
    trainer, other = make_trainer(lab), make_trainer(lab, **change)
    old = old_logps(exact_model(lab))
    (value, gradient), (other_value, other_gradient) = (loss_and_gradient(t, batch(old)) for t in (trainer, other))
    assert abs(other_value - value) > 1e-3
    assert distance(other_gradient, gradient) > 1e-2


def test_gradient_of_each_token_by_hand(lab, monkeypatch):
    """-A rho / (B C), and nothing where the ratio has left the range in the direction that the advantage pushes."""
    trainer = make_trainer(lab)
    ratios = torch.tensor([RATIOS, RATIOS])
    logps = torch.full((2, 7), -2.0, requires_grad=True)
    monkeypatch.setattr(trainer, "_get_per_token_logps_and_entropies", lambda *_, **__: (logps, torch.zeros(2, 7), None))
    ones = torch.ones(2, 7, dtype=torch.long)
    inputs = {"prompt_ids": ones, "prompt_mask": ones, "completion_ids": ones, "completion_mask": ones.clone()}
    inputs["completion_mask"][1, 6] = 0  # the second response has six tokens
    inputs |= {"advantages": torch.tensor([2.0, -1.0]), "old_per_token_logps": logps.detach() - ratios.log()}
    loss = trainer.compute_loss(trainer.model, inputs)
    loss.backward()
    up = [0.5, 0.79, 0.81, 1.0, 1.27, 0.0, 0.0]
    down = [0.0, 0.0, 0.81, 1.0, 1.27, 1.29, 0.0]
    expected = torch.tensor([[-2.0 * r for r in up], [1.0 * r for r in down]]) / (2 * CONSTANT)
    assert torch.allclose(logps.grad, expected, atol=1e-7)
    # Up: 0.5 + 0.79 + 0.81 + 1 + 1.27 + 1.28 + 1.28; down: 0.8 + 0.8 + 0.81 + 1 + 1.27 + 1.29.
    assert loss.item() == pytest.approx((-2 * 6.93 + 5.97) / (2 * CONSTANT), rel=1e-6)


def test_the_advantage_is_the_reward_less_the_mean_of_the_group(lab):
    rows = [{"prompt": [{"role": "user", "content": "Who?"}]}] * 4
    scored = make_trainer(lab)._generate_and_score_completions(rows)
    assert scored["advantages"].tolist() == [1.5, 1.5, -2.5, -0.5]  # lengths 7, 7, 3, 5; mean 5.5
    scaled = make_trainer(lab, scale_rewards="group")._generate_and_score_completions(rows)
    assert scaled["advantages"].tolist() == pytest.approx([x / (11 / 3) ** 0.5 for x in (1.5, 1.5, -2.5, -0.5)], rel=1e-3)


def test_on_policy_the_ratio_is_one_and_the_gradient_is_that_of_the_advantage(lab):
    trainer = make_trainer(lab)
    inputs = batch(old_logps(exact_model(lab)))
    without = {k: v for k, v in inputs.items() if k != "old_per_token_logps"}
    exact = exact_model(lab)
    expected = sum(
        -advantage * logps_alone(exact, prompt, completion).sum() / (4 * CONSTANT)
        for prompt, completion, advantage in zip(PROMPTS, COMPLETIONS, ADVANTAGES, strict=True)
    )
    expected.backward()
    value, gradient = loss_and_gradient(trainer, without)
    assert value == pytest.approx(-(1.5 * 7 - 1.25 * 7 + 0.5 * 3 - 0.75 * 5) / (4 * CONSTANT), abs=1e-6)
    assert distance(gradient, torch.cat([p.grad.flatten() for p in exact.parameters()])) < 1e-6


def test_micro_batches_add_up_to_the_whole_batch(lab):
    trainer = make_trainer(lab)
    inputs = batch(old_logps(exact_model(lab)))
    value, gradient = loss_and_gradient(trainer, inputs)
    trainer.current_gradient_accumulation_steps = 2
    halves = [
        loss_and_gradient(trainer, {k: v[part] if v.dim() else v for k, v in inputs.items()})
        for part in (slice(0, 2), slice(2, 4))
    ]
    assert halves[0][0] + halves[1][0] == pytest.approx(value, rel=1e-6)
    assert distance(halves[0][1] + halves[1][1], gradient) < 1e-6
