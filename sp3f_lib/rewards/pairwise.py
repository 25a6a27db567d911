"""From the verdicts on a group to one win rate per response.

    w_i = (wins of i over the other N-1 responses) / (N-1)        (arXiv 2601.18722)

Each verdict credits both of its responses (the authors' code credits only the one in slot A). A missing verdict is left out;
it is not a loss. A response without any verdict takes the mean of its group, so that its judge term adds no advantage; a
group without any verdict has no judge term.
"""

from collections.abc import Sequence

from sp3f_lib.judges.base import Pair, Verdict


def win_rates(pairs: Sequence[Pair], verdicts: Sequence[Verdict], n: int) -> list[float] | None:
    """`n` win rates in [0, 1], or None if there is no verdict at all.

    >>> pairs = [Pair("q", "a", "b", first=0, second=1), Pair("q", "a", "c", first=0, second=2)]
    >>> win_rates(pairs, [Verdict(1.0), Verdict(None, "timeout")], 3)
    [1.0, 0.0, 0.5]
    """
    scores: list[dict[int, list[float]]] = [{} for _ in range(n)]
    for pair, verdict in zip(pairs, verdicts, strict=True):
        if verdict.preference is None:
            continue
        scores[pair.first].setdefault(pair.second, []).append(verdict.preference)
        scores[pair.second].setdefault(pair.first, []).append(1 - verdict.preference)
    # A pair shown in both orders counts once: its mean.
    means = [[sum(given) / len(given) for given in against.values()] for against in scores]
    rates = [sum(row) / len(row) if row else None for row in means]
    known = [rate for rate in rates if rate is not None]
    if not known:
        return None
    mean = sum(known) / len(known)
    return [mean if rate is None else rate for rate in rates]
