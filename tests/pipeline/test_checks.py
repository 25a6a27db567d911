"""What is wrong with a model, or with one that it is made of, is said before anything is trained for it."""

import json

import pytest

from sp3f_lib.commands import main
from sp3f_lib.data.schema import RowError
from sp3f_lib.pipeline import checks
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.runs import MANIFEST, StageError

from ..toy import TOY


def toy(**overrides):
    return load_profile(TOY, overrides, regime="common")


@pytest.mark.parametrize(
    "method, changes, message",
    [
        ("icr_1", {"data.languages": ["sw"]}, r"data\.languages: both methods start from English; add en to \[sw\]"),
        ("lidr_1", {"data.rl_languages": ["sw"]}, r"both methods start from English"),
        ("icr_1", {"methods.start": "sft"}, r"methods\.start and methods\.reference are both 'sft'.*has the reward 0"),
        ("icr_m_2", {"methods.reference": "recipe"}, r"methods\.start and methods\.reference are both 'base'"),
        ("icr_1", {"methods.start": "dpo", "methods.prompts": "x"}, r"methods\.start: dpo is made from problems"),
        ("dpo", {"methods.prompts": "x"}, r"methods\.start: dpo is made from problems with known answers"),
    ],
)  # fmt: skip
def test_models_and_languages_that_cannot_be(method, changes, message):
    for check in (checks.check_pairs, checks.check_profile):
        with pytest.raises(ProfileError, match=message):
            check(toy(**changes), method)


def test_lidr_may_start_from_the_reference():
    checks.check_pairs(toy(**{"methods.start": "sft"}), "lidr_1")


def test_a_reference_that_the_profile_does_not_make():
    with pytest.raises(ProfileError, match=r"methods\.reference: sft needs the section sft, which is empty"):
        checks.check_profile(load_profile("paper_lidr"), "icr_1")


def test_an_engine_over_more_gpus_than_there_are():
    changed = load_profile("paper_icr", {"launch.processes": 4})
    with pytest.raises(ProfileError, match="tensor_parallel_size is 8, but a machine has 4 processes"):
        checks.check_profile(changed, "icr_1")


def test_the_regime_that_has_the_section_is_named():
    with pytest.raises(ProfileError, match="icr_1 needs the section preference, which is empty; --regime common has it"):
        checks.check_profile(load_profile("lab"), "icr_1")


def test_generators_that_cannot_work_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StageError, match=r"methods\.generator: vllm needs the package vllm"):
        checks.check_pairs(toy(**{"methods.generator": "vllm"}), "lidr_1")
    monkeypatch.delenv("LLM_API_URL", raising=False)
    with pytest.raises(StageError, match=r"methods\.generator: server needs LLM_API_URL"):
        checks.check_pairs(toy(**{"methods.generator": "server"}), "lidr_1")
    # Once the start is there, the stage that samples says it as soon, and what is finished can be read without a server.
    (tmp_path / "runs" / "toy" / "base" / "key").mkdir(parents=True)
    (tmp_path / "runs" / "toy" / "base" / "key" / MANIFEST).touch()
    checks.check_pairs(toy(**{"methods.generator": "server"}), "lidr_1")


def test_prompts_that_are_missing_or_not_parallel(tmp_path):
    with pytest.raises(RowError, match="there is no such folder"):
        checks.check_pairs(toy(**{"methods.prompts": str(tmp_path / "nowhere")}), "lidr_1")
    for lang, ids in (("en", "ab"), ("sw", "a")):
        lines = (json.dumps({"instruction_id": id, "instruction": f"{lang} {id}"}) for id in ids)
        (tmp_path / f"{lang}.jsonl").write_text("\n".join(lines))
    with pytest.raises(RowError, match="sw"):
        checks.check_pairs(toy(**{"methods.prompts": str(tmp_path)}), "lidr_1")
    checks.check_pairs(toy(**{"methods.prompts": str(tmp_path), "methods.intersect": True}), "lidr_1")


@pytest.mark.parametrize("verb", ["pairs", "train", "evaluate"])
def test_the_commands_say_it_before_they_train(verb, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = [verb, "icr_1", "--profile", str(TOY), "--regime", "common", "--set", "methods.start=sft"]
    assert main(command) == 1
    assert "has the reward 0" in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/toy/base/*"))


def test_a_judge_that_cannot_be_asked_stops_stage_2_before_stage_1(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLM_API_URL", raising=False)
    asking = load_profile(TOY, {"judge.name": "api", "judge.model": "m"})
    with pytest.raises(StageError, match="the judge 'api' needs LLM_API_URL"):
        model(asking, "sp3f")
    checks.check_wanted(asking, "rlvr")  # asks no judge
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "start, reference, circle",
    [
        ("icr_1", "sft", "icr_1 needs icr_1"),
        ("start", "sft", "start needs start"),
        ("base", "icr_2", "icr_2 needs icr_1 needs icr_2"),
    ],
)
def test_a_model_that_would_be_made_of_itself(tmp_path, monkeypatch, start, reference, circle):
    monkeypatch.chdir(tmp_path)
    profile = toy(**{"methods.start": start, "methods.reference": reference})
    for name in ("icr_2", "start") if reference == "sft" else ("icr_2",):
        with pytest.raises(ProfileError, match=f"{circle}: no model can be made of itself"):
            model(profile, name)
    assert not (tmp_path / "runs").exists()
