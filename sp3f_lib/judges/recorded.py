"""A judge that asks a language model and remembers what it said: what `ApiJudge` and `LocalJudge` share.

`compare` looks every pair up in the ledger, asks only about the others, each once, and builds verdicts from what the ledger
then holds. Two responses with the same text are a tie and cost nothing. `score` and `rank` do the same for one response alone and
for a whole group.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from sp3f_lib.judges.asks import version_of
from sp3f_lib.judges.base import Asked, JudgeError, Lineup, Pair, Single, Verdict
from sp3f_lib.judges.face import read, said, version
from sp3f_lib.judges.ledger import Entry, Ledger, request_key
from sp3f_lib.profiles.judge_section import Judge as Settings

SAME_TEXT = Verdict(0.5, reason="both responses have the same text")


class RecordedJudge(ABC):
    """Asks `settings.model` through `ask`, which subclasses give; `run` is what the ledger books the calls under."""

    endpoint = ""  # the kind of endpoint, a part of the key

    def __init__(self, settings: Settings, ledger: Ledger | None = None, run: str = ""):
        self.settings, self.run = settings, run
        self.ledger = ledger or Ledger(settings.ledger)
        self.sampling = json.dumps(
            {"temperature": settings.temperature, "max_tokens": settings.max_tokens, "logprobs": settings.logprobs}
            | ({"extra": settings.extra} if settings.extra else {}),
            sort_keys=True,
        )

    @property
    def model(self) -> str:
        """The judge's model, a part of the key."""
        return self.settings.model

    @property
    def name(self) -> str:
        """Model and prompt version."""
        return f"{self.model}/{version_of(self.settings.schedule)}"

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """One verdict per pair, in order; what is in the ledger is not asked again."""
        same = [pair.response_a.strip() == pair.response_b.strip() for pair in pairs]
        found = iter(await self._answers([pair for pair, equal in zip(pairs, same, strict=True) if not equal]))
        return [SAME_TEXT if equal else next(found) for equal in same]

    async def score(self, asked: Sequence[Single]) -> list[Verdict]:
        """One verdict per response, in order, with its `score`: tenths of 0 to 10."""
        return await self._answers(asked)

    async def rank(self, asked: Sequence[Lineup]) -> list[Verdict]:
        """One verdict per lineup, in order, with the `ranks` of its responses."""
        return await self._answers(asked)

    async def _answers(self, asked: Sequence[Asked]) -> list[Verdict]:
        keys = [request_key(one, self.model, self.endpoint, self.sampling) for one in asked]
        wanted = dict(zip(keys, asked, strict=True))
        known = self.ledger.find(wanted)
        missing = {key: one for key, one in wanted.items() if key not in known}
        if missing and self.settings.offline:
            raise JudgeError(
                f"judge.offline: {len(missing)} of {len(wanted)} comparisons are not in {self.ledger.path}; "
                "set judge.offline to false to ask for them"
            )
        found = await self.ask(missing) if missing else {}
        return [verdict_of(known.get(key) or found[key], replayed=key in known) for key in keys]

    @abstractmethod
    async def ask(self, missing: dict[str, Asked]) -> dict[str, Entry]:
        """Asks each question once and records it; an entry for every key."""

    def entry(self, key: str, asked: Asked, status: str, **found) -> Entry:
        """A ledger entry for what was `asked`; `found` are the fields that depend on what came back."""
        given = {"preference": None, "reason": "", "text": ""} | found
        return Entry(
            key, status, judge=self.model, endpoint=self.endpoint, prompt=version(asked), level=asked.shown,
            sampling=self.sampling, sample=asked.sample, run=self.run, **given,
        )  # fmt: skip

    def read(self, asked: Asked, text: str, tokens=()) -> dict:
        """Status, preference and reason of a finished reply."""
        return read(version(asked), text, tokens)


def verdict_of(entry: Entry, replayed: bool) -> Verdict:
    """What a ledger entry says."""
    return Verdict(
        reason=entry.reason, judge=f"{entry.judge}/{entry.prompt}", text=entry.text, tokens_in=entry.tokens_in,
        tokens_out=entry.tokens_out, usd=entry.usd, seconds=entry.seconds, replayed=replayed,
        **said(entry.prompt, entry.status, entry.preference, entry.text),
    )  # fmt: skip


def run_label(directory: Path) -> str:
    """What a stage's calls are booked under: its run directory's last two parts, the same after a restart."""
    return "/".join(directory.parts[-2:])
