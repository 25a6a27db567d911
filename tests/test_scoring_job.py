"""Scores that processes share are those that one makes; each makes its own parts and no others."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from sp3f_lib import preference_stages, scoring_job
from sp3f_lib.methods.parts import in_parts, read_parts
from sp3f_lib.profiles import load_profile
from sp3f_lib.training import worker

TOY = Path(__file__).parent / "toy.yaml"
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
    assert scoring_job.processes_that_score(several, "R_c") == 8
    assert scoring_job.processes_that_score(several, "R_t") == 1
    assert scoring_job.processes_that_score(load_profile("gpu1"), "R_c") == 1


def test_processes_that_share_score_what_one_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {"data.rl_problems": 40, "methods.problems": 40, "methods.samples": 2, "base.max_steps": 30}
    profile = load_profile(TOY, changes, regime="common")
    alone = preference_stages.steps_of(profile, "icr_m_1")
    prompts = next(tmp_path.glob("runs/toy/prompts-common/*"))
    policy, reference = (preference_stages.named_model(profile, getattr(profile.methods, m)) for m in ("start", "reference"))
    job = {"policy": str(policy), "reference": str(reference), "prompts": str(prompts), "responses": str(alone["responses"])}
    job |= {"reward": "R_m", "label": "s"}
    commands = []

    def run_here(command, **_):
        """What `accelerate launch` does: the worker once for each process, here one after the other."""
        commands.append(command)
        for rank in range(2):
            monkeypatch.setenv("RANK", str(rank))
            monkeypatch.setenv("WORLD_SIZE", "2")
            assert worker.main(command[-1:]) == 0
            made.append(len(list((tmp_path / "scores").iterdir())))
        return subprocess.Popen(["true"], stdin=subprocess.PIPE)

    made = []
    monkeypatch.setattr(worker, "subprocess", SimpleNamespace(Popen=run_here, PIPE=subprocess.PIPE))
    scoring_job.make_scores(tmp_path, load_profile(TOY, changes | TWO, regime="common"), job)
    assert made == [2, 3]  # 80 prompts, 32 a part
    assert commands[0][commands[0].index("--num_processes") + 1] == "2"
    assert read_parts(tmp_path / "scores")["R_m"].nunique() > 50
    pd.testing.assert_frame_equal(read_parts(tmp_path / "scores"), read_parts(alone["scores"] / "scores"))
