"""Scores that processes share are those that one makes; each makes its own parts and no others."""

import subprocess
from types import SimpleNamespace

import pandas as pd

from sp3f_lib.generation.parts import in_parts, read_parts
from sp3f_lib.methods import icr_scoring
from sp3f_lib.pipeline.models import model, steps_of
from sp3f_lib.profiles import load_profile
from sp3f_lib.training import processes

from ..toy import TOY

TWO = {"launch.accelerate": "ddp", "launch.processes": 2}


def test_shares_are_apart_and_together_they_are_everything(tmp_path):
    made = []

    def work(chunk, number):
        made.append(number)
        return [{"item": item} for item in chunk]

    shares = [in_parts(tmp_path, list(range(9)), 2, work, {}, share=(k, 3)) for k in range(3)]
    assert sorted(made) == [0, 1, 2, 3, 4]
    assert [sorted(share["item"]) for share in shares] == [[0, 1, 6, 7], [2, 3, 8], [4, 5]]
    assert in_parts(tmp_path, [1], 2, work, {}, share=(1, 3)).empty  # fewer parts than processes
    assert list(in_parts(tmp_path, list(range(9)), 2, work, {})["item"]) == list(range(9))
    assert len(made) == 5


def test_one_process_scores_beside_an_engine_that_takes_all_gpus():
    several = load_profile("paper_icr")
    assert not icr_scoring.makes_alone(several, "R_c")
    assert icr_scoring.makes_alone(several, "R_t")
    assert icr_scoring.makes_alone(load_profile("gpu1"), "R_c")


def test_processes_that_share_score_what_one_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {"data.rl_problems": 40, "methods.problems": 40, "methods.samples": 2, "base.max_steps": 30}
    profile = load_profile(TOY, changes, regime="common")
    alone = steps_of(profile, "icr_m_1")
    prompts = next(tmp_path.glob("runs/toy/prompts-common/*"))
    policy, reference = (model(profile, getattr(profile.methods, name)) for name in ("start", "reference"))
    job = {"policy": str(policy), "reference": str(reference), "prompts": str(prompts), "responses": str(alone["responses"])}
    job |= {"reward": "R_m", "label": "s"}
    commands = []

    def run_here(command, **_):
        """What `accelerate launch` does: the worker once for each process, here one after the other."""
        commands.append(command)
        for rank in range(2):
            monkeypatch.setenv("RANK", str(rank))
            monkeypatch.setenv("WORLD_SIZE", "2")
            assert processes._work_on(command[-1:], icr_scoring._job) == 0
            made.append(len(list((tmp_path / "scores").iterdir())))
        return subprocess.Popen(["true"], stdin=subprocess.PIPE)

    made = []
    monkeypatch.setattr(processes, "subprocess", SimpleNamespace(Popen=run_here, PIPE=subprocess.PIPE))
    icr_scoring.make_scores(tmp_path, load_profile(TOY, changes | TWO, regime="common"), job)
    assert made == [2, 3]  # 80 prompts, 32 a part
    assert commands[0][commands[0].index("--num_processes") + 1] == "2"
    assert commands[0][-3:-1] == ["-m", "sp3f_lib.methods.icr_scoring"]
    assert read_parts(tmp_path / "scores")["R_m"].nunique() > 50
    pd.testing.assert_frame_equal(read_parts(tmp_path / "scores"), read_parts(alone["scores"] / "scores"))
