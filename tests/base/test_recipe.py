"""The recipe at toy size: `make base` trains, measures, writes its cards, and says how the model compares with the shipped one."""

import contextlib
import io
import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from sp3f_lib.base import recipe
from sp3f_lib.base.recipe import report
from sp3f_lib.commands import main
from sp3f_lib.generation.local import load_model
from sp3f_lib.lab.shipped import CARD, SHIPPED, read_card, shipped_base
from sp3f_lib.pipeline.models import base_by_recipe, model
from sp3f_lib.profiles import load_profile
from sp3f_lib.runs import MANIFEST, sha256_file

from ..toy import TOY


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(the stage's directory, what the command printed)"""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("base"))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            assert main(["base", "--profile", str(TOY)]) == 0
        (manifest,) = Path("runs/toy/base").resolve().glob(f"*/{MANIFEST}")
        yield manifest.parent, said.getvalue()


def test_the_model_is_a_plain_directory_with_its_cards(made):
    files = {path.name for path in (made[0] / "model").iterdir()}
    assert files >= {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "chat_template.jinja",
    }
    assert {path.name for path in made[0].iterdir()} >= {CARD, "README.md", "curve.png"}
    assert not (made[0] / "tokenizer").exists()
    trained, tokenizer = load_model(str(made[0] / "model"))
    assert trained.get_input_embeddings().weight.shape == (len(tokenizer), 32)
    assert all(torch.isfinite(weight).all() for weight in trained.parameters())


def test_the_card_says_how_it_was_made_and_what_it_can_do(made):
    card, profile = read_card(made[0]), load_profile(TOY)
    weights = made[0] / "model" / "model.safetensors"
    assert card["sha256"] == sha256_file(weights) and card["bytes"] == weights.stat().st_size
    assert card["seed"] == 0 and card["recipe"] == {"lab": json.loads(profile.lab.model_dump_json()), "base": profile.base}
    assert "cores, 1 threads, torch " in card["machine"]
    found = pd.DataFrame(card["abilities"])
    assert set(found.lang) == {"en", "sw"} and len(found) == 6 and found["mean"].max() < 0.2
    losses = [row["loss"] for row in card["curve"]]
    assert [row["step"] for row in card["curve"]] == [1, 2, 3, 4, 5, 6] and losses[-1] < losses[0]


def test_people_read_the_same(made):
    text, card = (made[0] / "README.md").read_text(encoding="utf-8"), read_card(made[0])
    assert card["sha256"] in text and card["machine"] in text
    assert "| language | reads | writes | obeys | translates | translates back |" in text
    assert "\n| sw | " in text and "\n| en | " in text
    assert f"1: {card['curve'][0]['loss']:.3f}, 2: " in text


def test_the_command_says_what_lacks_and_how_it_compares(made):
    for said in (made[1], report(made[0])):
        assert "not as wanted: reads sw: 0%, wanted at least 95%" in said
        assert "beside the shipped lab: 1 of 6 shares agree within their intervals" in said  # neither writes
        assert "reads sw: 0 % here, 100 % shipped" in said
    assert made[1].splitlines()[-1].startswith("finished: ")


def test_the_shipped_model_compared_with_itself_agrees_in_everything(monkeypatch):
    directory = shipped_base("lab").parent
    monkeypatch.setattr(recipe, "SHIPPED", {"lab": SHIPPED["lab"]})
    size, goals, beside = report(directory).splitlines()
    assert size.startswith("base: 3.15 MB") and goals == "  every goal is met"
    assert beside == "  beside the shipped lab: 41 of 41 shares agree within their intervals"


def test_a_model_too_large_to_ship_is_said_to_be(made, monkeypatch):
    monkeypatch.setattr(recipe, "LARGEST_BYTES", 1000)
    assert "larger than what may be shipped" in report(made[0])


def test_a_profile_with_the_recipe_starts_from_what_it_makes(made, monkeypatch):
    monkeypatch.chdir(made[0].parents[3])
    assert model(load_profile(TOY), "base").resolve() == made[0] / "model"


def test_a_base_is_made_for_a_profile_that_uses_the_shipped_one(made, monkeypatch):
    """`make base` with `model.path: lab` retrains the base, and compares."""
    monkeypatch.chdir(made[0].parents[3])
    profile = load_profile(TOY, model="lab")
    assert base_by_recipe(profile).resolve() == made[0]
    assert model(profile, "base") == shipped_base("lab")
