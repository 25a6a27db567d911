"""Models of the table as stages at toy size: what is made once, what is shared, what is trained on what."""

import json
import runpy
from pathlib import Path

import pandas as pd
import pytest
from transformers import AutoModelForCausalLM

from sp3f_lib.commands import main
from sp3f_lib.data.schema import read_json_lines, read_rows
from sp3f_lib.generation.local import load_model
from sp3f_lib.generation.parts import read_parts
from sp3f_lib.methods import icr, lidr, shared
from sp3f_lib.pipeline.models import data, model, rows_of, steps_of
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.rewards.answers import is_correct
from sp3f_lib.runs import StageError, outputs_hash

from ..toy import REPOSITORY, TOY

REWARDED = {reward: name for name, reward in icr.REWARDS.items()}


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def in_folder(shared_folder, monkeypatch):
    """One folder for all: what one test made the next one finds."""
    monkeypatch.chdir(shared_folder)


def toy(**overrides):
    return load_profile(TOY, overrides, regime="common")


def weights(path: Path) -> dict:
    return {name: w.sum().item() for name, w in AutoModelForCausalLM.from_pretrained(path).named_parameters()}


def read_inputs(stage: Path) -> dict:
    return json.loads((stage / "manifest.json").read_text())["inputs"]


def test_two_iterations_of_icr():
    profile = toy()
    second, first = model(profile, "icr_2"), model(profile, "icr_1")
    assert weights(first) != weights(second)
    trained, before = read_inputs(second.parent), read_inputs(first.parent)
    assert trained["start"] == outputs_hash(first)
    assert before["start"] == outputs_hash(model(profile, "base"))  # methods.start
    scored, scored_before = (read_inputs(steps_of(profile, name)["scores"]) for name in ("icr_2", "icr_1"))
    assert (scored["policy"], scored_before["policy"]) == (trained["start"], before["start"])
    # The SFT model's place is never taken by an iteration.
    assert scored["reference"] == scored_before["reference"] == outputs_hash(model(profile, "sft"))


def test_a_finished_iteration_is_not_made_again(monkeypatch):
    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr("sp3f_lib.pipeline.models.train_stage", never)
    assert model(toy(), "icr_2").is_dir()
    with pytest.raises(AssertionError, match="trained again"):
        model(toy(**{"preference.max_steps": 7}), "icr_2")


def test_a_finished_model_is_read_on_a_machine_that_could_not_train_it(monkeypatch):
    def refuse(profile, kind):
        raise StageError("no GPU")

    monkeypatch.setattr("sp3f_lib.pipeline.checks.check_machine", refuse)
    assert [model(toy(), name).is_dir() for name in ("sft", "icr_1", "icr_2")] == [True] * 3
    with pytest.raises(StageError, match="no GPU"):
        model(toy(), "icr_3")


def test_arms_of_icr_share_their_responses_and_each_is_scored_once():
    steps = [steps_of(toy(), method) for method in ("icr_1", "icr_m_1", "icr_t_1")]
    assert len({step["responses"] for step in steps}) == 1
    assert len({step["scores"] for step in steps}) == len({step["pairs"] for step in steps}) == 3
    fewer = toy(**{"methods.rewards": ["R_c"]})  # what the notebook compares; another one is no new scoring of the first
    assert [steps_of(fewer, method) for method in ("icr_1", "icr_m_1", "icr_t_1")] == steps


def test_rewards_that_are_compared_stand_side_by_side():
    def compared(*rewards):
        return icr.compared_scores({reward: steps_of(toy(), f"{REWARDED[reward]}_1")["scores"] for reward in rewards})

    table = compared("R_c", "R_m", "R_t")
    assert len(table) == 6 * 2 * 3  # problems, languages, samples
    assert table[["R_c", "R_m"]].notna().all(axis=None)
    assert (table["R_t"].isna() == (table["lang"] == "en")).all()  # English is not translated
    for reward in ("R_c", "R_t"):
        alone = read_parts(steps_of(toy(), f"{REWARDED[reward]}_1")["scores"] / "scores")
        pd.testing.assert_series_equal(table[reward], alone[reward])
    assert list(compared("R_m")["R_m"]) == list(table["R_m"])


def test_lidr_its_baseline_and_a_control_without_pairs():
    profile = toy()
    start = model(profile, "start")
    assert start == model(profile, "base")  # methods.start
    for method in ("lidr_1", "lidr_sft"):
        assert weights(model(profile, method)) != weights(start)
    with pytest.raises(ProfileError, match="lidr_content_1: there are no pairs of this kind"):  # the toy repeats itself
        model(profile, "lidr_content_1")
    steps = steps_of(profile, "lidr_1")
    assert steps == steps_of(profile, "lidr_content_1")
    report = pd.read_csv(steps["pairs"] / "report.csv")
    pairs = read_json_lines(rows_of(profile, "lidr_1"))
    assert report[["pairs", "English pairs"]].to_numpy().sum() == len(pairs)
    assert {(pair["lang"], pair["partner"]) for pair in pairs} == {("en", "sw"), ("sw", "en")}
    rows = read_json_lines(rows_of(profile, "lidr_sft"))
    assert {row["lang"] for row in rows} == {"sw"}


def test_the_english_start_is_made_of_verified_answers():
    profile = toy(**{"methods.start": "dpo", "data.rl_problems": 40, "methods.samples": 8, "sft.learning_rate": 1e-6})
    start = model(profile, "start")
    assert start == model(profile, "dpo")
    assert weights(start) != weights(model(profile, "sft"))
    made = steps_of(profile, "dpo")["pairs"]
    pairs, rows = read_json_lines(made / "pairs.jsonl"), read_rows(data(profile) / "rl.parquet")
    gold = {row["extra_info"]["id"]: row["reward_model"]["ground_truth"] for row in rows}
    assert all(is_correct(pair["chosen"][0]["content"], gold[pair["id"]], "en") for pair in pairs)
    assert not any(is_correct(pair["rejected"][0]["content"], gold[pair["id"]], "en") for pair in pairs)
    assert pd.read_csv(made / "report.csv")["number"].sum() == 40


def test_another_bound_or_penalty_needs_no_new_scores():
    scores = steps_of(toy(), "icr_1")["scores"]
    changed = toy(**{"methods.upper_bounds": [1000.0], "methods.length_control": False})
    steps = steps_of(changed, "icr_1")
    assert steps["scores"] == scores
    assert (pd.read_csv(steps["pairs"] / "report.csv")["alpha"] == 0).all()


def test_the_numbers_add_up():
    profile = toy()
    scores = read_parts(steps_of(profile, "icr_1")["scores"] / "scores")
    assert len(scores) == 6 * 2 * 3  # problems, languages, samples
    assert (scores["policy_c"] - scores["reference_c"]).equals(scores["R_c"])


def test_a_section_that_is_empty_is_named_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for method, section in (("dpo", "dpo"), ("icr_1", "preference"), ("lidr_sft", "alignment")):
        profile = toy().model_copy(update={section: {}})
        with pytest.raises(ProfileError, match=f"{method} needs the section {section}, which is empty"):
            model(profile, method)
    assert not list(tmp_path.iterdir())


def test_prompts_from_a_folder(shared_data):
    source = shared_data / "ultrafeedback_prompts_multilingual"
    profile = toy(**{"methods.prompts": str(source), "methods.problems": 3, "data.languages": ["en", "sw"]})
    prompts, languages = shared.load(shared.prompts(profile))
    assert (len(prompts), languages) == (3, ("en", "sw"))
    with pytest.raises(ProfileError, match=r"which prompts of a folder \(methods\.prompts\) are not; name a model"):
        model(profile, "dpo")


def test_pairs_are_exported(capsys):
    options = ["--profile", str(TOY), "--regime", "common"]
    assert main(["pairs", "icr_1", *options, "--export", "out.jsonl", "--llama-factory", "lf"]) == 0
    pairs = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert {"prompt", "chosen", "rejected", "id", "lang"} <= pairs[0].keys()
    entry = json.loads(Path("lf/dataset_info.json").read_text())["toy_icr_1"]
    assert len(json.loads((Path("lf") / entry["file_name"]).read_text())) == len(pairs)
    assert f"{len(pairs)} pairs" in capsys.readouterr().out


def test_a_server_answers_as_transformers_do(monkeypatch):
    file = REPOSITORY / "tests" / "generation" / "completion_server.py"
    server_class = runpy.run_path(str(file))["CompletionServer"]
    profile = toy()
    policy = model(profile, "start")
    here = read_parts(steps_of(profile, "lidr_1")["answers"] / "answers")
    server = server_class(*load_model(str(policy)))
    monkeypatch.setenv("LLM_API_URL", server.url)
    monkeypatch.setenv("LLM_API_KEY", "k")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        asked = toy(**{"methods.generator": "server"})
        there = read_parts(lidr.answers(asked, policy, 1) / "answers")
    finally:
        server.close()
    assert there.equals(here)
