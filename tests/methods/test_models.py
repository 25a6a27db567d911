"""The table of named models: what a name means, what comes before it, and that an arm is one entry."""

import json
from dataclasses import replace

import pytest

from sp3f_lib.commands import main
from sp3f_lib.methods import models
from sp3f_lib.methods.models import MODELS, apply_changes, before, find, is_model, named_by, names, needs
from sp3f_lib.methods.sp3f import ARMS
from sp3f_lib.pipeline.models import evaluation, model
from sp3f_lib.profiles import ProfileError, load_profile

from ..toy import TOY

LAB = load_profile("lab", regime="common")


# ---- the entries


@pytest.mark.parametrize("name", names())
def test_an_entry_is_whole(name):
    entry, profile = find(name).entry, LAB
    for start in filter(None, (entry.start, entry.reference)):
        assert is_model(start) or named_by(profile, start) != start  # a field of the profile
    assert (entry.steps is not None) == bool(entry.rows) == bool(entry.section)
    assert entry.section is None or entry.section in type(profile).model_fields
    assert entry.about and entry.paper
    changed = apply_changes(profile, name)
    for key, value in entry.changes.items():
        section, field = key.split(".")
        assert getattr(getattr(changed, section), field) == value
    assert changed.model_dump(exclude={key.split(".")[0] for key in entry.changes}) == profile.model_dump(
        exclude={key.split(".")[0] for key in entry.changes}
    )


def test_two_arms_never_change_the_same():
    changes = [json.dumps(dict(entry.changes), sort_keys=True) for entry in MODELS.values() if entry.section == "grpo"]
    assert len(set(changes)) == len(changes) > 5


# ---- names


def test_every_name_is_found_and_none_twice():
    assert len(set(names())) == len(names()) == len(MODELS)
    assert {"base", "sft", "sp3f", "dpo", "start", "icr_1", "lidr_sft"} <= {*names()}
    assert all(find(name).name == name and is_model(name) for name in names())


@pytest.mark.parametrize(
    ("name", "family", "iteration", "start"),
    [
        ("sft", "sft", 1, "base"),
        ("icr_1", "icr", 1, "methods.start"),
        ("icr_12", "icr", 12, "icr_11"),
        ("icr_m_2", "icr_m", 2, "icr_m_1"),
        ("lidr_sft", "lidr_sft", 1, "methods.start"),
    ],
)
def test_an_iteration_starts_from_the_one_before(name, family, iteration, start):
    found = find(name)
    assert (found.family, found.iteration, found.start) == (family, iteration, start)
    assert found.entry is MODELS[family]


@pytest.mark.parametrize(
    ("name", "near"), [("sp3", "sp3f"), ("icr", "icr_1"), ("icr_0", "icr_1"), ("icr_01", "icr_1"), ("sft_1", "sft")]
)
def test_an_unknown_name_is_refused_with_the_nearest(name, near):
    with pytest.raises(ProfileError, match=f"unknown model '{name}'; nearest known: '{near}'"):
        find(name)
    assert not is_model(name)


# ---- what comes before


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("base", {}, ()),
        ("sft", {}, ("base",)),
        ("sp3f", {}, ("base", "sft")),
        ("sp3f_implicit", {}, ("base", "sft", "dpo")),  # its judge is made of them
        ("sp3f_implicit", {"rewards.win_rate": 0}, ("base", "sft")),
        ("sp3f_implicit", {"methods.start": "sp3f_implicit"}, ("base", "sft", "dpo")),  # none of these starts from it
        ("dpo", {}, ("base", "sft")),
        ("start", {}, ("base", "sft", "dpo")),
        ("icr_3", {}, ("base", "sft", "dpo", "icr_1", "icr_2")),
        ("icr_1", {"methods.start": "base", "methods.reference": "sft"}, ("base", "sft")),
        ("icr_1", {"methods.start": "a/hub-id", "methods.reference": "another/one"}, ()),
        ("lidr_2", {"methods.start": "a/hub-id"}, ("lidr_1",)),  # no reference of ICR
    ],
)
def test_what_comes_before_a_model_stands_earliest_first(name, changes, expected):
    assert before(load_profile("lab", changes, regime="common"), name) == expected


@pytest.mark.parametrize(
    ("name", "changes", "circle"),
    [
        ("lidr_1", {"methods.start": "icr_2"}, "icr_2 needs icr_1 needs icr_2"),
        ("icr_1", {"methods.start": "icr_1"}, "icr_1 needs icr_1"),
        ("icr_1", {"methods.reference": "lidr_1", "methods.start": "start"}, "start needs start"),
    ],
)
def test_no_model_is_made_of_itself(name, changes, circle):
    profile = load_profile("lab", changes, regime="common")
    with pytest.raises(ProfileError, match=f"^{circle}: no model can be made of itself"):
        before(profile, name)


def test_needs_are_those_of_one_step():
    assert needs(LAB, "icr_2") == ("icr_1", "sft")
    assert needs(LAB, "sp3f_implicit") == ("sft", "dpo")


# ---- an arm is one entry


def test_an_arm_of_ones_own_is_one_entry(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    changes = {"rewards.win_rate": 0.0, "rewards.parseable": 0.25}
    monkeypatch.setitem(models.MODELS, "rlvr_mine", replace(ARMS["rlvr"], about="an arm of one's own", changes=changes))
    assert "rlvr_mine" in names()
    with pytest.raises(ProfileError, match="nearest known: 'rlvr_mine'"):
        find("rlvr_myne")
    options = ["--profile", str(TOY), "--model", "lab", "--set", "sft.max_steps=1", "--set", "grpo.max_steps=2"]
    assert main(["train", "rlvr_mine", *options, "--dry-run"]) == 0
    assert "  parseable: 0.25\n" in capsys.readouterr().out
    assert main(["evaluate", "rlvr_mine", *options]) == 0
    said = capsys.readouterr().out
    assert "rlvr_mine warm: step 2/2" in said and "answers, sampled and greedy ones" in said
    profile = load_profile(TOY, {"sft.max_steps": 1, "grpo.max_steps": 2}, model="lab")
    made = model(profile, "rlvr_mine")
    assert said.endswith(f"finished: {evaluation(profile, 'rlvr_mine')}\n")
    manifest = json.loads((made.parent / "manifest.json").read_text())
    assert manifest["stage"] == "rlvr_mine-warm"
    assert (manifest["settings"]["rewards"]["parseable"], manifest["settings"]["judge"]) == (0.25, None)
    card = (made.parent / "README.md").read_text()
    assert "Made by an arm of one's own" in card and "parseable 0.25" in card and "| sw | accuracy |" in card
    with pytest.raises(ProfileError, match="'rlvr_mine' is not trained on pairs"):
        main(["--traceback", "pairs", "rlvr_mine", *options])
