"""The client behind `transport`: address and key from the environment, never shown but for the host's name, and bodies of
bounded size.

`AsyncOpenAI` on aiohttp: with its default transport one core makes a third of the calls.
"""

import logging
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from sp3f_lib.profiles.judge_section import Judge as Settings
from sp3f_lib.runs import MANIFEST, StageError

URL, KEY = "LLM_API_URL", "LLM_API_KEY"
_LARGEST_BODY = 1_000_000  # bytes; a verdict with its reasons has a few thousand


class JudgeError(StageError):
    """A judge, or another endpoint, that cannot go on: no key, an endpoint that refuses or fails too often.

    One failed pair is no verdict, not an error.
    """


class BadBody(Exception):
    """Status 200, but the body is no chat completion."""


def endpoint() -> tuple[str, str]:
    """(address, key) from the environment; `JudgeError` naming the variable that is missing or cannot be right."""
    for variable, what in ((URL, "the address of the endpoint"), (KEY, "its key; any word for a server that asks for none")):
        if not os.environ.get(variable, "").strip():
            raise JudgeError(f"the judge 'api' needs {variable} in the environment: {what}")
    url, key = os.environ[URL].strip(), os.environ[KEY].strip()
    if not url.startswith(("http://", "https://")) or not _is_address(url):
        raise JudgeError(f"{URL} must be an address that starts with http:// or https://")
    if not (key.isascii() and key.isprintable()):
        raise JudgeError(f"{KEY} holds characters that no key has; was it copied in full, and nothing else?")
    # As an address is often copied; what is asked is always <address>/chat/completions.
    return url.rstrip("/").removesuffix("/chat/completions"), key


def host() -> str:
    """The name of the endpoint's host: of the address, the part that holds no secret."""
    return urlsplit(endpoint()[0]).hostname or "?"


def check_libraries() -> None:
    """`JudgeError` if the packages that requests need are not installed."""
    if find_spec("openai") is None or find_spec("aiohttp") is None:
        raise JudgeError("the judge 'api' needs the packages openai and aiohttp: pip install 'sp3f-lib[judge]'")


def check_before_training(settings: Settings, stage: Path) -> None:
    """`JudgeError` if the judge of stage 2 lacks address, key or library, before the stages that come first are trained.

    Nothing is asked for where it may not be needed: another judge, `judge.offline`, or a `stage` folder (of all keys) that holds
    a finished run. The judge itself checks again when stage 2 starts.
    """
    if settings.name != "api" or settings.offline or any(stage.glob(f"*/{MANIFEST}")):
        return
    check_libraries()
    endpoint()


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        return False


def make_client(settings: Settings):
    """An `AsyncOpenAI` for one event loop, without retries of its own and without headers that describe this machine."""
    from openai import AsyncOpenAI, DefaultAioHttpClient, Omit

    for name in ("httpx2", "httpx", "openai._base_client"):
        logging.getLogger(name).setLevel(logging.WARNING)  # their lines hold the address
    url, key = endpoint()
    describing = ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version", "Async")
    return AsyncOpenAI(
        base_url=url,
        api_key=key,
        max_retries=0,  # ours, above, are the only ones
        timeout=settings.timeout_seconds,
        # A small compressed body could be a large one.
        default_headers={"Accept-Encoding": "identity"} | {f"X-Stainless-{name}": Omit() for name in describing},
        http_client=DefaultAioHttpClient(event_hooks={"response": [_bound_body]}),
    )


@cache
def raw_response():
    """What to ask `client.post` for: the response as it came."""
    import httpx2

    return httpx2.Response


@cache
def post_options() -> dict:
    """What each request needs beside its body."""
    from openai import Omit

    left_out = ("x-stainless-retry-count", "x-stainless-read-timeout")
    return {"headers": {"Content-Type": "application/json"} | {name: Omit() for name in left_out}}


async def _bound_body(response) -> None:
    """Called before a body is read: no server fills the memory."""
    response.stream = _bounded()(response.stream)


@cache
def _bounded():
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, stream):
            self.stream = stream

        async def __aiter__(self):
            read = 0
            async for part in self.stream:
                read += len(part)
                if read > _LARGEST_BODY:
                    raise BadBody
                yield part

        async def aclose(self):
            await self.stream.aclose()

    return Bounded
