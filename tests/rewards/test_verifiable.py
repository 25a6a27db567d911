"""The three terms of the reward that need no judge, as TRL calls them."""

import pytest

from sp3f_lib.profiles.sections import Rewards
from sp3f_lib.rewards.verifiable import accuracy, fidelity_at, parseable, term_weights, verifiable_terms

GERMAN = r"Die Bäuerin verkauft jeden Tag die restlichen Eier auf dem Markt. Die Antwort ist \boxed{18}."
ENGLISH = r"The farmer sells the remaining eggs at the market every day. The answer is \boxed{18}."
COLUMNS = {
    "reward_model": [{"ground_truth": "18"}] * 4,
    "extra_info": [{"lang": "de"}] * 4,
    "prompts": [[{"role": "user", "content": "?"}]] * 4,
    "trainer_state": None,
}


def chats(*texts: str) -> list:
    return [[{"role": "assistant", "content": text}] for text in texts]


def test_the_terms_are_those_of_the_paper_in_their_order():
    assert [term.__name__ for term in verifiable_terms(Rewards())] == ["accuracy", "parseable", "fidelity"]
    weights = Rewards(accuracy=1, parseable=2, fidelity=3, win_rate=4)
    assert term_weights(weights, judged=True) == [1, 2, 3, 4]
    assert term_weights(weights, judged=False) == [1, 2, 3]


def test_accuracy_is_1_for_the_right_box_only():
    completions = chats(GERMAN, GERMAN.replace("18", "17"), "18", "")
    assert accuracy(completions=completions, **COLUMNS) == [1.0, 0.0, 0.0, 0.0]


def test_accuracy_compares_each_completion_with_its_own_row():
    rows = {"reward_model": [{"ground_truth": "18"}, {"ground_truth": "19"}], "extra_info": [{"lang": "de"}] * 2}
    assert accuracy(completions=chats(r"\boxed{18}", r"\boxed{18}"), **rows) == [1.0, 0.0]


def test_accuracy_reads_numbers_as_the_rows_language_writes_them():
    rows = {"reward_model": [{"ground_truth": "1234"}] * 2, "extra_info": [{"lang": "de"}, {"lang": "en"}]}
    assert accuracy(completions=chats(r"\boxed{1.234}", r"\boxed{1.234}"), **rows) == [1.0, 0.0]


def test_parseable_is_1_for_any_filled_box():
    assert parseable(completions=chats(r"\boxed{wrong}", r"\boxed{}", r"\boxed{18", GERMAN), **COLUMNS) == [
        1.0,
        0.0,
        0.0,
        1.0,
    ]


def test_fidelity_is_1_for_the_rows_language_only():
    completions = chats(GERMAN, ENGLISH, r"\boxed{18}", "")
    assert fidelity_at(0.7)(completions=completions, **COLUMNS) == [1.0, 0.0, 0.0, 0.0]


def test_fidelity_judges_each_completion_by_its_own_row():
    rows = {"extra_info": [{"lang": "en"}, {"lang": "de"}]}
    assert fidelity_at(0.7)(completions=chats(ENGLISH, ENGLISH), **rows) == [1.0, 0.0]


def test_the_threshold_of_the_profile_reaches_the_fidelity_term():
    half = f"{GERMAN} {ENGLISH}"
    rows = {"completions": chats(half), "extra_info": [{"lang": "de"}], "reward_model": [{"ground_truth": "18"}]}
    strict, lenient = (verifiable_terms(Rewards(threshold=t))[2](**rows) for t in (0.9, 0.1))
    assert (strict, lenient) == ([0.0], [1.0])


def test_the_three_terms_are_independent():
    # English, right answer: two points of three. German, no box: one. German, wrong answer: two.
    completions = chats(ENGLISH, GERMAN.replace(r"\boxed{18}", "achtzehn"), GERMAN.replace("18", "17"), GERMAN)
    points = [term(completions=completions, **COLUMNS) for term in verifiable_terms(Rewards())]
    assert [sum(terms) for terms in zip(*points, strict=True)] == [2.0, 1.0, 2.0, 3.0]


def test_completions_may_be_plain_texts():
    assert parseable(completions=[r"\boxed{18}", "18"]) == [1.0, 0.0]


def test_of_a_conversation_the_last_message_counts():
    conversation = [{"role": "assistant", "content": r"\boxed{17}"}, {"role": "assistant", "content": r"\boxed{18}"}]
    assert accuracy([conversation], [{"ground_truth": "18"}], [{"lang": "de"}]) == [1.0]


def test_rows_and_completions_of_different_number_are_an_error():
    with pytest.raises(ValueError, match="zip"):
        accuracy(chats(GERMAN), [{"ground_truth": "18"}] * 2, [{"lang": "de"}] * 2)
