"""What is asked, what a reply holds, and what decides the key."""

import json

import pytest

from sp3f_lib.data.english import Problem
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.translation import requests
from sp3f_lib.translation.masks import MaskError
from sp3f_lib.translation.requests import (
    FORMAT,
    PLACEHOLDERS,
    ReplyError,
    body,
    first_request,
    next_request,
    read_reply,
)

PROBLEM = Problem("a", "What is $2 + 3$?", "It is 2+3=<<2+3=5>>5, so $x$.\n#### 5", "5", "t")
SETTINGS = Translate(model="m")
REPLY = "<question>Was ist ⟦1⟧?</question>\n<solution>Es ist 2+3=5, also ⟦2⟧.</solution>"


def test_question_and_solution_go_together_masked_and_without_annotations():
    request = first_request(PROBLEM, "de", SETTINGS)
    system, user = (message["content"] for message in request.messages)
    assert "into German (Deutsch)" in system
    assert user == "<question>\nWhat is ⟦1⟧?\n</question>\n\n<solution>\nIt is 2+3=5, so ⟦2⟧.\n</solution>"
    assert read_reply(REPLY, request) == ("Was ist $2 + 3$?", "Es ist 2+3=5, also $x$.")


def test_a_question_that_is_translated_already_is_shown_and_not_asked_for():
    known = Problem("a", PROBLEM.question, PROBLEM.solution, "5", "t", {"de": "Was ist 2 + 3?"})
    request = first_request(known, "de", SETTINGS)
    assert "Was ist 2 + 3?" in request.messages[1]["content"]
    assert "<question>" not in request.messages[0]["content"].rsplit("Reply with", 1)[1]
    assert read_reply("<solution>Es ist 2+3=5, also ⟦2⟧.</solution>", request) == (
        "Was ist 2 + 3?",
        "Es ist 2+3=5, also $x$.",
    )


@pytest.mark.parametrize(
    ("reply", "reason", "detail"),
    [
        ("Was ist ⟦1⟧?", FORMAT, "no <question>"),
        (REPLY + REPLY, FORMAT, "2 <question>"),
        (REPLY.replace("Es ist 2+3=5, also ⟦2⟧.", " "), FORMAT, "its solution is empty"),
        (REPLY.replace("⟦1⟧", "2 + 3"), PLACEHOLDERS, "⟦1⟧ is missing"),
        (
            REPLY.replace("⟦1⟧", "⟦2⟧").replace("also ⟦2⟧", "also ⟦1⟧"),
            PLACEHOLDERS,
            "⟦1⟧ is missing; ⟦2⟧ is not in the English",
        ),
    ],
)
def test_a_reply_without_a_translation_says_why(reply, reason, detail):
    with pytest.raises(ReplyError, match=detail) as error:
        read_reply(reply, first_request(PROBLEM, "de", SETTINGS))
    assert error.value.reason == reason


def test_thoughts_before_a_reply_are_not_read():
    assert (
        read_reply(f"<think><question>x</question></think>{REPLY}", first_request(PROBLEM, "de", SETTINGS))[0]
        == "Was ist $2 + 3$?"
    )


def test_a_text_with_our_tags_is_refused():
    with pytest.raises(MaskError, match="holds '</solution>'"):
        first_request(Problem("a", "q", "x </solution> y", "5", "t"), "de", SETTINGS)


def test_the_second_try_shows_the_reply_and_what_was_wrong():
    first = first_request(PROBLEM, "de", SETTINGS)
    again = next_request(first, REPLY, "17 is not in the English", SETTINGS)
    assert again.messages[:2] == first.messages
    assert again.messages[2]["content"] == REPLY
    assert "17 is not in the English" in again.messages[3]["content"]
    assert next_request(again, "other", "why", SETTINGS).messages[:2] == first.messages
    assert len(next_request(again, "other", "why", SETTINGS).messages) == 4


def test_all_that_decides_a_reply_decides_the_key_and_nothing_else(monkeypatch):
    key = first_request(PROBLEM, "de", SETTINGS).key
    same = [
        Translate(model="m", **one) for one in ({"concurrency": 2}, {"max_usd": 1.0}, {"candidates": 3}, {"ledger": "x"})
    ]
    other = [
        Translate(model="m", **one)
        for one in ({"temperature": 1.0}, {"max_tokens": 9}, {"digits": "language"}, {"extra": {"seed": 1}})
    ]
    assert {first_request(PROBLEM, "de", settings).key for settings in same} == {key}
    keys = [first_request(PROBLEM, "de", settings).key for settings in [*other, Translate(model="n")]]
    keys += [
        first_request(PROBLEM, "fr", SETTINGS).key,
        next_request(first_request(PROBLEM, "de", SETTINGS), "a", "b", SETTINGS).key,
    ]
    keys.append(first_request(Problem("a", "Another?", PROBLEM.solution, "5", "t"), "de", SETTINGS).key)
    monkeypatch.setattr(requests, "VERSION", "translate-next")
    keys.append(first_request(PROBLEM, "de", SETTINGS).key)
    assert key not in keys
    assert len(set(keys)) == len(keys)


def test_the_same_problem_under_another_id_is_not_paid_for_again():
    other = Problem("b", PROBLEM.question, PROBLEM.solution, "5", "other file")
    assert first_request(other, "de", SETTINGS).key == first_request(PROBLEM, "de", SETTINGS).key


def test_settings_that_are_null_are_not_sent():
    sent = body(
        first_request(PROBLEM, "de", SETTINGS), Translate(model="m", temperature=None, max_tokens=None, extra={"seed": 7})
    )
    assert {"temperature", "max_tokens"}.isdisjoint(sent)
    assert (sent["model"], sent["seed"]) == ("m", 7)
    json.dumps(sent)
