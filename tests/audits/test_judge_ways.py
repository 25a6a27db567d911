"""What a ranking, or scores, are worth and cost: in the simulation, whose model is known, and measured on any judge."""

import asyncio
import random

import numpy as np
import pytest
from scipy.special import expit

from sp3f_lib.audits.judge_probes import lab_groups, lab_problems
from sp3f_lib.audits.judge_simulation import (
    RAW,
    Cell,
    SimulatedJudge,
    correlations,
    prices,
    ranked_rates,
    scored_rates,
    ways,
)
from sp3f_lib.audits.judge_ways import WAYS, ask_ways, cost_of_ways, planned_ways, ways_of
from sp3f_lib.judges import Verdict, make_judge
from sp3f_lib.judges.credit import orders
from sp3f_lib.judges.spend import tokens_of_a_call
from sp3f_lib.profiles.judge_section import Judge as Settings

EXACT = SimulatedJudge(strength=1e6, slot_bias=0, noise=0, failures=0)
PLAUSIBLE = SimulatedJudge(strength=2, slot_bias=0.25, noise=0.05, failures=0.02)
ONE, THREE = Cell("listwise", 8, 1), Cell("listwise", 8, 3)


def drawn(groups: int, n: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(groups, n))


# ---- simulated


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_sharp_ranking_gives_the_ranks(calls):
    qualities = drawn(5, 8)
    rates = ranked_rates(Cell("listwise", 8, calls), EXACT, qualities, seed=0)
    assert rates == pytest.approx(qualities.argsort(1).argsort(1) / 7)


def test_two_responses_are_ordered_in_a_list_as_often_as_in_a_pair():
    """0.9 sigmoid(2 gap) + 0.1 / 2, of 20,000 groups."""
    judge = SimulatedJudge(strength=2, slot_bias=0, noise=0.1, failures=0)
    qualities = np.tile([0.0, 0.3, 1.0, -0.5], (20_000, 1))
    rates = ranked_rates(Cell("listwise", 4, 1), judge, qualities, seed=1)
    for i, j in ((1, 0), (2, 1), (3, 2)):
        expected = 0.9 * expit(2 * (qualities[0, i] - qualities[0, j])) + 0.05
        assert (rates[:, i] > rates[:, j]).mean() == pytest.approx(expected, abs=0.012)


def test_a_list_leans_to_what_is_shown_first_by_the_slot_bias_of_a_pair():
    judge, n = SimulatedJudge(strength=0, slot_bias=1.0, noise=0, failures=0), 8
    rates = ranked_rates(Cell("listwise", n, 2), judge, drawn(4000, n), seed=1)
    one = ranked_rates(Cell("listwise", n, 1), judge, drawn(4000, n), seed=1)
    # Both ways of each pair: what one order gives, the other takes.
    assert rates.std(1).mean() < one.std(1).mean() - 0.05
    shown = np.array([orders(n, 1, random.Random(f"1 {g}"))[0] for g in range(4000)]).argsort(1)
    earlier = [(one[:, i] > one[:, j]) == (shown[:, i] < shown[:, j]) for i in range(n) for j in range(i)]
    assert np.mean(earlier) == pytest.approx(expit(1.0), abs=0.02)


def test_a_missing_ranking_is_left_out_and_a_missing_score_is_the_mean():
    silent = SimulatedJudge(failures=1)
    assert (ranked_rates(THREE, silent, drawn(3, 8), 0) == 0.5).all()
    assert (scored_rates(Cell("score", 8), silent, drawn(3, 8), 0) == 0.5).all()
    half = SimulatedJudge(strength=1e6, slot_bias=0, noise=0, failures=0.5)
    qualities = drawn(300, 8)
    scores = scored_rates(Cell("score", 8, crediting=RAW), half, qualities, 0)
    exact = np.clip(np.rint(5 + 2.5 * qualities), 0, 10) / 10
    known = scores == exact
    assert 0.4 < known.mean() < 0.65
    for got, truth, there in zip(scores, exact, known, strict=True):
        if there.any() and not there.all():
            assert got[~there] == pytest.approx(np.full((~there).sum(), truth[there].mean()))


def test_scores_are_rounded_and_cut_off():
    qualities = np.array([[-3.0, -0.1, 0.1, 3.0]])
    assert scored_rates(Cell("score", 4, crediting=RAW), EXACT, qualities, 0).tolist() == [[0, 0.5, 0.5, 1]]
    assert scored_rates(Cell("score", 4), EXACT, qualities, 0).tolist() == [pytest.approx([0, 0.5, 0.5, 1])]


def test_more_orders_are_worth_nothing_to_a_judge_that_always_sees_the_same():
    judge = SimulatedJudge(strength=1, slot_bias=0, noise=0, failures=0, repeats=1.0)
    assert np.sort(ranked_rates(THREE, judge, drawn(50, 8), 0), axis=1) == pytest.approx(np.tile(np.arange(8) / 7, (50, 1)))
    fresh = SimulatedJudge(strength=1, slot_bias=0, noise=0, failures=0)
    one, three = (correlations(cell, fresh, 200, 0).mean() for cell in (ONE, THREE))
    assert three > one + 0.05


def test_three_rankings_are_worth_28_pairs_and_one_is_worth_less():
    one, three, pairs = (
        correlations(cell, PLAUSIBLE, 600, 2, of_ranks=True).mean() for cell in (ONE, THREE, Cell("balanced", 8))
    )
    assert one < pairs - 0.05
    assert three == pytest.approx(pairs, abs=0.03)


def test_prices_by_hand():
    table = prices(ways(8), PLAUSIBLE, groups=30, seed=0, text_bytes=700, response_bytes=350).set_index("way")
    assert table.calls.tolist() == [56, 28, 14, 1, 3, 8, 8]
    # 420 + (700 + 2 x 350) / 3.5 + 250; 430 + (700 + 8 x 350) / 3.5 + 8 x 90; 400 + (700 + 350) / 3.5 + 150
    assert table.tokens.tolist() == [56 * 1070, 28 * 1070, 14 * 1070, 2150, 3 * 2150, 8 * 850, 8 * 850]
    line = table.loc["listwise, 3 calls"]
    assert line.tokens_per_correlation == pytest.approx(line.tokens / line.correlation)
    assert line.calls_per_correlation == pytest.approx(3 / line.correlation)
    assert line.correlation == pytest.approx(correlations(THREE, PLAUSIBLE, 30, 0, of_ranks=True).mean())
    assert (table.low < table.correlation).all() and (table.correlation < table.high).all()
    assert sum(tokens_of_a_call("score", 8, 700, 350)) == 850


# ---- measured


@pytest.fixture(scope="module")
def probes():
    return lab_groups(lab_problems(12), ("sw", "de"))


def test_the_embedded_judge_in_every_way(probes):
    settings = Settings()
    asked = asyncio.run(ask_ways(make_judge(settings), settings, probes))
    assert len(asked) == 12 * 2 * len(WAYS)
    table = cost_of_ways(asked).set_index(["level", "way"])
    shown = table.loc["solution"]
    assert shown.calls.to_dict() == {
        "both orders": 30, "balanced": 15, "one ranking": 1, "three rankings": 3, "scores": 6, "scores, ranked": 6,
    }  # fmt: skip
    assert shown.correlation.tolist() == pytest.approx([1.0] * 6)
    assert (shown.no_verdict == 0).all()
    assert shown.calls_per_correlation["balanced"] == pytest.approx(15)
    assert (table.loc["none"].correlation < 0.8).all()
    exact = table.loc["none"].correlation
    assert exact["one ranking"] == exact["three rankings"] == exact["balanced"] == exact["both orders"]
    plan = planned_ways(probes).set_index("way").calls
    assert plan["together"] == asked.calls.sum() == 12 * 2 * (30 + 15 + 1 + 3 + 6 + 6)


class Paid:
    """Ranks by length, of every second lineup nothing; each call has 1,000 tokens and costs a cent."""

    name = "paid"

    def __init__(self):
        self.calls = 0

    async def rank(self, asked):
        self.calls += len(asked)
        ranks = [tuple(int(k) for k in np.argsort(np.argsort([len(r) for r in one.responses]))) for one in asked]
        return [
            Verdict(None, tokens_in=900, tokens_out=100, usd=0.01, ranks=None if number % 2 else given)
            for number, given in enumerate(ranks)
        ]


def test_tokens_money_and_missing_rankings_are_counted_by_group(probes):
    judge = Paid()
    some = {name: WAYS[name] for name in ("one ranking",)}
    asked = asyncio.run(ask_ways(judge, Settings(), probes, ("solution",), some))
    (line,) = cost_of_ways(asked).to_dict("records")
    assert (judge.calls, line["calls"], line["tokens"]) == (12, 1, 1000)
    assert (line["usd"], line["no_verdict"]) == (pytest.approx(0.01), 0.5)
    assert (asked.correlation[1::2] == 0).all()  # nothing is learnt from a group without a verdict


def test_a_judge_that_compares_pairs_only_is_asked_for_nothing_else():
    implicit = Settings(name="implicit", model="a", reference_model="b")
    assert list(ways_of(implicit)) == ["both orders", "balanced"]
    assert ways_of(Settings()) == WAYS
