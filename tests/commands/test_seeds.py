"""`sp3f seeds` and `sp3f reproduce`: which seeds and notebooks a command line means."""

from pathlib import Path

import pytest

from sp3f_lib.commands import main
from sp3f_lib.runs import StageError

from ..toy import TOY


@pytest.fixture
def asked(monkeypatch) -> list:
    """What would be run: (regime, seed, number of seeds, models)."""
    seen = []

    def run_seeds(profiles, methods):
        seen.extend((profile.regime, profile.seed, profile.seeds, methods(profile)) for profile in profiles)
        raise StageError("far enough")

    monkeypatch.setattr("sp3f_lib.pipeline.seeds.run_seeds", run_seeds)
    return seen


WARM, COLD = ("base", "sft", "rlvr", "sp3f"), ("base", "sft", "judge_unprivileged")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [*(("warm", seed, 3, WARM) for seed in (0, 1, 2)), *(("cold", seed, 3, COLD) for seed in (0, 1, 2))]),
        (["--regime", "cold", "--seed", "4", "--seed", "7"], [("cold", 4, 2, COLD), ("cold", 7, 2, COLD)]),
        (["--seeds", "cold=0-1", "--seeds", "warm=5"], [("cold", 0, 2, COLD), ("cold", 1, 2, COLD), ("warm", 5, 1, WARM)]),
        (["--seeds", "warm=0", "--arm", "rlvr", "--arm", "opsd"], [("warm", 0, 1, ("base", "sft", "rlvr", "opsd"))]),
    ],
)
def test_the_seeds_of_a_command_line(asked, capsys, options, expected):
    assert main(["seeds", "--profile", str(TOY), *options]) == 1
    assert "far enough" in capsys.readouterr().err
    assert asked == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ("lab", {}, [], None)),
        (["01", "02", "--seeds", "2"], ("lab", {}, ["01", "02"], 2)),
        (["08", "--profile", "gpu1", "--seed", "3", "--model", "a/b"], ("gpu1", {"seed": 3, "model": "a/b"}, ["08"], None)),
    ],
)
def test_the_notebooks_of_a_command_line(monkeypatch, options, expected):
    seen = []
    monkeypatch.setattr(
        "sp3f_lib.pipeline.headless.run_notebooks", lambda *arguments: seen.append(arguments) or (Path("figures"), "02_sft")
    )
    assert main(["reproduce", *options]) == 0
    assert seen == [expected]
