"""Profiles: nothing in them can be misspelt, and changes apply in one order: file, source, regime, overrides."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from sp3f_lib.profiles import FOLDER, ProfileError, load_profile, nearest, profile_names, trl_fields


def refused(overrides=None, name="lab", **parameters) -> str:
    with pytest.raises(ProfileError) as error:
        load_profile(name, overrides, **parameters)
    return str(error.value)


@pytest.fixture
def layered(tmp_path) -> Path:
    """A profile in which file, source and regime all want to set the same things."""
    raw = {
        "name": "layered",
        "regime": "calm",
        "arms": ["sp3f"],
        "data": {
            "languages": ["de"],
            "sft_problems": 1,
            "rl_problems": 1,
            "eval_problems": 1,
        },
        "sft": {"max_steps": 1, "logging_steps": 1, "save_steps": 1},
        "grpo": {"max_steps": 1},
        "regimes": {
            "calm": {},
            "wild": {"sft": {"max_steps": 3, "save_steps": 3}, "data": {"rl_problems": 3, "languages": ["sw", "bn"]}},
            "real": {"data": {"eval_problems": 4}},
        },
        "sources": {
            "mgsm": {
                "regime": "real",
                "sft": {"max_steps": 2, "logging_steps": 2, "save_steps": 2},
                "data": {"sft_problems": 2, "rl_problems": 2, "languages": ["en"]},
            },
        },
    }
    path = tmp_path / "layered.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


# ---- what cannot be right


@pytest.mark.parametrize(
    "overrides, wrong, near",
    [
        ({"grpo.max_stpes": 1}, "grpo.max_stpes", "max_steps"),
        ({"sft.learning_rat": 1}, "sft.learning_rat", "learning_rate"),
        ({"base.warmup_step": 1}, "base.warmup_step", "warmup_steps"),
        ({"sft.num_generations": 8}, "sft.num_generations", ""),  # a field of GRPOConfig only
        ({"data.langauges": ["de"]}, "data.langauges", "languages"),
        ({"rewards": {"treshold": 0.5}}, "rewards.treshold", "threshold"),
        ({"evaluation.sample": 3}, "evaluation.sample", "samples"),
        ({"lab.hiden_size": 3}, "lab.hiden_size", "hidden_size"),
        ({"grop.max_steps": 1}, "grop", "grpo"),
        ({"evalution": {"samples": 3}}, "evalution", "evaluation"),
        ({"sede": 1}, "sede", "seed"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(overrides, wrong, near):
    message = refused(overrides)
    assert f"unknown key {wrong}" in message
    assert near in message.removeprefix(f"profile lab: unknown key {wrong}")


@pytest.mark.parametrize(
    "overrides, where, near",
    [
        ({"judge.name": "alignmnt"}, "judge.name", "alignment"),
        ({"judge.privilege": "solutions"}, "judge.privilege", "solution"),
        ({"judge.schedule": "ballanced"}, "judge.schedule", "balanced"),
        ({"data.source": "mgms"}, "data.source", "mgsm"),
        ({"model.torch_dtype": "bfloat"}, "model.torch_dtype", "bfloat16"),
    ],
)
def test_an_unknown_value_is_named_with_the_nearest(overrides, where, near):
    assert f"{where}: unknown value {next(iter(overrides.values()))!r}; nearest known: '{near}'" in refused(overrides)


@pytest.mark.parametrize("key", ["data.languages", "data.rl_languages", "data.eval_languages"])
def test_an_unknown_language_is_named_with_the_nearest(key):
    message = refused({key: ["de", "sww"]})
    assert f"{key}: unknown language 'sww'" in message
    assert "nearest: 'sw'" in message


def test_an_unknown_regime_is_named_with_the_nearest():
    assert "unknown regime 'clod' in profile lab; nearest known: 'cold'" in refused(regime="clod")


def test_an_unknown_profile_is_named_with_the_nearest():
    assert "unknown profile 'labb'; nearest known: 'lab'" in refused(name="labb")


def test_a_profile_file_that_is_not_there_is_named(tmp_path):
    assert str(tmp_path / "mine.yaml") in refused(name=tmp_path / "mine.yaml")


def test_a_profile_file_that_is_no_mapping_is_named(tmp_path):
    (tmp_path / "mine.yaml").write_text("- lab\n")
    assert f"{tmp_path / 'mine.yaml'} is not a mapping" in refused(name=tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    "overrides, where",
    [
        ({"rewards.threshold": 1.2}, "rewards.threshold"),
        ({"rewards.threshold": -0.1}, "rewards.threshold"),
        ({"data.sft_problems": 0}, "data.sft_problems"),
        ({"data.eval_problems": "many"}, "data.eval_problems"),
        ({"evaluation.samples": 0}, "evaluation.samples"),
        ({"parallel": 0}, "parallel"),
        ({"seeds": 0}, "seeds"),
        ({"seeds": "three"}, "seeds"),
        ({"seed": "one"}, "seed"),
        ({"seed.value": 1}, "seed"),
        ({"grpo": 5}, "grpo"),
    ],
)
def test_a_value_out_of_range_or_of_the_wrong_type_is_named(overrides, where):
    assert f"profile lab: {where}: " in refused(overrides)


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"judge.price": 5}, "judge.price: give a list of two numbers, such as [0.15, 0.6], not 5"),
        ({"judge.price": [5]}, "judge.price: give a list of two numbers, such as [0.15, 0.6], not [5]"),
        ({"judge.price": [1, 2, 3]}, "judge.price: give a list of two numbers, such as [0.15, 0.6], not [1, 2, 3]"),
        (
            {"tracking.report_to": "tensorboard"},
            "tracking.report_to: give a list of names, such as [tensorboard], not tensorboard",
        ),
        ({"tracking.report_to": None}, "tracking.report_to: give a list of names, not null"),
        ({"data.languages": "en"}, "data.languages: give a list of names, such as [en], not en"),
        ({"data.rl_languages": "en"}, "data.rl_languages: give a list of names, such as [en], not en"),
        ({"data.sft_operations": 3}, "data.sft_operations: give a list of numbers, such as [3], not 3"),
        ({"methods.upper_bounds": []}, "methods.upper_bounds: give a list of at least one number, not []"),
    ],
    ids=str,
)
def test_what_should_be_a_list_is_refused_with_what_to_write(overrides, message):
    assert refused(overrides) == f"profile lab: {message}"


def test_a_profile_without_a_required_section_is_refused_with_its_name(layered):
    raw = yaml.safe_load(layered.read_text())
    del raw["data"]
    layered.write_text(yaml.safe_dump(raw))
    assert "data: Field required" in refused(name=layered)


@pytest.mark.parametrize("section", ["base", "sft", "grpo"])
@pytest.mark.parametrize("key", ["output_dir", "seed", "data_seed", "log_completions", "logging_dir", "report_to"])
def test_keys_that_the_stages_set_are_refused(section, key):
    assert f"{section}.{key} is set by the stage itself" in refused({f"{section}.{key}": 1})


@pytest.mark.parametrize("section", ["base", "sft", "grpo", "dpo", "preference", "alignment"])
@pytest.mark.parametrize("steps", [0, -1])
def test_a_training_without_steps_is_refused(section, steps):
    message = refused({f"{section}.max_steps": steps}, regime="common")
    assert f"{section}.max_steps must be positive, not {steps}: nothing would be trained" in message
    assert f"{section}.num_train_epochs" in message


def test_reward_weights_are_set_in_the_section_rewards_only():
    assert "grpo.reward_weights is set by the stage itself" in refused({"grpo.reward_weights": [1, 1, 1]})


def test_every_error_of_a_profile_is_shown_at_once():
    message = refused({"judge.name": "alignmnt", "data.langauges": ["de"], "rewards.threshold": 2})
    assert all(where in message for where in ("judge.name", "data.langauges", "rewards.threshold"))


def test_a_loaded_profile_cannot_be_changed():
    with pytest.raises(ValidationError):
        load_profile("lab").seed = 1


@pytest.mark.parametrize("steps", [None, "ten"])
def test_steps_that_are_no_number_are_named(layered, steps):
    raw = yaml.safe_load(layered.read_text())
    raw["sft"]["max_steps"] = steps
    layered.write_text(yaml.safe_dump(raw))
    assert "sft.max_steps" in refused(name=layered, regime="calm")


# ---- copies


def test_a_copy_under_the_name_of_a_shipped_profile_is_refused_for_it_would_share_its_figures(tmp_path):
    copied = tmp_path / "mine.yaml"
    copied.write_text((FOLDER / "lab.yaml").read_text())
    message = refused(name=copied)
    assert message.startswith(f"{copied}: `name: lab` is the name of a shipped profile")
    assert "give it a name of its own" in message
    copied.write_text(copied.read_text().replace("name: lab", "name: mine"))
    assert load_profile(copied).name == "mine"


# ---- the order of changes


def test_without_choices_the_file_stands(layered):
    profile = load_profile(layered)
    assert (profile.regime, profile.data.languages, profile.sft["max_steps"]) == ("calm", ("de",), 1)


def test_a_source_changes_the_file_and_leaves_what_it_does_not_name(layered):
    profile = load_profile(layered, source="mgsm")
    assert profile.data.source == "mgsm"
    assert (profile.sft["max_steps"], profile.data.sft_problems, profile.data.languages) == (2, 2, ("en",))
    assert profile.grpo["max_steps"] == 1


def test_the_regime_that_a_source_names_applies(layered):
    profile = load_profile(layered, source="mgsm")
    assert (profile.regime, profile.data.eval_problems) == ("real", 4)


def test_a_regime_wins_over_the_source(layered):
    profile = load_profile(layered, source="mgsm", regime="wild")
    assert profile.regime == "wild"
    assert (profile.sft["max_steps"], profile.data.rl_problems, profile.data.languages) == (3, 3, ("sw", "bn"))
    assert (profile.sft["logging_steps"], profile.data.sft_problems) == (2, 2)  # the source's, which the regime leaves alone


def test_an_override_wins_over_regime_and_source(layered):
    profile = load_profile(layered, {"sft.max_steps": 9, "data.languages": ["ru"]}, source="mgsm", regime="wild")
    assert (profile.sft["max_steps"], profile.data.languages) == (9, ("ru",))
    assert profile.sft["save_steps"] == 3


def test_an_override_can_choose_source_and_regime(layered):
    chosen = load_profile(layered, {"data.source": "mgsm", "regime": "wild"})
    assert chosen == load_profile(layered, source="mgsm", regime="wild")


def test_an_override_wins_over_a_parameter(layered):
    assert load_profile(layered, {"seed": 2}, seed=1).seed == 2


def test_dotted_and_nested_overrides_are_the_same(layered):
    dotted = load_profile(layered, {"sft.max_steps": 9, "data.rl_problems": 8})
    assert load_profile(layered, {"sft": {"max_steps": 9}, "data": {"rl_problems": 8}}) == dotted


def test_a_list_is_replaced_as_a_whole(layered):
    assert load_profile(layered, {"data.languages": ["sw", "bn"]}).data.languages == ("sw", "bn")


@pytest.mark.parametrize("nothing", [None, ""])
def test_parameters_that_are_empty_are_ignored(layered, nothing):
    left_alone = load_profile(layered, source=nothing, regime=nothing, seed=nothing, model=nothing, folder=nothing)
    assert left_alone == load_profile(layered)


def test_a_seed_of_0_is_not_empty(layered):
    raw = yaml.safe_load(layered.read_text()) | {"seed": 7}
    layered.write_text(yaml.safe_dump(raw))
    assert load_profile(layered, seed=0).seed == 0


def test_the_short_parameters_reach_their_sections(layered):
    profile = load_profile(layered, source="rows", folder="mine", model="Qwen/Qwen2.5-0.5B", seed=3)
    assert (profile.data.source, profile.data.folder, profile.model.path, profile.seed) == (
        "rows",
        "mine",
        "Qwen/Qwen2.5-0.5B",
        3,
    )


def test_loading_does_not_change_what_the_next_load_sees(layered):
    before = load_profile(layered)
    load_profile(layered, {"sft.max_steps": 9}, source="mgsm", regime="wild")
    assert load_profile(layered) == before


# ---- helpers


@pytest.mark.parametrize("name", ["SFTConfig", "GRPOConfig"])
def test_the_fields_read_from_trls_source_are_those_of_its_classes(name):
    import trl

    assert trl_fields(name) == {field.name for field in dataclasses.fields(getattr(trl, name))}


def test_nearest_shows_all_known_words_where_none_is_near():
    assert nearest("xyz", ["beta", "alpha"]) == "; known: alpha, beta"


# ---- values that a later stage would refuse


@pytest.mark.parametrize("name", [name for name in profile_names() if name != "lab"])
def test_a_regime_is_refused_by_a_profile_that_has_none(name):
    assert "unknown regime 'clod'" in refused(name=name, regime="clod")


@pytest.mark.parametrize(
    "overrides, where",
    [
        ({"lab.shares": {"xx": 0.5}}, "xx"),
        ({"data.sft_operations": [0]}, "data.sft_operations"),
        ({"evaluation.temperature": -1}, "evaluation.temperature"),
    ],
    ids=str,
)
def test_a_value_that_cannot_work_is_refused_when_the_profile_is_read(overrides, where):
    assert where in refused(overrides)


def test_a_folder_that_nothing_would_read_is_refused():
    with pytest.raises(ProfileError, match=r"data.folder: the lab makes its own problems"):
        load_profile("lab", folder="mine")


@pytest.mark.parametrize("key", ["grpo.max_steps", "sft.learning_rate", "base.save_steps"])
def test_text_in_place_of_a_number_is_refused_before_anything_is_trained(key):
    with pytest.raises(ProfileError, match=rf"{key}: 'abc' is not a number \(the profile has "):
        load_profile("lab", {key: "abc"})


def test_a_number_written_as_text_is_a_number():
    assert load_profile("lab", {"sft.learning_rate": "2e-4"}).sft["learning_rate"] == 2e-4
