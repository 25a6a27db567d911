"""Requests to an OpenAI-compatible endpoint: the one place that knows about retries, time-outs, limits and broken bodies.

Every request ends as a `Reply` or as a `RequestError` whose words are our own: neither address, nor key, nor anything that the
server said, which some repeat the key in. What may pass is tried again with growing, random pauses, or the pause that the
server asks for (Retry-After): 408, 409, 429, 5xx, time-outs, dropped connections, bodies that are no chat completion. Tries
are bounded in number and in total time, bodies in size, and every try in time, however slowly it drips.

The client is `AsyncOpenAI` on aiohttp: with its default transport one core makes a third of the calls. Requests go through
`client.post`, its way for bodies of one's own, because the checks of `chat.completions.create` cost more than everything else.
"""

import asyncio
import json
import logging
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, stop_before_delay, wait_random_exponential

from sp3f_lib.judges.base import JudgeError
from sp3f_lib.profiles import Judge as Settings

URL, KEY = "LLM_API_URL", "LLM_API_KEY"
_LARGEST_BODY = 1_000_000  # bytes; a verdict with its reasons has a few thousand
_PASSING = {408, 409, 429}
_ADVICE = {
    400: "do judge.model, judge.max_tokens, judge.temperature and judge.extra suit this endpoint?",
    401: f"is the key in {KEY} right?",
    402: "is there money left on the account?",
    403: f"may the key in {KEY} use judge.model?",
    404: f"is {URL} right (most end in /v1), and does it serve judge.model?",
    422: "do judge.max_tokens, judge.temperature and judge.extra suit this endpoint?",
}


class RequestError(Exception):
    """A request without a reply. `refused`: the endpoint is to blame, another request would fare no better."""

    def __init__(self, reason: str, refused: bool, tries: int = 1):
        super().__init__(reason)
        self.reason, self.refused, self.tries = reason, refused, tries


class _BadBody(Exception):
    """Status 200, but the body is no chat completion."""


@dataclass(frozen=True)
class Reply:
    """A chat completion: text, why it ended, tokens, and (token, alternatives) where log-probabilities were asked for."""

    text: str
    finish: str
    refusal: bool
    tokens_in: int
    tokens_out: int
    cached: int
    tokens: list[tuple[str, dict[str, float]]]
    seconds: float
    tries: int


class Transport:
    """Sends chat requests with the bounds of `settings`; `JudgeError` at once if the environment lacks address or key.

    Connections and limits are shared by all that send at the same time in one event loop, and closed when the last is done.
    """

    def __init__(self, settings: Settings):
        endpoint()
        self.settings = settings
        self._pace = [Pace(settings.requests_per_minute), Pace(settings.tokens_per_minute)]
        self._client = self._gate = None
        self._users = 0

    @asynccontextmanager
    async def open(self):
        """Holds the connections open for a number of `send`."""
        if self._users == 0:
            self._client, self._gate = _client(self.settings), asyncio.Semaphore(self.settings.concurrency)
        self._users += 1
        try:
            yield self
        finally:
            self._users -= 1
            if self._users == 0:
                client, self._client = self._client, None
                await client.close()

    @asynccontextmanager
    async def slot(self):
        """One of the `concurrency` places; a request keeps it through its pauses, so a troubled server is asked less."""
        async with self._gate:
            yield

    async def send(self, body: dict) -> Reply:
        """One request with its tries; `RequestError` when they are used up."""
        tries, settings = 0, self.settings
        size = sum(len(message["content"]) for message in body["messages"]) // 4 + (settings.max_tokens or 0)
        try:
            async for attempt in AsyncRetrying(
                stop=stop_after_attempt(settings.max_retries + 1) | stop_before_delay(settings.retry_seconds),
                wait=_Wait(settings.retry_seconds),
                retry=retry_if_exception(_passes),
                reraise=True,
            ):
                with attempt:
                    tries += 1
                    await self._pace[0].turn(1)
                    await self._pace[1].turn(size)
                    began = time.monotonic()
                    async with asyncio.timeout(settings.timeout_seconds):
                        response = await self._client.post("/chat/completions", body=body, cast_to=_raw())
                    return _read(response.content, time.monotonic() - began, tries)
        except Exception as error:
            raise _explain(error, tries) from None
        raise AssertionError("tenacity ends by a return or by raising")


class Pace:
    """Spreads requests (or tokens) evenly: at most `per_minute` in any minute; None for no limit."""

    def __init__(self, per_minute: float | None):
        self._seconds, self._next = 60 / per_minute if per_minute else 0.0, 0.0

    async def turn(self, amount: float) -> None:
        """Waits until `amount` more may be sent."""
        if not self._seconds:
            return
        now = time.monotonic()
        at = max(self._next, now)
        self._next = at + amount * self._seconds
        await asyncio.sleep(at - now)


def endpoint() -> tuple[str, str]:
    """(address, key) from the environment; `JudgeError` naming the variable that is missing."""
    for variable, what in ((URL, "the address of the endpoint"), (KEY, "its key; any word for a server that asks for none")):
        if not os.environ.get(variable):
            raise JudgeError(f"the judge 'api' needs {variable} in the environment: {what}")
    url = os.environ[URL].strip()
    if not url.startswith(("http://", "https://")):
        raise JudgeError(f"{URL} must be an address that starts with http:// or https://")
    return url, os.environ[KEY].strip()


def _client(settings: Settings):
    from openai import AsyncOpenAI, DefaultAioHttpClient

    for name in ("httpx2", "httpx", "openai._base_client"):
        logging.getLogger(name).setLevel(logging.WARNING)  # their lines hold the address
    url, key = endpoint()
    return AsyncOpenAI(
        base_url=url,
        api_key=key,
        max_retries=0,  # ours, above, are the only ones
        timeout=settings.timeout_seconds,
        default_headers={"Accept-Encoding": "identity"},  # a small compressed body could be a large one
        http_client=DefaultAioHttpClient(event_hooks={"response": [_bound_body]}),
    )


def _raw():
    import httpx2

    return httpx2.Response


async def _bound_body(response) -> None:
    """Called before a body is read: no server fills the memory."""
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, stream):
            self.stream = stream

        async def __aiter__(self):
            read = 0
            async for part in self.stream:
                read += len(part)
                if read > _LARGEST_BODY:
                    raise _BadBody
                yield part

        async def aclose(self):
            await self.stream.aclose()

    response.stream = Bounded(response.stream)


def _read(content: bytes, seconds: float, tries: int) -> Reply:
    try:
        body = json.loads(content)
        choice, usage = body["choices"][0], body.get("usage") or {}
        message = choice["message"]
        text = message.get("content") or ""
        details = usage.get("prompt_tokens_details") or {}
        if not isinstance(text, str):
            raise TypeError
        logprobs = ((choice.get("logprobs") or {}).get("content")) or []
        tokens = [(t["token"], {o["token"]: o["logprob"] for o in t.get("top_logprobs") or []}) for t in logprobs]
        finish = str(choice.get("finish_reason") or "")
        refusal = bool(message.get("refusal")) or finish == "content_filter"
        used = [int(n or 0) for n in (usage.get("prompt_tokens"), usage.get("completion_tokens"), details.get("cached_tokens"))]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise _BadBody from None
    return Reply(text, finish, refusal, *used, tokens, seconds, tries)


def _passes(error: BaseException) -> bool:
    """Whether a try that failed may be repeated."""
    import openai

    if isinstance(error, openai.APIStatusError):
        # An account without money answers 429 as well; waiting does not mend that.
        return (error.status_code in _PASSING or error.status_code >= 500) and error.code != "insufficient_quota"
    return isinstance(error, openai.APIError | _BadBody | TimeoutError)


class _Wait:
    """The pause before the next try: what the server asks for, else growing and random."""

    def __init__(self, longest: float):
        self._random, self._longest = wait_random_exponential(multiplier=0.5, max=30), longest

    def __call__(self, state) -> float:
        asked = retry_after(getattr(getattr(state.outcome.exception(), "response", None), "headers", {}))
        # A little more than asked, so that those who were told the same do not come back at the same moment.
        pause = self._random(state) if asked is None else asked + min(self._random(state), 0.1 * asked + 0.01)
        return min(pause, self._longest)


def retry_after(headers) -> float | None:
    """Seconds that a server asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date.

    >>> retry_after({"retry-after": "2"}), retry_after({"retry-after-ms": "30"}), retry_after({"retry-after": "soon"})
    (2.0, 0.03, None)
    """
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError, TypeError):
        return None


def _explain(error: Exception, tries: int) -> RequestError:
    """Why a request failed, without the server's own words."""
    import openai

    after = f" after {tries} tries" if tries > 1 else ""
    if isinstance(error, openai.APIStatusError):
        code = error.status_code
        refused = 400 <= code < 500 and not _passes(error)
        advice = _ADVICE[402] if error.code == "insufficient_quota" else _ADVICE.get(code, "")
        return RequestError(f"{type(error).__name__} {code}{after}{f'; {advice}' if refused and advice else ''}", refused, tries)
    if isinstance(error, _BadBody):
        return RequestError(f"the reply is not a chat completion{after}; {_ADVICE[404]}", True, tries)
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return RequestError(f"no reply in time{after} (judge.timeout_seconds)", False, tries)
    if isinstance(error, openai.APIConnectionError):
        return RequestError(f"no connection{after}; is {URL} right, and is the server up?", True, tries)
    if isinstance(error, openai.APIError):
        return RequestError(f"{type(error).__name__}{after}", False, tries)
    raise error
