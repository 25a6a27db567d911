"""Rankings and scores by judges that read: one call each, kept in the ledger, read again, forecast; and what cannot be read."""

import asyncio
import re
from dataclasses import replace

import pandas as pd
import pytest

from sp3f_lib.judges import BudgetError, Ledger, Lineup, Pair, Single, make_judge
from sp3f_lib.judges.groups import Group, judge_groups
from sp3f_lib.judges.ledger import Entry, request_key
from sp3f_lib.judges.list_prompt import parse_ranking
from sp3f_lib.judges.recorded import RecordedJudge
from sp3f_lib.judges.score_prompt import parse_score
from sp3f_lib.judges.spend import forecast
from sp3f_lib.profiles.judge_section import Judge as Settings

from .fault_server import FaultServer

LINEUP = Lineup("How many?", ("one", "two", "three"), "the solution")
SINGLE = Single("How many?", "one", "the solution")


class Reader(RecordedJudge):
    """A judge whose replies are given: `answers(asked)`; counts what it is asked."""

    endpoint = "test"

    def __init__(self, path, answers, **settings):
        super().__init__(Settings(name="local", model="m", ledger=str(path), **settings), run="run")
        self.answers, self.asked = answers, 0

    async def ask(self, missing):
        self.asked += len(missing)
        replies = {key: self.answers(one) for key, one in missing.items()}
        used = {"tokens_in": 100, "tokens_out": 10}
        return {
            key: self.ledger.write(self.entry(key, missing[key], text=text, **used, **self.read(missing[key], text)))
            for key, text in replies.items()
        }


def group() -> Group:
    return Group("How many?", ["a", "bb", "cccc", "ddd"], "the solution", lang="de")


def by_length(asked) -> str:
    """The longer, the better."""
    if isinstance(asked, Single):
        return f"It has its points.\n\\boxed{{{len(asked.response)}/10}}"
    order = sorted(range(len(asked.responses)), key=lambda k: -len(asked.responses[k]))
    return f"Reasons.\n\\boxed{{{' > '.join('ABCDEFGH'[k] for k in order)}}}"


def judge(one, some, settings):
    asyncio.run(judge_groups(one, some, settings))
    return some


@pytest.mark.parametrize(
    ("given", "calls", "expected"),
    [
        ({"schedule": "listwise"}, 1, [0, 1 / 3, 1, 2 / 3]),
        ({"schedule": "listwise", "calls": 3}, 3, [0, 1 / 3, 1, 2 / 3]),
        ({"schedule": "score", "reward": "raw"}, 4, [0.1, 0.2, 0.4, 0.3]),
        ({"schedule": "score"}, 4, [0, 1 / 3, 1, 2 / 3]),
    ],
    ids=str,
)
def test_replies_are_bought_once_and_replayed_from_the_ledger(tmp_path, given, calls, expected):
    settings = Settings(**given)
    first, again = Reader(tmp_path / "l", by_length, **given), Reader(tmp_path / "l", pytest.fail, **given)
    for reader, asked in ((first, calls), (again, 0)):
        (found,) = judge(reader, [group()], settings)
        assert found.rates(settings.schedule, settings.reward) == pytest.approx(expected)
        assert (reader.asked, found.calls) == (asked, calls)
        assert [reply.replayed for reply in found.replies] == [reader is again] * calls
    spent = first.ledger.spent()
    assert (spent.calls, spent.verdicts, spent.tokens_in) == (calls, calls, 100 * calls)
    assert first.name == f"m/{'listwise-1' if settings.schedule == 'listwise' else 'score-1'}"


@pytest.mark.parametrize("schedule", ["listwise", "score"])
def test_what_cannot_be_read_is_no_verdict_in_the_ledger_too_and_not_asked_again(tmp_path, schedule):
    settings, reader = Settings(schedule=schedule), Reader(tmp_path / "l", lambda asked: r"\boxed{B > A} and \boxed{7}")
    for _ in range(2):
        (found,) = judge(reader, [group()], settings)
        assert found.rates(schedule) is None
        assert not any(reply.given for reply in found.replies)
        assert "no verdict in the reply, which ends" in found.verdicts[0].reason
    assert reader.asked == len(found.replies)
    assert reader.ledger.spent().verdicts == 0


def test_everything_that_decides_a_reply_is_in_the_key():
    def key(asked):
        return request_key(asked, "m", "e", "{}")

    changes = [{"question": "x"}, {"reference": None}, {"level": "wrong"}, {"sample": 1}]
    for asked in (LINEUP, SINGLE):
        others = [key(replace(asked, **change)) for change in changes]
        assert len({key(asked), *others}) == 5
        assert key(replace(asked, lang="sw")) == key(asked)  # is not shown
    turned = replace(LINEUP, responses=LINEUP.responses[::-1])
    fewer = replace(LINEUP, responses=LINEUP.responses[:2])
    pair = Pair("How many?", "one", "two", "the solution")
    assert len({key(LINEUP), key(turned), key(fewer), key(pair), key(SINGLE)}) == 5


def test_the_keys_of_pairs_are_those_of_ledgers_that_are_there():
    pair = Pair("What is 1 + 2?", "one", "two", "1 + 2 = 3", sample=2)
    assert request_key(pair, "m", "chat/completions", "{}") == (
        "2e2de56f3cbcc759810df67fb7c495e624fa129a9fa1bc17efff872a95495b2b"
    )


def test_stored_replies_are_read_again_by_the_parser_of_their_kind(tmp_path):
    ledger = Ledger(tmp_path / "l")
    common = {"reason": "", "judge": "m", "endpoint": "e", "level": "none", "sampling": "{}", "sample": 0}
    stored = [
        Entry("pair", "unreadable", None, text=r"\boxed{B}", prompt="pairwise-2", **common),
        Entry("score", "unreadable", None, text=r"\boxed{7/10}", prompt="score-1", **common),
        Entry("none", "verdict", 0.0, text=r"\boxed{7}", prompt="score-1", **common),
        Entry("list", "unreadable", None, text=r"\boxed{B > A > C}", prompt="listwise-1/3", **common),
        Entry("part", "verdict", None, text=r"\boxed{B > A}", prompt="listwise-1/3", **common),
        Entry("same", "verdict", 0.4, text=r"\boxed{4/10}", prompt="score-1", **common),
    ]
    for entry in stored:
        ledger.write(entry)
    assert ledger.parse_again() == 5
    found = ledger.find(entry.key for entry in stored)
    assert {key: (entry.status, entry.preference) for key, entry in found.items()} == {
        "pair": ("verdict", 0.0),
        "score": ("verdict", 0.7),
        "none": ("unreadable", None),
        "list": ("verdict", None),
        "part": ("unreadable", None),
        "same": ("verdict", 0.4),
    }
    assert ledger.parse_again() == 0
    assert ledger.export(tmp_path / "calls.parquet") == 6
    exported = pd.read_parquet(tmp_path / "calls.parquet").set_index("key").prompt
    assert exported["list"] == "listwise-1/3"


# ---- forecast


@pytest.mark.parametrize(
    ("given", "calls", "tokens_in", "tokens_out"),
    [
        # Template + (1,400 of question and solution + 700 a response) / 3.5
        ({"schedule": "balanced"}, 28, 420 + 400 + 400, 250),
        ({"schedule": "score"}, 8, 400 + 400 + 200, 150),
        ({"schedule": "listwise"}, 1, 430 + 400 + 8 * 200, 720),
        ({"schedule": "listwise", "calls": 3}, 3, 430 + 400 + 8 * 200, 720),
    ],
    ids=str,
)
def test_a_forecast_by_hand(given, calls, tokens_in, tokens_out):
    found = forecast(Settings(name="api", model="gpt-4o-mini", **given), 32, 8, 1400, 700)
    assert (found.calls, found.tokens_in) == (32 * calls, 32 * calls * tokens_in)
    assert found.tokens_out == 32 * calls * tokens_out


def test_a_forecast_from_the_ledger_keeps_pairs_scores_and_rankings_apart():
    ledger = Ledger(":memory:")
    common = {"reason": "", "judge": "m", "endpoint": "e", "level": "none", "sampling": "{}", "sample": 0, "text": ""}
    for number, (prompt, tokens) in enumerate(
        [("pairwise-2", 900), ("score-1", 500), ("score-1", 700), ("listwise-1/8", 3000)]
    ):
        ledger.write(Entry(f"{number}", "verdict", None, prompt=prompt, tokens_in=tokens, tokens_out=1, **common))
    expected = {"balanced": 28 * 900, "adaptive": 14 * 900, "score": 8 * 600, "listwise": 3000}
    for schedule, tokens in expected.items():
        found = forecast(Settings(name="api", model="m", schedule=schedule), 1, 8, 10, 10, ledger)
        assert (found.tokens_in, "from the mean of the calls" in found.basis) == (tokens, True)
    ledger = Ledger(":memory:")
    ledger.write(Entry("k", "verdict", None, prompt="pairwise-2", tokens_in=900, tokens_out=1, **common))
    assert "estimated" in forecast(Settings(name="api", model="m", schedule="listwise"), 1, 8, 10, 10, ledger).basis


# ---- an endpoint


@pytest.fixture
def server(monkeypatch):
    pytest.importorskip("openai")
    with FaultServer() as server:
        monkeypatch.setenv("LLM_API_URL", server.url)
        monkeypatch.setenv("LLM_API_KEY", "sk-secret")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


def groups(number: int) -> list[Group]:
    return [Group(f"question {k}", [f"response {i} to {k}" for i in range(6)], f"reference {k}") for k in range(number)]


@pytest.mark.parametrize(("schedule", "calls", "each"), [("listwise", 2, 2), ("score", None, 6)])
def test_an_endpoint_ranks_and_scores_and_is_paid_once(server, tmp_path, schedule, calls, each):
    settings = Settings(
        name="api", model="m", ledger=str(tmp_path / "l"), schedule=schedule, calls=calls, price=(1.0, 2.0), max_retries=0
    )
    found = judge(make_judge(settings, "run"), groups(5), settings)
    paid = server.stats()["paid"]
    assert paid == [1] * 5 * each
    for one in found:
        assert all(reply.given and reply.usd == pytest.approx(1200e-6) for reply in one.replies)
        for reply in one.replies:
            read = parse_score(reply.text) if schedule == "score" else parse_ranking(reply.text, 6)
            assert (reply.score == read / 10) if schedule == "score" else (reply.ranks == read)
    again = judge(make_judge(settings, "run"), groups(5), settings)
    assert server.stats()["paid"] == paid
    assert [one.rates(schedule) for one in again] == [one.rates(schedule) for one in found]
    assert all(reply.replayed for one in again for reply in one.replies)
    assert len({tuple(one.rates(schedule)) for one in found}) > 1


def test_a_call_that_fails_is_no_verdict_for_its_group_alone_and_asked_again(server, tmp_path):
    server.change(faults=0.5, kinds=["500"])
    settings = Settings(
        name="api", model="m", ledger=str(tmp_path / "l"), schedule="listwise", max_retries=0, failure_limit=1.0
    )
    found = judge(make_judge(settings, "run"), groups(30), settings)
    lost = [one.rates("listwise") is None for one in found]
    assert 5 < sum(lost) < 25
    server.change(faults=0)
    again = judge(make_judge(settings, "run"), groups(30), settings)
    assert all(one.rates("listwise") for one in again)
    assert [reply.replayed for one in again for reply in one.replies] == [not gone for gone in lost]
    assert server.stats()["paid"] == [1] * 30


def test_the_cap_on_calls_counts_rankings(server, tmp_path):
    settings = Settings(name="api", model="m", ledger=str(tmp_path / "l"), schedule="listwise", max_calls=3, concurrency=1)
    with pytest.raises(BudgetError, match="all 3 calls"):
        judge(make_judge(settings, "run"), groups(5), settings)
    assert server.stats()["paid"] == [1] * 3


# ---- a model that is loaded here


@pytest.mark.parametrize(
    ("schedule", "reply", "rates"),
    [
        ("listwise", r"\boxed{A > B}", {(0.0, 1.0), (1.0, 0.0)}),
        ("listwise", r"\boxed{A}", {None}),
        ("score", r"\boxed{3/10}", {(0.5, 0.5)}),
        ("score", r"\boxed{3}", {None}),
    ],
)
def test_a_local_model_is_asked_the_same(qwen2, tmp_path, monkeypatch, schedule, reply, rates):
    """Its first token ends the reply, which the tokenizer then reads as what is given here."""
    monkeypatch.setattr("sp3f_lib.generation.local.end_ids", lambda model, tokenizer: list(range(len(tokenizer))))
    settings = Settings(name="local", model="policy", ledger=str(tmp_path / "l"), schedule=schedule, max_tokens=2)
    asking = make_judge(settings, "run")
    asking.bind(qwen2.policy, qwen2.tokenizer, 1)
    qwen2.policy.config.max_position_embeddings = 100_000
    shown = []
    template = qwen2.tokenizer.apply_chat_template
    monkeypatch.setattr(
        qwen2.tokenizer, "apply_chat_template", lambda chat, **given: shown.append(chat) or template(chat, **given)
    )
    monkeypatch.setattr(qwen2.tokenizer, "decode", lambda *ids, **given: reply)
    (found,) = judge(asking, [Group("q", ["one", "two"], "ref")], settings)
    got = found.rates(schedule)
    assert (got if got is None else tuple(got)) in rates
    assert len(shown) == found.calls == (1 if schedule == "listwise" else 2)
    user = shown[0][-1]["content"]
    assert len(re.findall(r"<response\w*-[0-9a-f]{12}>", user)) == (2 if schedule == "listwise" else 1)
    (row,) = asking.ledger.table().to_dict("records")
    assert row["prompt"] == ("listwise-1/2" if schedule == "listwise" else "score-1")
    assert row["judge"] == "policy of run"
