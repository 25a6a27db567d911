"""Pairs of verified English answers: right over wrong, from what was sampled, and nothing else."""

import pandas as pd
import pytest

from sp3f_lib.data.schema import make_row
from sp3f_lib.methods.english_start import ALL_RIGHT, ALL_WRONG, PAIRED, english_pairs
from sp3f_lib.runs import StageError

RIGHT, OTHER_RIGHT, WRONG = (rf"1 + 2 = {n}, so the answer that was asked for is \boxed{{{n}}}." for n in (3, "3.0", 4))
GERMAN = r"Eins und zwei ergibt drei, daher ist die Antwort auf die Frage \boxed{3}."


def row(id: str, lang: str = "en") -> dict:
    return make_row(
        id=id, lang=lang, query="What is 1 + 2?", solution=RIGHT, question="?", translated=RIGHT, answer="3", task="t"
    )


def responses(*texts: str, id: str = "a", finished: bool = True) -> pd.DataFrame:
    return pd.DataFrame([{"id": id, "lang": "en", "text": text, "finished": finished} for text in texts])


def sides(pairs: list[dict]) -> list[tuple[str, str]]:
    return [(pair["chosen"][0]["content"], pair["rejected"][0]["content"]) for pair in pairs]


def test_a_right_answer_is_chosen_over_a_wrong_one():
    pairs, counts = english_pairs(responses(WRONG, RIGHT, RIGHT), [row("a"), row("a", "de")], 0.7, 3, seed=0)
    assert sides(pairs) == [(RIGHT, WRONG)]
    assert (pairs[0]["lang"], pairs[0]["prompt"]) == ("en", row("a")["input"])
    assert dict(zip(counts["prompts"], counts["number"], strict=True)) == {PAIRED: 1, ALL_RIGHT: 0, ALL_WRONG: 0}


def test_no_answer_is_used_twice():
    pairs, _ = english_pairs(responses(WRONG, RIGHT, OTHER_RIGHT), [row("a")], 0.7, 3, seed=0)
    assert len(pairs) == 1  # one wrong answer only


def test_what_cannot_be_paired_is_counted():
    frame = pd.concat([responses(RIGHT), responses(WRONG, id="b"), responses(RIGHT, WRONG, id="c")])
    _, counts = english_pairs(frame, [row("a"), row("b"), row("c")], 0.7, 1, seed=0)
    assert counts["number"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "chosen", [responses(GERMAN), responses(RIGHT, finished=False)], ids=["another language", "cut off"]
)
def test_such_an_answer_is_never_chosen(chosen):
    pairs, counts = english_pairs(pd.concat([chosen, responses(WRONG)]), [row("a")], 0.7, 3, seed=0)
    assert pairs == []
    assert counts.set_index("prompts")["number"][ALL_WRONG] == 1


def test_an_empty_answer_is_not_rejected_either():
    assert english_pairs(responses(RIGHT, " "), [row("a")], 0.7, 3, seed=0)[0] == []


def test_a_prompt_without_row_is_named():
    with pytest.raises(StageError, match=r"prompt 'z' has no row with an answer.*set methods\.start"):
        english_pairs(responses(RIGHT, id="z"), [row("a")], 0.7, 1, seed=0)
