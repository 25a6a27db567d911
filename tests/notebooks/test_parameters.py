"""The second cell of every notebook: what cannot run is named there, and regimes, methods and seeds are those of the profile."""

import ast
import json
import types
from pathlib import Path

import pytest

from sp3f_lib.pipeline.notebook import PARAMETERS, SHORT, check_parameters
from sp3f_lib.profiles import ProfileError

TOY = str(Path(__file__).parents[1] / "toy.yaml")
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def cell(**changes) -> dict:
    """The globals of a notebook whose parameters are the defaults but for `changes`."""
    scope = {"profile": TOY, "overrides": {}, "figures": "figures"}
    return {"__name__": "__main__", "Path": Path, "types": types, "In": [], **scope, **changes}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_other_cell_uses_the_name_of_a_parameter(path):
    """So that the check may run again after the others; and all notebooks have the same three parameters before their own."""
    code = [one for one in json.loads(path.read_text(encoding="utf-8"))["cells"] if one["cell_type"] == "code"]
    first, *others = ["".join(one["source"]) for one in code]
    assert "parameters" in code[0]["metadata"]["tags"] and "check_parameters(" in others[0]
    given = [statement.targets[0].id for statement in ast.parse(first).body]
    assert tuple(given[: len(PARAMETERS)]) == PARAMETERS
    bound = set()
    for source in others:
        tree = ast.parse(source)
        inner = [n for n in ast.walk(tree) if isinstance(n, ast.ListComp | ast.DictComp | ast.GeneratorExp | ast.SetComp)]
        hidden = {id(name) for one in inner for generator in one.generators for name in ast.walk(generator.target)}
        bound |= {
            n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and id(n) not in hidden
        }
        bound |= {alias.asname or alias.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names}
    assert not bound & {*given, *SHORT}


def test_what_papermill_sets_by_a_short_name_is_an_override():
    short = check_parameters(cell(seed=3, source="mgsm")).first
    assert short == check_parameters(cell(overrides={"seed": 3, "data.source": "mgsm"})).first
    assert short.seed == 3 and short.data.source == "mgsm"


def test_the_cell_may_run_again_after_others():
    again = cell(experiment=check_parameters(cell()), samples=[1], overrides={"seed": 2})
    assert check_parameters(again).first.seed == 2


def test_it_says_what_will_run():
    assert repr(check_parameters(cell(seed=4, overrides={"seeds": 2}))) == (
        "toy, warm: source lab in en sw; models base sft rlvr sp3f; seed 4 5\n"
        "toy, cold: source lab in sw; models base sft judge_unprivileged; seed 4 5"
    )


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
    with pytest.raises(ProfileError, match=r"model\.path: there is no directory '\./nowhere'; give .*lab.* recipe"):
        check_parameters(cell(model="./nowhere"))


@pytest.mark.parametrize("model", ["lab", "recipe", "Qwen/Qwen2.5-0.5B"])
def test_models_of_the_lab_and_of_the_hub_are_no_directories(model):
    assert check_parameters(cell(model=model)).first.model.path == model


def test_a_misspelt_parameter_or_arm_is_named_with_the_nearest():
    with pytest.raises(ProfileError, match="unknown notebook parameter 'overides'; nearest known: 'overrides'"):
        check_parameters(cell(overides={}))
    with pytest.raises(ProfileError, match="unknown model 'sp3ff'; nearest known: 'sp3f'"):
        check_parameters(cell(overrides={"arms": ["sp3ff"]}))
