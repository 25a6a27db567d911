r"""A judge behind any OpenAI-compatible endpoint: OpenAI, OpenRouter, a vLLM or SGLang server of one's own.

    export LLM_API_URL=https://api.openai.com/v1 LLM_API_KEY=...
    sp3f train sp3f --set judge.name=api --set judge.model=gpt-4o-mini

The paper's judge is GPT-4o-mini (arXiv 2601.18722). The authors' code sends 1,024 requests, sleeps ten seconds, never
retries, and scores a failed or unreadable judgement as a loss. Here requests run side by side up to a bound, what may pass is
tried again, what fails for good or cannot be read is no verdict, every reply is in the ledger before it is used, and caps in
USD and calls are hard.

When too many of the last requests came to nothing, asking stops and waits with growing pauses for the endpoint to recover;
if it does not within `judge.patience_seconds`, or refuses everything (wrong key, wrong address), training stops and says
why: learning from noise would look like learning.
"""

import asyncio
import time
from collections import Counter, deque

from sp3f_lib.endpoint.client import check_libraries
from sp3f_lib.endpoint.transport import RequestError, Transport
from sp3f_lib.judges.base import Asked, BudgetError, JudgeError
from sp3f_lib.judges.face import messages, version
from sp3f_lib.judges.ledger import Entry, Ledger
from sp3f_lib.judges.recorded import RecordedJudge
from sp3f_lib.judges.spend import Budget, longest_reply
from sp3f_lib.profiles.judge_section import Judge as Settings
from sp3f_lib.progress import Waiting

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 120.0  # seconds
_QUIET, _AGAIN, _LOOK = 30.0, 60.0, 1.0  # seconds without an answer until it is said, until it is said again, between looks
_REFUSALS = 8  # refused in a row with no answer before, and the endpoint is taken at its word


class ApiJudge(RecordedJudge):
    """Asks `settings.model`; `JudgeError` at once if the environment lacks address, key or the library."""

    endpoint = "chat/completions"

    def __init__(self, settings: Settings, ledger: Ledger | None = None, run: str = ""):
        if not settings.offline:
            check_libraries()
            self._transport = Transport(settings)
        super().__init__(settings, ledger, run)
        self.budget = Budget(settings, self.ledger.spent(run))
        self._health = Health(settings)

    async def ask(self, missing: dict[str, Asked]) -> dict[str, Entry]:
        """Asks every question; `JudgeError` if the endpoint does not recover, `BudgetError` before a cap is passed.

        Whatever ends it, the replies of all calls that were sent are in the ledger.
        """
        entries: dict[str, Entry] = {}
        health, patience = self._health, self.settings.patience_seconds
        named = f"{self.model}/{version(next(iter(missing.values())))}"
        async with self._transport.open():
            while left := [(key, one) for key, one in missing.items() if key not in entries]:
                watch = asyncio.create_task(self._watch(entries, len(missing)))
                try:
                    await self._round(left, entries)
                finally:
                    watch.cancel()
                if not health.ill:
                    continue
                # What failed in the meantime is noise of the outage: it is asked again.
                entries = {key: entry for key, entry in entries.items() if entry.status != "failed"}
                pause = min(health.pause, patience - health.waited)
                if health.fatal or pause <= 0:
                    raise JudgeError(health.why(named))
                print(f"judge: paused, {health.summary()}; trying again in {pause:.0f} s", flush=True)
                await asyncio.sleep(pause)
                health.probe(pause)
        if health.never_answered:
            raise JudgeError(health.why(named))
        return entries

    async def _round(self, left: list[tuple[str, Asked]], entries: dict[str, Entry]) -> None:
        """Asks until all are answered or the endpoint is ill. A fixed number of workers: a task a question would cost more."""
        queue, stopped = iter(left), []

        async def work() -> None:
            for key, one in queue:
                async with self._transport.slot():
                    if self._health.ill or stopped:
                        return
                    try:
                        entries[key] = await self._one(key, one)
                    except Exception as error:  # raised below, when the calls in flight have ended and are written
                        stopped.append(error)

        await asyncio.gather(*(work() for _ in range(min(self.settings.concurrency, len(left)))))
        if stopped:
            raise self.budget.explain(stopped[0]) if isinstance(stopped[0], BudgetError) else stopped[0]

    async def _watch(self, entries: dict[str, Entry], asked: int) -> None:
        """Says how far the judging is, and prints a line when no answer has come for a while, again and again until one does."""
        answered, since, limit = _answered(entries), time.monotonic(), _QUIET
        with Waiting("judge", "comparisons", answered) as wait:
            while True:
                if (now := _answered(entries)) != answered:
                    answered, since, limit = now, time.monotonic(), _QUIET
                    wait.at(answered, asked)
                if (waited := time.monotonic() - since) >= limit:
                    said = f"{answered} of {asked} comparisons answered, {self._transport.waiting_for(waited)}"
                    print(f"judge: {said}", flush=True)
                    limit = waited + _AGAIN
                await asyncio.sleep(_LOOK)

    async def _one(self, key: str, asked: Asked) -> Entry:
        if found := self.ledger.find([key]):  # another process has paid for it in the meantime
            return found[key]
        settings, chat = self.settings, messages(asked, self.ledger.secret)
        reserved = await self.budget.reserve(sum(len(message["content"].encode(errors="replace")) for message in chat))
        body: dict = {"model": settings.model, "messages": chat}
        if settings.temperature is not None:
            body["temperature"] = settings.temperature
        if settings.max_tokens is not None:
            body["max_tokens"] = settings.max_tokens
        if settings.logprobs:
            body |= {"logprobs": True, "top_logprobs": 5}
        began, usd = time.monotonic(), 0.0
        try:
            reply = await self._transport.send(body | settings.extra)
            usd = self.budget.price.usd(reply.tokens_in, reply.tokens_out, reply.cached) if self.budget.price else None
        except RequestError as error:
            self._health.saw(error.reason, error.refused, error.final)
            seconds = time.monotonic() - began
            return self.ledger.write(
                self.entry(key, asked, "failed", reason=error.reason, seconds=seconds, attempt=error.tries)
            )
        finally:
            self.budget.settle(reserved, usd)
        if reply.refusal:
            found = {"status": "refused", "reason": "the judge's model refused to answer"}
        elif reply.finish == "length":
            limit = longest_reply(settings) or reply.tokens_out
            found = {"status": "cut off", "reason": f"cut off at {limit} tokens (judge.max_tokens)"}
        else:
            found = self.read(asked, reply.text, reply.tokens)
        used = {"tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out, "usd": usd}
        entry = self.entry(key, asked, text=reply.text, seconds=reply.seconds, attempt=reply.tries, **used, **found)
        entry = self.ledger.write(entry)
        self._health.saw(found.get("reason", ""), False)
        return entry


def _answered(entries: dict[str, Entry]) -> int:
    return sum(entry.status != "failed" for entry in entries.values())


class Health:
    """The circuit breaker: ill when too many of the last requests came to nothing, or all of the first were refused.

    `waited` adds up over pauses until a whole window is well again, so a judge that never says anything readable stops a run too.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self._last: deque[str] = deque(maxlen=settings.failure_window)
        self._refused, self._answered, self.ill, self.fatal = 0, False, False, False
        self.waited, self.pause = 0.0, _FIRST_PAUSE

    def saw(self, reason: str, refused: bool, final: bool = False) -> None:
        """Notes how a request ended: an empty reason for a verdict; `final` if no other request can fare better."""
        self._last.append(reason)
        self._answered |= not refused
        self._refused = self._refused + 1 if refused else 0
        failures, allowed = sum(map(bool, self._last)), self.settings.failure_limit * self.settings.failure_window
        if final or (not self._answered and self._refused >= min(_REFUSALS, self.settings.concurrency)):
            self.ill = self.fatal = True
        self.ill |= failures > allowed
        if len(self._last) == self.settings.failure_window and failures <= allowed:
            self.waited, self.pause = 0.0, _FIRST_PAUSE

    @property
    def never_answered(self) -> bool:
        """Whether there were requests, and all of them were refused."""
        return self._refused > 0 and not self._answered

    def probe(self, waited: float) -> None:
        """After a pause: forgets what was seen, so that the next requests decide."""
        self._last.clear()
        self.ill = False
        self.waited, self.pause = self.waited + waited, min(2 * self.pause, _LONGEST_PAUSE)

    def summary(self) -> str:
        """How many of the last requests failed, and of what."""
        reasons = Counter(reason.split(" which ends")[0] for reason in self._last if reason)
        told = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(3))
        return f"{sum(reasons.values())} of the last {len(self._last)} requests gave no verdict ({told})"

    def why(self, judge: str) -> str:
        """The message with which training stops."""
        after = f" after waiting {self.waited:.0f} s" if self.waited else ""
        return (
            f"judge {judge}: {self.summary()}{after}. Every verdict is kept, and the same command goes on where it was. The limits "
            "are judge.failure_limit and judge.patience_seconds."
        )
