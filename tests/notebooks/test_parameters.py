"""The second cell of every notebook: what cannot run is named there, and regimes, methods and seeds are those of the profile."""

import types
from pathlib import Path

import pytest

from sp3f_lib.notebook import check_parameters
from sp3f_lib.profiles import ProfileError

TOY = str(Path(__file__).parents[1] / "toy.yaml")


def cell(**changes) -> dict:
    """The globals of a notebook whose parameters are the defaults but for `changes`."""
    scope = {
        "profile": TOY,
        "seed": None,
        "source": None,
        "folder": None,
        "model": None,
        "overrides": {},
        "figures": "figures",
    }
    return {"__name__": "__main__", "Path": Path, "types": types, "In": [], **scope, **changes}


def test_the_regimes_are_those_of_the_profile_each_with_its_own_methods():
    experiment = check_parameters(cell())
    assert list(experiment.regimes) == ["warm", "cold"] and experiment.first.regime == "warm"
    assert experiment.methods("warm") == ("base", "sft", "rlvr", "sp3f")
    assert experiment.methods("cold") == ("base", "sft", "judge_unprivileged")
    assert experiment.figures == Path("figures")


def test_a_regime_that_is_chosen_is_the_only_one():
    assert list(check_parameters(cell(overrides={"regime": "cold"})).regimes) == ["cold"]
    assert list(check_parameters(cell(), preference=True).regimes) == ["common"]


def test_seeds_count_from_the_profiles_own():
    experiment = check_parameters(cell(seed=4, overrides={"seeds": 3}))
    assert [profile.seed for profile in experiment.seeds("warm")] == [4, 5, 6]
    assert {profile.seeds for profile in experiment.seeds("warm")} == {3}
    assert [profile.seed for profile in check_parameters(cell()).seeds("cold")] == [0]


def test_the_lab_has_several_seeds_where_it_is_cold():
    experiment = check_parameters(cell(profile="lab"))
    assert {regime: len(experiment.seeds(regime)) for regime in experiment.regimes} == {"cold": 3, "warm": 1, "tempted": 1}


def test_a_model_directory_that_is_not_there_is_named_at_once():
    with pytest.raises(ProfileError, match=r"model\.path: there is no directory '\./nowhere'; give .*lab, recipe"):
        check_parameters(cell(model="./nowhere"))


@pytest.mark.parametrize("model", ["lab", "recipe", "Qwen/Qwen2.5-0.5B"])
def test_models_of_the_lab_and_of_the_hub_are_no_directories(model):
    assert check_parameters(cell(model=model)).first.model.path == model


def test_a_misspelt_parameter_or_arm_is_named_with_the_nearest():
    with pytest.raises(ProfileError, match="unknown notebook parameter 'overides'; nearest known: 'overrides'"):
        check_parameters(cell(overides={}))
    with pytest.raises(ProfileError, match="unknown arm 'sp3ff'; nearest known: 'sp3f'"):
        check_parameters(cell(overrides={"arms": ["sp3ff"]}))
