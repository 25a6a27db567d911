"""What a judge costs: prices, forecasts, caps."""

import asyncio

import pytest
import yaml

from sp3f_lib.judges.base import BudgetError, JudgeError
from sp3f_lib.judges.ledger import Entry, Ledger, Spent
from sp3f_lib.judges.pairs import calls_per_group
from sp3f_lib.judges.spend import PRICES, Budget, cap_note, forecast, price_of
from sp3f_lib.profiles.judge_section import Judge


def settings(model="gpt-4o-mini", **more):
    return Judge(name="api", model=model, **more)


@pytest.mark.parametrize(
    "model", ["gpt-4o-mini", "openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini-20240718"]
)
def test_providers_and_dates_do_not_change_the_price(model):
    price = price_of(settings(model))
    assert (price.tokens_in, price.tokens_out, price.cached_in) == (0.15, 0.60, 0.075)


@pytest.mark.parametrize(
    "model", ["gpt-5.2", "gpt-5-pro", "gpt-4o-audio", "gpt-4", "gpt", "Qwen/Qwen2.5-7B-Instruct", "/models/m"]
)
def test_a_model_that_is_not_in_the_table_has_no_price(model):
    assert price_of(settings(model)) is None


def test_every_price_has_a_date_and_a_source():
    for model, row in yaml.safe_load(PRICES.read_text()).items():
        assert row["as_of"].year >= 2025, model
        assert row["source"], model
        assert 0 < row["in"] < row["out"], model
        assert row["cached_in"] is None or row["cached_in"] < row["in"], model


def test_the_profiles_own_price_wins():
    price = price_of(settings(price=(1.0, 2.0)))
    assert (price.tokens_in, price.tokens_out, price.cached_in, price.as_of) == (1.0, 2.0, 1.0, "the profile")


def test_cached_tokens_cost_less_and_an_unknown_discount_is_none():
    # A million tokens in, half of them cached, and a tenth of a million out.
    assert price_of(settings()).usd(1_000_000, 100_000, 500_000) == pytest.approx(0.075 + 0.0375 + 0.06)
    assert price_of(settings("gpt-5")).usd(1_000_000, 0, 500_000) == pytest.approx(1.25)
    # More cached than there were: a server's mistake, not money back.
    assert price_of(settings()).usd(10, 0, 1_000_000) == pytest.approx(10 * 0.075e-6)


def test_a_forecast_from_the_length_of_the_texts():
    judge = settings(schedule="all_ordered")
    found = forecast(judge, prompts=32, group=8, text_bytes=1400, response_bytes=700)
    # 32 x 56 calls of 420 + (1400 + 2 x 700) / 3.5 = 1220 tokens, and 250 out.
    assert (found.calls, found.tokens_in, found.tokens_out) == (1792, 1792 * 1220, 1792 * 250)
    assert found.usd == pytest.approx((1792 * 1220 * 0.15 + 1792 * 250 * 0.60) / 1e6)
    assert str(found).startswith("at most 1,792 calls, 2.2 M tokens in, 448,000 out, 0.5967 USD (estimated")
    assert "prices as of 2026-06-20" in str(found)


def test_a_forecast_never_expects_more_than_max_tokens():
    assert forecast(settings(max_tokens=100), 1, 4, 10, 10).tokens_out == 100 * calls_per_group("balanced", 4)


def test_a_forecast_from_the_ledger_takes_the_mean_of_this_judges_answers():
    ledger = Ledger(":memory:")
    shared = {
        "preference": None,
        "reason": "",
        "text": "",
        "endpoint": "e",
        "prompt": "p",
        "level": "none",
        "sampling": "{}",
    }
    for k, (judge, status, tokens) in enumerate(
        [
            ("m", "verdict", (100, 10)),
            ("m", "unreadable", (300, 30)),
            ("m", "failed", (0, 0)),
            ("other", "verdict", (9000, 900)),
        ]
    ):
        ledger.write(Entry(f"{k}", status, judge=judge, sample=0, tokens_in=tokens[0], tokens_out=tokens[1], **shared))
    found = forecast(settings("m"), 2, 4, 10**6, 10**6, ledger)
    assert (found.calls, found.tokens_in, found.tokens_out, found.usd) == (12, 12 * 200, 12 * 20, None)
    assert "price unknown (judge.price)" in str(found)
    assert "from the mean of the calls in the ledger" in str(found)
    assert "estimated" in forecast(settings("new"), 2, 4, 10, 10, ledger).basis


@pytest.mark.parametrize(
    ("schedule", "calls", "expected"),
    [("all_ordered", None, 56), ("balanced", None, 28), ("sampled", 9, 9), ("adaptive", 11, 11)],
)
def test_a_forecast_follows_the_schedule(schedule, calls, expected):
    assert forecast(settings(schedule=schedule, calls=calls), 3, 8, 10, 10).calls == 3 * expected


def test_a_cap_in_usd_needs_a_price_and_a_bound_on_replies():
    with pytest.raises(JudgeError, match=r"price of 'unknown' is not in .*give judge\.price"):
        Budget(settings("unknown", max_usd=1.0), Spent())
    with pytest.raises(JudgeError, match=r"no bound; give judge\.max_tokens"):
        Budget(settings(max_usd=1.0, max_tokens=None), Spent())
    Budget(settings("unknown", max_usd=1.0, price=(0.0, 0.0), max_tokens=None), Spent())
    Budget(settings(max_usd=1.0, max_tokens=None, extra={"max_completion_tokens": 500}), Spent())


def test_what_the_run_has_spent_before_counts():
    budget = Budget(settings(max_calls=10, max_usd=1.0), Spent(calls=7, failed=2, usd=0.25))
    budget.settle(asyncio.run(budget.reserve(1000)), 0.125)
    with pytest.raises(BudgetError, match=r"judge\.max_calls: all 10 calls of this run are spent") as error:
        asyncio.run(budget.reserve(1000))
    assert "(10 calls and 0.3750 USD so far)" in str(budget.explain(error.value))


def test_a_forecast_says_when_a_cap_will_not_let_it_happen():
    expected = forecast(settings(), 32, 8, 1000, 1000)
    assert cap_note(settings(max_usd=100.0, max_calls=10_000), expected) == ""
    assert cap_note(settings(), expected) == "; NO CAP: judge.max_usd is not set"
    free = settings("unknown", price=(0.0, 0.0))
    assert cap_note(free, forecast(free, 32, 8, 1000, 1000)) == ""
    assert cap_note(settings(max_usd=0.1), expected) == "; judge.max_usd stops it at 0.1 USD"
    assert cap_note(settings(max_calls=100), expected) == "; judge.max_calls stops it at 100 calls"


def test_near_the_cap_a_call_waits_for_those_in_flight_and_is_refused_only_when_none_is_left():
    async def run():
        # 1 USD a token in; two tokens a byte are set aside: 20 for ten bytes.
        budget = Budget(settings(max_usd=50.0, price=(1e6, 0.0)), Spent())
        first, second = await budget.reserve(10), await budget.reserve(10)
        assert (first, second) == (20, 20)
        third = asyncio.ensure_future(budget.reserve(10))
        await asyncio.sleep(0)
        assert not third.done()
        budget.settle(first, 5.0)
        assert await third == 20  # 5 spent, 40 set aside
        fourth = asyncio.ensure_future(budget.reserve(10))
        budget.settle(second, 18.0)
        budget.settle(20, 18.0)
        with pytest.raises(BudgetError, match="could pass the cap of 50 USD"):  # 41 spent
            await fourth
        assert await budget.reserve(4) == 8
        budget.settle(8, None)
        assert budget.usd == 41

    asyncio.run(run())
