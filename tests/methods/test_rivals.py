"""The arms beside SP3F in the table: what each changes and nothing else, which models it asks, what its stage depends on."""

import pytest

from sp3f_lib.forecast.dry_run import dry_run
from sp3f_lib.methods.models import apply_changes, asked, before, find
from sp3f_lib.pipeline.trainings import code_of, settings_of
from sp3f_lib.profiles import load_profile

from ..toy import TOY

PROFILE = load_profile(TOY)
# Beside the arm of SP3F's own ablation that it is compared with.
CHANGES = {
    "hint": ("rlvr", {"hint.use": True}),
    "sp3f_hint": ("sp3f", {"hint.use": True}),
    "rlvr_opsd": ("rlvr", {"teacher.use": True}),
    "rlvr_opsd_unsolved": ("rlvr", {"teacher.use": True, "teacher.groups": "unsolved"}),
    "opsd": (
        "rlvr",
        {
            "teacher.use": True,
            "rewards.accuracy": 0.0,
            "rewards.parseable": 0.0,
            "rewards.fidelity": 0.0,
            "alarms.no_signal": "off",
        },
    ),
    "rlvr_gated": ("rlvr", {"rewards.language_shape": "gated"}),
    "sp3f_gated": ("sp3f", {"rewards.language_shape": "gated"}),
    "rlvr_adaptive": ("rlvr", {"rewards.language_shape": "adaptive"}),
}


def flat(profile):
    return {
        f"{section}.{field}": value
        for section, fields in profile.model_dump().items()
        if isinstance(fields, dict)
        for field, value in fields.items()
    }


@pytest.mark.parametrize("name", CHANGES)
def test_each_differs_from_the_arm_that_it_is_compared_with_in_its_idea_alone(name):
    other, changes = CHANGES[name]
    mine, theirs = flat(apply_changes(PROFILE, name)), flat(apply_changes(PROFILE, other))
    assert {key: value for key, value in mine.items() if value != theirs[key]} == changes
    assert find(name).entry.section == "grpo" and find(name).entry.start == "sft"


def test_a_frozen_teacher_is_made_before_and_is_an_input_by_its_contents():
    taught = load_profile(TOY, {"teacher.model": "dpo"})
    assert asked(apply_changes(taught, "opsd")) == {"teacher.model": "dpo"}
    assert before(taught, "opsd")[-1] == "dpo" and "dpo" not in before(taught, "rlvr")
    assert asked(apply_changes(PROFILE, "opsd")) == {}
    settings = settings_of(apply_changes(taught, "opsd"), "grpo", {"teacher.model": "somewhere"})
    assert settings["teacher"]["model"] is None and settings["teacher"]["weight"] == 1.0
    implicit = load_profile(TOY, {"judge.name": "implicit", "judge.model": "dpo", "judge.reference_model": "sft"})
    assert asked(apply_changes(implicit, "sp3f")) == {"judge.model": "dpo", "judge.reference_model": "sft"}


def test_hints_and_teachers_are_in_the_keys_of_their_arms_only():
    changed = load_profile(TOY, {"hint.until": 0.3, "teacher.clip": 2.0})

    def described(profile, name):
        profile = apply_changes(profile, name)
        return settings_of(profile, "grpo", {}), code_of(profile, "grpo", {})

    for name, differs in (("rlvr", False), ("sp3f", False), ("hint", True), ("opsd", True), ("rlvr_gated", False)):
        assert (described(PROFILE, name) != described(changed, name)) is differs
    assert "training/hints.py" in described(PROFILE, "hint")[1] and "training/hints.py" not in described(PROFILE, "rlvr")[1]
    assert (
        "training/teacher.py" in described(PROFILE, "opsd")[1] and "training/teacher.py" not in described(PROFILE, "rlvr")[1]
    )
    assert described(PROFILE, "rlvr_gated") != described(PROFILE, "rlvr")


@pytest.mark.parametrize("name", [*CHANGES, "self_translate_sft"])
def test_what_each_needs_is_told_before(name):
    text, fits = dry_run(PROFILE, name)
    assert fits and ("-> 24 rows" in text) == (name == "self_translate_sft")
