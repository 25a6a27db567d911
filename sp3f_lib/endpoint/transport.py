"""Requests to an OpenAI-compatible endpoint: the one place that knows about retries, time-outs, limits and broken bodies.

Every request ends as a `Reply` or as a `RequestError` whose words are our own: neither address, nor key, nor anything that the
server said, which some repeat the key in. What may pass is tried again with growing, random pauses, or the pause that the
server asks for (Retry-After): 408, 409, 429, 5xx, time-outs, dropped connections, bodies that are no chat completion. Tries
are bounded in number and in total time, bodies in size, and every try in time, however slowly it drips.

Requests go through `client.post`, AsyncOpenAI's way for bodies of one's own, because the checks of `chat.completions.create`
cost more than everything else.
"""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, stop_before_delay, wait_random_exponential

from sp3f_lib.endpoint.client import KEY, URL, BadBody, endpoint, host, make_client, post_options, raw_response
from sp3f_lib.profiles.judge_section import Judge as Settings

_PASSING = {408, 409, 429}
_ADVICE = {
    400: "do judge.model, judge.max_tokens, judge.temperature and judge.extra suit this endpoint?",
    401: f"is the key in {KEY} right?",
    402: "is there money left on the account?",
    403: f"may the key in {KEY} use judge.model?",
    404: f"is {URL} right (most end in /v1), and does it serve judge.model?",
    422: "do judge.max_tokens, judge.temperature and judge.extra suit this endpoint?",
}


def longest_reply(settings: Settings) -> int | None:
    """The most tokens that a reply can have; None if the profile sets no limit. Newer models take theirs in `extra`."""
    return settings.max_tokens or settings.extra.get("max_completion_tokens")


class RequestError(Exception):
    """A request without a reply. `refused`: the endpoint is to blame, or this request; `final`: no other would fare better."""

    def __init__(self, reason: str, refused: bool, tries: int = 1, final: bool = False):
        super().__init__(reason)
        self.reason, self.refused, self.tries, self.final = reason, refused, tries, final


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
    Another endpoint (generation/server.py) gives its own `path`, `read` and `explain`.
    """

    path = "chat/completions"

    def __init__(self, settings: Settings):
        endpoint()
        self.settings = settings
        self._pace = [Pace(settings.requests_per_minute), Pace(settings.tokens_per_minute)]
        self._client = self._gate = self._door = None
        self._users = self._flying = 0

    @asynccontextmanager
    async def open(self):
        """Holds the connections open for a number of `send`."""
        if self._users == 0:
            self._client, self._gate = make_client(self.settings), asyncio.Semaphore(self.settings.concurrency)
            self._door = asyncio.Lock()
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
        tries, settings, content = 0, self.settings, json.dumps(body).encode()
        size = self.size(content)
        await self._turn(size)
        ends = time.monotonic() + settings.retry_seconds
        try:
            async for attempt in AsyncRetrying(
                stop=stop_after_attempt(settings.max_retries + 1) | stop_before_delay(settings.retry_seconds),
                wait=_Wait(settings.retry_seconds),
                retry=retry_if_exception(_passes),
                reraise=True,
            ):
                with attempt:
                    tries += 1
                    if tries > 1:
                        await self._turn(size)
                    await self._written_at_once()
                    began = time.monotonic()
                    self._flying += 1
                    try:
                        async with asyncio.timeout(min(settings.timeout_seconds, max(ends - began, 0.0))):
                            response = await self._client.post(
                                f"{str(self._client.base_url).rstrip('/')}/{self.path}",
                                content=content,
                                cast_to=raw_response(),
                                options=post_options(),
                            )
                    finally:
                        self._flying -= 1
                    return self.read(response.content, time.monotonic() - began, tries)
        except Exception as error:
            raise self.explain(error, tries) from None
        raise AssertionError("tenacity ends by a return or by raising")

    def size(self, content: bytes) -> int:
        """Tokens in and out of a request, about, for `tokens_per_minute`: English has 4 bytes in a token, Bengali 2."""
        return len(content) // 3 + (longest_reply(self.settings) or 0)

    def read(self, content: bytes, seconds: float, tries: int) -> Reply:
        """The reply that a body holds; `BadBody` if it holds none."""
        return read_completion(content, seconds, tries)

    def explain(self, error: Exception, tries: int) -> RequestError:
        """Why a request failed, in our own words."""
        return _explain(error, tries)

    def waiting_for(self, seconds: float) -> str:
        """What has taken `seconds` so far: the endpoint, or, with no request on its way, our own pauses."""
        if self._flying:
            return (
                f"waiting {seconds:.0f} s for {self.settings.model} at {host()} "
                f"(judge.timeout_seconds {self.settings.timeout_seconds:g})"
            )
        return (
            f"waiting {seconds:.0f} s, now between tries (judge.retry_seconds {self.settings.retry_seconds:g}) or for "
            "judge.requests_per_minute and judge.tokens_per_minute"
        )

    async def _turn(self, tokens: int) -> None:
        await self._pace[0].turn(1)
        await self._pace[1].turn(tokens)

    async def _written_at_once(self) -> None:
        """Lets one request at a time be built, and written before the next one is.

        Before Python 3.12 aiohttp writes in a task of its own, which comes after all that are ready: of 256 requests that are
        built in one go, the first leaves when the last is ready, and at every reply it is so again.
        """
        await self._door.acquire()
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._door.release)


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


def read_completion(content: bytes, seconds: float, tries: int) -> Reply:
    """A chat completion from its body; `BadBody` if it is none."""
    try:
        body = json.loads(content)
        choice, usage = body["choices"][0], body.get("usage") or {}
        message = choice["message"]
        text = message.get("content") or ""
        details = usage.get("prompt_tokens_details") or {}
        text = text.encode(errors="replace").decode()  # half a surrogate pair is JSON, but no file takes it
        logprobs = ((choice.get("logprobs") or {}).get("content")) or []
        tokens = [(t["token"], {o["token"]: float(o["logprob"]) for o in t.get("top_logprobs") or []}) for t in logprobs]
        finish = str(choice.get("finish_reason") or "")
        refusal = bool(message.get("refusal")) or finish == "content_filter"
        used = [
            int(n or 0) for n in (usage.get("prompt_tokens"), usage.get("completion_tokens"), details.get("cached_tokens"))
        ]
        if not all(0 <= n < 2**40 for n in used):
            raise ValueError
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        raise BadBody from None
    return Reply(text, finish, refusal, *used, tokens, seconds, tries)


def _passes(error: BaseException) -> bool:
    """Whether a try that failed may be repeated."""
    import aiohttp
    import openai

    if isinstance(error, openai.APIStatusError):
        # An account without money answers 429 as well; waiting does not mend that.
        return (error.status_code in _PASSING or error.status_code >= 500) and error.code != "insufficient_quota"
    # aiohttp's own errors come through where a server does not even speak HTTP.
    return isinstance(error, openai.APIError | aiohttp.ClientError | BadBody | TimeoutError)


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


def _timed_out(error: BaseException | None) -> bool:
    """Whether a time-out is behind it: openai's transport calls a refused or dropped connection one as well."""
    while error and not isinstance(error, TimeoutError):
        error = error.__cause__
    return error is not None


def _explain(error: Exception, tries: int) -> RequestError:
    """Why a request failed, without the server's own words."""
    import aiohttp
    import openai

    after = f" after {tries} tries" if tries > 1 else ""
    if isinstance(error, openai.APIStatusError):
        code = error.status_code
        refused = 400 <= code < 500 and not _passes(error)
        advice = _ADVICE[402] if error.code == "insufficient_quota" else _ADVICE.get(code, "")
        final = refused and (code in (401, 402) or error.code == "insufficient_quota")
        reason = f"{type(error).__name__} {code}{after}{f'; {advice}' if refused and advice else ''}"
        return RequestError(reason, refused, tries, final)
    if isinstance(error, BadBody | aiohttp.ClientError):
        return RequestError(f"the reply is not a chat completion{after}; {_ADVICE[404]}", True, tries)
    if _timed_out(error):
        return RequestError(f"no reply in time{after} (judge.timeout_seconds)", False, tries)
    if isinstance(error, openai.APIConnectionError):
        return RequestError(f"no connection{after}; is {URL} right, and is the server up?", True, tries)
    if isinstance(error, openai.APIError):
        return RequestError(f"{type(error).__name__}{after}", False, tries)
    raise error
