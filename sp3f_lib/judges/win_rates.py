"""From the verdicts on a group to one win rate per response.

    w_i = (wins of i over the other N-1 responses) / (N-1)        (arXiv 2601.18722)

Each verdict credits both of its responses (the authors' code credits only the one in slot A). A missing verdict is left out;
it is not a loss. A response without any verdict takes the mean of its group, so that its judge term adds no advantage; a
group without any verdict has no judge term.

Where only some pairs are judged, a mean over them rewards weak opponents, and a schedule that pairs equals drives every mean to
1/2. `expected_win_rates` fills in the pairs that were not judged, from a Bradley-Terry fit to those that were.
"""

from collections.abc import Sequence

from sp3f_lib.judges.base import Pair, Verdict
from sp3f_lib.judges.bradley_terry import fit


def win_rates(pairs: Sequence[Pair], verdicts: Sequence[Verdict], n: int) -> list[float] | None:
    """`n` win rates in [0, 1], or None if there is no verdict at all.

    >>> pairs = [Pair("q", "a", "b", first=0, second=1), Pair("q", "a", "c", first=0, second=2)]
    >>> win_rates(pairs, [Verdict(1.0), Verdict(None, "timeout")], 3)
    [1.0, 0.0, 0.5]
    """
    means = _mean_preferences(pairs, verdicts, n)
    rates = [sum(row.values()) / len(row) if row else None for row in means]
    known = [rate for rate in rates if rate is not None]
    if not known:
        return None
    mean = sum(known) / len(known)
    return [mean if rate is None else rate for rate in rates]


def expected_win_rates(pairs: Sequence[Pair], verdicts: Sequence[Verdict], n: int) -> list[float] | None:
    """`n` win rates as if every pair had been judged, in [0, 1] with the mean 1/2, or None if there is no verdict at all.

    A pair that was judged counts by its mean preference, as in `win_rates`, so both agree where every pair was judged; another
    pair counts by its fitted probability. (Fitted everywhere, the correlation with quality is lower by up to 0.001.)
    A response without any verdict gets 1/2, and the others are not compared with it.

    >>> pairs = [Pair("q", "a", "b", first=0, second=1), Pair("q", "b", "c", first=1, second=2)]
    >>> [round(rate, 2) for rate in expected_win_rates(pairs, [Verdict(1.0), Verdict(1.0)], 3)]
    [0.88, 0.5, 0.12]
    """
    means = _mean_preferences(pairs, verdicts, n)
    known = [i for i in range(n) if means[i]]
    if not known:
        return None
    fitted = fit([(p.first, p.second) for p in pairs], [v.preference for v in verdicts], n).probabilities()
    rates = [0.5] * n
    for i in known:
        against = [means[i].get(j, float(fitted[i, j])) for j in known if j != i]
        rates[i] = sum(against) / len(against)
    return rates


def flips(pairs: Sequence[Pair], verdicts: Sequence[Verdict]) -> tuple[int, int]:
    """How many pairs the judge decided by the slot, and how many it judged in both orders.

    It decided by the slot if the two verdicts prefer the same slot, so not the same response; a tie contradicts nothing.

    >>> pairs = [Pair("q", "a", "b", first=0, second=1), Pair("q", "b", "a", first=1, second=0)]
    >>> flips(pairs, [Verdict(1.0), Verdict(1.0)]), flips(pairs, [Verdict(1.0), Verdict(0.0)])
    ((1, 1), (0, 1))
    """
    of_slot_a = {
        (pair.first, pair.second): verdict.preference
        for pair, verdict in zip(pairs, verdicts, strict=True)
        if verdict.preference is not None
    }
    both = [(of_slot_a[i, j], of_slot_a[j, i]) for i, j in of_slot_a if i < j and (j, i) in of_slot_a]
    return sum((one - 0.5) * (other - 0.5) > 0 for one, other in both), len(both)


def _mean_preferences(pairs: Sequence[Pair], verdicts: Sequence[Verdict], n: int) -> list[dict[int, float]]:
    """For each of `n` responses, its mean preference against each other response that it was judged with."""
    scores: list[dict[int, list[float]]] = [{} for _ in range(n)]
    for pair, verdict in zip(pairs, verdicts, strict=True):
        if verdict.preference is None:
            continue
        scores[pair.first].setdefault(pair.second, []).append(verdict.preference)
        scores[pair.second].setdefault(pair.first, []).append(1 - verdict.preference)
    # A pair shown in both orders counts once: its mean.
    return [{other: sum(given) / len(given) for other, given in against.items()} for against in scores]
