"""The committed trajectories are run again: loss, gradient and weights of twenty steps must be what they were.

If this fails after an upgrade, the mathematics of the training changed: find out what, and only then rewrite the file with
`make_reference.py`. Rounding alone stays a hundred times below the tolerance: vector instructions from SSE4 to AVX-512, one
thread or two, and start weights changed by 1e-6 moved no number by more than 4e-6 of itself (or 1e-6 of 1).
"""

import json
import runpy
from pathlib import Path

import pytest
from trl import DPOTrainer

from sp3f_lib.machine import set_up

MADE = runpy.run_path(str(Path(__file__).parent / "make_reference.py"))
REFERENCE = json.loads(MADE["FILE"].read_text(encoding="utf-8"))
OTHER_MATHEMATICS = [
    ("grpo", {"loss_type": "grpo"}),
    ("grpo", {"loss_type": "dapo"}),
    ("grpo", {"scale_rewards": "group"}),
    ("grpo", {"epsilon": 0.21}),
    ("grpo", {"epsilon_high": 0.27}),
    ("grpo", {"max_completion_length": 13}),
    ("grpo", {"adam_beta2": 0.99}),
    ("preference", {"trainer_class": DPOTrainer}),  # TRL's NLL: the mean over the tokens of a batch
    ("preference", {"beta": 0.51}),
    ("preference", {"loss_weights": [1.0, 0.99]}),
    ("preference", {"max_grad_norm": 5.0}),
]


@pytest.fixture(autouse=True)
def one_thread():
    set_up(1)


def differences(name: str, found: list[dict]) -> list[str]:
    """The numbers of a trajectory that are not those of the reference, to 1e-4 of themselves or 1e-6."""
    assert len(found) == len(REFERENCE[name]) == 20
    return [
        f"step {step}: {column} is {row.get(column)}, was {value}"
        for step, (row, expected) in enumerate(zip(found, REFERENCE[name], strict=True), 1)
        for column, value in expected.items()
        if column in row and row[column] != pytest.approx(value, rel=1e-4, abs=1e-6)
    ]


@pytest.mark.parametrize("name", ["grpo", "preference"])
def test_the_trajectory_is_that_of_the_committed_file(name):
    found = MADE[name]()
    assert [row.keys() for row in found] == [row.keys() for row in REFERENCE[name]]
    wrong = differences(name, found)
    assert not wrong, f"made with {REFERENCE['versions']}, run with {MADE['installed']()}:\n" + "\n".join(wrong[:8])


@pytest.mark.parametrize(("name", "change"), OTHER_MATHEMATICS, ids=str)
def test_other_mathematics_has_another_trajectory(name, change):
    assert differences(name, MADE[name](**change))


def test_the_reference_covers_clipping_on_both_sides_and_a_margin_that_grows():
    assert sum(row["clip_ratio/low_mean"] > 0 for row in REFERENCE["grpo"]) >= 3
    assert sum(row["clip_ratio/high_mean"] > 0 for row in REFERENCE["grpo"]) >= 3
    assert REFERENCE["preference"][-1]["rewards/margins"] > 1 > REFERENCE["preference"][0]["rewards/margins"]
