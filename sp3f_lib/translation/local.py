"""A model in this process translates, by transformers or vLLM: a directory or a hub id, its replies in parts on disk.

translate.request: chat    our instruction, for models that follow instructions
translate.request: tags    that of LIDR's self-translation, for models trained on it (the lab's): the reply is begun, and the text
                           is question and solution with a blank line between them, or the solution alone where the question
                           is translated already
"""

import time
from pathlib import Path

from sp3f_lib.endpoint.ledger import ANSWERED, CUT_OFF
from sp3f_lib.generation.engines import free_gpu
from sp3f_lib.generation.parts import in_parts, part_seed
from sp3f_lib.generation.sampling import Sampling
from sp3f_lib.generation.translation import CLOSE, PREFILL, read_translation, translation_prompt
from sp3f_lib.machine import set_up
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.progress import progress_printer
from sp3f_lib.runs import StageError, content_hash, outputs_hash
from sp3f_lib.translation.endpoint import Seen, call_of
from sp3f_lib.translation.requests import Request, sampling

_PART = 4  # batches
_DRAWN = 0.7  # temperature


class LocalTranslator:
    """Translates with the model at `settings.model`; `folder` holds the parts, and what they were made from is in their names."""

    def __init__(self, settings: Translate, folder: Path, run: str, threads: int | None = None):
        if not settings.model:
            raise StageError(f"translate.name is {settings.name!r}: set translate.model to a model directory or a hub id")
        self.settings, self.folder, self.run, self._threads, self._generate = settings, folder, run, threads, None

    def ask(self, requests: list[Request], seen: Seen) -> None:
        """Hands every request's reply to `seen`."""
        if not requests:
            return
        settings = self.settings
        made_from = {
            "model": _content(settings.model),
            "sampling": sampling(settings),
            "request": settings.request,
            "threads": self._threads,
        }
        keys = [request.key for request in requests]
        folder = self.folder / content_hash([keys, made_from])[:12]
        by_key = {request.key: request for request in requests}
        size = _PART * settings.batch_size
        frame = in_parts(
            folder, keys, size, lambda some, number: self._make([by_key[key] for key in some], number), made_from,
            progress_printer("translate", "parts"),
        )  # fmt: skip
        for row in frame.itertuples():
            request = by_key[row.key]
            spent = {"tokens_out": int(row.tokens), "tokens_in": 0, "asked": row.asked}
            status, reason = (
                (ANSWERED, "") if row.finished else (CUT_OFF, f"cut off at {row.tokens} tokens (translate.max_tokens)")
            )
            seen(request, call_of(request, settings, self.run, status, row.text, reason, **spent))

    def _make(self, requests: list[Request], number: int) -> list[dict]:
        tags = self.settings.request == "tags"
        chats = [_tagged(request) if tags else request.messages for request in requests]
        # A self-translation cannot be told what was wrong with the one before: it is drawn anew.
        again = tags and requests[0].candidate > 1
        sampling = Sampling(
            temperature=max(self.settings.temperature or 0.0, _DRAWN if again else 0.0),
            max_new_tokens=self.settings.max_tokens or 4096,
            batch_size=self.settings.batch_size,
        )
        begun = {"prefill": PREFILL, "stop": CLOSE} if tags else {}
        replies = self._generator()(chats, sampling, part_seed(0, number), **begun)
        day = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        return [
            {
                "key": request.key,
                "text": _as_reply(request, reply.text) if tags else reply.text,
                "tokens": reply.tokens,
                "finished": reply.finished,
                "asked": day,
            }
            for request, reply in zip(requests, replies, strict=True)
        ]

    def _generator(self):
        if self._generate is None:
            settings = self.settings
            free_gpu()
            if settings.name == "vllm":
                from sp3f_lib.generation.vllm_engine import vllm_generator

                self._generate = vllm_generator(settings.model, settings.torch_dtype, **settings.extra)
            else:
                import torch

                from sp3f_lib.generation.local import load_model
                from sp3f_lib.generation.sampling import local_generator

                set_up(self._threads)
                model, tokenizer = load_model(settings.model, settings.torch_dtype)
                self._generate = local_generator(model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer)
        return self._generate


def _content(model: str) -> str:
    return outputs_hash(Path(model)) if Path(model).is_dir() else model


def _tagged(request: Request) -> list[dict]:
    """The chat of a self-translation."""
    problem = request.problem
    parts = [problem.text] if request.lang in problem.questions else [problem.question, problem.text]
    return translation_prompt("\n\n".join(parts), "en", request.lang)


def _as_reply(request: Request, text: str) -> str:
    """A self-translation as a reply to our instruction; one that failed stays as it is, and has no parts."""
    found = read_translation(text)
    if found.text is None:
        return text
    if request.lang in request.problem.questions:
        return f"<solution>{found.text}</solution>"
    question, _, solution = found.text.partition("\n\n")
    return f"<question>{question}</question><solution>{solution}</solution>"
