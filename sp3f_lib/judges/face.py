"""All that a judge which reads can be asked, behind one face: in trainings (asks.py) and in evaluations.

| asked     | prompt            | a call says                                       |
| --------- | ----------------- | ------------------------------------------------- |
| `Contest` | contest_prompt.py | which of two answers to an instruction is better  |
| `Rating`  | rating_prompt.py  | how good the last answer of a conversation is      |
| others    | asks.py           | see there                                         |

Apart from asks.py because the keys of trainings depend on that file: a model that is trained stays what it is, whatever an
evaluation asks.
"""

from collections.abc import Sequence

from sp3f_lib.judges import asks, contest_prompt, rating_prompt
from sp3f_lib.judges.asks import no_verdict_in
from sp3f_lib.judges.base import Asked

_PROMPTS = {contest_prompt.Contest: contest_prompt, rating_prompt.Rating: rating_prompt}
KINDS = tuple(module.KIND for module in _PROMPTS.values())  # what the versions of their prompts begin with


def _of(prompt: str):
    """The module of a prompt's version; None for those of asks.py."""
    return next((module for module in _PROMPTS.values() if prompt.startswith(f"{module.KIND}-")), None)


def version(asked: Asked) -> str:
    """The version of the prompt, with which a reply is read again."""
    return _PROMPTS.get(type(asked), asks).version(asked)


def texts(asked: Asked) -> tuple[str | None, ...]:
    """All that is shown beside question and reference, in order."""
    return _PROMPTS.get(type(asked), asks).texts(asked)


def messages(asked: Asked, secret: bytes) -> list[dict]:
    """System and user message."""
    return _PROMPTS.get(type(asked), asks).messages(asked, secret)


def read(prompt: str, text: str, tokens: Sequence[tuple[str, dict[str, float]]] = ()) -> dict:
    """What a finished reply to a prompt of this version says, as fields of a ledger's entry: status, preference, ..."""
    if (module := _of(prompt)) is None:
        return asks.read(prompt, text, tokens)
    found = module.read(prompt, text, tokens)
    return {"status": "unreadable", "reason": no_verdict_in(text)} if found is None else {"status": "verdict", **found}


def said(prompt: str, status: str, preference: float | None, text: str) -> dict:
    """What a ledger's entry says, as fields of a `Verdict`."""
    if status == "verdict" and (module := _of(prompt)):
        return module.said(text, preference)
    return asks.said(prompt, status, preference, text)
