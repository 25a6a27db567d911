"""What is wrong with a run of ICR or LIDR is said before a base model is trained for it."""

import json
from pathlib import Path

import pytest

from sp3f_lib import preference_checks as checks
from sp3f_lib.__main__ import main
from sp3f_lib.data.schema import RowError
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.runs import MANIFEST, StageError

TOY = Path(__file__).parent / "toy.yaml"


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
    with pytest.raises(ProfileError, match=message):
        checks.check_pairs(toy(**changes), method)


def test_lidr_may_start_from_the_reference():
    checks.check_pairs(toy(**{"methods.start": "sft"}), "lidr_1")


def test_a_reference_that_the_profile_does_not_make():
    with pytest.raises(ProfileError, match=r"methods\.reference: sft needs the section sft, which is empty"):
        checks.check_profile(load_profile("paper_lidr"), "preference", "icr_1")


def test_an_engine_over_more_gpus_than_there_are():
    changed = load_profile("paper_icr", {"launch.processes": 4})
    with pytest.raises(ProfileError, match="tensor_parallel_size is 8, but a machine has 4 processes"):
        checks.check_profile(changed, "preference", "icr_1")


def test_the_regime_that_has_the_section_is_named():
    with pytest.raises(ProfileError, match="icr_1 needs the section preference, which is empty; --regime common has it"):
        checks.check_profile(load_profile("lab"), "preference", "icr_1")


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


@pytest.mark.parametrize("verb", ["pairs", "preference", "evaluate"])
def test_the_commands_say_it_before_they_train(verb, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = [verb, "--profile", str(TOY), "--regime", "common", "--arm", "icr_1", "--set", "methods.start=sft"]
    assert main(command) == 1
    assert "has the reward 0" in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/toy/base/*"))


def test_a_format_of_pairs_that_is_not_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["pairs", "--profile", str(TOY), "--regime", "common", "--arm", "icr_1", "--export", "pairs.csv"]
    assert main(command) == 1
    assert "--export pairs.csv: pairs are written as .jsonl or .parquet" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
