"""The ledger of replies: found by key, failures asked again, one of two answers counts, and files that cannot be used."""

import sqlite3
from pathlib import Path

import pytest

from sp3f_lib.endpoint.ledger import ANSWERED, CUT_OFF, Call, Ledger
from sp3f_lib.endpoint.store import FAILED, Spent, request_key
from sp3f_lib.runs import StageError


def call(key: str, status: str = ANSWERED, **changes) -> Call:
    given = {
        "text": f"text {key}",
        "reason": "",
        "model": "m",
        "endpoint": "e",
        "prompt": "p-1",
        "about": "de",
        "sampling": "s",
    }
    return Call(key, status, candidate=1, **given | changes)


# A ledger that commit 1280966 wrote, as SQL: an answer, a failure, and a reply that was cut off after it.
OLD = Path(__file__).with_name("old_replies.sql")


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "new" / "replies.sqlite", "translate.ledger")


def test_a_reply_is_found_by_its_key_and_a_failure_is_not(ledger):
    ledger.write(call("a"))
    ledger.write(call("b", FAILED))
    ledger.write(call("c", CUT_OFF))
    found = ledger.find(["a", "b", "c", "d"])
    assert {key: one.text for key, one in found.items()} == {"a": "text a", "c": "text c"}
    assert found["a"].asked[:2] == "20"
    assert len(Ledger(ledger.path, "x").find(f"k{n}" for n in range(1200))) == 0


def test_a_failure_may_be_followed_by_an_answer_and_the_first_answer_counts(ledger):
    ledger.write(call("a", FAILED))
    assert ledger.write(call("a", text="first", usd=1.0)).text == "first"
    assert ledger.write(call("a", text="second", usd=2.0)).text == "first"
    assert ledger.find(["a"])["a"].text == "first"
    assert (ledger.spent("").calls, ledger.spent("").failed, ledger.spent("").usd) == (1, 2, 3.0)


def test_costs_are_those_of_one_run(ledger):
    ledger.write(call("a", run="one", tokens_in=3, tokens_out=5, usd=0.5))
    ledger.write(call("b", run="two", usd=None))
    assert ledger.spent("one") == Spent(calls=1, tokens_in=3, tokens_out=5, usd=0.5)
    assert ledger.spent("two") == Spent(calls=1, unpriced=1)
    assert ledger.spent() == Spent(calls=2, tokens_in=3, tokens_out=5, usd=0.5, unpriced=1)


def test_means_and_other_versions_of_a_prompt(ledger):
    assert ledger.mean_costs("m", "p-1") is None
    for number in (2, 4):
        ledger.write(call(f"a{number}", tokens_in=number, tokens_out=10, seconds=1.0))
    ledger.write(call("b", prompt="p-0"))
    ledger.write(call("c", prompt="other-1"))
    assert ledger.mean_costs("m", "p-1") == (3.0, 10.0, 1.0)
    assert ledger.other_prompts("p-1") == {"p-0": 1}


def test_a_key_holds_all_that_decides():
    assert request_key("a", [1]) == request_key("a", [1])
    assert len({request_key("a", "b"), request_key("ab", ""), request_key(["a", "b"]), request_key("a", "b", None)}) == 4


def test_a_ledger_that_cannot_be_used_is_named_with_its_setting(tmp_path, ledger):
    (tmp_path / "text").write_text("no database, only words " * 100)
    with pytest.raises(StageError, match=r"text cannot be used: .*; move the file away, or set translate\.ledger"):
        Ledger(tmp_path / "text", "translate.ledger")
    with pytest.raises(StageError, match="cannot be used"):
        Ledger(tmp_path / "text" / "below", "translate.ledger")
    ledger.close()
    with pytest.raises(StageError, match="a reply could not be written"):
        ledger.write(call("a"))
    with pytest.raises(StageError, match="cannot be read"):
        ledger.find(["a"])


def test_a_full_disk_is_said(ledger):
    ledger._db.execute("PRAGMA max_page_count = 8")
    with pytest.raises(StageError, match="is the disk full"):
        for number in range(2000):
            ledger.write(call(f"k{number}", text="x" * 1000))
    assert sqlite3.connect(ledger.path).execute("SELECT COUNT(*) FROM replies").fetchone()[0] < 2000


def test_a_file_of_an_earlier_version_opens_and_is_gone_on_with(tmp_path):
    with sqlite3.connect(tmp_path / "old") as db:
        db.executescript(OLD.read_text())
    db.close()
    ledger = Ledger(tmp_path / "old", "x")
    keys = [
        request_key("chat/completions", "m", "translate-1", "{}", 1, [{"role": "user", "content": text}]) for text in "ab"
    ]
    found = ledger.find(keys)
    assert [found[key].status for key in keys] == [ANSWERED, CUT_OFF]
    assert ledger.spent("rows") == Spent(calls=2, failed=1, tokens_in=3, tokens_out=5, usd=0.5, unpriced=1)
    assert ledger.mean_costs("m", "translate-0") == (3.0, 5.0, 1.5)
    assert ledger.other_prompts("translate-1") == {"translate-0": 2}
    assert ledger.write(call(keys[0], text="later")).text == "text a"
    ledger.write(call("new"))
    assert len(ledger.find(["new"])) == 1
