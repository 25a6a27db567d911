"""ICR and LIDR as stages at toy size: what is made once, what is shared, what is trained on what."""

import json
import runpy
from pathlib import Path

import pandas as pd
import pytest
from transformers import AutoModelForCausalLM

from sp3f_lib import preference_data, preference_stages, stages
from sp3f_lib.__main__ import main
from sp3f_lib.data.schema import read_json_lines, read_rows
from sp3f_lib.evaluation.generate import load_model
from sp3f_lib.methods.parts import read_parts
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.rewards.answers import is_correct

TOY = Path(__file__).parent / "toy.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("preference")


@pytest.fixture(autouse=True)
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def toy(**overrides):
    return load_profile(TOY, overrides, regime="common")


def weights(model: Path) -> dict:
    return {name: w.sum().item() for name, w in AutoModelForCausalLM.from_pretrained(model).named_parameters()}


def test_two_iterations_of_icr(folder):
    profile = toy()
    second = preference_stages.preference(profile, "icr_2")
    first = preference_stages.preference(profile, "icr_1")
    assert weights(first) != weights(second)
    assert preference_stages.policy_before(profile, "icr", 2) == first
    assert preference_stages.policy_before(profile, "icr", 1) == stages.base(profile)  # methods.start
    steps = preference_stages.steps_of(profile, "icr_2")
    inputs = json.loads((steps["scores"] / "manifest.json").read_text())["inputs"]
    before = json.loads((preference_stages.steps_of(profile, "icr_1")["scores"] / "manifest.json").read_text())["inputs"]
    assert inputs["reference"] == before["reference"]  # the SFT model's place is never taken by an iteration
    assert inputs["policy"] != before["policy"]


def test_a_finished_iteration_is_not_made_again(monkeypatch):
    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr("sp3f_lib.training.worker.train_stage", never)
    assert preference_stages.preference(toy(), "icr_2").is_dir()


def test_arms_of_icr_share_their_responses_and_each_is_scored_once():
    steps = [preference_stages.steps_of(toy(), method) for method in ("icr_1", "icr_m_1", "icr_t_1")]
    assert len({step["responses"] for step in steps}) == 1
    assert len({step["scores"] for step in steps}) == len({step["pairs"] for step in steps}) == 3
    fewer = toy(**{"methods.rewards": ["R_c"]})  # what the notebook compares; another one is no new scoring of the first
    assert [preference_stages.steps_of(fewer, method) for method in ("icr_1", "icr_m_1", "icr_t_1")] == steps


def test_rewards_that_are_compared_stand_side_by_side():
    table = preference_stages.compared_scores(toy())
    assert len(table) == 6 * 2 * 3  # problems, languages, samples
    assert table[["R_c", "R_m"]].notna().all(axis=None)
    assert (table["R_t"].isna() == (table["lang"] == "en")).all()  # English is not translated
    for reward, name in (("R_c", "icr"), ("R_t", "icr_t")):
        alone = read_parts(preference_stages.steps_of(toy(), f"{name}_1")["scores"] / "scores")
        pd.testing.assert_series_equal(table[reward], alone[reward])
    assert list(preference_stages.compared_scores(toy(**{"methods.rewards": ["R_m"]}))["R_m"]) == list(table["R_m"])


def test_lidr_its_baseline_and_a_control_without_pairs():
    profile = toy()
    start = preference_stages.policy_before(profile, "lidr", 1)
    for method in ("lidr_1", "lidr_sft"):
        assert weights(preference_stages.preference(profile, method)) != weights(start)
    with pytest.raises(ProfileError, match="lidr_content_1: there are no pairs of this kind"):  # the toy repeats itself
        preference_stages.preference(profile, "lidr_content_1")
    steps = preference_stages.steps_of(profile, "lidr_1")
    assert steps == preference_stages.steps_of(profile, "lidr_content_1")
    report = pd.read_csv(steps["pairs"] / "report.csv")
    pairs = read_json_lines(preference_stages.pairs_of(profile, "lidr_1"))
    assert report[["pairs", "English pairs"]].to_numpy().sum() == len(pairs)
    assert {(pair["lang"], pair["partner"]) for pair in pairs} == {("en", "sw"), ("sw", "en")}
    rows = read_json_lines(preference_stages.pairs_of(profile, "lidr_sft"))
    assert {row["lang"] for row in rows} == {"sw"}


def test_the_english_start_is_made_of_verified_answers():
    profile = toy(**{"methods.start": "dpo", "data.rl_problems": 40, "methods.samples": 8, "sft.learning_rate": 1e-6})
    model = preference_stages.named_model(profile, profile.methods.start)
    assert weights(model) != weights(stages.sft(profile))
    made = preference_stages.steps_of(profile, "dpo")["pairs"]
    pairs, rows = read_json_lines(made / "pairs.jsonl"), read_rows(stages.data(profile) / "rl.parquet")
    gold = {row["extra_info"]["id"]: row["reward_model"]["ground_truth"] for row in rows}
    assert all(is_correct(pair["chosen"][0]["content"], gold[pair["id"]], "en") for pair in pairs)
    assert not any(is_correct(pair["rejected"][0]["content"], gold[pair["id"]], "en") for pair in pairs)
    assert pd.read_csv(made / "report.csv")["number"].sum() == 40


def test_another_bound_or_penalty_needs_no_new_scores():
    scores = preference_stages.steps_of(toy(), "icr_1")["scores"]
    changed = toy(**{"methods.upper_bounds": [1000.0], "methods.length_control": False})
    steps = preference_stages.steps_of(changed, "icr_1")
    assert steps["scores"] == scores
    assert (pd.read_csv(steps["pairs"] / "report.csv")["alpha"] == 0).all()


def test_the_numbers_add_up():
    profile = toy()
    scores = read_parts(preference_stages.steps_of(profile, "icr_1")["scores"] / "scores")
    assert len(scores) == 6 * 2 * 3  # problems, languages, samples
    assert (scores["policy_c"] - scores["reference_c"]).equals(scores["R_c"])


def test_a_section_that_is_empty_is_named_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for method, section in (("dpo", "dpo"), ("icr_1", "preference"), ("lidr_sft", "alignment")):
        profile = toy().model_copy(update={section: {}})
        with pytest.raises(ProfileError, match=f"{method} needs the section {section}, which is empty"):
            preference_stages.preference(profile, method)
    assert not list(tmp_path.iterdir())


def test_prompts_from_a_folder(shared_data):
    source = shared_data / "ultrafeedback_prompts_multilingual"
    profile = toy(**{"methods.prompts": str(source), "methods.problems": 3, "data.languages": ["en", "sw"]})
    prompts, languages = preference_data.load(preference_data.prompts(profile))
    assert (len(prompts), languages) == (3, ("en", "sw"))
    with pytest.raises(ProfileError, match=r"with methods\.prompts, name a model"):
        preference_stages.steps_of(profile, "dpo")


def test_pairs_are_exported(capsys, folder):
    options = ["--profile", str(TOY), "--regime", "common", "--arm", "icr_1"]
    assert main(["pairs", *options, "--export", "out.jsonl", "--llama-factory", "lf"]) == 0
    pairs = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert {"prompt", "chosen", "rejected", "id", "lang"} <= pairs[0].keys()
    entry = json.loads(Path("lf/dataset_info.json").read_text())["toy_icr_1"]
    assert len(json.loads((Path("lf") / entry["file_name"]).read_text())) == len(pairs)
    assert f"{len(pairs)} pairs" in capsys.readouterr().out


def test_only_preference_models_have_pairs(capsys):
    assert main(["pairs", "--profile", str(TOY), "--regime", "common", "--arm", "sp3f"]) == 1
    assert "'sp3f' is not trained on pairs" in capsys.readouterr().err


def test_a_server_answers_as_transformers_do(monkeypatch):
    file = Path(__file__).parent / "methods" / "completion_server.py"
    server_class = runpy.run_path(str(file))["CompletionServer"]
    profile = toy()
    policy = preference_stages.policy_before(profile, "lidr", 1)
    here = read_parts(preference_stages.steps_of(profile, "lidr_1")["answers"] / "answers")
    server = server_class(*load_model(str(policy)))
    monkeypatch.setenv("LLM_API_URL", server.url)
    monkeypatch.setenv("LLM_API_KEY", "k")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        asked = toy(**{"methods.generator": "server"})
        there = read_parts(preference_data.lidr_answers(asked, policy, 1) / "answers")
    finally:
        server.close()
    assert there.equals(here)
