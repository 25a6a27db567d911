"""An endpoint translates: what is in the ledger is not asked again, and every reply is there before it is used.

Retries, time-outs, the caps and the circuit breaker are the judges' (endpoint/transport.py, judges/spend.py,
judges/api.py). Replies come in any order; each is handed on under its request's key as soon as it is written, so that
checking goes on while others are awaited.
"""

import asyncio
import time
from collections.abc import Callable

from sp3f_lib.endpoint.client import JudgeError, check_libraries
from sp3f_lib.endpoint.ledger import ANSWERED, CUT_OFF, REFUSED, Call, Ledger
from sp3f_lib.endpoint.loop import wait_for
from sp3f_lib.endpoint.store import FAILED
from sp3f_lib.endpoint.transport import Reply, RequestError, Transport, longest_reply
from sp3f_lib.judges.api import Health
from sp3f_lib.judges.base import BudgetError
from sp3f_lib.judges.spend import Budget
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.progress import progress_printer
from sp3f_lib.runs import StageError
from sp3f_lib.translation.requests import ENDPOINT, Request, body, sampling

Seen = Callable[[Request, Call], None]
_KEPT = "Every reply is kept, and the same command goes on where it was"


class EndpointTranslator:
    """Asks `settings.model` at LLM_API_URL; `StageError` at once if the environment lacks address, key or library."""

    def __init__(self, settings: Translate, ledger: Ledger, run: str):
        self.settings, self.ledger, self.run = settings, ledger, run
        try:
            check_libraries()
            self._transport = Transport(settings)
            self._budget = Budget(settings, ledger.spent(run))
        except JudgeError as error:
            raise StageError(_ours(error)) from None
        self._health = Health(settings)

    def ask(self, requests: list[Request], seen: Seen) -> None:
        """Hands every request's reply to `seen`, from the ledger or from the endpoint; a failed one too, as FAILED.

        `StageError` if the endpoint does not recover or a cap would be passed; the replies of all that was sent are in the
        ledger then.
        """
        known = self.ledger.find(request.key for request in requests)
        for request in requests:
            if request.key in known:
                seen(request, known[request.key])
        missing = [request for request in requests if request.key not in known]
        if missing:
            print(f"translate: {len(requests)} requests, {len(known)} of them in the ledger", flush=True)
            wait_for(self._ask(missing, seen))

    async def _ask(self, missing: list[Request], seen: Seen) -> None:
        waiting = {request.key: request for request in missing}
        show = progress_printer("translate", "replies")
        failed: dict[str, Call] = {}
        async with self._transport.open():
            while waiting:
                await self._round(
                    list(waiting.values()), waiting, failed, seen, lambda: show(len(missing) - len(waiting), len(missing))
                )
                if not self._health.ill:
                    break  # what failed now has used up its tries
                pause = min(self._health.pause, self.settings.patience_seconds - self._health.waited)
                if self._health.fatal or pause <= 0:
                    raise StageError(f"translator {self.settings.model}: {_ours(self._health.summary())}. {_KEPT}")
                failed.clear()
                print(f"translate: paused, {_ours(self._health.summary())}; trying again in {pause:.0f} s", flush=True)
                await asyncio.sleep(pause)
                self._health.probe(pause)
        if self._health.never_answered:
            raise StageError(f"translator {self.settings.model}: {_ours(self._health.summary())}. {_KEPT}")
        for key, request in waiting.items():
            seen(request, failed[key])

    async def _round(self, asked: list[Request], waiting: dict, failed: dict, seen: Seen, show: Callable[[], None]) -> None:
        """Asks until all are answered or the endpoint is ill; what is answered leaves `waiting`.

        Replies are handed on one at a time behind the workers' backs, so that the next request does not wait for checks.
        """
        queue, stopped, arrived = iter(asked), [], asyncio.Queue()

        async def work() -> None:
            for request in queue:
                async with self._transport.slot():
                    if self._health.ill or stopped:
                        return
                    try:
                        call = await self._one(request)
                    except Exception as error:  # raised below, when the calls in flight have ended and are written
                        stopped.append(error)
                        return
                    if call.status == FAILED:
                        failed[request.key] = call
                    else:
                        del waiting[request.key]
                        arrived.put_nowait((request, call))

        async def hand_on() -> None:
            while (one := await arrived.get()) is not None:
                try:
                    if not stopped:
                        seen(*one)
                        show()
                except Exception as error:
                    stopped.append(error)
                await asyncio.sleep(0)

        handing = asyncio.create_task(hand_on())
        await asyncio.gather(*(work() for _ in range(min(self.settings.concurrency, len(asked)))))
        arrived.put_nowait(None)
        await handing
        if stopped:
            error = self._budget.explain(stopped[0]) if isinstance(stopped[0], BudgetError) else stopped[0]
            raise StageError(_ours(error)) if isinstance(error, JudgeError) else error

    async def _one(self, request: Request) -> Call:
        if found := self.ledger.find([request.key]):  # another process has paid for it in the meantime
            return found[request.key]
        asked = body(request, self.settings)
        reserved = await self._budget.reserve(
            sum(len(message["content"].encode(errors="replace")) for message in request.messages)
        )
        began, usd = time.monotonic(), 0.0
        try:
            reply = await self._transport.send(asked)
            usd = self._budget.price.usd(reply.tokens_in, reply.tokens_out, reply.cached) if self._budget.price else None
        except RequestError as error:
            self._health.saw(error.reason, error.refused, error.final)
            spent = {"seconds": time.monotonic() - began, "attempt": error.tries}
            return self.ledger.write(call_of(request, self.settings, self.run, FAILED, "", _ours(error.reason), **spent))
        finally:
            self._budget.settle(reserved, usd)
        self._health.saw("", False)
        return self.ledger.write(received(request, self.settings, self.run, reply, usd))


def received(request: Request, settings: Translate, run: str, reply: Reply, usd: float | None) -> Call:
    """What the ledger keeps of a reply that has come."""
    status, reason = ANSWERED, ""
    if reply.refusal:
        status, reason = REFUSED, "the model refused to answer"
    elif reply.finish == "length":
        status, reason = CUT_OFF, f"cut off at {longest_reply(settings) or reply.tokens_out} tokens (translate.max_tokens)"
    spent = {"tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out, "usd": usd}
    return call_of(request, settings, run, status, reply.text, reason, seconds=reply.seconds, attempt=reply.tries, **spent)


def call_of(request: Request, settings: Translate, run: str, status: str, text: str, reason: str = "", **spent) -> Call:
    """A line of the ledger."""
    return Call(
        request.key, status, text, reason, settings.model or "", ENDPOINT, request.prompt, request.lang, sampling(settings),
        request.candidate, run=run, **spent,
    )  # fmt: skip


def _ours(said) -> str:
    """The judges' words about an endpoint, with our section's name."""
    text = str(said).replace("the judge 'api'", "translate.name: api").replace("judge.", "translate.")
    return (
        text.replace("gave no verdict", "got no reply").replace("Every verdict", "Every reply").replace("the judge's", "the")
    )
