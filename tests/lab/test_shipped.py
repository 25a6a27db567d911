"""The base models in the package: whole, small, as good as their cards say, and refused where their weights are others."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from sp3f_lib.base.abilities import abilities, compare, meets_goals
from sp3f_lib.base.recipe import LARGEST_BYTES, readme
from sp3f_lib.generation.local import load_model
from sp3f_lib.lab.shipped import CARD, FOLDER, SHIPPED, read_card, shipped_base
from sp3f_lib.machine import set_up
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import load_profile
from sp3f_lib.runs import StageError

HERE = [name for name, folder in SHIPPED.items() if (FOLDER / folder).is_dir()]
EACH = pytest.mark.parametrize("name", HERE)


def test_the_base_of_all_regimes_is_shipped():
    assert "lab" in HERE


@EACH
def test_its_weights_are_those_of_its_card_and_small(name):
    folder = shipped_base(name)
    card = read_card(folder.parent)
    assert card["bytes"] == (folder / "model.safetensors").stat().st_size <= LARGEST_BYTES
    assert (folder.parent / "README.md").read_text(encoding="utf-8") == readme(card)


@EACH
def test_it_meets_every_goal_in_every_language_of_the_recipe(name):
    found = pd.DataFrame(read_card(shipped_base(name).parent)["abilities"])
    assert meets_goals(found) == []
    assert set(found.lang) == {"en", *load_profile("lab").lab.shares}
    assert set(found.n) == {100}


@EACH
def test_it_was_made_by_the_recipe_of_the_profile(name):
    card, profile = read_card(shipped_base(name).parent), load_profile("lab")
    assert card["recipe"] == {"lab": json.loads(profile.lab.model_dump_json()), "base": profile.base}


def test_each_has_a_seed_of_its_own():
    assert len({read_card(shipped_base(name).parent)["seed"] for name in HERE}) == len(HERE)


@EACH
def test_it_can_do_here_what_its_card_says(name):
    set_up(1)
    found = abilities(*load_model(str(shipped_base(name))), ["en", "sw"], problems=25)
    both = compare(found, pd.DataFrame(read_card(shipped_base(name).parent)["abilities"]))
    assert len(both) == 6 and both.agrees.all()
    assert both["mean"].where(both.ability != "writes", 1).min() > 0.8


def test_every_regime_of_the_lab_starts_from_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for regime in load_profile("lab").experiments:
        assert model(load_profile("lab", regime=regime), "base") == shipped_base("lab")
    assert not (tmp_path / "runs").exists()


# ---- a folder that is not as it was shipped


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """A copy of the base, which `lab` is taken from."""
    folder = shutil.copytree(shipped_base("lab").parent, tmp_path / "base-0")
    monkeypatch.setitem(SHIPPED, "lab", str(folder))
    return folder


def test_a_whole_copy_is_as_good(copied):
    assert shipped_base("lab") == copied / "model"


def test_changed_weights_are_refused_with_the_mend(copied):
    weights = copied / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(StageError) as error:
        model(load_profile("lab"), "base")
    assert str(error.value).startswith(f"{weights} is not the shipped file (its hash differs from {CARD})")
    assert f"`git checkout -- {copied}`" in str(error.value)


def test_missing_weights_are_refused_with_the_mend(copied):
    (copied / "model" / "model.safetensors").unlink()
    with pytest.raises(StageError, match=r"model\.safetensors is missing: .*`git checkout -- .*base-0`, or install again"):
        shipped_base("lab")
