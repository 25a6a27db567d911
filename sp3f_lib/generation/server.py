"""A server samples in place of transformers: vLLM's, or any with OpenAI's text completions.

    vllm serve runs/lab/dpo/model --generation-config vllm          # the server's terminal; --dtype as you would load it here
    export LLM_API_URL=http://localhost:8000/v1 LLM_API_KEY=none
    generate = server_generator("runs/lab/dpo/model")               # then as in `sampling`

*Completions, not chat.* The chat endpoint has no portable way to go on from a reply that was begun (self-translation). So the chat
is rendered here, with the model's own template, and what is sent are its token ids: the server sees what transformers would
see, and adds no second beginning-of-text token. Its count of the prompt's tokens is compared with ours.

*vLLM's extensions* (`vllm=True`): the end ids of the model, `repetition_penalty`, no top-k whatever the model's generation settings
say, and the token ids of the answer, from which text and length are read as in `sampling.complete`. Servers pass over fields that
they do not know; one that returns no token ids has passed over the others as well, and is refused. The one difference: nothing
is sure to stand, or to be missing, behind `stop`. Without the extensions (`vllm=False`: `transformers serve` and others) the prompt
goes as text, a repetition penalty is refused, the server ends where it ends by itself, and the reply is cut behind `stop` here:
not every server says whether it was `stop` that ended it.

*One request for each sample*, with a seed of its own made from (seed, prompt, sample): `n` would retry ten answers for the
loss of one, and vLLM counts the seeds of `n` upwards, so that neighbouring seeds share samples. The same call gets the same
answers as far as the server's arithmetic allows (vLLM's changes with what shares a batch; VLLM_BATCH_INVARIANT=1 ends that).

A request that fails after its tries is a `StageError` that names the prompt; parts on disk keep what was done before.
"""

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

from sp3f_lib.endpoint.client import KEY, URL, BadBody, JudgeError, check_libraries, endpoint
from sp3f_lib.endpoint.loop import wait_for
from sp3f_lib.endpoint.transport import RequestError, Transport
from sp3f_lib.generation.local import Completion, end_ids, load_tokenizer
from sp3f_lib.generation.sampling import Generate, Sampling
from sp3f_lib.runs import StageError, content_hash

_ADVICE = {
    401: f"is the key in {KEY} right?",
    404: f"is {URL} right (most end in /v1), and does the server serve this model under this name?",
}
_SAYS_WHY = (400, 404, 413, 422)  # what a server says with these is about the request, not about the key
_LONGEST_QUOTE = 400  # characters of a server's message, or of a prompt


@dataclass(frozen=True)
class Limits:
    """How to ask, not what for: requests at once, seconds and tries of one request. An answer of 2,400 tokens takes its time."""

    concurrency: int = 64
    timeout_seconds: float = 1800.0
    max_retries: int = 20
    retry_seconds: float = 3600.0  # all tries of one request together
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a server returned; `ids` is None where it does not know vLLM's extensions, `tokens_in` where it does not count."""

    text: str
    ids: list[int] | None
    finish: str
    tokens_in: int | None
    tokens_out: int | None


def server_generator(
    path: str, model: str | None = None, vllm: bool = True, limits: Limits | None = None, revision: str | None = None
) -> Generate:
    """A generator that asks the server at LLM_API_URL; tokenizer and end ids are those of the model directory or hub id `path`.

    `model` is the server's name for it: `path` itself, unless `vllm serve` was given --served-model-name. A server of another
    model answers 404, so a later iteration cannot be sampled from an earlier one's model by mistake. `StageError` at once if the
    environment lacks address, key or library, `ValueError` if `path` has no tokenizer with a chat template.
    """
    tokenizer = load_tokenizer(path, revision)
    ends = end_ids_of(path, tokenizer, revision)
    check_server()
    return partial(_complete, _Completions(limits or Limits()), tokenizer, ends, model or str(path), vllm)


def check_server() -> None:
    """`StageError` if the environment lacks address or key of a server, or the library that asks it."""
    try:
        check_libraries()
        endpoint()
    except JudgeError as error:
        raise StageError(str(error).replace("the judge 'api'", "methods.generator: server")) from None


def end_ids_of(path: str, tokenizer, revision: str | None = None) -> list[int]:
    """`end_ids` of a model that is not loaded here."""
    from transformers import AutoConfig, GenerationConfig

    try:
        config = GenerationConfig.from_pretrained(path, revision=revision)
    except OSError:  # no generation_config.json: transformers then takes the model's own configuration
        config = GenerationConfig.from_model_config(AutoConfig.from_pretrained(path, revision=revision))
    return end_ids(SimpleNamespace(generation_config=config), tokenizer)


def render(tokenizer, prompts: list[list[dict]], prefill: str) -> tuple[list[str], list[list[int]]]:
    """(texts, token ids) of chat prompts whose reply begins with `prefill`, as `sampling.complete` sees them."""
    texts = [tokenizer.apply_chat_template(p, add_generation_prompt=True, tokenize=False) + prefill for p in prompts]
    return texts, [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def request_seed(seed: int, prompt: int, sample: int) -> int:
    """The seed of one answer (32 bits): it does not depend on the others."""
    return int(content_hash([seed, prompt, sample])[:8], 16)


def place(prompts: list[list[dict]], number: int, sample: int) -> str:
    """Which answer an error is about.

    >>> place([[{"role": "user", "content": "Name a fruit."}]], 0, 2)
    "prompt 0 ('Name a fruit.'), sample 2"
    """
    return f"prompt {number} ({prompts[number][-1]['content'][:60]!r}), sample {sample}"


def check_end(where: str, finish: str | None, tokens: int, sampling: Sampling) -> bool:
    """Whether the answer is finished; `StageError` if it ended in a way that transformers does not know."""
    if finish not in ("stop", "length"):
        raise StageError(f"{where}: the answer ended by {finish!r}, neither by an end token nor at the limit of tokens")
    if finish == "length" and tokens < sampling.max_new_tokens:
        raise StageError(
            f"{where}: the answer was cut off at {tokens} tokens, though {sampling.max_new_tokens} are allowed: prompt and answer "
            "do not fit into the server's own limit (vLLM: --max-model-len, --override-generation-config)"
        )
    return finish == "stop"


def _complete(
    transport: Transport,
    tokenizer,
    ends: list[int],
    model: str,
    vllm: bool,
    prompts: list[list[dict]],
    sampling: Sampling,
    seed: int,
    prefill: str = "",
    stop: str | None = None,
) -> list[Completion]:
    if not vllm and sampling.repetition_penalty != 1:
        raise StageError(
            f"a repetition penalty ({sampling.repetition_penalty:g}) is not part of OpenAI's completions; ask a vLLM server "
            "(methods.server.vllm), or sample with transformers"
        )
    texts, ids = render(tokenizer, prompts, prefill)
    body = {
        "model": model,
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if vllm:
        body |= {"repetition_penalty": sampling.repetition_penalty, "top_k": -1, "min_p": 0.0, "stop_token_ids": ends}
        # With it, end tokens stay in the text unless they are special, as they do in transformers.
        body |= {"include_stop_str_in_output": True, "return_token_ids": True} | ({"stop": [stop]} if stop else {})

    async def one(number: int, sample: int) -> Completion:
        where = place(prompts, number, sample)
        prompt = ids[number] if vllm else _as_text(tokenizer, texts[number], ids[number])
        seeded = {"seed": request_seed(seed, number, sample)} if sampling.temperature else {}
        try:
            async with transport.slot():
                answer = await transport.send(body | seeded | {"prompt": prompt})
        except RequestError as error:
            raise StageError(
                f"{where}: {error}. Parts that are done are kept; the same command goes on from there"
            ) from None
        _check(where, answer, len(ids[number]), vllm)
        length = len(answer.ids) if vllm else answer.tokens_out
        finished = check_end(where, answer.finish, length, sampling)
        text = (tokenizer.decode(answer.ids, skip_special_tokens=True) if vllm else answer.text).strip()
        if stop and not vllm:
            before, closed, _ = text.partition(stop)
            text, finished = before + closed, finished or bool(closed)
        return Completion(number, sample, sampling.temperature == 0, text, length, finished)

    async def all_of_them() -> list[Completion]:
        jobs = [(number, sample) for number in range(len(prompts)) for sample in range(sampling.samples)]
        try:
            async with transport.open(), asyncio.TaskGroup() as tasks:
                made = [tasks.create_task(one(*job)) for job in jobs]
        except BaseExceptionGroup as group:  # the first to fail ends the others
            raise group.exceptions[0] from None
        return [task.result() for task in made]

    return wait_for(all_of_them())


def _as_text(tokenizer, text: str, ids: list[int]) -> str:
    """The text from which a server's tokenizer makes `ids`: without the first token of the template, if it adds that one itself."""
    for candidate in (text, text.removeprefix(tokenizer.bos_token or "")):
        if tokenizer(candidate)["input_ids"] == ids:
            return candidate
    raise StageError(
        "no text gives the server the tokens of this chat template, as its tokenizer adds some of its own; ask a vLLM server "
        "(methods.server.vllm), which takes token ids"
    )


def _check(where: str, answer: Answer, tokens_in: int, vllm: bool) -> None:
    """`StageError` if the server has not understood the request as it was meant."""
    if vllm and answer.ids is None:
        raise StageError(
            f"the server at {URL} does not know vLLM's extensions: it returned no token ids, so it has passed over the end ids and "
            "the repetition penalty as well; serve the model with vLLM (0.10.2 or later), or set methods.server.vllm=false"
        )
    if answer.tokens_in != tokens_in or answer.tokens_out is None:
        raise StageError(
            f"{where}: the prompt has {tokens_in} tokens, the server counted {answer.tokens_in}; does it serve this model with "
            "this tokenizer, without cutting prompts?"
        )


class _Completions(Transport):
    """Text completions, with the tries, pauses and bounds of the judges' requests."""

    path = "completions"

    def size(self, content: bytes) -> int:
        return len(content) // 3 + json.loads(content)["max_tokens"]

    def read(self, content: bytes, seconds: float, tries: int) -> Answer:
        try:
            body = json.loads(content)
            choice, usage = body["choices"][0], body.get("usage") or {}
            text = choice["text"].encode(errors="replace").decode()  # half a surrogate pair is JSON, but no file takes it
            ids = choice.get("token_ids")
            if ids is not None and not all(isinstance(token, int) for token in ids):
                raise ValueError
            return Answer(text, ids, choice["finish_reason"], usage.get("prompt_tokens"), usage.get("completion_tokens"))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise BadBody from None

    def explain(self, error: Exception, tries: int) -> RequestError:
        """As for judges, with what the server says where it is about the request: the key is taken out of it."""
        import openai

        found = super().explain(error, tries)
        after = f" after {tries} tries" if tries > 1 else ""
        if isinstance(error, openai.APIStatusError):
            code = error.status_code
            parts = [f"{type(error).__name__} {code}{after}", _ADVICE.get(code), _said(error) if code in _SAYS_WHY else None]
            found.reason = "; ".join(part for part in parts if part)
        elif isinstance(error, BadBody):
            found.reason = f"the reply is not a text completion{after}; {_ADVICE[404]}"
        elif "judge.timeout_seconds" in found.reason:
            seconds = min(self.settings.timeout_seconds, self.settings.retry_seconds)
            found.reason = f"no reply in {seconds:g} s{after} (methods.server.timeout_seconds)"
        found.args = (found.reason,)
        return found


def _said(error) -> str | None:
    """A server's own message (vLLM: error.message; FastAPI: detail), without the key, and not too long."""
    body = error.body
    said = (body.get("message") or body.get("detail")) if isinstance(body, dict) else body
    _, key = endpoint()
    return f"the server says: {str(said).replace(key, '***')[:_LONGEST_QUOTE]}" if said else None
