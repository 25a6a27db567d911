"""What a schedule of comparisons is worth, on simulated groups whose true qualities are known.

    quality of a response           ~ N(0, 1)
    P(A preferred to B)             = sigmoid(strength (quality of A - quality of B) + slot bias)
    a share `noise` of verdicts     is replaced by coin flips
    a share `failures` of verdicts  is missing

What counts is the Pearson correlation, within a group, of the advantage (win rate - group mean, as in Dr. GRPO) with the true
quality. All schedules are tried on the same groups and meet the same verdict where they ask the same pair in the same order, so
two of them are compared group by group. A group whose advantages are all 0 teaches nothing: correlation 0.

How strong is a real judge? One without noise or slot bias prefers the better of two random responses in a share of 0.73 of pairs
at strength 1, 0.83 at 2, 0.91 at 4, 0.95 at 8 (`SimulatedJudge.accuracy`). GPT-4o-mini in the paper is right in 0.47 to 0.81 of
pairs (Table 3), though of pairs chosen differently.

With `repeats = 0` the model flatters `all_ordered`: the two orders of a pair are two independent verdicts. A real judge, above all
at temperature 0, repeats itself.

Found (slot bias 0.25, 5 % noise, 2 % failures): difference in correlation, in hundredths, with its 95 % interval.

| strength                                     | 1           | 2          | 3          | 4          | 6          | 8          |
| -------------------------------------------- | ----------- | ---------- | ---------- | ---------- | ---------- | ---------- |
| N = 8, balanced (28) - both orders (56)      | -10.2 ± 0.4 | -6.0 ± 0.2 | -4.3 ± 0.2 | -3.5 ± 0.1 | -2.6 ± 0.1 | -2.2 ± 0.1 |
| the same, 80 % of pairs repeated             | -4.8 ± 0.4  | -3.1 ± 0.2 | -2.5 ± 0.2 | -2.2 ± 0.1 | -1.7 ± 0.1 | -1.6 ± 0.1 |
| N = 16, adaptive (60) - balanced (120)       | -10.3 ± 0.6 | -4.1 ± 0.3 | -2.0 ± 0.2 | -1.0 ± 0.1 | -0.3 ± 0.1 | 0.0 ± 0.1  |
| N = 16, calls for adaptive to equal balanced | over 108    | 96         | 84         | 72         | 66         | 60         |

So half of `balanced` is enough only for a sharp judge. A verdict tells p(1-p) <= 1/4 of information on a difference; the pairs of
`balanced` tell 0.18 on average at strength 1, and no choice of half as many can make that up. (Seeds 5001, 4,000 groups; 6001,
2,000; 5002, 1,500; 3003 and 4001, 600 and 700, in steps of 12 or 6 calls.)

    table = simulate(grid(8) + grid(16), SimulatedJudge(strength=4), groups=400, seed=1)     # about 10 s

Two ways are no schedules of pairs: `listwise` ranks the group by strength x quality + a Gumbel draw for each response (Plackett and
Luce), and `score` rounds the same to 0 to 10. Of any two responses the better one is preferred as often as in a pair, so the judge
is as sharp as before; what differs is that it looks once at each response, and not once at each pair. In a list the slot bias is a
slope over the places, by as much between two of them on average; noise and failures are of whole rankings, or of scores. Whether a
real judge is as sharp in a list as in a pair is for notebook 06 to measure (judge_ways.py).

Found (N = 8, slot bias 0.25, 5 % noise, 2 % failures, 4,000 groups, seed 7001): Spearman's correlation with quality, and thousands
of tokens for a unit of it, with 1,400 bytes of question and reference and 700 a response.

| way                 | calls | strength 1          | 2                   | 4                   | 8                   |
| ------------------- | ----- | ------------------- | ------------------- | ------------------- | ------------------- |
| both orders         | 56    | 0.793 ± 0.005 (104) | 0.897 ± 0.003 (92)  | 0.946 ± 0.002 (87)  | 0.969 ± 0.001 (85)  |
| balanced            | 28    | 0.692 ± 0.007 (60)  | 0.840 ± 0.004 (49)  | 0.912 ± 0.002 (45)  | 0.948 ± 0.002 (43)  |
| adaptive            | 14    | 0.571 ± 0.008 (36)  | 0.746 ± 0.006 (28)  | 0.846 ± 0.004 (24)  | 0.890 ± 0.003 (23)  |
| one ranking         | 1     | 0.528 ± 0.010 (6.0) | 0.720 ± 0.009 (4.4) | 0.840 ± 0.008 (3.8) | 0.890 ± 0.008 (3.5) |
| three rankings      | 3     | 0.699 ± 0.007 (14)  | 0.851 ± 0.004 (11)  | 0.926 ± 0.003 (10)  | 0.957 ± 0.002 (9.9) |
| scores, raw or not  | 8     | 0.541 ± 0.009 (17)  | 0.736 ± 0.007 (13)  | 0.846 ± 0.005 (11)  | 0.890 ± 0.005 (10)  |

Three rankings are worth the 28 pairs of `balanced`, for a ninth of the calls and less than a quarter of the tokens, if the judge is
as sharp in a list. One look at each response is one piece of evidence, whether it is written as a score or as a rank.
"""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from sp3f_lib.evaluation.statistics import paired_difference
from sp3f_lib.judges.base import Pair, Verdict
from sp3f_lib.judges.credit import orders
from sp3f_lib.judges.pairs import LISTWISE, calls_per_group, next_pairs
from sp3f_lib.judges.spend import tokens_of_a_call
from sp3f_lib.judges.win_rates import expected_win_rates, win_rates

BOTH_SIDES, SLOT_A_ONLY, RAW = "both sides", "slot A only", "raw"
SCORE = "score"
_POINTS = (
    2.5  # of a score from 0 to 10 a standard deviation of quality; 5 is the mean, and beyond two deviations it is cut off
)


@dataclass(frozen=True)
class SimulatedJudge:
    """`strength` in logits per standard deviation of quality, `slot_bias` in logits, `noise` and `failures` shares of verdicts.

    `repeats` is the share of pairs that it decides alike in both orders, but for the slot bias and the noise.
    """

    strength: float = 4.0
    slot_bias: float = 0.25
    noise: float = 0.05
    failures: float = 0.02
    repeats: float = 0.0

    def accuracy(self) -> float:
        """Probability that the better of two random responses is preferred, slots shown at random, no failures."""
        gaps = np.abs(np.random.default_rng(0).normal(0, np.sqrt(2), 100_000))
        p = (expit(self.strength * gaps + self.slot_bias) + expit(self.strength * gaps - self.slot_bias)).mean() / 2
        return float((1 - self.noise) * p + self.noise / 2)


@dataclass(frozen=True)
class Cell:
    """One way to judge groups of `n`: a schedule of `judges/pairs.py` with its budget, and whom a verdict credits.

    The crediting `SLOT_A_ONLY` is the authors' code: a response is scored only where it stands in slot A. (Their scoring of a
    failure as a loss is not imitated.) `RAW`, for the schedule `score`: a response gets its score, not a win rate made of all.
    """

    schedule: str
    n: int
    calls: int | None = None
    crediting: str = BOTH_SIDES


def grid(n: int) -> list[Cell]:
    """The schedules for groups of `n`, `sampled` and `adaptive` with a quarter, 3/8, half, 3/4 and all of `balanced`'s calls."""
    every = calls_per_group("balanced", n)
    budgets = [-(-every * eighths // 8) for eighths in (2, 3, 4, 6, 8)]
    fixed = [Cell("all_ordered", n), Cell("all_ordered", n, crediting=SLOT_A_ONLY), Cell("balanced", n)]
    return fixed + [Cell(schedule, n, calls) for schedule in ("sampled", "adaptive") for calls in budgets]


def ways(n: int) -> list[Cell]:
    """How else a group of `n` can be judged than by every pair: half of the pairs, one or three rankings, scores as they are, or
    ranked; and both orders and `balanced` for comparison."""
    pairs = [Cell("all_ordered", n), Cell("balanced", n), Cell("adaptive", n)]
    return [*pairs, Cell(LISTWISE, n, 1), Cell(LISTWISE, n, 3), Cell(SCORE, n), Cell(SCORE, n, crediting=RAW)]


def simulate(cells: Sequence[Cell], judge: SimulatedJudge, groups: int, seed: int) -> pd.DataFrame:
    """One line per cell: the mean correlation of advantage and quality over `groups` groups, with a 95 % t interval.

    Columns: schedule, crediting, calls, n, strength, slot_bias, noise, failures, repeats, correlation, low, high, groups.
    """
    rows = []
    for cell in cells:
        found = correlations(cell, judge, groups, seed)
        half = stats.t.ppf(0.975, groups - 1) * found.std(ddof=1) / np.sqrt(groups)
        rows.append(
            {
                "schedule": cell.schedule,
                "crediting": cell.crediting,
                "calls": calls_per_group(cell.schedule, cell.n, cell.calls),
            }
            | {"n": cell.n, **asdict(judge), "correlation": found.mean()}
            | {"low": found.mean() - half, "high": found.mean() + half, "groups": groups}
        )
    return pd.DataFrame(rows)


def compare(one: Cell, other: Cell, judges: Sequence[SimulatedJudge], groups: int, seed: int) -> pd.DataFrame:
    """One line per judge: correlation with `one` minus that with `other` on the same groups, with a 95 % bootstrap interval.

    Columns: one, other, n, strength, slot_bias, noise, failures, repeats, accuracy (of the judge), correlation_one,
    correlation_other, difference, low, high, groups, seed.
    """
    rows = []
    for judge in judges:
        first, second = (pd.Series(correlations(cell, judge, groups, seed)) for cell in (one, other))
        gap = paired_difference(first, second)
        rows.append(
            {"one": label(one), "other": label(other), "n": one.n, **asdict(judge), "accuracy": judge.accuracy()}
            | {"correlation_one": first.mean(), "correlation_other": second.mean()}
            | {key: gap[key] for key in ("difference", "low", "high")}
            | {"groups": groups, "seed": seed}
        )
    return pd.DataFrame(rows)


def prices(
    cells: Sequence[Cell],
    judge: SimulatedJudge,
    groups: int,
    seed: int,
    text_bytes: float = 1400,
    response_bytes: float = 700,
) -> pd.DataFrame:
    """What a unit of rank correlation costs: one line per cell, over `groups` simulated groups.

    Columns: way, n, strength, calls and tokens (in and out, of a group), correlation (Spearman's, of what the responses get with
    their quality; low, high: 95 % t interval), calls_per_correlation, tokens_per_correlation, groups. Tokens are those of a
    forecast (judges/spend.py) for a question with privileged text of `text_bytes` and responses of `response_bytes` UTF-8 bytes.
    """
    rows = []
    for cell in cells:
        found = correlations(cell, judge, groups, seed, of_ranks=True)
        half = stats.t.ppf(0.975, groups - 1) * found.std(ddof=1) / np.sqrt(groups)
        calls, r = calls_per_group(cell.schedule, cell.n, cell.calls), found.mean()
        tokens = calls * sum(tokens_of_a_call(cell.schedule, cell.n, text_bytes, response_bytes))
        line = {"way": label(cell), "n": cell.n, "strength": judge.strength, "calls": calls, "tokens": round(tokens)}
        line |= {"correlation": r, "low": r - half, "high": r + half}
        for unit in ("calls", "tokens"):
            line[f"{unit}_per_correlation"] = line[unit] / r if r > 0 else float("nan")
        rows.append(line | {"groups": groups})
    return pd.DataFrame(rows)


def label(cell: Cell) -> str:
    """Such as "adaptive, 60 calls"."""
    credited = "" if cell.crediting == BOTH_SIDES else f" ({cell.crediting})"
    return f"{cell.schedule}{credited}, {calls_per_group(cell.schedule, cell.n, cell.calls)} calls"


def correlations(cell: Cell, judge: SimulatedJudge, groups: int, seed: int, of_ranks: bool = False) -> np.ndarray:
    """(groups) Pearson correlations of the advantage with the true quality, one per simulated group; `of_ranks`: Spearman's."""
    qualities, preferences = draw_groups(cell.n, judge, groups, seed)
    if cell.schedule == LISTWISE:
        rates = ranked_rates(cell, judge, qualities, seed)
    elif cell.schedule == SCORE:
        rates = scored_rates(cell, judge, qualities, seed)
    else:
        rates = np.array([judged_rates(cell, preferences[g], seed=g) for g in range(groups)])
    if of_ranks:
        qualities, rates = stats.rankdata(qualities, axis=1), stats.rankdata(rates.round(9), axis=1)
    advantage = rates - rates.mean(1, keepdims=True)
    true = qualities - qualities.mean(1, keepdims=True)
    norms = np.sqrt((advantage**2).sum(1) * (true**2).sum(1))
    return np.divide((advantage * true).sum(1), norms, out=np.zeros(groups), where=norms > 1e-12)


def draw_groups(n: int, judge: SimulatedJudge, groups: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True qualities (groups, n), and what the judge would say of each ordered pair: (groups, n, n), [g, A, B] in {0, 1, nan}.

    One `seed` gives one set of qualities for all judges.
    """
    rng = np.random.default_rng([seed, n])
    qualities = rng.normal(size=(groups, n))
    gaps = qualities[:, :, None] - qualities[:, None, :]
    drawn = rng.random(gaps.shape)
    coins, flipped = rng.random(gaps.shape) < 0.5, rng.random(gaps.shape) < judge.noise
    missing = rng.random(gaps.shape) < judge.failures
    again = np.tril(rng.random(gaps.shape) < judge.repeats, -1)
    drawn = np.where(again, 1 - drawn.transpose(0, 2, 1), drawn)
    preferred = drawn < expit(judge.strength * gaps + judge.slot_bias)
    return qualities, np.where(missing, np.nan, np.where(flipped, coins, preferred))


def ranked_rates(cell: Cell, judge: SimulatedJudge, qualities: np.ndarray, seed: int) -> np.ndarray:
    """(groups, n) win rates from the rankings of groups of `qualities` (groups, n), each in `cell.calls` orders."""
    (groups, n), permutations = qualities.shape, cell.calls or 1
    rng = np.random.default_rng([seed, n, 1])
    shape = (groups, permutations, n)
    looks, others = rng.gumbel(size=shape), rng.gumbel(size=shape)
    again = rng.random((groups, 1, n)) < judge.repeats  # this response looks the same in every order
    looks = np.where(again, looks[:, :1], looks)
    guessed, missing = rng.random(shape[:2]) < judge.noise, rng.random(shape[:2]) < judge.failures
    shown = np.array([orders(n, permutations, random.Random(f"{seed} {g}")) for g in range(groups)])
    slope = judge.slot_bias * 3 / (n + 1)  # two random places are (n + 1) / 3 apart on average
    seen = judge.strength * qualities[:, None, :] + looks - slope * shown.argsort(2)
    seen = np.where(guessed[..., None], others, seen)
    rates = seen.argsort(2).argsort(2) / (n - 1)
    return _mean_or_half(np.where(missing[..., None], np.nan, rates))


def scored_rates(cell: Cell, judge: SimulatedJudge, qualities: np.ndarray, seed: int) -> np.ndarray:
    """(groups, n) scores in [0, 1] of groups of `qualities` (groups, n), or the win rates that they give; missing: the mean."""
    groups, n = qualities.shape
    rng = np.random.default_rng([seed, n, 2])
    looks, others = rng.gumbel(size=(groups, n)) - np.euler_gamma, rng.normal(size=(groups, n))
    guessed, missing = rng.random((groups, n)) < judge.noise, rng.random((groups, n)) < judge.failures
    seen = np.where(guessed, others, qualities + looks / max(judge.strength, 1e-9))
    scores = np.where(missing, np.nan, np.clip(np.rint(5 + _POINTS * seen), 0, 10) / 10)
    if cell.crediting != RAW:
        gaps = scores[:, :, None] - scores[:, None, :]
        won = np.where(np.isnan(gaps), np.nan, (np.sign(gaps) + 1) / 2)
        won[:, np.arange(n), np.arange(n)] = np.nan
        scores = _mean_or_half(won.transpose(0, 2, 1), empty=np.nan)
    means = _mean_or_half(scores[..., None])
    return np.where(np.isnan(scores), means, scores)


def _mean_or_half(values: np.ndarray, empty: float = 0.5) -> np.ndarray:
    """The mean over the second axis of what is there, `empty` where nothing is."""
    there = ~np.isnan(values)
    sums, counts = np.where(there, values, 0).sum(1), there.sum(1)
    return np.divide(sums, counts, out=np.full(sums.shape, empty), where=counts > 0)


def judged_rates(cell: Cell, preferences: np.ndarray, seed: int) -> list[float]:
    """The n win rates of one group after all rounds of the cell's schedule; all 1/2 if there is no verdict at all.

    `preferences` (n, n): [A, B] is the answer to that pair, nan for none.
    """
    asked: list[tuple[int, int]] = []
    given: list[float | None] = []
    while pairs := next_pairs(cell.schedule, cell.n, asked, given, cell.calls, seed):
        asked += pairs
        given += [None if np.isnan(preferences[a, b]) else float(preferences[a, b]) for a, b in pairs]
    if cell.crediting == SLOT_A_ONLY:
        return _slot_a_rates(asked, given, cell.n)
    shown, verdicts = [Pair("", "", "", None, a, b) for a, b in asked], [Verdict(y) for y in given]
    chosen = cell.schedule in ("sampled", "adaptive")
    return (expected_win_rates if chosen else win_rates)(shown, verdicts, cell.n) or [0.5] * cell.n


def _slot_a_rates(asked: list[tuple[int, int]], given: list[float | None], n: int) -> list[float]:
    scores = [[y for (a, _), y in zip(asked, given, strict=True) if a == i and y is not None] for i in range(n)]
    return [sum(row) / len(row) if row else 0.5 for row in scores]
