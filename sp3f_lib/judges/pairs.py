"""Which pairs of a group are compared, and in which slot each response is shown.

| schedule      | calls for n = 8, 16 | rounds | pairs                                                            |
| ------------- | ------------------- | ------ | ---------------------------------------------------------------- |
| `all_ordered` | 56, 240             | 1      | each pair in both orders, as the paper has it (arXiv 2601.18722) |
| `balanced`    | 28, 120             | 1      | each pair once                                                   |
| `sampled`     | 14, 60, or `calls`  | 1      | each response in equally many pairs, drawn by the seed           |
| `adaptive`    | 14, 60, or `calls`  | 5      | where the verdicts so far leave the ranks undecided              |

Two more are no schedules of pairs: `score` (8 and 16 calls, each response alone) and `listwise` (1 call, or `calls`, each for the
whole group); they are in groups.py, only what they cost is here.

Slots are balanced. A caller asks for the next round until none is left, and may be killed between two rounds:

    asked, preferences = [], []
    while pairs := next_pairs("adaptive", n, asked, preferences):
        preferences += [... one preference of slot A, or None for no verdict, per pair ...]
        asked += pairs

The mean preference is a fair win rate only where every pair is judged: after `sampled` and `adaptive`, use
`rewards.pairwise.expected_win_rates`. What each schedule is worth, and to which judges: `audits/judge_simulation.py`.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from sp3f_lib.judges.base import Pair
from sp3f_lib.judges.bradley_terry import difference_variances, fit
from sp3f_lib.judges.list_prompt import MOST

# Of `adaptive`, each one latency of the judge; 2, 3, 4, 5, 6, 10 give correlations of .920 .931 .933 .935 .935 .938.
ROUNDS = 5


def all_ordered(n: int) -> Iterator[tuple[int, int]]:
    """Both orders of every pair, as the paper has it: n(n-1) comparisons, 56 for a group of 8."""
    return ((i, j) for i in range(n) for j in range(n) if i != j)


def balanced(n: int) -> Iterator[tuple[int, int]]:
    """Every unordered pair once, n(n-1)/2 comparisons, each response as often in slot A as in B (within one for even n).

    >>> list(balanced(3))
    [(0, 1), (2, 0), (1, 2)]
    """
    return ((i, j) if (i + j) % 2 else (j, i) for i in range(n) for j in range(i + 1, n))


def sampled(n: int, k: int, seed: int) -> list[tuple[int, int]]:
    """`k` of the unordered pairs: each response in equally many, and as often in slot A as in B (both within one).

    The same `seed` gives the same pairs.
    """
    rng = random.Random(seed)
    neighbours: list[set[int]] = [set() for _ in range(n)]
    for i, j in rng.sample(list(combinations(range(n), 2)), k):
        neighbours[i].add(j)
        neighbours[j].add(i)
    while True:
        degrees = [(len(having), rng.random(), i) for i, having in enumerate(neighbours)]
        (most, _, rich), (least, _, poor) = max(degrees), min(degrees)
        if most - least < 2:
            break
        # The rich one has a neighbour that the poor one lacks; handing it over leaves that neighbour's count as it was.
        moved = rng.choice(sorted(neighbours[rich] - neighbours[poor] - {poor}))
        neighbours[rich].remove(moved)
        neighbours[moved].remove(rich)
        neighbours[poor].add(moved)
        neighbours[moved].add(poor)
    pairs = [(i, j) for i, j in combinations(range(n), 2) if j in neighbours[i]]
    rng.shuffle(pairs)
    return assign_slots(pairs, [0] * n)


def undecided(
    n: int, k: int, asked: Sequence[tuple[int, int]], preferences: Sequence[float | None], seed: int
) -> list[tuple[int, int]]:
    """The `k` unordered pairs, not asked yet, whose verdicts would tell most about the strengths of the responses.

    Greedy D-optimal design: one verdict on i and j multiplies the determinant of the strengths' covariance by 1 / (1 + p(1-p) v),
    with p the probability that i is preferred and v the variance of the difference of strengths. The largest p(1-p) v goes
    first; the covariance is then what it would be with that verdict known, so that one round does not ask the same thing twice.
    """
    model = fit(asked, preferences, n)
    p, covariance = model.probabilities(), model.covariance
    known = {frozenset(pair) for pair in asked}
    left = [pair for pair in combinations(range(n), 2) if frozenset(pair) not in known]
    random.Random(seed).shuffle(left)  # ties go to no particular response
    first, second = np.array(left).T
    information = (p * (1 - p))[first, second]
    chosen = []
    for _ in range(k):
        gain = information * difference_variances(covariance)[first, second]
        best = int(gain.argmax())
        chosen.append(left[best])
        towards = covariance[first[best]] - covariance[second[best]]
        covariance = covariance - np.outer(towards, towards) * (information[best] / (1 + gain[best]))
        information[best] = -1  # asked at most once
    return chosen


def assign_slots(pairs: Sequence[tuple[int, int]], excess: Sequence[int]) -> list[tuple[int, int]]:
    """The unordered `pairs` as (slot A, slot B), so that each response stands as often in A as in B.

    `excess` (n) is how much more often each has stood in A before. From zeros the result is within one for every response.
    """
    excess, ordered = list(excess), list(pairs)
    for a, b in ordered:
        excess[a] += 1
        excess[b] -= 1
    # A chain a over b over c can be turned round: a comes to A once less, c once more, and b stays. While that helps, do it.
    while chain := _uneven_chain(ordered, excess):
        start, end = ordered[chain[0]][0], ordered[chain[-1]][1]
        excess[start] -= 2
        excess[end] += 2
        for place in chain:
            ordered[place] = ordered[place][::-1]
    return ordered


def _uneven_chain(ordered: list[tuple[int, int]], excess: list[int]) -> list[int]:
    """Places in `ordered` that lead, slot A to slot B, from a response to one with an excess lower by more than 2."""
    for start in sorted(range(len(excess)), key=lambda i: -excess[i]):
        chains: dict[int, list[int]] = {start: []}
        queue = [start]
        for here in queue:
            if excess[start] - excess[here] > 2:
                return chains[here]
            for place, (a, b) in enumerate(ordered):
                if a == here and b not in chains:
                    chains[b] = [*chains[here], place]
                    queue.append(b)
    return []


FIXED = {"all_ordered": all_ordered, "balanced": balanced}
SCHEDULES = (*FIXED, "sampled", "adaptive")
# Schedules without pairs: each response alone, or the whole group at once (groups.py).
ALONE = ("score", "agreement")
LISTWISE = "listwise"


def calls_per_group(schedule: str, n: int, calls: int | None = None) -> int:
    """The most calls that a group of `n` responses can cost.

    `calls` is the budget of `sampled` and `adaptive`, by default half of `balanced`, rounded up; of `listwise` the number of
    permutations, by default 1. `agreement` asks nobody, and counts as one call a response. ValueError for an unknown schedule, and
    for a budget that the schedule cannot keep to.

    >>> [calls_per_group(schedule, 8) for schedule in (*SCHEDULES, "score", "listwise")]
    [56, 28, 14, 14, 8, 1]
    """
    if schedule in ALONE:
        if calls not in (None, n):
            raise ValueError(f"{schedule} takes {n} calls for {n} responses, not {calls}: one each")
        return n
    if schedule == LISTWISE:
        if n > MOST:
            raise ValueError(f"{n} responses in one call: {LISTWISE} names them by letters, so at most {MOST}")
        if calls is not None and calls < 1:
            raise ValueError(f"{calls} permutations: {LISTWISE} needs at least one")
        return (calls or 1) if n > 1 else 0
    if schedule not in SCHEDULES:
        raise ValueError(f"no schedule {schedule!r}; there are {', '.join((*SCHEDULES, *ALONE, LISTWISE))}")
    every = n * (n - 1) // 2
    if schedule in FIXED:
        cost = 2 * every if schedule == "all_ordered" else every
        if calls not in (None, cost):
            raise ValueError(
                f"{schedule} takes {cost} calls for {n} responses, not {calls}; sampled and adaptive take a budget"
            )
        return cost
    if calls is not None and not 1 <= calls <= every:
        raise ValueError(f"{calls} calls for {n} responses: {schedule} asks each pair at most once, so 1 to {every}")
    return (every + 1) // 2 if calls is None else calls


def next_pairs(
    schedule: str,
    n: int,
    asked: Sequence[tuple[int, int]],
    preferences: Sequence[float | None],
    calls: int | None = None,
    seed: int = 0,
) -> list[tuple[int, int]]:
    """The (slot A, slot B) pairs of the next round; [] when the schedule is finished.

    `asked` are all pairs of the rounds before, `preferences` what came back: of slot A in [0, 1], or None for no verdict, which
    counts as a call and is not asked again. `calls` is the budget of the group (see `calls_per_group`), never exceeded.
    The result depends on the arguments alone.
    """
    budget = calls_per_group(schedule, n, calls)
    if len(asked) != len(preferences):
        raise ValueError(f"{len(asked)} pairs asked, but {len(preferences)} preferences (None stands for no verdict)")
    if not budget:
        return []
    if schedule != "adaptive":
        pairs = FIXED[schedule](n) if schedule in FIXED else sampled(n, budget, seed)
        done = set(asked)
        return [pair for pair in pairs if pair not in done]
    goal = next((end for end in _round_ends(n, budget) if end > len(asked)), len(asked))
    if goal == len(asked):
        return []
    excess = [0] * n
    for a, b in asked:
        excess[a] += 1
        excess[b] -= 1
    return assign_slots(undecided(n, goal - len(asked), asked, preferences, seed), excess)


def _round_ends(n: int, budget: int) -> list[int]:
    """Calls made at the end of each round: first about two verdicts per response, then the rest in equal parts."""
    first = min(n, budget)
    return [first + (budget - first) * part // (ROUNDS - 1) for part in range(ROUNDS)]


def group_pairs(schedule: str, question: str, responses: list[str], reference: str | None) -> list[Pair]:
    """The pairs of one group of responses to one question, in the order of a schedule of one round."""
    if schedule == "adaptive":
        raise ValueError("adaptive chooses its pairs by the verdicts, round by round: use next_pairs")
    order = next_pairs(schedule, len(responses), [], [])
    return [Pair(question, responses[i], responses[j], reference, i, j) for i, j in order]
