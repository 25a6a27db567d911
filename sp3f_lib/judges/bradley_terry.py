"""A Bradley-Terry model of the verdicts on one group: each response has a strength, and the judge a liking for a slot.

    P(A preferred to B) = sigmoid(strength of A - strength of B + slot bias)

Strengths are N(0, 2²) and the slot bias N(0, 0.5²) beforehand, in logits, so that the fit exists and is unique for any verdicts,
also when a response won or lost everything. Both numbers are ours. A deviation of 1, 1.5, 2 or 3 for the strengths makes little
difference to `adaptive` in `audits/judge_simulation.py` (60 calls, N = 16, 600 groups, seed 3002, judge strength 4: correlation
0.931, 0.936, 0.935, 0.932). The bias term costs nothing at 0.25 logits and gains 0.002 to 0.006 at 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PRIOR_STRENGTH = 2.0  # standard deviation, logits
PRIOR_BIAS = 0.5  # standard deviation, logits
_STEP = 2.0  # logits; a longer Newton step could overshoot


@dataclass(frozen=True)
class BradleyTerry:
    """`strengths` (n) and `slot_bias` in logits, and the `covariance` (n, n) of the strengths (Laplace's approximation)."""

    strengths: np.ndarray
    slot_bias: float
    covariance: np.ndarray

    def variances(self) -> np.ndarray:
        """Of the difference of each two strengths, (n, n)."""
        return difference_variances(self.covariance)

    def probabilities(self) -> np.ndarray:
        """Of the row's response being preferred to the column's, (n, n), without slot bias; 1/2 on the diagonal.

        The mean over what the strengths may be (MacKay 1992), so that few verdicts give a probability near 1/2.
        """
        from scipy.special import expit

        gaps = self.strengths[:, None] - self.strengths[None, :]
        return expit(gaps / np.sqrt(1 + np.pi / 8 * self.variances()))


def difference_variances(covariance: np.ndarray) -> np.ndarray:
    """(n, n) variances of x_i - x_j from the (n, n) covariance of x."""
    own = np.diag(covariance)
    return own[:, None] + own[None, :] - 2 * covariance


def fit(pairs: Sequence[tuple[int, int]], preferences: Sequence[float | None], n: int) -> BradleyTerry:
    """The most probable strengths of `n` responses after `preferences` of slot A in [0, 1] on the (A, B) `pairs`.

    None, no verdict, is left out.
    """
    from scipy.special import expit

    given = [(i, j, y) for (i, j), y in zip(pairs, preferences, strict=True) if y is not None]
    y = np.array([row[2] for row in given], dtype=float)
    design = np.zeros((len(given), n + 1))
    rows = np.arange(len(given))
    design[rows, [row[0] for row in given]] = 1
    design[rows, [row[1] for row in given]] = -1
    design[:, n] = 1
    precision = np.array([PRIOR_STRENGTH**-2] * n + [PRIOR_BIAS**-2])
    x = np.zeros(n + 1)
    for _ in range(100):
        p = expit(design @ x)
        hessian = (design.T * (p * (1 - p))) @ design + np.diag(precision)
        step = np.linalg.solve(hessian, design.T @ (y - p) - precision * x)
        longest = np.abs(step).max()
        x += step * min(1.0, _STEP / max(longest, _STEP))
        if longest < 1e-9:
            return BradleyTerry(x[:n], float(x[n]), np.linalg.inv(hessian)[:n, :n])
    raise ArithmeticError(f"Newton's method did not settle in 100 steps on {len(given)} verdicts of {n} responses")
