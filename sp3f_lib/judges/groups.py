"""Groups of responses through a schedule and a judge: who is compared with whom, round by round, and what was said.

All groups of a step go through their rounds together, so a judge sees as many comparisons at once as there are, and a schedule
of several rounds costs several latencies and not one per group. Whatever is random is seeded by the group's own texts: the
same group is judged by the same comparisons after a restart.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from sp3f_lib.judges.base import Judge, Pair, Verdict
from sp3f_lib.judges.pairs import next_pairs
from sp3f_lib.rewards.pairwise import expected_win_rates, win_rates
from sp3f_lib.sections import Judge as Settings

# Schedules that leave pairs out need the estimate for those, see rewards/pairwise.py.
_PARTIAL = ("sampled", "adaptive")


@dataclass
class Group:
    """N responses to one question, the privileged text (or None), their language, and the comparisons so far."""

    question: str
    responses: Sequence[str]
    reference: str | None
    level: str = "solution"
    pairs: list[Pair] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    lang: str | None = None

    def next_round(self, schedule: str, calls: int | None) -> list[Pair]:
        """The comparisons that the schedule wants next; none when it is finished."""
        asked = [(pair.first, pair.second) for pair in self.pairs]
        said = [verdict.preference for verdict in self.verdicts]
        order = next_pairs(schedule, len(self.responses), asked, said, calls, self.seed)
        text, shown = self.responses, (self.reference, self.level)
        return [Pair(self.question, text[i], text[j], shown[0], i, j, shown[1], lang=self.lang) for i, j in order]

    @property
    def seed(self) -> int:
        """A number made from the group's texts."""
        digest = hashlib.sha256("\0".join([self.question, *self.responses]).encode(errors="replace"))
        return int.from_bytes(digest.digest()[:4])

    def rates(self, schedule: str) -> list[float] | None:
        """The win rate of each response, or None without any verdict."""
        rate = expected_win_rates if schedule in _PARTIAL else win_rates
        return rate(self.pairs, self.verdicts, len(self.responses))


async def judge_groups(judge: Judge, groups: Sequence[Group], settings: Settings) -> None:
    """Fills `pairs` and `verdicts` of every group, with the schedule and budget of `settings`."""
    while True:
        rounds = [group.next_round(settings.schedule, settings.calls) for group in groups]
        asked = [pair for pairs in rounds for pair in pairs]
        if not asked:
            return
        verdicts = iter(await judge.compare(asked))
        for group, pairs in zip(groups, rounds, strict=True):
            group.pairs += pairs
            group.verdicts += [next(verdicts) for _ in pairs]
