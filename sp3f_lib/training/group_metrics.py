"""What GRPO logs of its groups: how many have no right answer or no signal, how much the judge said, and what it cost.

The metrics' meanings: metrics.py.
"""

from collections.abc import Sequence
from statistics import pstdev

import torch

from sp3f_lib.judges.groups import Group
from sp3f_lib.judges.pairs import ALONE
from sp3f_lib.judges.win_rates import flips
from sp3f_lib.profiles.judge_section import Judge as Settings


def unsolved(rewards: torch.Tensor, size: int) -> torch.Tensor:
    """Which groups have no right answer (groups,), from rewards (groups x size, terms) whose first term is accuracy.

    >>> unsolved(torch.tensor([[0.0], [1.0], [0.0], [0.0]]), 2)
    tensor([False,  True])
    """
    return rewards.view(-1, size, rewards.shape[1])[:, :, 0].max(1).values == 0


def group_metrics(rewards: torch.Tensor, weights: torch.Tensor, size: int) -> dict[str, float]:
    """Shares of groups in which no response is correct, and in which the weighted rewards are all equal.

    `rewards` (groups x size, terms), `weights` (terms,).

    >>> group_metrics(torch.tensor([[0.0, 0.5], [1.0, 0.5], [0.0, 0.5], [0.0, 0.5]]), torch.ones(2), 2)
    {'groups/none_correct': 0.5, 'groups/no_signal': 0.5}
    """
    totals = (rewards.view(-1, size, rewards.shape[1]) * weights.to(rewards.device)).sum(-1)
    no_signal = (totals.amax(1) - totals.amin(1)) < 1e-6
    return {
        "groups/none_correct": unsolved(rewards, size).float().mean().item(),
        "groups/no_signal": no_signal.float().mean().item(),
    }


def judge_metrics(groups: Sequence[Group], terms: Sequence[Sequence[float]], settings: Settings) -> dict[str, float]:
    """How much the judge said, how it leans to a slot, and what its verdicts cost (replayed ones count as when bought).

    `terms`: what the responses of each of `groups` got for it.
    """
    verdicts = [verdict for group in groups for verdict in group.verdicts]
    replies = [reply for group in groups for reply in group.replies]
    given = [verdict.preference for verdict in verdicts if verdict.preference is not None]
    flipped, both = map(sum, zip(*(flips(group.pairs, group.verdicts) for group in groups), strict=True))
    found = {
        "no_verdict": 1 - sum(reply.given for reply in replies) / max(len(replies), 1),
        "comparisons": float(len(verdicts)),
        "calls": float(sum(group.calls for group in groups)),
        "usd": sum(reply.usd or 0.0 for reply in replies),
    }
    alone = settings.schedule in ALONE  # in no slot
    found |= {"slot_a": sum(given) / len(given)} if given and not alone else {}
    found |= {"spread": sum(map(pstdev, terms)) / len(terms)}
    if settings.reward != "win_rate":
        rates = [group.rates(settings.schedule) for group in groups]
        found |= {"win_rate_spread": sum(pstdev(one) for one in rates if one) / len(rates)}
    found |= {"flips": flipped / both} if both else {}
    return {f"judge/{name}": value for name, value in found.items()}
