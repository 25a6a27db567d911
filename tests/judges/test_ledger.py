"""The ledger: what a request is found by, replay, two processes, killed processes, and files that cannot be used."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.judges import JudgeError, Ledger, Pair, make_judge, prompts
from sp3f_lib.judges.ledger import Entry, Spent, open_ledger, request_key
from sp3f_lib.profiles.judge_section import Judge as Settings

from ..serving import FakeJudge
from .asking import compare, questions

KEY = "sk-a-very-secret-key"
# A ledger that commit 1280966 wrote, as SQL: a verdict, a failure, and a refusal after it.
OLD = Path(__file__).with_name("old_verdicts.sql")
# A process that asks: path of the ledger, first question, last question, concurrency.
CHILD = """
import asyncio, sys
from sp3f_lib.judges import Pair, make_judge
from sp3f_lib.profiles.judge_section import Judge
path, first, last, concurrency = sys.argv[1], *map(int, sys.argv[2:])
judge = make_judge(Judge(name="api", model="m", ledger=path, concurrency=concurrency, timeout_seconds=20))
pairs = [Pair(f"question {k}", f"one {k}", f"other {k}", f"reference {k}") for k in range(first, last)]
print("ready", flush=True)
sys.stdin.readline()
verdicts = asyncio.run(judge.compare(pairs))
print(sum(v.preference is not None for v in verdicts), sum(v.replayed for v in verdicts), flush=True)
"""


@pytest.fixture
def server(monkeypatch):
    pytest.importorskip("openai")
    with FakeJudge("--latency", 0.005) as server:
        monkeypatch.setenv("LLM_API_URL", server.url)
        monkeypatch.setenv("LLM_API_KEY", KEY)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


def judge(path, **settings):
    return make_judge(Settings(name="api", **{"model": "m", "ledger": str(path), "max_retries": 0} | settings))


def child(path, first, last, concurrency=8):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, (path, first, last, concurrency))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return process


def go(process):
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


texts = st.text(max_size=5)
pairs = st.builds(
    Pair, texts, texts, texts, st.none() | texts, st.integers(0, 9), st.integers(0, 9),
    st.sampled_from(["answer", "solution", "wrong"]), st.integers(0, 3),
)  # fmt: skip
requests = st.tuples(pairs, texts, texts, texts)


def asked(pair, judge, endpoint, sampling):
    """All that decides a reply: not the places in the group, and no level where nothing is shown."""
    return (
        pair.question, pair.response_a, pair.response_b, pair.reference, pair.shown, pair.sample, judge, endpoint, sampling,
    )  # fmt: skip


@given(requests, requests)
def test_two_requests_have_one_key_exactly_if_everything_that_decides_the_reply_is_equal(one, other):
    assert (request_key(*one) == request_key(*other)) == (asked(*one) == asked(*other))


@given(requests, st.data())
def test_every_part_changes_the_key_and_the_places_in_the_group_do_not(request, data):
    pair, *rest = request
    key = request_key(pair, *rest)
    assert request_key(replace(pair, first=pair.first + 1, second=pair.second + 2), *rest) == key
    for field in ("question", "response_a", "response_b", "reference"):
        text = getattr(pair, field)
        longer = (text or "") + data.draw(st.text(min_size=1, max_size=3))
        assert request_key(replace(pair, **{field: longer}), *rest) != key
    assert request_key(replace(pair, sample=pair.sample + 1), *rest) != key
    for place in range(3):
        assert request_key(pair, *(text + "x" * (k == place) for k, text in enumerate(rest))) != key
    if pair.response_a != pair.response_b:
        assert request_key(replace(pair, response_a=pair.response_b, response_b=pair.response_a), *rest) != key
    if pair.reference is not None:
        assert request_key(replace(pair, level="none"), *rest) != key
        assert request_key(replace(pair, reference=None), *rest) != key


def test_the_version_of_the_prompt_is_part_of_the_key(monkeypatch):
    before = request_key(questions(1)[0], "m", "e", "s")
    monkeypatch.setattr(prompts, "VERSION", "pairwise-next")
    assert request_key(questions(1)[0], "m", "e", "s") != before


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"temperature": 0.5}, False), ({"max_tokens": 9}, False), ({"logprobs": True}, False), ({"extra": {"seed": 1}}, False),
        ({"model": "other"}, False), ({"concurrency": 1}, True), ({"timeout_seconds": 9}, True), ({"max_calls": 9}, True),
    ],
)  # fmt: skip
def test_settings_that_decide_the_reply_are_asked_anew_and_others_replayed(server, tmp_path, change, same):
    compare(judge(tmp_path / "l"), questions(2))
    assert {verdict.replayed for verdict in compare(judge(tmp_path / "l", **change), questions(2))} == {same}


def test_replay_makes_no_call_and_gives_the_same_verdicts(server, tmp_path):
    first = compare(judge(tmp_path / "l"), questions(50))
    again = compare(judge(tmp_path / "l"), questions(50)[::-1])[::-1]
    offline = compare(judge(tmp_path / "l", offline=True), questions(50))
    assert sum(server.stats()["paid"]) == 50
    for verdicts in (again, offline):
        assert [replace(verdict, replayed=False) for verdict in verdicts] == first
        assert all(verdict.replayed for verdict in verdicts)
    assert not any(verdict.replayed for verdict in first)


def test_offline_needs_no_key_and_names_what_is_missing(server, tmp_path, monkeypatch):
    compare(judge(tmp_path / "l"), questions(2))
    monkeypatch.delenv("LLM_API_KEY")
    with pytest.raises(JudgeError, match=r"judge\.offline: 3 of 5 comparisons are not in"):
        compare(judge(tmp_path / "l", offline=True), questions(5))


def test_neither_key_nor_address_is_in_the_ledger_or_its_export(server, tmp_path):
    asking = judge(tmp_path / "l")
    compare(asking, questions(20))
    server.change(faults=1, kinds=["401"])
    with pytest.raises(JudgeError):
        compare(asking, [Pair("another", "a", "b")])
    assert asking.ledger.export(tmp_path / "l.parquet") == 21
    files = sorted(tmp_path.iterdir())
    assert {path.name for path in files} == {"l", "l-wal", "l-shm", "l.parquet"}
    address = server.url.removeprefix("http://").removesuffix("/v1")
    for path in files:
        for secret in (KEY, server.url, address):
            assert secret.encode() not in path.read_bytes()
    table = pq.read_table(tmp_path / "l.parquet").to_pandas()
    assert table.status.value_counts().to_dict() == {"verdict": 20, "failed": 1}
    assert table.text[0].startswith("Reasons.")
    assert asking.ledger.secret.hex() not in table.to_csv()


def test_two_processes_share_a_ledger_from_its_first_moment(server, tmp_path):
    processes = [child(tmp_path / "new" / "l", 0, 300) for _ in range(2)]
    for process in processes:
        go(process)
    answered = [int(process.communicate(timeout=60)[0].split()[0]) for process in processes]
    assert answered == [300, 300]
    ledger = open_ledger(tmp_path / "new" / "l")
    paid = server.stats()["paid"]
    assert len(paid) == 300
    assert paid[0] <= 2
    # What both had in flight at once is paid for twice, and the ledger says so.
    spent = ledger.spent()
    assert (spent.calls, spent.calls + spent.failed) == (300, sum(paid))
    assert spent.tokens_in == 900 * sum(paid)


def test_a_killed_process_loses_at_most_what_was_in_flight(server, tmp_path):
    path, kills, concurrency, rng = tmp_path / "l", 4, 16, random.Random(5)
    written = 0
    for _ in range(kills):
        process = child(path, 0, 2000, concurrency)
        goal = written + rng.randrange(50, 400)
        go(process)
        while written < goal:
            assert process.poll() is None
            written = len(rows(path))
            time.sleep(rng.random() / 100)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        before, written = written, len(rows(path))
        assert written >= before
        assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    process = child(path, 0, 2000, concurrency)
    go(process)
    answered, replayed = map(int, process.communicate(timeout=60)[0].split())
    assert (answered, replayed) == (2000, written)
    paid = server.stats()["paid"]
    assert len(paid) == 2000
    assert sum(paid) - 2000 <= kills * concurrency
    assert len(set(rows(path))) == len(rows(path)) == 2000


def rows(path):
    with sqlite3.connect(path, timeout=20) as db:
        return [key for (key,) in db.execute("SELECT key FROM calls WHERE status != 'failed'")]


def entry(key="k", status="verdict", preference=1.0, text=r"\boxed{A}", **more):
    fields = {"reason": "", "judge": "m", "endpoint": "e", "prompt": "p", "level": "none", "sampling": "{}", "sample": 0}
    return Entry(key, status, preference, text=text, **fields | more)


@pytest.mark.parametrize("status", ["verdict", "unreadable", "cut off", "refused"])
def test_what_was_answered_is_final_and_the_first_answer_counts(tmp_path, status):
    ledger = Ledger(tmp_path / "l")
    preference = 1.0 if status == "verdict" else None
    first = ledger.write(entry(status=status, preference=preference, usd=0.25))
    assert ledger.write(entry(preference=0.0, usd=0.5)).preference == preference
    assert ledger.find(["k"])["k"].status == first.status == status
    assert (ledger.spent().calls, ledger.spent().failed, ledger.spent().usd) == (1, 1, 0.75)


def test_a_failure_is_recorded_but_never_served(tmp_path):
    ledger = Ledger(tmp_path / "l")
    for _ in range(2):
        ledger.write(entry(status="failed", preference=None, text="", reason="no reply in time"))
    assert ledger.find(["k"]) == {}
    ledger.write(entry())
    ledger.write(entry(status="failed", preference=None))
    assert ledger.find(["k"])["k"].preference == 1.0
    assert (ledger.spent().calls, ledger.spent().failed) == (1, 3)


def test_replies_are_read_again_after_a_change_of_the_parser(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "l")
    ledger.write(entry("a"))
    ledger.write(entry("b", "unreadable", None, "Verdict: B", reason="no verdict in the reply"))
    ledger.write(entry("graded", "verdict", 0.75, r"\boxed{A}", graded=0.75))
    ledger.write(entry("cut", "cut off", None, "Verdict: B"))
    assert ledger.parse_again() == 0
    monkeypatch.setattr(prompts, "parse_verdict", lambda text: "B" if text == "Verdict: B" else "A")
    assert ledger.parse_again() == 1
    found = ledger.find(["a", "b", "graded", "cut"])
    assert {key: row.preference for key, row in found.items()} == {"a": 1.0, "b": 0.0, "graded": 0.75, "cut": None}
    assert (found["b"].status, found["b"].reason) == ("verdict", "")
    monkeypatch.setattr(prompts, "parse_verdict", lambda text: None)
    assert ledger.parse_again() == 3
    assert {row.preference for row in ledger.find(["a", "b", "graded", "cut"]).values()} == {None}


def test_more_keys_than_one_query_takes_are_found(tmp_path):
    ledger = Ledger(tmp_path / "l")
    for k in range(1300):
        ledger.write(entry(f"{k}"))
    assert len(ledger.find(f"{k}" for k in range(2000))) == 1300


def test_a_file_of_an_earlier_version_opens_and_is_gone_on_with(tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "old") as db:
        db.executescript(OLD.read_text())
    db.close()
    monkeypatch.setattr(prompts, "VERSION", "pairwise-2")  # that of the file
    ledger = open_ledger(tmp_path / "old")
    keys = [request_key(Pair("q", f"one {k}", "other", "ref"), "m", "chat/completions", "{}") for k in "ab"]
    found = ledger.find(keys)
    assert [(found[key].status, found[key].preference) for key in keys] == [("verdict", 1.0), ("refused", None)]
    assert ledger.secret.hex() == "00112233445566778899aabbccddeeff"
    assert ledger.spent("rows") == Spent(calls=2, failed=1, tokens_in=3, tokens_out=5, usd=0.5, unpriced=1, verdicts=1)
    assert ledger.mean_tokens("m") == (3.0, 5.0)
    assert ledger.write(entry(keys[0], preference=0.0)).preference == 1.0
    ledger.write(entry("new"))
    assert ledger.spent().calls == 3


def test_a_full_disk_stops_the_run_and_loses_nothing_that_was_written(server, tmp_path):
    asking = judge(tmp_path / "l")
    compare(asking, questions(20))
    (pages,) = asking.ledger._db.execute("PRAGMA page_count").fetchone()
    asking.ledger._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(JudgeError, match=r"could not be written: database or disk is full"):
        compare(asking, questions(200))
    kept = len(rows(tmp_path / "l"))
    assert 20 <= kept < 200
    assert sum(verdict.replayed for verdict in compare(judge(tmp_path / "l"), questions(200))) == kept


def test_files_that_cannot_be_a_ledger_are_named(tmp_path):
    (tmp_path / "text").write_text("This is no database. " * 100)
    with pytest.raises(
        JudgeError, match=r"text cannot be used: file is not a database; move the file away, or set judge\.ledger"
    ):
        Ledger(tmp_path / "text")
    for path in (tmp_path, tmp_path / "text" / "below", Path("/proc/nowhere/verdicts.sqlite")):
        with pytest.raises(JudgeError, match="cannot be used"):
            Ledger(path)
    with pytest.raises(JudgeError, match="there is no ledger at"):
        open_ledger(tmp_path / "nothing")
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE calls (key TEXT, status TEXT, run TEXT)")
    other.close()
    with pytest.raises(JudgeError, match="cannot be read: no such column"):
        Ledger(tmp_path / "other").find(["k"])


def test_several_may_begin_a_file_at_the_same_moment(tmp_path):
    """SQLite's timeout does not hold for the step into WAL mode: one of two would find the file locked."""

    def begin(path, barrier):
        barrier.wait()
        return Ledger(path).path

    with ThreadPoolExecutor(4) as pool:
        for number in range(40):
            path, barrier = tmp_path / str(number) / "l", threading.Barrier(4)
            assert set(pool.map(begin, [path] * 4, [barrier] * 4)) == {str(path)}
