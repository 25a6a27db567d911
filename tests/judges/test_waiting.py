"""A step that waits long for its judge: the log says how long still, at growing intervals, and the stage's file all the time."""

import re
import threading
import time

import pytest

from sp3f_lib.judges import api
from sp3f_lib.progress import Progress, read

from .test_api import compare, questions, server

__all__ = ["server"]  # the fixture


@pytest.fixture
def slow(server, monkeypatch):
    """An endpoint that answers one question after the other, and a judge that finds a quarter of a second long."""
    monkeypatch.setattr("sp3f_lib.progress._LONG", 0.25)
    monkeypatch.setattr(api, "_LOOK", 0.02)
    one = threading.Lock()

    def answer(request):
        with one:
            time.sleep(0.1)
        return r"\boxed{A}"

    server.answer = answer
    return server


def test_the_time_that_is_left_is_said_when_answers_take_long(slow, capsys):
    compare(slow, questions(30))
    lines = capsys.readouterr().out.splitlines()
    found = [re.fullmatch(r"judge: (\d+) of 30 comparisons answered, (\d+) s left", line) for line in lines]
    assert all(found) and 2 <= len(found) <= 5  # at 0.25, 0.5, 1, 2 and 4 s, if it took so long
    counts = [int(one[1]) for one in found]
    assert counts == sorted(counts) and counts[-1] < 30


def test_the_step_at_hand_is_shown_with_what_it_waits_for(slow, tmp_path, monkeypatch):
    monkeypatch.setattr("sp3f_lib.progress._EVERY", 0.0)
    Progress("sp3f warm", tmp_path).begin("step 0/40", 40)
    seen, done = [], threading.Event()

    def look():
        while not done.wait(0.02):
            seen.append(read(tmp_path).now())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        compare(slow, questions(15))
    finally:
        done.set()
        watcher.join()
    assert any(re.fullmatch(r"step 0/40 \(judge: \d+ of 15 comparisons, \d+ s left\)", one) for one in seen)
    assert read(tmp_path).now() == "step 0/40"
