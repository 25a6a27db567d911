r"""What a judge says, for tests/serving.py: A or B, a score, or a ranking; a pure function of the texts in the request."""

import argparse
import hashlib
import json
import re
from math import log


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logprobs", action="store_true", help="those of the verdict's tokens, in each reply")


def reply(body: bytes, options: argparse.Namespace) -> dict:
    """A judge's reply to the request `body`: reasons, then the verdict."""
    letter = verdict(body)
    chance = content(body)[1] / 256 * 0.49 + 0.505
    tokens = [("Reasons.\n", None), (r"\boxed", None), ("{", None), (letter, chance), ("}", None)]
    text = "".join(token for token, _ in tokens)
    return {"text": text, "logprobs": [_logprob(*token) for token in tokens] if options.logprobs else None}


def verdict(body: bytes) -> str:
    """A or B, a score, or a ranking, whatever is asked for."""
    if rb"whole number from 0 to 10" in body:
        return f"{content(body)[0] % 11}/10"
    if rb"Rank them" in body:
        letters = set(re.findall(r"Response ([A-Z]):", json.loads(body)["messages"][-1]["content"]))
        return " > ".join(sorted(letters, key=lambda letter: hashlib.sha256(content(body) + letter.encode()).digest()))
    return "AB"[content(body)[0] % 2]


def content(body: bytes) -> bytes:
    """A hash of the request without its tags, whose secret is another one in every ledger."""
    return hashlib.sha256(re.sub(rb"-[0-9a-f]{12}>", b">", body)).digest()


def _logprob(token: str, chance: float | None) -> dict:
    if chance is None:
        return {"token": token, "logprob": 0.0, "bytes": None, "top_logprobs": []}
    other = {"A": "B", "B": "A"}[token]
    tops = [{"token": t, "logprob": log(p), "bytes": None} for t, p in ((token, chance), (other, 0.999 - chance))]
    return {"token": token, "logprob": log(chance), "bytes": None, "top_logprobs": tops}
