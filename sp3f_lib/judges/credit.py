"""From what a judge says of responses alone, or of a whole group, to what each response gets for it.

| `judge.reward` | a response gets                                                                                         |
| -------------- | ------------------------------------------------------------------------------------------------------- |
| `win_rate`     | the share of the others that it is better than, as SP3F has it (win_rates.py)                              |
| `raw`          | its own value in [0, 1]: a score, or the agreement with the reference (arXiv 2510.25992 rewards steps so)  |
| `matched`      | the same with the mean 1/2, and with the standard deviation of the group's win rates                      |

Without division by the standard deviation (Dr. GRPO) a reward that bunches near 0 moves the policy less than a win rate, which is
spread over [0, 1] wherever there is no tie. `matched` has the information of `raw` at the scale of `win_rate`: what is left between
it and `win_rate` is the transformation to ranks.
"""

from collections.abc import Sequence
from statistics import fmean, pstdev


def filled(values: Sequence[float | None]) -> list[float] | None:
    """The values, with the mean of the others where there is none, so that it adds no advantage; None without any value.

    >>> filled([1.0, None, 0.5])
    [1.0, 0.75, 0.5]
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean = fmean(known)
    return [mean if value is None else value for value in values]


def matched(values: Sequence[float], rates: Sequence[float]) -> list[float]:
    """`values` moved and stretched to the mean 1/2 and the standard deviation of `rates`; 1/2 for all if they are all equal.

    A value far from the others may leave [0, 1]: only the advantage counts, and that is what is matched.

    >>> [round(value, 2) for value in matched([0.0, 0.0, 0.1, 0.5], [1 / 6, 1 / 6, 2 / 3, 1])]
    [0.24, 0.24, 0.41, 1.1]
    """
    spread, mean = pstdev(values), fmean(values)
    stretch = pstdev(rates) / spread if spread > 1e-9 else 0.0
    return [0.5 + (value - mean) * stretch for value in values]


def preferred(one: float | None, other: float | None) -> float | None:
    """The preference that two values say: 1, 0, or 1/2 for a tie; None if one is missing."""
    return None if one is None or other is None else 0.5 if one == other else float(one > other)


def orders(n: int, permutations: int, rng) -> list[list[int]]:
    """`permutations` orders of `n` places; every second one is the one before turned round, so that each pair is seen both ways.

    Drawn independently they are worth less to a judge with a slot bias: at one of 1 logit (strength 2, N = 8) two and three orders
    lose 0.028 ± 0.003 and 0.014 ± 0.002 of rank correlation (audits/judge_simulation.py, 6,000 groups).
    """
    found: list[list[int]] = []
    for k in range(permutations):
        found.append(found[-1][::-1] if k % 2 else rng.sample(range(n), n))
    return found
