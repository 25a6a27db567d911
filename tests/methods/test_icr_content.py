"""Pairs of one language: what another language has of the reward must not decide, nor be chosen or rejected."""

import pandas as pd
import pytest

from sp3f_lib.methods.icr_content import OTHER_LANGUAGE, content_pairs, same_language
from sp3f_lib.methods.icr_scores import icr_pairs

from ..tiny_models import parallel

ENGLISH, ENGLISH_TOO = "She bought three apples at the market.", "He sold seven apples to his neighbour."
GERMAN, GERMAN_TOO, BARE = (
    "Sie hat drei Äpfel auf dem Markt gekauft.",
    "Er hat dem Nachbarn sieben Äpfel verkauft.",
    r"\boxed{7}",
)
PROMPTS = parallel(("a", {"en": "Who?", "de": "Wer?"}), ("b", {"en": "Why?", "de": "Warum?"}))


def scored(*rows):
    found = pd.DataFrame(rows, columns=["id", "lang", "text", "R_c"])
    found["sample"] = found.groupby(["lang", "id"]).cumcount()
    return found.assign(finished=True, characters=found.text.str.len(), tokens=1)


SCORES = scored(
    ("a", "de", ENGLISH, 9.0), ("a", "de", GERMAN, 2.0), ("a", "de", GERMAN_TOO, 1.0), ("a", "de", BARE, -9.0),
    ("b", "de", ENGLISH, 9.0), ("b", "de", ENGLISH_TOO, 8.0), ("b", "de", GERMAN, 2.0), ("b", "de", BARE, -9.0),
)  # fmt: skip


def sides(pairs):
    return [(pair["id"], pair["chosen"][0]["content"], pair["rejected"][0]["content"]) for pair in pairs]


def test_both_sides_are_in_the_language_of_the_prompt():
    whole, _ = icr_pairs(SCORES, PROMPTS, length_control=False)
    assert sides(whole) == [("a", ENGLISH, BARE), ("b", ENGLISH, BARE)]
    pairs, report = content_pairs(SCORES, PROMPTS, length_control=False)
    assert sides(pairs) == [("a", GERMAN, GERMAN_TOO)]
    (row,) = report.to_dict("records")
    assert (row["prompts"], row["pairs"], row["prompts: fewer than two responses with a reward"]) == (2, 1, 1)
    assert (row[f"responses: {OTHER_LANGUAGE}"], row["responses: without a reward"]) == (5, 0)


def test_other_languages_do_not_count_for_the_length_penalty():
    # Among the German responses the longer one is best at no penalty; with the English ones a large penalty would balance.
    table = scored(
        ("a", "de", GERMAN, 5.0), ("a", "de", GERMAN_TOO, 0.0), ("a", "de", ENGLISH * 3, 50.0), ("a", "de", ENGLISH, 40.0)
    )
    alone = table[table.text.isin([GERMAN, GERMAN_TOO])]
    assert content_pairs(table, PROMPTS)[1]["alpha"].tolist() == icr_pairs(alone, PROMPTS)[1]["alpha"].tolist()
    assert content_pairs(table, PROMPTS)[1]["alpha"].tolist() != icr_pairs(table, PROMPTS)[1]["alpha"].tolist()


def test_every_reward_is_taken_from_a_response_in_another_language():
    table = SCORES.assign(R_m=1.0)
    kept = same_language(table)
    assert (
        kept["R_c"].notna().tolist() == kept["R_m"].notna().tolist() == [False, True, True, False, False, False, True, False]
    )
    assert same_language(table, threshold=0.0)["R_c"].notna().sum() == 6  # a box alone is in no language
    pd.testing.assert_frame_equal(table, SCORES.assign(R_m=1.0))  # the scores themselves stay


def test_a_response_that_never_had_a_reward_is_counted_as_such():
    table = SCORES.assign(R_c=SCORES["R_c"].where(SCORES["text"] != GERMAN_TOO))
    _, report = content_pairs(table, PROMPTS)
    assert report[[f"responses: {OTHER_LANGUAGE}", "responses: without a reward"]].to_numpy().tolist() == [[5, 1]]
    with pytest.raises(ValueError, match="no 'R_m'"):
        content_pairs(SCORES.drop(columns="R_c"), PROMPTS, "R_m")
