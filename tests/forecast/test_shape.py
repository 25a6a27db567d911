"""Shapes of models: weights counted in the real architecture, and what is known without network."""

import pytest
from transformers import LlamaConfig

from sp3f_lib.forecast import shape
from sp3f_lib.forecast.shape import KNOWN, Shape, load_shape, shape_of
from sp3f_lib.lab.shipped import SHIPPED
from sp3f_lib.profiles import load_profile, profile_names
from sp3f_lib.runs import StageError


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No hub, and nothing in its cache."""
    asked = []
    monkeypatch.setattr(shape, "_hub_answers", lambda path, revision: asked.append(path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("transformers.utils.hub.TRANSFORMERS_CACHE", str(tmp_path), raising=False)
    return asked


def test_weights_are_counted_in_the_real_architecture():
    config = LlamaConfig(
        vocab_size=100, hidden_size=8, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1,
        tie_word_embeddings=False,
    )  # fmt: skip
    # Query and output 8 x 8, key and value 8 x 4, three 8 x 16, two norms of 8; embeddings and head 100 x 8, one norm.
    layer = 2 * 64 + 2 * 32 + 3 * 128 + 2 * 8
    assert shape_of(config) == Shape(3 * layer + 2 * 800 + 8, layer, 3, 8, 100, 1, 4)
    config.tie_word_embeddings = True
    assert shape_of(config).weights == 3 * layer + 800 + 8


def test_the_labs_model_is_as_large_as_its_profile_says():
    shipped, recipe = (load_shape(load_profile("lab", model=model)) for model in ("lab", "recipe"))
    assert 0.7e6 < shipped.weights < 0.9e6
    assert shipped == recipe


# Millions of weights, as the models' cards have them: 0.49, 1.54 and 7.62 B, and 8.03 B.
@pytest.mark.parametrize(
    "name, millions",
    [
        ("Qwen/Qwen2.5-0.5B", 494),
        ("Qwen/Qwen2.5-1.5B", 1544),
        ("Qwen/Qwen2.5-7B", 7616),
        ("meta-llama/Meta-Llama-3-8B-Instruct", 8030),
    ],
)
def test_the_profiles_models_are_known_without_network(offline, name, millions):
    found = load_shape(load_profile("gpu1", model=name))
    assert round(found.weights / 1e6) == millions
    assert "the hub does not answer" in found.note
    assert offline == [name]


def test_every_model_that_a_profile_names_is_known():
    assert {load_profile(name).model.path for name in profile_names()} - {*SHIPPED} <= {*KNOWN}


def test_an_unknown_model_without_network_is_an_error_with_the_mend(offline):
    with pytest.raises(StageError, match="'nobody/none' is not in the cache; give a directory"):
        load_shape(load_profile("gpu1", model="nobody/none"))


def test_the_hub_is_asked_once_and_then_given_up(monkeypatch):
    import httpx2

    tries = []

    def unreachable(url, timeout):
        tries.append(timeout)
        raise httpx2.ConnectError("no route")

    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", unreachable)
    assert shape._hub_answers("Qwen/Qwen2.5-7B", None) is False
    assert tries == [5.0]
