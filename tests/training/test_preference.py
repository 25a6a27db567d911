"""The loss DPO + NLL: against numbers worked out by hand, and against plain PyTorch on a tiny model.

The eight pairs have responses of very different lengths, so that a mean over tokens and a mean over responses differ.
"""

import copy
from collections import defaultdict

import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer

from sp3f_lib.base.model import new_model
from sp3f_lib.profiles import load_profile
from sp3f_lib.training.preference import PreferenceTrainer, dpo_nll_loss

from ..toy import TOY
from .pairs import message

TEXTS = [
    ("How many apples?", "4.", "Maria buys more apples: 5 + 3 = 8. Maria loses apples: 8 - 4 = 4."),
    ("5 + 3?", "Maria buys more apples: 5 + 3 = 8. Therefore, the answer is 8. The answer is 8.", "9"),
    ("Who?", "Maria.", "Peter."),
    ("8 - 4?", "8 - 4 = 4. Therefore, the answer is 4.", "8 - 4 = 5. Therefore, the answer is 5."),
    ("Maria buys 2 apples. How many?", "2", "Maria has 2 apples and 3 apples."),
    ("1 + 1?", "Therefore, the answer is 2.", "3"),
    ("2 + 2?", "Maria has 2 apples. Maria buys 2 apples: 2 + 2 = 4. Therefore, the answer is 4.", "Maria has 5 apples."),
    ("0?", "0", "1"),
]


PAIRS = [
    {"prompt": message("user", q), "chosen": message("assistant", y), "rejected": message("assistant", n)}
    for q, y, n in TEXTS
]


@pytest.fixture(scope="module")
def lab(tokenizer):
    """(profile, tokenizer, start model, another model as policy)."""
    profile = load_profile(TOY)
    start = new_model(profile.lab, tokenizer, 0)
    policy = copy.deepcopy(start)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in policy.parameters():
            weight += 0.02 * torch.randn_like(weight)
    return profile, tokenizer, start, policy


def make_trainer(lab, folder, cls=PreferenceTrainer, pairs=PAIRS, model=None, **changes):
    profile, tokenizer, start, policy = lab
    settings = profile.preference | {"output_dir": str(folder), "report_to": [], "disable_tqdm": True} | changes
    return cls(
        model=copy.deepcopy(policy) if model is None else model,
        ref_model=copy.deepcopy(start),
        args=DPOConfig(**settings),
        train_dataset=Dataset.from_list(pairs),
        processing_class=tokenizer,
    )


def loss_and_gradient(trainer, inputs=None):
    """(loss, gradient as one vector, metrics) of all pairs in one batch."""
    inputs = inputs or trainer.data_collator(list(trainer.train_dataset))
    trainer.model.train()
    trainer._metrics["train"].clear()
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, inputs)
    loss.backward()
    metrics = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    return loss.item(), torch.cat([p.grad.flatten() for p in trainer.model.parameters()]), metrics


def plain(lab, pairs=PAIRS, beta=0.1, alpha=1.0):
    """The papers' loss, one response at a time without padding, in float64, with Python's own sums."""
    _, tokenizer, start, policy = lab
    policy, start = copy.deepcopy(policy).double(), copy.deepcopy(start).double()

    def logp(model, pair, side):
        prompt = tokenizer.apply_chat_template(pair["prompt"], add_generation_prompt=True, tokenize=False)
        before = len(tokenizer(prompt)["input_ids"])
        ids = tokenizer(prompt + pair[side][0]["content"] + "<|im_end|>", return_tensors="pt")["input_ids"]
        each = model(ids).logits[0].log_softmax(-1)
        return sum(each[place - 1, ids[0, place]] for place in range(before, ids.shape[1])), ids.shape[1] - before

    total, metrics = 0.0, defaultdict(float)
    for pair in pairs:
        (y, length), (n, _) = logp(policy, pair, "chosen"), logp(policy, pair, "rejected")
        with torch.no_grad():
            (ref_y, _), (ref_n, _) = logp(start, pair, "chosen"), logp(start, pair, "rejected")
        margin = beta * ((y - ref_y) - (n - ref_n))
        parts = {"loss/dpo": -torch.log(torch.sigmoid(margin)), "loss/nll": -y / length}
        total += (parts["loss/dpo"] + alpha * parts["loss/nll"]) / len(pairs)
        parts |= {"rewards/margins": margin, "rewards/accuracies": margin > 0, "logps/chosen": y, "logps/rejected": n}
        parts |= {"rewards/chosen": beta * (y - ref_y), "rewards/rejected": beta * (n - ref_n)}
        for name, value in parts.items():
            metrics[name] += value.item() / len(pairs)
    total.backward()
    return total.item(), torch.cat([p.grad.flatten() for p in policy.parameters()]), dict(metrics)


def distance(found, expected):
    return ((found.double() - expected.double()).norm() / expected.double().norm()).item()


def by_hand(alpha=1.0):
    """Two pairs with margins 0.5 (1 + 1) = 1 and 0.5 (1 - 2) = -0.5; chosen responses of 5 tokens and of 1."""
    tensors = [torch.tensor(v, requires_grad=True) for v in ([-10.0, -4.0], [-12.0, -3.0], [-11.0, -5.0], [-11.0, -5.0])]
    return tensors, dpo_nll_loss(*tensors, torch.tensor([5, 1]), beta=0.5, alpha=alpha)


def test_the_loss_and_its_parts_by_hand():
    _, (loss, metrics) = by_hand()
    assert metrics["loss/dpo"].tolist() == pytest.approx([0.3132617, 0.9740770])  # log(1 + e^-1), log(1 + e^0.5)
    assert metrics["loss/nll"].tolist() == [2.0, 4.0]
    assert loss.item() == pytest.approx((0.3132617 + 0.9740770) / 2 + 3.0)
    assert by_hand(alpha=0.0)[1][0].item() == pytest.approx((0.3132617 + 0.9740770) / 2)


def test_the_metrics_by_hand():
    _, (_, metrics) = by_hand()
    assert metrics["rewards/chosen"].tolist() == [0.5, 0.5]
    assert metrics["rewards/rejected"].tolist() == [-0.5, 1.0]
    assert metrics["rewards/margins"].tolist() == [1.0, -0.5]
    assert metrics["rewards/accuracies"].tolist() == [1.0, 0.0]
    assert metrics["logps/chosen"].tolist() == [-10.0, -4.0]
    assert metrics["logps/rejected"].tolist() == [-12.0, -3.0]
    assert not any(values.requires_grad for values in metrics.values())


def test_the_gradient_by_hand():
    (chosen, rejected, *_), (loss, _) = by_hand()
    loss.backward()
    # -(beta sigmoid(-margin) + alpha / length) / 2 and beta sigmoid(-margin) / 2; sigmoid(-1) = 0.2689414, sigmoid(0.5) = 0.6224593
    assert chosen.grad.tolist() == pytest.approx([-(0.1344707 + 0.2) / 2, -(0.3112297 + 1.0) / 2])
    assert rejected.grad.tolist() == pytest.approx([0.1344707 / 2, 0.3112297 / 2])


def test_policy_equal_to_reference_is_log_2_and_not_right():
    _, metrics = dpo_nll_loss(*torch.tensor([[-3.0], [-5.0], [-3.0], [-5.0]]), torch.tensor([3]), beta=0.1, alpha=1.0)
    assert metrics["loss/dpo"].item() == pytest.approx(0.6931472)
    assert (metrics["rewards/margins"].item(), metrics["rewards/accuracies"].item()) == (0.0, 0.0)


def test_margins_of_any_size_give_finite_losses():
    huge, zero = torch.tensor([-1e6, 1e6]), torch.zeros(2)
    loss, metrics = dpo_nll_loss(zero, huge, zero, zero, torch.tensor([1, 1]), beta=0.1, alpha=1.0)
    assert metrics["loss/dpo"].tolist() == [0.0, 1e5]
    assert loss.item() == 5e4


@pytest.mark.parametrize(("beta", "alpha"), [(0.1, 1.0), (0.5, 0.0), (2.0, 0.3)])
def test_value_metrics_and_gradient_are_those_of_plain_pytorch(lab, tmp_path, beta, alpha):
    found, gradient, metrics = loss_and_gradient(make_trainer(lab, tmp_path, beta=beta, loss_weights=[1.0, alpha]))
    expected, expected_gradient, expected_metrics = plain(lab, beta=beta, alpha=alpha)
    assert found == pytest.approx(expected, rel=5e-6)  # log-probabilities of some -300, in float32
    assert distance(gradient, expected_gradient) < 1e-5  # without the NLL the two sides nearly cancel: 2.5e-6 in float32
    assert metrics == pytest.approx(expected_metrics, rel=1e-5, abs=5e-5)
    assert 0 < metrics["rewards/accuracies"] < 1  # so that an accuracy that is always 0 or 1 would be seen


def test_a_pair_counts_the_same_alone_and_beside_longer_ones(lab, tmp_path):
    trainer = make_trainer(lab, tmp_path)
    examples = list(trainer.train_dataset)
    together = loss_and_gradient(trainer)
    alone = [loss_and_gradient(trainer, trainer.data_collator([example])) for example in examples]
    assert together[0] == pytest.approx(sum(one[0] for one in alone) / 8, rel=1e-6)
    assert distance(together[1], sum(one[1] for one in alone) / 8) < 1e-6


def test_padding_on_the_left_or_the_right_changes_nothing(lab, tmp_path):
    trainer = make_trainer(lab, tmp_path)
    right = trainer.data_collator(list(trainer.train_dataset))
    shift = (1 - right["attention_mask"]).sum(1).tolist()
    assert max(shift) > 10
    left = {k: torch.stack([row.roll(n) for row, n in zip(v, shift, strict=True)]) for k, v in right.items()}
    assert loss_and_gradient(trainer, left)[0] == pytest.approx(loss_and_gradient(trainer, right)[0], rel=1e-6)
    assert distance(loss_and_gradient(trainer, left)[1], loss_and_gradient(trainer, right)[1]) < 1e-6


def test_trl_averages_the_nll_over_the_tokens_of_the_batch(lab, tmp_path):
    """So the difference that this module exists for is real, and everything else is TRL's."""
    ours, _, metrics = loss_and_gradient(make_trainer(lab, tmp_path))
    theirs, _, trl_metrics = loss_and_gradient(make_trainer(lab, tmp_path, cls=DPOTrainer))
    assert abs(ours - theirs) > 1e-3
    names = [name for name in metrics if name.startswith(("rewards/", "logps/"))]
    assert len(names) == 6
    assert {n: metrics[n] for n in names} == pytest.approx({n: trl_metrics[n] for n in names}, rel=1e-5)
    same_length = [PAIRS[2], PAIRS[2] | {"rejected": message("assistant", "Nobody.")}]
    ours, theirs = (
        loss_and_gradient(make_trainer(lab, tmp_path, cls, same_length))[0] for cls in (PreferenceTrainer, DPOTrainer)
    )
    assert ours == pytest.approx(theirs, rel=1e-6)


class KeepGradient(TrainerCallback):
    def on_pre_optimizer_step(self, args, state, control, model, **kwargs):
        self.gradient = torch.cat([p.grad.flatten().clone() for p in model.parameters()])


def gradient_of_a_step(lab, folder, cls, size):
    """The gradient of one optimiser step over the eight pairs, in micro-batches of `size`."""
    batch = {"per_device_train_batch_size": size, "gradient_accumulation_steps": 8 // size}
    kept = KeepGradient()
    trainer = make_trainer(lab, folder, cls, max_steps=1, save_strategy="no", max_grad_norm=0.0, **batch)
    trainer.add_callback(kept)
    trainer.train()
    return kept.gradient


def test_accumulated_micro_batches_have_the_gradient_of_the_whole_batch(lab, tmp_path):
    whole, four, eight = (gradient_of_a_step(lab, tmp_path, PreferenceTrainer, size) for size in (8, 2, 1))
    assert distance(four, whole) < 1e-6
    assert distance(eight, whole) < 1e-6
    assert distance(whole, plain(lab)[1]) < 1e-6
    # TRL's mean over the tokens of a micro-batch fails this.
    assert distance(*(gradient_of_a_step(lab, tmp_path, DPOTrainer, size) for size in (1, 8))) > 1e-2


def test_reference_log_probabilities_computed_before_give_the_same_loss(lab, tmp_path):
    before = loss_and_gradient(make_trainer(lab, tmp_path, precompute_ref_log_probs=True))
    assert before[0] == pytest.approx(loss_and_gradient(make_trainer(lab, tmp_path))[0], rel=1e-6)


def test_a_bfloat16_model_still_has_its_log_softmax_in_float32(lab, tmp_path):
    model = copy.deepcopy(lab[3]).bfloat16()
    trainer = make_trainer(lab, tmp_path, model=copy.deepcopy(model))
    inputs = trainer.data_collator(list(trainer.train_dataset))
    _, _, metrics = loss_and_gradient(trainer, inputs)
    with torch.no_grad():
        logits = model(inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits[:8, :-1]
    expected = F.cross_entropy(logits.float().transpose(1, 2), inputs["input_ids"][:8, 1:], reduction="none")
    mean = -(expected * inputs["completion_mask"][:8, 1:]).sum(1).mean().item()
    # A log-softmax in bfloat16 is off by more than 1e-3.
    assert metrics["logps/chosen"] == pytest.approx(mean, rel=1e-5)
