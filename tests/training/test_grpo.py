"""The SP3F trainer's rewards on hand-made groups: whole groups are judged, no verdict is no loss, groups are counted."""

import pytest
import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from sp3f_lib.base.model import new_model
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.judges import LEVELS, AlignmentJudge
from sp3f_lib.judges.base import Verdict
from sp3f_lib.judges.privilege import privileged_text
from sp3f_lib.lab.problems import Event, Problem
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.judge_section import Judge
from sp3f_lib.profiles.sections import Rewards
from sp3f_lib.rewards.verifiable import verifiable_terms
from sp3f_lib.training.grpo import NO_VERDICT, SP3FTrainer, win_rate

from ..toy import TOY

PROBLEM = Problem("maria", "apple", 5, 0, (Event("buy", 3), Event("lose", 4)))
RIGHT = r"Maria buys more apples: 5 + 3 = 8. Maria loses apples: 8 - 4 = 4. Therefore, the answer is \boxed{4}."
LATE = r"Maria buys more apples: 5 + 3 = 8. Maria loses apples: 8 - 4 = 5. Therefore, the answer is \boxed{5}."
EARLY = r"Maria loses apples: 5 - 3 = 2. Maria buys more apples: 2 + 4 = 6. Therefore, the answer is \boxed{6}."
EMPTY = "Maria"
REFERENCE = lab_rows([PROBLEM], ("en",))[0]["solution"]


class Listening:
    """A judge that remembers what it was shown and always says the same."""

    name = "listening"

    def __init__(self, preference):
        self.preference, self.pairs = preference, []

    async def compare(self, pairs):
        self.pairs += pairs
        return [Verdict(self.preference, "" if self.preference is not None else "timeout") for _ in pairs]


@pytest.fixture(scope="module")
def trainer(tmp_path_factory, tokenizer):
    folder, profile = tmp_path_factory.mktemp("trainer"), load_profile(TOY)
    row = lab_rows([PROBLEM], ("en",))[0]
    example = {"prompt": row["input"], "question": row["query"], "reference": row["solution"]}
    example |= {"reward_model": row["reward_model"], "extra_info": row["extra_info"]}
    settings = profile.grpo | {"output_dir": str(folder), "report_to": [], "reward_weights": [1.0, 1.0, 1.0, 1.0]}
    return SP3FTrainer(
        model=new_model(profile.lab, tokenizer, 0),
        args=GRPOConfig(**settings),
        reward_funcs=[*verifiable_terms(Rewards()), win_rate],
        train_dataset=Dataset.from_list([example] * 4),
        processing_class=tokenizer,
        judge=AlignmentJudge(),
        judge_settings=Judge(),
    )


def rewards(trainer, texts, judge=None, privilege="solution", question=None, reference=REFERENCE):
    """The matrix of rewards (responses, terms) of groups of four, and what was logged beside it."""
    trainer.judge, trainer.judge_settings, trainer._judging = judge or AlignmentJudge(), Judge(privilege=privilege), None
    row = trainer.train_dataset[0]
    inputs = [dict(row) for _ in texts]
    for given in inputs:
        given["reference"] = reference
    if question:
        inputs[-1]["question"] = question
    trainer._metrics["train"].clear()
    trainer.model.train()
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    matrix = trainer._calculate_rewards(inputs, [row["prompt"]] * len(texts), completions, [[1]] * len(texts))
    return matrix, {key: values[-1] for key, values in trainer._metrics["train"].items()}


def test_the_four_terms_stand_in_their_columns(trainer):
    matrix, _ = rewards(trainer, [RIGHT, LATE, EARLY, EMPTY])
    assert matrix[:, 0].tolist() == [1, 0, 0, 0]  # accuracy
    assert matrix[:, 1].tolist() == [1, 1, 1, 0]  # parseable
    assert matrix[:3, 2].tolist() == [1, 1, 1]  # fidelity
    # RIGHT beats all three, LATE the last two, EARLY and EMPTY follow nothing of the reference and tie.
    assert matrix[:, 3].tolist() == pytest.approx([1, 2 / 3, 1 / 6, 1 / 6])


def test_each_group_is_judged_on_its_own_and_every_pair_once(trainer):
    judge = Listening(1.0)
    rewards(trainer, [RIGHT, LATE, EARLY, EMPTY, EMPTY, EARLY, LATE, RIGHT], judge)
    assert len(judge.pairs) == 2 * 6
    assert {(pair.first, pair.second) for pair in judge.pairs[:6]} == {(pair.first, pair.second) for pair in judge.pairs[6:]}


@pytest.mark.parametrize("level", LEVELS)
def test_the_judge_is_shown_what_the_level_says_and_nothing_else(trainer, level):
    judge = Listening(0.5)
    expected = privileged_text(lab_rows([PROBLEM], ("en",))[0], level)
    rewards(trainer, [RIGHT] * 4, judge, level, reference=expected)
    assert {(pair.reference, pair.shown) for pair in judge.pairs} == {(expected, level)}


def test_a_group_without_any_verdict_gets_the_same_for_everyone(trainer):
    matrix, logged = rewards(trainer, [RIGHT, LATE, EARLY, EMPTY], Listening(None))
    assert matrix[:, 3].tolist() == [NO_VERDICT] * 4
    assert logged["judge/no_verdict"] == 1.0


def test_groups_without_a_right_answer_and_without_signal_are_counted(trainer):
    _, logged = rewards(trainer, [RIGHT, LATE, EARLY, EMPTY, EARLY, EARLY, EARLY, EARLY])
    assert logged["groups/none_correct"] == 0.5
    assert logged["groups/no_signal"] == 0.5


def test_rows_that_are_not_one_group_stop_the_training(trainer):
    with pytest.raises(RuntimeError, match="should be one group are not"):
        rewards(trainer, [RIGHT] * 4, question="another question")


def test_the_settings_are_those_of_dr_grpo(trainer):
    assert (trainer.args.loss_type, trainer.args.scale_rewards, trainer.args.beta) == ("dr_grpo", "none", 0.0)
    assert (trainer.args.epsilon, trainer.args.epsilon_high) == (0.2, 0.28)
    assert trainer.model.dtype == torch.float32
    assert not trainer.args.bf16
    assert not trainer.args.gradient_checkpointing


def test_each_epoch_has_an_order_of_its_own_that_does_not_depend_on_the_epochs_before(trainer):
    rows = Dataset.from_list([trainer.train_dataset[0]] * 40)
    undisturbed, resumed = trainer._get_train_sampler(rows), trainer._get_train_sampler(rows)
    orders = []
    for epoch in range(3):
        undisturbed.set_epoch(epoch)
        orders.append(list(undisturbed))
    resumed.set_epoch(2)
    assert list(resumed) == orders[2]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    # The first epoch is TRL's own.
    assert orders[0] == list(GRPOTrainer._get_train_sampler(trainer, rows))
    assert sorted(set(orders[1])) == list(range(40))
