"""Groups of responses through a schedule and a judge: who is compared with whom, round by round, and what was said.

All groups of a step go through their rounds together, so a judge sees as many comparisons at once as there are, and a schedule
of several rounds costs several latencies and not one per group. Whatever is random is seeded by the group's own texts: the
same group is judged by the same comparisons after a restart.

Two schedules ask otherwise: `score` about each response alone (arXiv 2507.17746 is the peer), `listwise` about the whole group at
once (arXiv 2602.14028), `calls` times, each time in another order. `agreement` takes the embedded judge's own number and asks
nobody. Whatever was asked, a group then holds comparisons of all its pairs, so win rates, samples and metrics are those of the
other schedules. Equal texts are asked about once, and tie.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

from sp3f_lib.judges.base import Judge, Lineup, Pair, Single, Verdict
from sp3f_lib.judges.credit import filled, matched, orders, preferred
from sp3f_lib.judges.pairs import ALONE, LISTWISE, balanced, next_pairs
from sp3f_lib.judges.recorded import SAME_TEXT
from sp3f_lib.judges.win_rates import expected_win_rates, win_rates
from sp3f_lib.profiles.judge_section import Judge as Settings

# Schedules that leave pairs out need the estimate for those, see judges/win_rates.py.
_PARTIAL = ("sampled", "adaptive")


@dataclass
class Group:
    """N responses to one question, the privileged text (or None), their language, and the comparisons so far.

    `answers`: what came back where the judge was not asked about pairs, one a call; `pairs` and `verdicts` are then made of them.
    Of each response: its score or agreement in `values`; in `ranks` its mean rank in the rankings, from 1 for the best, equals
    sharing one. None where nothing was said.
    """

    question: str
    responses: Sequence[str]
    reference: str | None
    level: str = "solution"
    pairs: list[Pair] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    lang: str | None = None
    answers: list[Verdict] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    ranks: list[float | None] = field(default_factory=list)

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

    @property
    def replies(self) -> list[Verdict]:
        """What the judge said, one a call; of pairs their verdicts."""
        return self.answers or self.verdicts

    @property
    def calls(self) -> int:
        """How many questions a language model would have been asked: equal texts need none."""
        return len(self.answers) or sum(pair.response_a.strip() != pair.response_b.strip() for pair in self.pairs)

    def rates(self, schedule: str, reward: str = "win_rate") -> list[float] | None:
        """What each response gets (`judge.reward`: see credit.py), or None without any verdict. The win rate in [0, 1]."""
        rate = expected_win_rates if schedule in _PARTIAL else win_rates
        won = rate(self.pairs, self.verdicts, len(self.responses))
        if reward == "win_rate":
            return won
        values = filled(self.values)
        if values is None or reward == "raw":
            return values
        return matched(values, won or values)  # without a comparison there is one value, which is everybody's

    def singles(self) -> dict[str, Single]:
        """Each different response, to be scored alone."""
        shown = {"reference": self.reference, "level": self.level, "lang": self.lang}
        return {text: Single(self.question, text, **shown) for text in self._different()}

    def lineups(self, permutations: int) -> list[Lineup]:
        """The different responses in `permutations` orders drawn by the seed; none if they are all equal."""
        texts = self._different()
        drawn = orders(len(texts), permutations, random.Random(self.seed)) if len(texts) > 1 else []
        shown = {"reference": self.reference, "level": self.level, "lang": self.lang}
        return [
            Lineup(self.question, tuple(texts[i] for i in order), sample=k // 2, **shown) for k, order in enumerate(drawn)
        ]

    def take_scores(self, found: dict[str, Verdict]) -> None:
        """Fills in what was said of each of `singles`: a response without a score has no comparison."""
        said = [found[_text(response)] for response in self.responses]
        self.answers, self.values = list(found.values()), [verdict.score for verdict in said]
        for i, j in balanced(len(said)):
            lost = next((verdict.reason for verdict in (said[i], said[j]) if verdict.score is None), "")
            self._add(i, j, preferred(said[i].score, said[j].score), lost, said[i].judge)

    def take_rankings(self, found: Sequence[tuple[Lineup, Verdict]]) -> None:
        """Fills in what was said of each of `lineups`: all pairs, what was shown earlier in slot A; without ranks no verdict."""
        self.answers = [verdict for _, verdict in found]
        given = [dict(zip(lineup.responses, verdict.ranks, strict=True)) for lineup, verdict in found if verdict.ranks]
        texts = [_text(response) for response in self.responses]
        self.ranks = [1 + fmean(ranks[text] for ranks in given) if given else None for text in texts]
        for lineup, verdict in found or [(None, SAME_TEXT)]:
            places = {text: place for place, text in enumerate(lineup.responses)} if lineup else {}
            for pair in combinations(range(len(self.responses)), 2):
                # Sorted by place; of equal texts the first stays first.
                i, j = sorted(pair, key=lambda k: places.get(_text(self.responses[k]), 0))
                a, b = (places.get(_text(self.responses[k]), 0) for k in (i, j))
                if a == b:
                    self._add(i, j, 0.5, SAME_TEXT.reason, verdict.judge)
                else:
                    better = preferred(-verdict.ranks[a], -verdict.ranks[b]) if verdict.ranks else None
                    self._add(i, j, better, verdict.reason, verdict.judge)

    def _different(self) -> list[str]:
        return list(dict.fromkeys(map(_text, self.responses)))

    def _add(self, i: int, j: int, preference: float | None, reason: str, judge: str) -> None:
        text, shown = self.responses, (self.reference, self.level)
        self.pairs.append(Pair(self.question, text[i], text[j], shown[0], i, j, shown[1], lang=self.lang))
        self.verdicts.append(Verdict(preference, reason, judge))


def _text(response: str) -> str:
    return response.strip()


async def judge_groups(judge: Judge, groups: Sequence[Group], settings: Settings) -> None:
    """Fills `pairs` and `verdicts` of every group, with the schedule and budget of `settings`."""
    if settings.schedule in ALONE:
        singles = [group.singles() for group in groups]
        ask = judge.score if settings.schedule == "score" else judge.agree
        said = iter(await ask([one for some in singles for one in some.values()]))
        for group, some in zip(groups, singles, strict=True):
            group.take_scores({text: next(said) for text in some})
        return
    if settings.schedule == LISTWISE:
        lineups = [group.lineups(settings.calls or 1) for group in groups]
        said = iter(await judge.rank([one for some in lineups for one in some]))
        for group, some in zip(groups, lineups, strict=True):
            group.take_rankings([(lineup, next(said)) for lineup in some])
        return
    while True:
        rounds = [group.next_round(settings.schedule, settings.calls) for group in groups]
        asked = [pair for pairs in rounds for pair in pairs]
        if not asked:
            return
        verdicts = iter(await judge.compare(asked))
        for group, pairs in zip(groups, rounds, strict=True):
            group.pairs += pairs
            group.verdicts += [next(verdicts) for _ in pairs]
