"""Killed at any moment, or with an endpoint that dies: the same command ends with the files of an undisturbed run.

Nothing is paid twice but what was on its way.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import date

import pytest

from .conftest import LANGS, english_problems, write_problems

CONCURRENCY = 4
# Imports once; forks a child for each command, tells its process id at once, and its exit status when it ends.
NURSERY = """
import json, os, sys
from pathlib import Path
from sp3f_lib.profiles import load_profile
from sp3f_lib.rewards.fidelity import language_share
from sp3f_lib.translation.make import make_rows
import openai, aiohttp
language_share("Wie viel ist das, und warum?", "de")
for line in sys.stdin:
    source, out, settings, url = json.loads(line)
    child = os.fork()
    if not child:
        os.environ["LLM_API_URL"] = url
        sys.stdout = open(out + ".log", "a", buffering=1)
        status = 1
        try:
            make_rows(load_profile("lab", settings), Path(source), %r, Path(out))
            status = 0
        except BaseException as error:
            print(repr(error), flush=True)
        os._exit(status)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
""" % (list(LANGS),)  # noqa: UP031
FILES = ("sft.parquet", "rl.parquet", "eval.parquet", "report.csv", "README.md")


class Nursery:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=os.environ | {"LLM_API_KEY": "any", "NO_PROXY": "127.0.0.1"},
        )

    def start(self, source, out, url, **settings) -> int:
        """The process id of a child that makes rows."""
        given = {"translate.model": "m", "translate.concurrency": CONCURRENCY, "translate.ledger": f"{out}.sqlite"}
        given |= {"translate.patience_seconds": 0, "translate.max_retries": 1, "translate.price": [1, 1]}
        given |= {f"translate.{name}": value for name, value in settings.items()}
        self.process.stdin.write(json.dumps([str(source), str(out), given, url]) + "\n")
        return int(self.process.stdout.readline())

    def ended(self) -> int:
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def nursery():
    pytest.importorskip("openai")
    one = Nursery()
    yield one
    one.process.kill()
    one.process.communicate()


@pytest.fixture
def source(tmp_path):
    return write_problems(tmp_path / "problems.jsonl", english_problems(30))


def replies(out) -> int:
    path = f"{out}.sqlite"
    if not os.path.exists(path):
        return 0
    try:
        return sqlite3.connect(path).execute("SELECT COUNT(*) FROM replies WHERE status != 'failed'").fetchone()[0]
    except sqlite3.OperationalError:  # not made yet
        return 0


def contents(out) -> list[bytes]:
    return [(out / name).read_bytes() for name in FILES]


def wait_for(condition, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "still waiting"
        time.sleep(0.005)


def test_killed_five_times_it_ends_as_if_nobody_had_disturbed_it(nursery, source, server, tmp_path):
    day = date.today()
    faults = ("--mistakes", 0.3, "--latency", 0.02, "--jitter")
    nursery.start(source, tmp_path / "calm", server(*faults).url)
    assert nursery.ended() == 0, (tmp_path / "calm.log").read_text()
    wanted = replies(tmp_path / "calm")

    endpoint = server(*faults)
    in_flight = 0
    for number in range(1, 6):
        child = nursery.start(source, tmp_path / "killed", endpoint.url)
        wait_for(lambda goal=number * wanted // 8: replies(tmp_path / "killed") >= goal)
        os.kill(child, signal.SIGKILL)
        assert nursery.ended() == -signal.SIGKILL
        assert not (tmp_path / "killed" / "README.md").exists()
        in_flight += CONCURRENCY
    nursery.start(source, tmp_path / "killed", endpoint.url)
    assert nursery.ended() == 0, (tmp_path / "killed.log").read_text()
    if date.today() != day:
        pytest.skip("the rows hold the day of their reply, and midnight came between")
    assert contents(tmp_path / "killed") == contents(tmp_path / "calm")
    assert replies(tmp_path / "killed") == wanted
    paid = endpoint.stats()["paid"]
    assert len(paid) == wanted
    assert sum(paid) - len(paid) <= in_flight  # only what was on its way when a kill came is asked again

    # Once more: nothing is asked, and the files stay as they are.
    nursery.start(source, tmp_path / "killed", endpoint.url)
    assert nursery.ended() == 0
    assert endpoint.stats()["paid"] == paid
    assert contents(tmp_path / "killed") == contents(tmp_path / "calm")


def test_an_endpoint_that_dies_at_half_and_comes_back_leaves_no_trace(nursery, source, server, tmp_path):
    day = date.today()
    dying = server("--dies-after", 40, "--mistakes", 0.2, "--faults", 0.1, "--kinds", 503)
    nursery.start(source, tmp_path / "out", dying.url)
    assert nursery.ended() == 1
    assert "no connection" in (tmp_path / "out.log").read_text()
    dying.process.wait(10)
    assert 30 <= replies(tmp_path / "out") < 40
    back = server("--mistakes", 0.2)
    nursery.start(source, tmp_path / "out", back.url)
    assert nursery.ended() == 0, (tmp_path / "out.log").read_text()
    nursery.start(source, tmp_path / "calm", back.url)
    assert nursery.ended() == 0
    if date.today() != day:
        pytest.skip("the rows hold the day of their reply, and midnight came between")
    assert contents(tmp_path / "out") == contents(tmp_path / "calm")


def test_a_cap_in_the_middle_stops_and_a_higher_one_goes_on(nursery, source, server, tmp_path):
    endpoint = server()
    nursery.start(source, tmp_path / "out", endpoint.url, max_calls=40)
    assert nursery.ended() == 1
    told = (tmp_path / "out.log").read_text()
    assert "translate.max_calls: all 40 calls of this run are spent" in told
    assert "Every reply is kept" in told
    assert replies(tmp_path / "out") == 40
    nursery.start(source, tmp_path / "out", endpoint.url, max_usd=0.01, max_tokens=100)
    assert nursery.ended() == 1
    assert "translate.max_usd: the next call could pass the cap of 0.01 USD" in (tmp_path / "out.log").read_text()
    nursery.start(source, tmp_path / "out", endpoint.url)
    assert nursery.ended() == 0
    assert max(endpoint.stats()["paid"]) == 1
