"""The API judge against a server that fails in every way we know: verdicts, money, memory, limits, pauses."""

import asyncio
import tracemalloc
from pathlib import Path

import pytest

from sp3f_lib.judges import BudgetError, JudgeError, Ledger, Pair, api, make_judge
from sp3f_lib.judges.prompts import parse_verdict
from sp3f_lib.profiles.judge_section import Judge as Settings

from ..serving import FakeJudge
from .asking import compare, questions

pytest.importorskip("openai")
# All that pass: hanging and dripping cost a time-out each.
FAULTS = (
    "429", "429-retry-after", "500", "503", "hang", "half-closed", "closed", "empty", "truncated", "garbage", "html", "not-http",
    "10MB", "drip",
)  # fmt: skip


@pytest.fixture
def start(monkeypatch):
    """Starts the server with its options and points the judge at it."""
    servers = []

    def start(*options):
        servers.append(FakeJudge(*options))
        monkeypatch.setenv("LLM_API_URL", servers[-1].url)
        return servers[-1]

    monkeypatch.setenv("LLM_API_KEY", "sk-secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield start
    for server in servers:
        server.__exit__()


def judge(ledger, **settings):
    ledger = ledger if isinstance(ledger, str) else str(ledger / "verdicts.sqlite")
    given = {"model": "m", "ledger": ledger, "max_retries": 8, "timeout_seconds": 20, "concurrency": 16}
    return make_judge(Settings(name="api", **given | settings), run="run")


def secret_of(folder, name, secret):
    """A ledger with a given secret, so that two runs send the same requests."""
    ledger = Ledger(folder / name)
    ledger._db.execute("UPDATE facts SET value = ?", (secret,))
    ledger.close()
    return str(folder / name)


def test_2000_comparisons_with_every_fifth_failing_end_as_without_faults(start, tmp_path):
    pairs, secret = questions(2000), "ab" * 16
    start()
    calm = compare(judge(secret_of(tmp_path, "calm", secret), concurrency=64), pairs)
    server = start("--faults", 0.2, "--retry-after", 0.1, "--seed", 1, "--kinds", *FAULTS)
    settings = {"concurrency": 64, "timeout_seconds": 0.5, "max_retries": 12}
    troubled_judge = judge(secret_of(tmp_path, "troubled", secret), **settings)
    troubled = compare(troubled_judge, pairs[:1000])
    before = memory()
    troubled += compare(troubled_judge, pairs[1000:])
    assert memory() < before + 30e6  # 1,000 verdicts have some 1.3 MB; a dozen bodies of 10 MB were among the replies
    stats = server.stats()
    assert set(stats["asked"]) == {"answer", *FAULTS}
    assert sum(stats["asked"].values()) - stats["asked"]["answer"] > 400
    assert {verdict.preference for verdict in calm} == {0.0, 1.0}
    for verdict, expected in zip(troubled, calm, strict=True):
        assert verdict.preference == expected.preference if verdict.preference is not None else verdict.reason
    spent = troubled_judge.ledger.spent()
    answered = sum(verdict.preference is not None for verdict in troubled)
    assert (spent.calls, spent.failed) == (answered, 2000 - answered)
    assert answered > 1960  # a comparison that is out of tries is possible, but rare
    # A reply that the time-out cut off may be paid for once more; nothing else is.
    assert sum(stats["paid"]) - len(stats["paid"]) <= 25


def memory() -> int:
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_bodies_of_10_mb_are_not_read(start, tmp_path):
    start("--faults", 1, "--kinds", "10MB")
    asking = judge(tmp_path, concurrency=40, max_retries=0, failure_limit=1)
    asking._health._answered = True  # otherwise so many bodies that are no reply end the run
    tracemalloc.start()
    found = compare(asking, questions(40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {verdict.reason for verdict in found} == {found[0].reason}
    assert "not a chat completion" in found[0].reason
    assert peak < 100e6  # forty bodies have 400 MB


def test_what_failed_is_recorded_and_asked_again_and_nothing_is_paid_twice(start, tmp_path):
    server = start("--faults", 0.5, "--kinds", "500", "garbage")
    pairs = questions(200)
    first = judge(tmp_path, max_retries=0, failure_limit=1)
    found = compare(first, pairs)
    failed = sum(verdict.preference is None for verdict in found)
    assert 50 < failed < 150
    assert first.ledger.spent().failed == failed
    server.change(faults=0)
    again = compare(judge(tmp_path, max_retries=0), pairs)
    assert all(verdict.preference is not None for verdict in again)
    assert [verdict.replayed for verdict in again] == [verdict.preference is not None for verdict in found]
    assert server.stats()["paid"] == [1] * 200


@pytest.mark.parametrize(("kind", "asked"), [("429-retry-after", 0.4), ("429-retry-date", 1.0)])
def test_the_server_says_how_long_to_wait(start, tmp_path, kind, asked):
    server = start("--faults", 1, "--kinds", kind, "--retry-after", asked)
    (verdict,) = compare(judge(tmp_path, max_retries=2), questions(1))
    assert "RateLimitError 429 after 3 tries" in verdict.reason
    first, second, third = server.stats()["times"]
    # A date has whole seconds: at least `asked` remain when it is read, and less than a second more.
    assert min(second - first, third - second) >= 0.95 * asked


def test_tries_are_bounded_in_total_time(start, tmp_path):
    server = start("--faults", 1, "--kinds", "429-retry-after", "--retry-after", 0.2)
    (verdict,) = compare(judge(tmp_path, max_retries=1000, retry_seconds=1), questions(1))
    assert verdict.preference is None
    assert 2 <= len(server.stats()["times"]) <= 6
    server.change(retry_after=3600)
    (verdict,) = compare(judge(tmp_path, max_retries=1000, retry_seconds=1), questions(1))  # an hour is not waited for
    assert verdict.preference is None
    server.change(kinds=["hang"])
    (verdict,) = compare(judge(tmp_path, timeout_seconds=3600, retry_seconds=0.3), questions(1))
    assert "no reply in time" in verdict.reason


def test_training_pauses_while_the_endpoint_fails_and_goes_on_by_itself(start, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(api, "_FIRST_PAUSE", 0.05)
    server = start("--faults", 1, "--kinds", "503")

    async def run():
        comparing = asyncio.ensure_future(
            judge(tmp_path, max_retries=0, failure_window=20, patience_seconds=60).compare(questions(300))
        )
        while not capsys.readouterr().out.startswith("judge: paused"):
            await asyncio.sleep(0.02)
        await asyncio.to_thread(server.change, faults=0)
        return await comparing

    found = asyncio.run(run())
    assert all(verdict.preference is not None for verdict in found)
    stats = server.stats()
    assert stats["paid"] == [1] * 300
    # While the server fails, a few requests find out about it, not all 300.
    assert stats["asked"]["503"] < 200


def test_training_stops_and_says_why_when_the_endpoint_does_not_recover(start, tmp_path):
    server = start("--faults", 1, "--kinds", "503", "hang")
    settings = {"max_retries": 0, "timeout_seconds": 0.1, "failure_window": 20, "patience_seconds": 0.3}
    with pytest.raises(JudgeError, match=r"requests gave no verdict \(.*InternalServerError 503.*after waiting") as error:
        compare(judge(tmp_path, **settings), questions(300))
    assert "127.0.0.1" not in str(error.value)
    assert sum(server.stats()["asked"].values()) < 300


def test_a_judge_that_never_says_anything_readable_stops_too(start, tmp_path, monkeypatch):
    monkeypatch.setattr("sp3f_lib.judges.prompts.parse_verdict", lambda text: None)
    monkeypatch.setattr(api, "_FIRST_PAUSE", 0.01)
    start()
    patient = judge(tmp_path, failure_window=20, patience_seconds=0.1)
    with pytest.raises(JudgeError, match="no verdict in the reply"):
        for step in range(100):  # of ten comparisons each: no single step fills the window
            compare(patient, questions(10, 10 * step))


@pytest.mark.parametrize(("kind", "hint"), [("quota", "is there money left"), ("401", "is the key in LLM_API_KEY right")])
def test_no_money_and_a_withdrawn_key_end_the_run_at_once_even_after_answers(start, tmp_path, kind, hint):
    server = start()
    asking = judge(tmp_path, concurrency=4)
    compare(asking, questions(50))
    server.change(faults=1, kinds=[kind])
    with pytest.raises(JudgeError, match=hint):
        compare(asking, questions(500, 50))
    assert server.stats()["asked"][kind] <= 4


def test_the_cap_on_calls_is_exact_and_raising_it_pays_nothing_twice(start, tmp_path):
    server = start("--latency", 0.01)
    with pytest.raises(BudgetError, match=r"judge\.max_calls: all 40 calls.*Raise the cap"):
        compare(judge(tmp_path, max_calls=40), questions(100))
    assert server.stats()["paid"] == [1] * 40
    with pytest.raises(BudgetError):
        compare(judge(tmp_path, max_calls=40), questions(100))
    found = compare(judge(tmp_path, max_calls=100), questions(100))
    assert sum(verdict.replayed for verdict in found) == 40
    assert server.stats()["paid"] == [1] * 100


def test_the_cap_in_usd_is_never_passed_and_never_stops_a_run_that_would_keep_it(start, tmp_path):
    server = start("--latency", 0.02)
    # The server's replies have 900 tokens in and 150 out: a call costs 0.0012 USD, and less than 0.02 is set aside for it.
    price = {"price": (1.0, 2.0), "max_tokens": 1000, "concurrency": 32}
    asking = judge(tmp_path, max_usd=0.06, **price)
    with pytest.raises(BudgetError, match=r"judge\.max_usd: the next call could pass the cap of 0\.06 USD"):
        compare(asking, questions(100))
    paid = len(server.stats()["paid"])
    assert 0.06 - 0.02 < paid * 0.0012 <= 0.06
    assert asking.ledger.spent("run").usd == pytest.approx(paid * 0.0012)
    # All 32 at once would set more aside than is left, but each costs less: the others wait for those in flight.
    found = compare(judge(tmp_path, max_usd=0.12 + 0.02, **price), questions(100))
    assert all(verdict.preference is not None for verdict in found)
    assert server.stats()["paid"] == [1] * 100


@pytest.mark.parametrize("limit", [{"requests_per_minute": 600}, {"tokens_per_minute": 600 * 1000}])
def test_no_more_requests_and_tokens_a_minute_than_allowed(start, tmp_path, limit):
    server = start()
    # 600 a minute are 0.1 s apart; a request has about 900 tokens and may be answered with 100.
    compare(judge(tmp_path, max_tokens=100, **limit), [Pair("q", f"a{k}", "b" * 800) for k in range(12)])
    times = server.stats()["times"]
    assert len(times) == 12
    assert times[-1] - times[0] >= (1.0 if "requests_per_minute" in limit else 0.5)


def test_several_compare_at_once_share_one_bound(start, tmp_path):
    server = start("--latency", 0.02)

    async def run():
        asking = judge(tmp_path, concurrency=5)
        return await asyncio.gather(*(asking.compare(questions(30, 30 * k)) for k in range(4)))

    found = asyncio.run(run())
    assert all(verdict.preference is not None for verdicts in found for verdict in verdicts)
    assert server.stats()["most"] == 5


def test_several_compare_at_once_survive_an_outage(start, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(api, "_FIRST_PAUSE", 0.02)
    server = start("--faults", 1, "--kinds", "503", "--latency", 0.01)

    async def run():
        asking = judge(tmp_path, concurrency=8, max_retries=0, failure_window=10, patience_seconds=60)
        comparing = asyncio.gather(*(asking.compare(questions(40, 40 * k)) for k in range(3)))
        while "judge: paused" not in capsys.readouterr().out:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(server.change, faults=0)
        return await comparing

    found = asyncio.run(run())
    assert [len(verdicts) for verdicts in found] == [40, 40, 40]
    assert server.stats()["most"] <= 8
    assert max(server.stats()["paid"]) == 1


def test_log_probabilities_give_a_graded_preference_that_agrees_with_the_verdict(start, tmp_path):
    start("--logprobs")
    found = compare(judge(tmp_path, logprobs=True), questions(40))
    # The server gives its verdict a chance between 0.505 and 0.995, of 0.999 in all.
    for verdict in found:
        chance = verdict.preference if parse_verdict(verdict.text) == "A" else 1 - verdict.preference
        assert 0.505 < chance < 0.997
    assert len({verdict.preference for verdict in found}) > 20
    assert {verdict.preference > 0.5 for verdict in found} == {True, False}
