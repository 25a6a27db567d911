"""The API judge against `transformers serve`, a server that is not ours, with a real model made here."""

import json

import pytest

from sp3f_lib.judges import JudgeError, make_judge
from sp3f_lib.profiles.judge_section import Judge as Settings

from ..model_server import needs_serve, transformers_serve
from .asking import compare
from .taught_model import SECRET, expected, made_once, questions

pytest.importorskip("torch")
needs_serve(allow_module_level=True)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(address, model id) of a running server; the model id is the local path."""
    folder = made_once(tmp_path_factory)
    # As new_model saves it: without do_sample a request's temperature is ignored.
    assert json.loads((folder / "generation_config.json").read_text())["do_sample"]
    with transformers_serve(folder, tmp_path_factory.mktemp("served") / "log") as address:
        yield address, str(folder)


@pytest.fixture
def judge(served, monkeypatch, tmp_path):
    monkeypatch.setenv("LLM_API_URL", served[0])
    monkeypatch.setenv("LLM_API_KEY", "any")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def judge(name="l", **settings):
        given = {"model": served[1], "ledger": str(tmp_path / name), "max_tokens": 12, "max_retries": 1, "concurrency": 4}
        asking = make_judge(Settings(name="api", **given | settings))
        asking.ledger.secret = SECRET
        return asking

    return judge


def test_verdicts_of_a_real_model_come_through(judge):
    pairs = questions(10)
    found = compare(judge(), pairs)
    assert [verdict.preference for verdict in found] == expected(pairs)
    assert all(verdict.tokens_in > 300 and verdict.tokens_out > 2 for verdict in found)
    again = compare(judge(), pairs)
    assert [verdict.preference for verdict in again] == [verdict.preference for verdict in found]
    assert all(verdict.replayed for verdict in again)


def test_temperature_reaches_the_model(judge):
    pairs, written = questions(30), {}  # so many because the model is nearly sure of each
    for temperature in (0.0, 2.0):
        asking = judge(f"{temperature}", temperature=temperature, failure_limit=1)
        written[temperature] = {verdict.text for verdict in compare(asking, pairs)}
    assert written[0.0] == {r"\boxed{A}", r"\boxed{B}"}
    assert written[2.0] - written[0.0]


def test_a_reply_that_is_cut_off_says_so(judge):
    (verdict,) = compare(judge(max_tokens=2), questions(1))
    assert (verdict.preference, verdict.reason) == (None, "cut off at 2 tokens (judge.max_tokens)")


def test_a_model_that_it_does_not_serve_stops_the_run(judge):
    with pytest.raises(JudgeError, match=r"judge\.model|LLM_API_URL"):
        compare(judge(model="no/such-model", max_retries=0), questions(1))
