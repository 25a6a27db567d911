"""One answer, scored; and the authors' verifier on the cases on which theirs was run."""

import json
import math

import pytest

from sp3f_lib.evaluation.authors_verifier import authors_verified
from sp3f_lib.evaluation.task_score import other_language, score_answer
from sp3f_lib.rewards.answers import is_correct

ROW = {
    "task": "t", "lang": "de", "id": "7", "subset": None, "cluster": "p1", "kind": "choice", "gold": "B",
    "options": ["Weniger Lärm", "Mehr Tempo", "Wegen Regen", "Beides"],
}  # fmt: skip
GERMAN = "Im Text steht, dass der neue Zug schneller fährt als der alte. "
ENGLISH = "The text says that the new train is much faster than the old one. "
SPANISH = "El texto dice que el tren nuevo es mucho más rápido que el viejo. "


@pytest.mark.parametrize(
    "answer, vote, how, accuracy, authors",
    [
        ("B", "B", "letter", 1, 1),
        ("(B)", "B", "letter", 1, 0),
        ("Mehr Tempo", "B", "text", 1, 1),
        ("Beides", "D", "text", 0, 1),
        ("A oder B", None, "ambiguous", 0, 0),
        ("42", None, "nothing", 0, 0),
    ],
)
def test_choices_by_both_rules(answer, vote, how, accuracy, authors):
    found = score_answer(ROW, GERMAN + rf"\boxed{{{answer}}}", 0.7)
    assert (found["vote"], found["how"], found["accuracy"], found["authors"]) == (vote, how, accuracy, authors)
    assert (found["problem"], found["cluster"], found["fidelity"], found["two_class"], found["other"]) == (
        "7",
        "p1",
        1,
        1,
        None,
    )


def test_numbers_by_both_rules():
    row = ROW | {"kind": "number", "gold": "1234", "options": []}
    found = score_answer(row, GERMAN + r"\boxed{1.234 €}", 0.7)
    assert (found["vote"], found["how"], found["accuracy"]) == ("1234", "number", 1)
    assert score_answer(row, GERMAN, 0.7)["how"] == "nothing"


def test_which_other_language():
    english, spanish = (score_answer(ROW, text + r"\boxed{B}", 0.7) for text in (ENGLISH, SPANISH))
    assert (english["fidelity"], english["two_class"], english["other"]) == (0, 0, "en")
    assert (spanish["fidelity"], spanish["other"]) == (0, "es")
    bare = score_answer(ROW, r"\boxed{B}", 0.7)
    assert math.isnan(bare["share"]) and (bare["accuracy"], bare["fidelity"], bare["other"]) == (1, 0, "none")
    assert other_language(GERMAN + ENGLISH, "de") == "en" and other_language(GERMAN, "de") == "none"


def test_the_authors_verifier_reads_plain_numbers_only():
    for gold in ("18", "3.5", "-7"):
        assert authors_verified(rf"so \boxed{{{gold}}}", gold) and not authors_verified(r"\boxed{19}", gold)
    for gold in (r"\sqrt{51}", "p - q", r"\text{Evelyn}"):
        assert not authors_verified(rf"\boxed{{{gold}}}", gold) and is_correct(rf"\boxed{{{gold}}}", gold)
    assert authors_verified(r"\boxed{6 + 5i}", "6 - 5i") and not is_correct(r"\boxed{6 + 5i}", "6 - 5i")
    assert not authors_verified("18", "18")


@pytest.mark.parametrize(
    "answer",
    ["9^{9^{9^9}}", "9^(9^9)", "9**9**9**9", "9^(3*9^9)", "10!!!!!", "9999999!", "1e999999999", "2^99999999", "18" * 4_000],
)
def test_an_endless_number_is_wrong_by_the_authors_verifier_at_once(answer, never_endless):
    assert not authors_verified(rf"\boxed{{{answer}}}", "18")
    assert authors_verified(r"\boxed{2^3}", "8")


def test_51_of_500_golds_of_math_do_not_equal_themselves_by_the_authors_verifier(shared_data):
    golds = [
        str(row["answer"]) for row in json.loads((shared_data / "deepscaler/test/math.json").read_text(encoding="utf-8"))
    ]
    assert len(golds) == 500
    assert sum(not authors_verified(rf"\boxed{{{gold}}}", gold) for gold in golds) == 51
