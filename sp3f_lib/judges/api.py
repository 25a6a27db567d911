r"""A judge behind any OpenAI-compatible endpoint: OpenAI, OpenRouter, a vLLM or SGLang server of one's own.

    export LLM_API_URL=https://api.openai.com/v1 LLM_API_KEY=...
    python -m sp3f_lib grpo --profile lab --arm sp3f --set judge.name=api --set judge.model=gpt-4o-mini

The paper's judge is GPT-4o-mini (arXiv 2601.18722). The authors' code sends 1,024 requests, sleeps ten seconds, never
retries, and scores a failed or unreadable judgement as a loss. Here requests run side by side up to a bound, the client
library retries with back-off, and what fails for good or cannot be read is no verdict. Only an endpoint that refuses every
request stops the run: training on nothing would look like training.

Address and key are read from the environment and appear in no message: some servers repeat the key in their errors.
"""

import asyncio
import logging
import os
import secrets
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec

from sp3f_lib.judges.base import JudgeError, Pair, Verdict
from sp3f_lib.judges.prompts import VERSION, messages, parse_verdict
from sp3f_lib.profiles import Judge as Settings

URL, KEY = "LLM_API_URL", "LLM_API_KEY"
_PREFERENCE = {"A": 1.0, "B": 0.0, "tie": 0.5}
# Refusals that may pass: timeout, conflict, rate limit. The library has retried them; they say nothing about the endpoint.
_PASSING = {408, 409, 429}
_ADVICE = {
    400: "do judge.model, judge.max_tokens and judge.temperature suit this endpoint?",
    401: f"is the key in {KEY} right?",
    403: f"may the key in {KEY} use judge.model?",
    404: f"is {URL} right (most end in /v1), and does it serve judge.model?",
}


class ApiJudge:
    """Asks `settings.model` about each pair; `JudgeError` at once if the environment lacks address, key or the library."""

    def __init__(self, settings: Settings):
        if find_spec("openai") is None:
            raise JudgeError("the judge 'api' needs the package openai: pip install 'sp3f-lib[judge]'")
        endpoint()
        self.settings, self.name = settings, f"{settings.model}/{VERSION}"
        self._secret = secrets.token_bytes(16)

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """One verdict per pair, in order; `JudgeError` only if the endpoint refused every pair or could not be reached."""
        from openai import AsyncOpenAI

        logging.getLogger("httpx2").setLevel(logging.WARNING)  # its INFO lines hold the address
        url, key = endpoint()
        settings, gate, seen = self.settings, asyncio.Semaphore(self.settings.concurrency), Counter()
        # The client lives as long as the event loop it belongs to: training runs each `compare` in a loop of its own.
        async with AsyncOpenAI(
            base_url=url, api_key=key, timeout=settings.timeout_seconds, max_retries=settings.max_retries
        ) as client:
            verdicts = await asyncio.gather(*(self._verdict(client, gate, seen, pair) for pair in pairs))
        if pairs and seen["refused"] == len(pairs):
            raise JudgeError(f"the judge's endpoint gave no verdict on any of {len(pairs)} pairs: {verdicts[0].reason}")
        return list(verdicts)

    async def _verdict(self, client, gate: asyncio.Semaphore, seen: Counter, pair: Pair) -> Verdict:
        """One request. `seen["refused"]` counts those that the endpoint is to blame for, `seen["answered"]` the others."""
        import openai

        settings, chat = self.settings, messages(pair, self._secret)
        sampling = {} if settings.temperature is None else {"temperature": settings.temperature}
        async with gate:
            if seen["refused"] >= settings.concurrency and not seen["answered"]:
                seen["refused"] += 1
                return self._none("not asked: every request before it was refused")
            try:
                reply = await client.chat.completions.create(
                    model=settings.model, messages=chat, max_tokens=settings.max_tokens, **sampling
                )
                choice = reply.choices[0]
                text, cut_off = choice.message.content or "", choice.finish_reason == "length"
            except openai.OpenAIError as error:
                reason, refused = _explain(error)
                seen["refused" if refused else "answered"] += 1
                return self._none(reason)
            except (AttributeError, IndexError, TypeError, ValueError):  # status 200, but an HTML page or an error in JSON
                seen["refused"] += 1
                return self._none(f"the reply is not a chat completion; {_ADVICE[404]}")
        seen["answered"] += 1
        if cut_off:
            return self._none(f"cut off at {settings.max_tokens} tokens (judge.max_tokens)")
        verdict = parse_verdict(text)
        if verdict is None:
            return self._none(f"no verdict in the reply, which ends {text[-80:]!r}")
        return Verdict(_PREFERENCE[verdict], judge=self.name)

    def _none(self, reason: str) -> Verdict:
        return Verdict(None, reason, self.name)


def endpoint() -> tuple[str, str]:
    """(address, key) from the environment; `JudgeError` naming the variable that is missing."""
    for variable, what in ((URL, "the address of the endpoint"), (KEY, "its key; any word for a server that asks for none")):
        if not os.environ.get(variable):
            raise JudgeError(f"the judge 'api' needs {variable} in the environment: {what}")
    url = os.environ[URL].strip()
    if not url.startswith(("http://", "https://")):
        raise JudgeError(f"{URL} must be an address that starts with http:// or https://")
    return url, os.environ[KEY].strip()


def _explain(error) -> tuple[str, bool]:
    """Why a request failed, without the server's own words, and whether the endpoint itself is to blame."""
    import openai

    if isinstance(error, openai.APIStatusError):
        code = error.status_code
        refused = 400 <= code < 500 and code not in _PASSING
        advice = _ADVICE.get(code, "")
        return f"{type(error).__name__} {code}{f'; {advice}' if refused and advice else ''}", refused
    refused = isinstance(error, openai.APIConnectionError) and not isinstance(error, openai.APITimeoutError)
    return f"{type(error).__name__}{f'; is {URL} right, and is the server up?' if refused else ''}", refused
