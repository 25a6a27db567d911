r"""What a translator says, for tests/serving.py: words of the language by a table (words.py), with everything that can go wrong.

What it makes of a request is a pure function of the request's text, so that it is the same whenever and in whatever order it is
asked; a request that says what was wrong with the one before is translated well, unless `--stubborn`. It also judges, and
solves.

Mistakes: number (one is changed), sentence (the last one is lost), english (left in English), solves (an answer instead of a
translation), mark (a formula is lost), format (no tags), cut (cut off), refused, other (in another language than asked).
"""

import argparse
import hashlib
import importlib.util
import json
import random
import re
from pathlib import Path

MISTAKES = ("number", "sentence", "english", "solves", "mark", "format", "cut", "refused", "other")
_spec = importlib.util.spec_from_file_location("words", Path(__file__).with_name("words.py"))
_words = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_words)
_NAMES = {"German": "de", "French": "fr", "Swahili": "sw", "Bengali": "bn", "Telugu": "te"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mistakes", type=float, default=0.0, help="share of requests with a mistake in the reply")
    parser.add_argument("--which", nargs="+", choices=MISTAKES, default=list(MISTAKES))
    parser.add_argument("--stubborn", action="store_true", help="the second try has the same mistake")


def reply(body: bytes, options: argparse.Namespace) -> dict:
    """The reply to the request `body`."""
    text, finish = translation(json.loads(body), options)
    return {"text": text, "finish": finish, "tokens": (len(body) // 4, len(text) // 4)}


def translation(request: dict, options: argparse.Namespace) -> tuple[str, str]:
    """(text, how it ended) of the reply to a chat request."""
    messages = request["messages"]
    if "How good is the translation?" in messages[0]["content"]:
        return ("I like it.\n\\boxed{4}" if len(messages[0]["content"]) % 3 else "Four of five."), "stop"
    if request.get("model") == "solver":
        return _solved(messages), "stop"
    lang = _NAMES[re.search(r"into (\w+)", messages[0]["content"])[1]]
    user = messages[1]["content"]
    parts = {
        name: found[1].strip()
        for name in ("question", "solution")
        if (found := re.search(rf"<{name}>(.*?)</{name}>", user, re.S))
    }
    mistake = None
    if len(messages) == 2 or options.stubborn:
        draw = random.Random(hashlib.sha256((user + lang).encode()).digest())
        mistake = draw.choice(options.which) if draw.random() < options.mistakes else None
    if mistake == "english":
        return _tagged(parts), "stop"
    if mistake == "solves":
        return "First we add the numbers. Then we see that the answer is \\boxed{42}.", "stop"
    if mistake == "refused":
        return "", "content_filter"
    if mistake == "other":
        lang = "fr" if lang != "fr" else "de"
    done = {name: _words.translate(text, lang) for name, text in parts.items()}
    last = next(reversed(done))
    match mistake:
        case "number":
            done[last] = re.sub(r"(?<![⟦\d])\d+(?![⟧\d])", lambda found: str(int(found[0]) + 113), done[last], count=1)
        case "sentence":
            done[last] = re.sub(r"[^.\n]*[.\n]?\s*\Z", "", done[last])
        case "mark":
            done[last] = re.sub("⟦\\d+⟧", "", done[last], count=1)
        case "format":
            return "\n".join(done.values()), "stop"
        case "cut":
            return _tagged(done)[:40], "length"
    return _tagged(done), "stop"


def _solved(messages: list[dict]) -> str:
    """A solver that knows English and German: with the table of the problems that it is asked about (the lab's), or not at all."""
    from sp3f_lib.lab.problems import render_question, sample_problems

    for problem in sample_problems(20, 3):
        english = render_question(problem, "en")
        if messages[1]["content"] in (english, _words.translate(english, "de")):
            return f"\\boxed{{{problem.answer}}}"
    return "\\boxed{1000}"


def _tagged(parts: dict[str, str]) -> str:
    return "\n".join(f"<{name}>\n{text}\n</{name}>" for name, text in parts.items())
