"""The implicit reward: what it is conditioned on, and what two models make of it."""

import numpy as np
import pytest

from sp3f_lib.generation.implicit_reward import conditioning_prompt, implicit_rewards, response_scores

from ..tiny_models import user


def test_english_is_conditioned_on_itself_and_others_on_english_with_a_sentence_in_front():
    prompt = [{"role": "system", "content": "Be brief."}, *user("Name a {fruit}.")]
    assert conditioning_prompt(prompt, "en") == prompt
    system, turn = conditioning_prompt(prompt, "th")
    assert system == prompt[0]
    assert turn["content"].endswith("\n\nName a {fruit}.")
    assert "in Thai " in turn["content"]
    assert prompt[1]["content"] == "Name a {fruit}."  # the prompt itself is left as it was
    with pytest.raises(ValueError, match="unknown language"):
        conditioning_prompt(prompt, "xx")


def test_rewards_are_differences_of_scores_and_nothing_where_there_is_no_text(tiny):
    conditions, responses = [user("Who?"), user("Why?")], [["Maria.", "", "x"], [None, "Because.", "y"]]
    found = implicit_rewards(tiny.policy, tiny.reference, tiny.tokenizer, conditions, responses, 2)
    assert np.isnan(found).tolist() == [[False, True, False], [True, False, False]]
    one, other = (
        response_scores(m, tiny.tokenizer, [user("Why?")], [["y"]], 1).item() for m in (tiny.policy, tiny.reference)
    )
    assert found[1, 2] == pytest.approx(one - other, abs=1e-4)
    same = implicit_rewards(tiny.policy, tiny.policy, tiny.tokenizer, conditions, responses, 2)
    assert np.nanmax(np.abs(same)) == 0
    swapped = implicit_rewards(tiny.reference, tiny.policy, tiny.tokenizer, conditions, responses, 2)
    assert np.allclose(swapped, -found, equal_nan=True)


def test_equal_responses_have_equal_scores(tiny):
    texts = [["Maria.", "x", "Maria.", "a longer one"], ["x", "Maria.", "x", "x"]]
    found = response_scores(tiny.policy, tiny.tokenizer, [user("Who?"), user("A long question: who is it?")], texts, 2)
    assert found[0, 0] == found[0, 2]
    assert found[1, 0] == found[1, 2] == found[1, 3]
    assert len(set(found.flatten())) == 5


def test_the_condition_decides_the_reward(tiny):
    one, other = (
        implicit_rewards(tiny.policy, tiny.reference, tiny.tokenizer, [prompt], [["Tatu.", "Tano."]], 2)
        for prompt in (conditioning_prompt(user("How many?"), "sw"), user("Ngapi?"))
    )
    assert not np.allclose(one, other, atol=1e-2)
