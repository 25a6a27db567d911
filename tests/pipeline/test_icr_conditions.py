"""ICR's control, the graded start, and the reward under several conditions, from model to figure at toy size."""

import pandas as pd
import pytest

from sp3f_lib.audits.icr_starts import ALL_PAIRS, ITSELF, REFERENCE, SAME_LANGUAGE, Condition
from sp3f_lib.data.schema import read_json_lines, read_rows
from sp3f_lib.generation.parts import read_parts
from sp3f_lib.methods.english_grades import BARE, STEPS, WRONG
from sp3f_lib.methods.icr_content import OTHER_LANGUAGE
from sp3f_lib.pipeline.icr_conditions import STARTS, grid, judged
from sp3f_lib.pipeline.models import data, model, rows_of, steps_of
from sp3f_lib.plots.icr_conditions import PANELS, save_conditions
from sp3f_lib.profiles import load_profile
from sp3f_lib.rewards.answers import is_correct
from sp3f_lib.rewards.fidelity import is_faithful

from ..toy import TOY


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("conditions")


@pytest.fixture(autouse=True)
def in_folder(shared_folder, monkeypatch):
    """One folder for all: what one test made the next one finds."""
    monkeypatch.chdir(shared_folder)


def lab(**changes):
    """The shipped base, whose answers have a language and are sometimes right, with the toy's few problems and steps."""
    few = {"data.rl_problems": 12, "data.languages": ["en", "es", "sw"], "methods.samples": 6, "methods.max_new_tokens": 88}
    few |= {"sft.max_steps": 1, "sft.learning_rate": 1e-4, "methods.temperature": 1.3, "methods.start": "dpo"}
    return load_profile(TOY, few | changes, regime="common", model="lab")


def test_both_sides_of_icrs_control_are_in_the_language_of_the_prompt():
    profile = lab()
    steps = steps_of(profile, "icr_content_1")
    assert {name: steps[name] for name in ("responses", "scores")} == {
        name: steps_of(profile, "icr_1")[name] for name in ("responses", "scores")
    }
    assert steps["pairs"] != steps_of(profile, "icr_1")["pairs"]
    pairs = read_json_lines(rows_of(profile, "icr_content_1"))
    assert pairs and all(is_faithful(p[side][0]["content"], p["lang"]) for p in pairs for side in ("chosen", "rejected"))
    whole = read_json_lines(rows_of(profile, "icr_1"))
    assert not all(is_faithful(p[side][0]["content"], p["lang"]) for p in whole for side in ("chosen", "rejected"))
    report = pd.read_csv(steps["pairs"] / "report.csv").set_index("lang")
    assert report.loc["sw", f"responses: {OTHER_LANGUAGE}"] > report.loc["en", f"responses: {OTHER_LANGUAGE}"]
    assert model(profile, "icr_content_1") != model(profile, "icr_1")


def test_the_graded_start_is_made_of_verified_grades():
    profile = lab(**{"data.rl_problems": 30})
    assert model(profile, "dpo_graded") != model(profile, "dpo")
    assert model(lab(**{"data.rl_problems": 30, "methods.start": "dpo_graded"}), "start") == model(profile, "dpo_graded")
    made = steps_of(profile, "dpo_graded")["pairs"]
    gold = {row["extra_info"]["id"]: row["reward_model"]["ground_truth"] for row in read_rows(data(profile) / "rl.parquet")}
    found = read_json_lines(made / "pairs.jsonl")
    right = [[is_correct(p[side][0]["content"], gold[p["id"]], "en") for side in ("chosen", "rejected")] for p in found]
    counted = pd.read_csv(made / "report.csv").set_index("prompts")["number"]
    assert right.count([True, True]) == counted[f"{STEPS} over {BARE}"] > 0
    assert right.count([True, False]) == counted[f"{BARE} over {WRONG}"] > 0
    assert len(right) == right.count([True, True]) + right.count([True, False])


def test_every_condition_has_its_own_responses_or_reward(tmp_path):
    wanted = [Condition("dpo", ITSELF, 1.3), Condition("dpo", REFERENCE, 1.3), Condition("dpo", ITSELF, 0.7)]
    seen = []
    table = judged([lab()], wanted, done=lambda table: seen.append(len(table)))
    assert len(seen) == 3 and seen[-1] == len(table)
    assert set(table.pairs) == {ALL_PAIRS, SAME_LANGUAGE} and set(table.seed) == {0}
    own = table[(table.answers == ITSELF) & (table.temperature == 1.3)]
    scores = read_parts(steps_of(lab(), "icr_1")["scores"] / "scores")  # those of ICR itself
    assert own[own.lang == "all"].no_reward.iloc[0] == scores.R_c.isna().sum()
    shares = table.drop_duplicates(["answers", "temperature", "lang"]).pivot(
        index="lang", columns=["answers", "temperature"], values="faithful"
    )
    assert shares.T.drop_duplicates().shape[0] == 3
    path = save_conditions(table, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        *(f"icr_conditions.{ending}" for ending in ("csv", "pdf", "png")), "icr_conditions_seeds.csv", "icr_conditions_effects.csv"
    }  # fmt: skip
    assert path.name == "icr_conditions.png"
    drawn = pd.read_csv(tmp_path / "icr_conditions.csv")
    assert {(pairs, truth) for pairs, truth, _ in PANELS} <= set(zip(drawn.pairs, drawn.truth, strict=True))


def test_the_grid_is_every_start_with_every_answerer_and_temperature():
    assert len(set(grid())) == len(STARTS) * 2 * 3
    assert grid(("dpo",), (ITSELF,), (0.9,)) == [Condition("dpo", ITSELF, 0.9)]
