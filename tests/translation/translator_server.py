r"""An OpenAI-compatible endpoint that translates by a table (words.py), in a process of its own, with everything that can go wrong.

    python tests/translation/translator_server.py --latency 0.2 --faults 0.1 --kinds number english solves

It prints its port, and ends when its standard input does. What it does to a request is a pure function of the request's
text, so that it is the same whenever and in whatever order it is asked; a request that says what was wrong with the one
before is translated well, unless `--stubborn`. `GET /stats` gives how often each request was answered (paid). With
`--dies-after N` the process ends in the middle of the N-th answer. Latency is drawn around `--latency`, so replies come in
another order than the requests.

Faults: number (one is changed), sentence (the last one is lost), english (left in English), solves (an answer instead of a
translation), mark (a formula is lost), format (no tags), box, cut (cut off), refused, other (in another language than
asked).
"""

import argparse
import asyncio
import hashlib
import importlib.util
import json
import os
import random
import re
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import ClassVar

FAULTS = ("number", "sentence", "english", "solves", "mark", "format", "cut", "refused", "other")
_spec = importlib.util.spec_from_file_location("words", Path(__file__).with_name("words.py"))
_words = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_words)
_NAMES = {"German": "de", "French": "fr", "Swahili": "sw", "Bengali": "bn", "Telugu": "te"}


class TranslatorServer:
    """The server from the outside: `TranslatorServer("--latency", 0.2)` starts it, the end of a `with` block stops it."""

    def __init__(self, *options):
        command = [sys.executable, __file__, *map(str, options)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def stats(self) -> dict:
        with urllib.request.urlopen(self.url.replace("/v1", "/stats"), timeout=20) as reply:
            return json.load(reply)


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
    fault = None
    if len(messages) == 2 or options.stubborn:
        draw = random.Random(hashlib.sha256((user + lang).encode()).digest())
        fault = draw.choice(options.kinds) if draw.random() < options.faults else None
    if fault == "english":
        return _tagged(parts), "stop"
    if fault == "solves":
        return "First we add the numbers. Then we see that the answer is \\boxed{42}.", "stop"
    if fault == "refused":
        return "", "content_filter"
    if fault == "other":
        lang = "fr" if lang != "fr" else "de"
    done = {name: _words.translate(text, lang) for name, text in parts.items()}
    last = next(reversed(done))
    match fault:
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


class Server(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as little of it as a client needs."""

    paid: ClassVar[Counter] = Counter()
    times: ClassVar[list] = []
    options: argparse.Namespace
    random: random.Random

    def connection_made(self, transport):
        self.transport, self.buffer, self.tasks = transport, b"", set()

    def connection_lost(self, error):
        for task in self.tasks:
            task.cancel()

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].decode()
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
            length = int(headers.get("content-length", 0))
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            task = asyncio.ensure_future(self.answer(head.split(" ", 2), body))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def answer(self, request: list[str], body: bytes) -> None:
        if request[0] == "GET":
            return self.send(200, json.dumps({"paid": sorted(self.paid.values(), reverse=True)}).encode())
        options = self.options
        if options.latency:
            await asyncio.sleep(options.latency * (self.random.uniform(0.2, 1.8) if options.jitter else 1))
        if self.random.random() < options.outages:
            return self.send(503, b'{"error": {"message": "busy"}}')
        text, finish = translation(json.loads(body), options)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        usage = {"prompt_tokens": len(body) // 4, "completion_tokens": len(text) // 4}
        self.paid[hashlib.sha256(body).hexdigest()] += 1
        reply = json.dumps(
            {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
        ).encode()
        if options.dies_after and self.paid.total() >= options.dies_after:
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n" + reply[: len(reply) // 2])
            os._exit(1)
        self.send(200, reply)

    def send(self, status: int, body: bytes) -> None:
        self.transport.write(
            f"HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        )


async def main(options: argparse.Namespace) -> None:
    Server.options, Server.random = options, random.Random(0)
    listener = socket.create_server(("127.0.0.1", options.port), backlog=2048)
    server = await asyncio.get_running_loop().create_server(Server, sock=listener, backlog=2048)
    print(listener.getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before an answer")
    parser.add_argument("--jitter", action="store_true", help="between a fifth and nearly twice of it")
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests with a fault in the reply")
    parser.add_argument("--kinds", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--stubborn", action="store_true", help="the second try has the same fault")
    parser.add_argument("--outages", type=float, default=0.0, help="share of requests that get 503")
    parser.add_argument(
        "--dies-after", type=int, default=0, help="answers, in the middle of the last of which the process ends"
    )
    asyncio.run(main(parser.parse_args()))
