"""A prompt read once for its group, and a head that sees completions only: TRL's numbers, which reads and scores everything."""

from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer
from trl.kernels import chunked_logprob
from trl.trainer import utils

from sp3f_lib.base.model import new_model
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.judge_section import Judge
from sp3f_lib.training import shared_prompts
from sp3f_lib.training.common import head_on_completions_only
from sp3f_lib.training.grpo import SP3FTrainer

from ..toy import TOY

# Three groups in mixed order, as TRL's shuffling leaves them; the second prompt begins with the word that pads the others, the
# third ends like the first.
PROMPTS = [[5, 6, 7], [0, 5, 6, 7], [5, 6, 7], [9, 5, 6, 7, 3, 5, 6, 7], [0, 5, 6, 7], [5, 6, 7], [9, 5, 6, 7, 3, 5, 6, 7]]
COMPLETIONS = [[20, 21, 22, 23, 24], [30], [20, 21, 40], [50, 51], [30, 31, 32, 33, 34, 35], [], [20, 0, 22, 23]]
WIDTH = 11  # of the prompts: three columns are padding in every row


@pytest.fixture(scope="module")
def lab(tmp_path_factory, tokenizer):
    """(profile, tokenizer, folder); two layers, so that gradients must flow through keys and values of the prompts."""
    return load_profile(TOY, {"lab.layers": 2}), tokenizer, tmp_path_factory.mktemp("trainer")


@pytest.fixture(autouse=True)
def trls_own_head(monkeypatch):
    """What TRL scores on a CPU before `head_on_completions_only` is called, in this test or one before; put back afterwards."""
    monkeypatch.setattr(utils, "_use_triton", chunked_logprob._use_triton)


def make_model(lab):
    """The toy model with weights large enough that no two words are about equally likely."""
    model = new_model(lab[0].lab, lab[1], 0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight *= 8
    return model


def make_trainer(lab, **changes):
    profile, tokenizer, folder = lab
    return SP3FTrainer(
        model=make_model(lab),
        args=GRPOConfig(**profile.grpo | {"output_dir": str(folder), "report_to": [], "temperature": 0.7} | changes),
        reward_funcs=[lambda completions, **_: [0.0] * len(completions)],
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "Who?"}]}] * 4),
        processing_class=tokenizer,
        judge=None,
        judge_settings=Judge(),
    )


def batch(prompts=PROMPTS, completions=COMPLETIONS, pad=0):
    """(input_ids, attention_mask, width of the completions): prompts padded on the left, completions on the right."""
    longest = max(map(len, completions))
    rows = [
        [pad] * (WIDTH - len(prompt)) + prompt + completion + [pad] * (longest - len(completion))
        for prompt, completion in zip(prompts, completions, strict=True)
    ]
    mask = [
        [0] * (WIDTH - len(prompt)) + [1] * (len(prompt) + len(completion)) + [0] * (longest - len(completion))
        for prompt, completion in zip(prompts, completions, strict=True)
    ]
    return torch.tensor(rows), torch.tensor(mask), longest


def gradient(trainer, logps) -> torch.Tensor:
    """Of a sum in which every token has a weight of its own."""
    trainer.model.zero_grad()
    torch.manual_seed(1)
    (logps * torch.randn(logps.shape)).sum().backward()
    return torch.cat([p.grad.flatten() for p in trainer.model.parameters()])


def ours_and_trls(trainer, inputs):
    """(log-probabilities, entropies, gradient), twice."""
    found = []
    for own in (SP3FTrainer, GRPOTrainer):
        logps, entropies, aux = own._get_per_token_logps_and_entropies(trainer, trainer.model, *inputs, compute_entropy=True)
        assert aux is None
        found.append((logps.detach(), entropies.detach(), gradient(trainer, logps)))
    return found


def assert_equal(ours, trls):
    assert ours[0].shape == trls[0].shape and ours[1].shape == trls[1].shape
    torch.testing.assert_close(ours[0], trls[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(ours[1], trls[1], rtol=0, atol=1e-4)
    assert (ours[2] - trls[2]).norm() < 1e-5 * trls[2].norm()


@pytest.mark.parametrize("kept", [shared_prompts._KEPT, 0], ids=["probabilities kept", "computed twice"])
@pytest.mark.parametrize("completions_only", [False, True], ids=["all scored", "completions scored"])
def test_log_probabilities_entropies_and_gradients_are_trls(lab, monkeypatch, completions_only, kept):
    monkeypatch.setattr(shared_prompts, "_KEPT", kept)
    if completions_only:
        head_on_completions_only()
    ours, trls = ours_and_trls(make_trainer(lab), batch())
    assert_equal(ours, trls)
    assert ours[0].min() < -3 and trls[2].norm() > 1  # not all tokens are about equally likely
    lengths = [len(completion) for completion in COMPLETIONS]
    assert (ours[0] != 0).sum(1).tolist() == lengths  # what is padding gets 0


@pytest.mark.parametrize(
    "changes",
    [
        {"completions": [[20], [30], [20], [50], [31], [2], [7]]},
        {"prompts": [[5, 6, 7]] * 7},
        {"prompts": [[5 + n] for n in range(7)]},
        {"prompts": [[5 + n] * WIDTH for n in range(7)]},
        {"pad": 9},
    ],
    ids=["one token each", "one group", "seven groups", "no padding", "another padding"],
)
def test_other_batches_too(lab, changes):
    assert_equal(*ours_and_trls(make_trainer(lab), batch(**changes)))


def test_a_prompt_that_differs_in_its_first_word_only_is_another_prompt(lab):
    trainer = make_trainer(lab)
    completions = [[20, 21], [20, 21]]
    first, second = trainer._get_per_token_logps_and_entropies(
        trainer.model, *batch([[5, 6, 7], [0, 5, 6, 7]], completions)
    )[0]
    assert (first - second).abs().max() > 1e-3


def test_prompts_are_read_once(lab, monkeypatch):
    trainer, read = make_trainer(lab), []
    backbone = trainer.model.model
    monkeypatch.setattr(
        backbone, "forward", lambda *a, f=backbone.forward, **k: (read.append(tuple(k["input_ids"].shape)), f(*a, **k))[1]
    )
    trainer._get_per_token_logps_and_entropies(trainer.model, *batch())
    # Three prompts in the eight columns that hold any; then completions without their last words, by length: those of 0 and 1
    # words are predicted by their prompts alone, those of 2 and 3, 4 and 5, and 6 go together.
    assert read == [(3, 8), (2, 2), (2, 4), (1, 5)]


@pytest.mark.parametrize(
    ("changes", "once"), [({}, True), ({"gradient_checkpointing": True}, False)], ids=["plain", "checkpointing"]
)
def test_a_trainer_that_recomputes_its_layers_reads_as_trl_does(lab, changes, once):
    assert make_trainer(lab, **changes)._reads_prompts_once is once


# ---- the head of SFT


def sft_loss(lab, monkeypatch, completions_only: bool):
    """(loss, gradient, number of places that the head scored)"""
    profile, tokenizer, folder = lab
    rows = [(f"{n} + 3 = ?", f"{n} + 3 = {n + 3}. So it is {n + 3}."[: 40 if n % 2 else 9]) for n in range(4)]
    trainer = SFTTrainer(
        model=make_model(lab),
        args=SFTConfig(**profile.sft | {"output_dir": str(folder), "report_to": []}),
        train_dataset=Dataset.from_list(
            [
                {"prompt": [{"role": "user", "content": a}], "completion": [{"role": "assistant", "content": b}]}
                for a, b in rows
            ]
        ),
        processing_class=tokenizer,
    )
    inputs, scored, real = next(iter(trainer.get_train_dataloader())), [], chunked_logprob.ChunkedLogProbFunction
    with monkeypatch.context() as patch:
        counting = SimpleNamespace(apply=lambda states, *more: (scored.append(len(states)), real.apply(states, *more))[1])
        patch.setattr(utils, "_ChunkedLogProbFunction", counting)
        if completions_only:
            head_on_completions_only()
        trainer.model.train()
        loss = trainer.compute_loss(trainer.model, inputs, num_items_in_batch=torch.tensor(37))
        loss.backward()
    weights = torch.cat([p.grad.flatten() for p in trainer.model.parameters()])
    return loss.item(), weights, scored, inputs["labels"]


def test_sft_has_the_same_loss_and_gradient_where_the_head_sees_completions_only(lab, monkeypatch):
    other_loss, other_weights, other_scored, other_labels = sft_loss(lab, monkeypatch, completions_only=False)
    loss, weights, scored, labels = sft_loss(lab, monkeypatch, completions_only=True)
    assert torch.equal(labels, other_labels)
    assert scored == [int((labels != -100).sum())] and other_scored[0] > 2 * scored[0]
    assert loss == pytest.approx(other_loss, rel=1e-5) and loss > 1
    assert (weights - other_weights).norm() < 1e-5 * other_weights.norm()
