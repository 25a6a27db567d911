"""A judge that asks a language model and remembers what it said: what `ApiJudge` and `LocalJudge` share.

`compare` looks every pair up in the ledger, asks only about the others, each once, and builds verdicts from what the ledger
then holds. Two responses with the same text are a tie and cost nothing.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from sp3f_lib.judges.base import JudgeError, Pair, Verdict
from sp3f_lib.judges.ledger import PREFERENCES, Entry, Ledger, no_verdict_in, request_key
from sp3f_lib.judges.prompts import VERSION, graded_verdict, parse_verdict
from sp3f_lib.sections import Judge as Settings

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
        return f"{self.model}/{VERSION}"

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """One verdict per pair, in order; what is in the ledger is not asked again."""
        same = [pair.response_a.strip() == pair.response_b.strip() for pair in pairs]
        keys = [request_key(pair, self.model, self.endpoint, self.sampling) for pair in pairs]
        wanted = {key: pair for key, pair, equal in zip(keys, pairs, same, strict=True) if not equal}
        known = self.ledger.find(wanted)
        missing = {key: pair for key, pair in wanted.items() if key not in known}
        if missing and self.settings.offline:
            raise JudgeError(
                f"judge.offline: {len(missing)} of {len(wanted)} comparisons are not in {self.ledger.path}; "
                "set judge.offline to false to ask for them"
            )
        asked = await self.ask(missing) if missing else {}
        verdicts = []
        for key, equal in zip(keys, same, strict=True):
            verdicts.append(SAME_TEXT if equal else verdict_of(known.get(key) or asked[key], replayed=key in known))
        return verdicts

    @abstractmethod
    async def ask(self, missing: dict[str, Pair]) -> dict[str, Entry]:
        """Asks about each pair once and records it; an entry for every key."""

    def entry(self, key: str, pair: Pair, status: str, **found) -> Entry:
        """A ledger entry for `pair`; `found` are the fields that depend on what came back."""
        given = {"preference": None, "reason": "", "text": ""} | found
        return Entry(
            key, status, judge=self.model, endpoint=self.endpoint, prompt=VERSION, level=pair.shown, sampling=self.sampling,
            sample=pair.sample, run=self.run, **given,
        )  # fmt: skip

    def read(self, text: str, tokens=()) -> dict:
        """Status, preference and reason of a finished reply."""
        preference, graded = PREFERENCES.get(parse_verdict(text)), graded_verdict(text, tokens) if tokens else None
        if preference is None:
            return {"status": "unreadable", "reason": no_verdict_in(text)}
        return {"status": "verdict", "preference": preference if graded is None else graded, "graded": graded}


def verdict_of(entry: Entry, replayed: bool) -> Verdict:
    """What a ledger entry says."""
    return Verdict(
        entry.preference, entry.reason, f"{entry.judge}/{entry.prompt}", entry.text, entry.tokens_in, entry.tokens_out,
        entry.usd, entry.seconds, replayed,
    )  # fmt: skip


def run_label(directory: Path) -> str:
    """What a stage's calls are booked under: its run directory's last two parts, the same after a restart."""
    return "/".join(directory.parts[-2:])
