"""The arms about the judge, trained at toy size: rewards in the samples, metrics, cards, alarms, and a run that is killed goes on.

The toy model writes nothing that a judge could tell apart, so the judge here is a noisy one, whose errors are drawn from the texts.
"""

import contextlib
import json
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest

from sp3f_lib.commands import main
from sp3f_lib.judges import Noise
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import load_profile
from sp3f_lib.training.metrics import is_documented
from sp3f_lib.training.policy import judge_for_training
from sp3f_lib.training.samples import read_samples

from ..judges.fault_server import FaultServer
from ..toy import TOY
from .test_resume import KILLED, run

NOISY = {"judge.accuracy": 0.6, "judge.slot_bias": 0.1, "judge.missing": 0.1, "alarms.no_verdict_share": 0.02}
ARMS = (
    "sp3f", "process", "process_matched", "score", "score_ranked", "listwise", "listwise_3", "judge_answer", "judge_translated",
    "judge_wrong", "terms_aw",
)  # fmt: skip
STEPS, GROUPS, GROUP = 6, 2, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("arms")


@pytest.fixture(scope="module")
def stages(folder) -> dict[str, Path]:
    """The folder of each arm's training."""
    with contextlib.chdir(folder):
        return {name: model(load_profile(TOY, NOISY), name).parent.absolute() for name in ARMS}


def metrics(stage: Path) -> pd.DataFrame:
    return pd.read_json(stage / "metrics.jsonl", lines=True)


def results(stage: Path) -> dict[str, bytes]:
    paths = [stage / "model" / "model.safetensors", stage / "metrics.jsonl", *sorted(stage.glob("samples/*.parquet"))]
    return {str(path.relative_to(stage)): path.read_bytes() for path in paths}


def test_every_arm_is_trained_to_weights_of_its_own(stages):
    weights = {name: (stage / "model" / "model.safetensors").read_bytes() for name, stage in stages.items()}
    assert len(set(weights.values())) == len(ARMS)
    for name, stage in stages.items():
        found = metrics(stage)
        assert len(found) == STEPS, name
        assert [column for column in found if not is_documented(column)] == [], name
        assert found["groups/no_signal"].mean() < 1, name


def test_the_seed_of_the_run_draws_the_judges_errors_and_an_impossible_budget_stops_before_anything_is_loaded():
    profile = load_profile(TOY, NOISY, seed=5)
    assert judge_for_training(profile, [], "run", "label").noise == Noise(0.6, 0.1, 0.1, seed=5)
    too_many = load_profile(TOY, {"judge.schedule": "listwise", "grpo.num_generations": 27})
    with pytest.raises(ValueError, match="27 responses in one call"):
        judge_for_training(too_many, [], "run", "label")


def test_the_term_has_its_own_name_where_it_is_no_win_rate(stages):
    for name, stage in stages.items():
        raw = name in ("process", "process_matched", "score")
        assert (f"rewards/{'score' if raw else 'win_rate'}/mean") in metrics(stage)
        samples = read_samples(stage)
        assert ("score" in samples, "win_rate" in samples) == (raw, not raw), name


def test_matched_process_has_the_spread_of_the_win_rates_at_every_step_and_the_others_have_not(stages):
    matched = metrics(stages["process_matched"])
    assert matched["judge/spread"].tolist() == pytest.approx(matched["judge/win_rate_spread"].tolist())
    assert matched["judge/spread"].min() > 0
    for name in ("process", "score"):
        found = metrics(stages[name])
        assert (found["judge/spread"] - found["judge/win_rate_spread"]).abs().max() > 0.01
    assert "judge/win_rate_spread" not in metrics(stages["listwise"])


def test_what_is_asked_is_counted_and_what_is_missing_too(stages):
    pairs = GROUP * (GROUP - 1) // 2
    expected = {"sp3f": pairs, "score": GROUP, "process": GROUP, "listwise": 1, "listwise_3": 3}
    for name, calls in expected.items():
        found = metrics(stages[name])
        assert (found["judge/calls"] == GROUPS * calls).mean() > 0.4, name  # equal texts need fewer
        assert found["judge/calls"].max() == GROUPS * calls, name
        permutations = 3 if name == "listwise_3" else 1
        assert (found["judge/comparisons"] == GROUPS * pairs * permutations).all(), name
        assert 0 < found["judge/no_verdict"].mean() < 0.4, name
        assert ("judge/slot_a" in found) == (name not in ("score", "process")), name


def test_samples_hold_the_reward_and_the_comparisons_it_came_from(stages):
    for name in ("score", "listwise_3", "process_matched"):
        samples = read_samples(stages[name])
        term = "win_rate" if name == "listwise_3" else "score"
        total = samples[["accuracy", "parseable", "fidelity", term]].sum(axis=1)
        assert samples["reward"].tolist() == pytest.approx(total.tolist())
        assert set(samples["verdicts"].map(len)) == {(GROUP - 1) * (3 if name == "listwise_3" else 1)}
        reasons = {said["reason"] for verdicts in samples["verdicts"] for said in verdicts if said["preference"] is None}
        assert reasons == {"drawn by judge.missing"}


def test_scores_are_tenths_and_agreements_are_not(stages):
    tenths = {name: (10 * read_samples(stages[name])["score"]).round(6) % 1 == 0 for name in ("score", "process")}
    assert tenths["score"].mean() > 0.8  # but for the mean that stands for a missing one
    assert tenths["process"].mean() < 0.6


def test_the_card_says_how_the_judge_was_asked_and_spoilt(stages):
    cards = {name: (stage / "README.md").read_text() for name, stage in stages.items()}
    assert (
        "schedule score, reward raw. Embedded, no prompt, no cost. Spoilt on purpose: accuracy 0.6, slot bias 0.1"
        in cards["score"]
    )
    assert "schedule listwise, 3 calls a group." in cards["listwise_3"]
    assert "schedule agreement, reward matched" in cards["process_matched"]
    assert "shown: wrong" in cards["judge_wrong"]
    assert "arXiv 2602.14028" in cards["listwise"]


def test_an_arm_that_is_finished_is_not_trained_again_but_for_another_noise_it_is(stages, folder, capfd):
    with contextlib.chdir(folder):
        assert model(load_profile(TOY, NOISY), "score").parent.absolute() == stages["score"]
        assert "step" not in capfd.readouterr().out
        other = model(load_profile(TOY, NOISY | {"judge.accuracy": 0.7}), "score").parent.absolute()
    assert other != stages["score"]
    assert "no_verdict: the judge gave no verdict in" in capfd.readouterr().out  # the alarm, at 2 % here


def test_a_killed_run_ends_with_the_weights_metrics_and_samples_of_an_undisturbed_one(stages, folder, tmp_path):
    name, step = "listwise_3", 5
    shutil.copytree(
        folder / "runs", tmp_path / "runs", ignore=lambda _, names: [n for n in names if n.startswith(f"{name}-")]
    )
    options = [option for key, value in NOISY.items() for option in ("--set", f"{key}={value}")]
    command = ["--traceback", "train", name, "--profile", str(TOY), *options]
    stopped = run(tmp_path, "-c", KILLED, name, str(step), "on_step_end", *command)
    assert stopped.returncode == -signal.SIGKILL, stopped.stdout + stopped.stderr
    with contextlib.chdir(tmp_path):
        assert main(command) == 0
    (stage,) = (tmp_path / "runs" / "toy").glob(f"{name}-warm/*")
    assert results(stage) == results(stages[name])


def test_a_cap_stops_rankings_by_an_endpoint_at_a_checkpoint_and_nothing_is_paid_twice(
    folder, stages, tmp_path, monkeypatch, capfd
):
    pytest.importorskip("openai")
    shutil.copytree(folder / "runs", tmp_path / "runs")
    monkeypatch.setenv("LLM_API_KEY", "sk-secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    command = ["train", "listwise", "--profile", str(TOY), "--set", "judge.name=api", "--set", "judge.model=gpt-4o-mini"]
    found = {}
    for where, caps in (("calm", [500]), ("capped", [7, 500])):
        with FaultServer() as server, contextlib.chdir(tmp_path):
            monkeypatch.setenv("LLM_API_URL", server.url)
            given = [*command, "--set", f"judge.ledger={where}.sqlite", "--set", f"name={where}"]
            shutil.copytree(
                "runs/toy", f"runs/{where}", ignore=lambda _, names: [n for n in names if n.startswith("listwise")]
            )
            codes = [main([*given, "--set", f"judge.max_calls={cap}"]) for cap in caps]
            assert codes == ([0] if where == "calm" else [1, 0])
            paid = server.stats()["paid"]
            said = capfd.readouterr()
            (stage,) = (tmp_path / "runs" / where).glob("listwise-warm/*")
            found[where] = sorted(paid), results(stage)
            assert f"at most {STEPS * GROUPS} calls" in said.out
            if where == "capped":
                assert "judge.max_calls: all 7 calls of this run are spent" in said.err
                assert "goes on from step 3" in said.out
    assert found["calm"] == found["capped"]
    assert set(found["calm"][0]) == {1}
    (row,) = [json.loads(line) for line in found["calm"][1]["metrics.jsonl"].decode().splitlines()[-1:]]
    assert row["judge/usd"] > 0
