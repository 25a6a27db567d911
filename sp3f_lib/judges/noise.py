r"""A judge that errs as often as it is told to: what the embedded judge says, spoilt in a known way.

    --set judge.accuracy=0.7 --set judge.slot_bias=0.1 --set judge.missing=0.05

- `accuracy`: the share of its decisions on two responses that are the exact judge's, slots drawn by lot; 1/2 knows nothing.
- `slot_bias`: the mean preference for slot A (in a list: for what is shown earlier) minus 1/2, as notebook 06 measures it. A judge
  that is always right has none, so it is at most 1 - accuracy.
- `missing`: the share of its replies that hold no verdict.

So one can ask how good a judge must be before it helps, with everything else as it was. GPT-4o-mini is right in 0.47 to 0.81 of
pairs (arXiv 2601.18722, Table 3).

**Pairs.** With p the accuracy and b the bias, a share 2p - 1 of verdicts is the exact judge's, ties included; the others are coins
that show A with the probability 1/2 + b / (2 - 2p). The better response then wins with p + b in slot A and with p - b in slot B.

**Values** (a score, or the places in a ranking). A share k of responses is perceived as it is, the others anywhere in [0, 1]. Two
of the former are in the right order; of one and one, a share of 2/3 is, where the true values are spread evenly; of two of the
latter 1/2 (true values that bunch at 0 and 1 make a score right in up to four hundredths more pairs than asked). Together

    1/2 + k/3 + k²/6 = p,  so  k = sqrt(6p - 2) - 1

In a list a share of the latter stands where it was shown, as many as give the bias, or all of them, if that is not enough.

Everything is drawn from a hash of the texts and the seed: the same question has the same answer, after a restart and whatever
else is asked; the two orders of a pair are two questions.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from sp3f_lib.judges.asks import texts
from sp3f_lib.judges.base import Asked, Lineup, Pair, Single
from sp3f_lib.judges.list_prompt import ranks_of


@dataclass(frozen=True)
class Noise:
    """How a judge errs; the fields are shares, see above. Exact by default."""

    accuracy: float = 1.0
    slot_bias: float = 0.0
    missing: float = 0.0
    seed: int = 0

    @property
    def none(self) -> bool:
        """Whether the judge is exact."""
        return (self.accuracy, self.slot_bias, self.missing) == (1.0, 0.0, 0.0)

    def preference(self, pair: Pair, exact: float) -> float | None:
        """The preference of A in the place of the `exact` one (0, 1/2 or 1); None for no verdict."""
        lost, kept, coin = draws(self.seed, pair, 3)
        if lost < self.missing:
            return None
        if kept < 2 * self.accuracy - 1:
            return exact
        return float(coin < 0.5 + self.slot_bias / (2 - 2 * self.accuracy))

    def value(self, asked: Single, exact: float) -> float | None:
        """What is perceived of a response whose value in [0, 1] is `exact`; None for no verdict."""
        lost, seen, anywhere = draws(self.seed, asked, 3)
        return None if lost < self.missing else exact if seen < self.perceived else anywhere

    def ranks(self, asked: Lineup, exact: Sequence[float]) -> tuple[int, ...] | None:
        """The ranks of a lineup whose values are `exact`, 0 for the best; None for no verdict.

        Values count by their places in the group, which are spread evenly (ties share theirs).
        """
        lost, *drawn = draws(self.seed, asked, 1 + 2 * len(exact))
        if lost < self.missing:
            return None
        n, found = len(exact), []
        placed = min(sqrt(1 + 6 * abs(self.slot_bias)) - 1, 1 - self.perceived)
        for k, value in enumerate(exact):
            seen, anywhere = drawn[2 * k : 2 * k + 2]
            if seen < self.perceived:
                lower, equal = sum(other < value for other in exact), sum(other == value for other in exact)
                found.append((lower + (equal + 1) / 2) / (n + 1))
            elif seen < self.perceived + placed:
                found.append((n - k if self.slot_bias > 0 else k + 1) / (n + 1))
            else:
                found.append(anywhere)
        return ranks_of(found)

    @property
    def perceived(self) -> float:
        """The share of responses whose value is perceived as it is.

        >>> Noise(accuracy=1.0).perceived, Noise(accuracy=0.5).perceived
        (1.0, 0.0)
        """
        return sqrt(6 * self.accuracy - 2) - 1


EXACT = Noise()


def draws(seed: int, asked: Asked, number: int) -> list[float]:
    """`number` draws from [0, 1), the same for the same seed and texts."""
    parts = (str(seed), type(asked).__name__, str(asked.sample), asked.question, asked.reference or "", *texts(asked))
    content = "".join(f"{len(part)}:{part}" for part in parts).encode(errors="replace")
    found = []
    for block in range((number + 3) // 4):
        digest = hashlib.sha256(block.to_bytes(2) + content).digest()
        found += [int.from_bytes(digest[at : at + 8]) / 2**64 for at in range(0, 32, 8)]
    return found[:number]
