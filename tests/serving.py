r"""An OpenAI-compatible endpoint for tests and benchmarks, in a process of its own: fixed latency, and every way to fail.

    python tests/serving.py judges/fake_judge.py --latency 0.5 --faults 0.2 --kinds 429 hang garbage
    python tests/serving.py translation/fake_translator.py --latency 0.2 --mistakes 0.1

What it says stands in the file that is named first: `add_options(parser)`, and `reply(body, options)`, a pure function of the
request, so that runs with and without faults can be compared. It prints its port, and ends when its standard input does, so it
outlives nobody. Which requests fail depends on `--seed`. `GET /stats` gives what was asked and when, and how often each request
was answered in full (paid); `POST /options` changes the options.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import runpy
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from functools import cache
from pathlib import Path
from typing import ClassVar

# The last three are no faults that pass: they are asked for by name.
KINDS = (
    "429", "429-retry-after", "500", "503", "hang", "half-closed", "closed", "empty", "truncated", "garbage", "html", "not-http",
    "10MB", "drip", "429-retry-date", "quota", "401",
)  # fmt: skip


class Endpoint:
    """The server from the outside: started at once, stopped by the end of a `with` block or by `stop`."""

    def __init__(self, says: str, *options):
        command = [sys.executable, __file__, says, *map(str, options)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stats(self) -> dict:
        with urllib.request.urlopen(self.url.replace("/v1", "/stats"), timeout=20) as reply:
            return json.load(reply)

    def change(self, **options) -> None:
        data = json.dumps(options).encode()
        urllib.request.urlopen(self.url.replace("/v1", "/options"), data, timeout=20).close()


class FakeJudge(Endpoint):
    def __init__(self, *options):
        super().__init__("judges/fake_judge.py", *options)


class FakeTranslator(Endpoint):
    def __init__(self, *options):
        super().__init__("translation/fake_translator.py", *options)


class Server(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as little of it as a client needs, so that the server costs next to nothing."""

    stats: ClassVar[Counter] = Counter()
    paid: ClassVar[Counter] = Counter()
    times: ClassVar[list] = []
    running = 0
    most = 0
    reply: Callable[[bytes, argparse.Namespace], dict]
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
            stats = {"asked": dict(self.stats), "most": Server.most, "times": self.times}
            return self.send(200, json.dumps(stats | {"paid": sorted(self.paid.values(), reverse=True)}).encode())
        if request[1] == "/options":
            vars(self.options).update(json.loads(body))
            return self.send(200, b"{}")
        self.times.append(round(time.monotonic(), 4))
        Server.running += 1
        Server.most = max(Server.most, Server.running)
        try:
            options = self.options
            kind = self.random.choice(options.kinds) if self.random.random() < options.faults else "answer"
            self.stats[kind] += 1
            if options.latency:
                await asyncio.sleep(options.latency * (self.random.uniform(0.2, 1.8) if options.jitter else 1))
            if kind == "answer":
                self.say(body)
            else:
                await self.fail(kind, body)
        finally:
            Server.running -= 1

    def say(self, body: bytes) -> None:
        reply = completion(**Server.reply(body, self.options))
        self.paid[hashlib.sha256(body).hexdigest()] += 1
        if self.options.dies_after and self.paid.total() >= self.options.dies_after:
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n" + reply[: len(reply) // 2])
            os._exit(1)
        self.send(200, reply)

    async def fail(self, kind: str, body: bytes) -> None:
        match kind:
            case "429":
                self.send(429, b'{"error": {"message": "slow down"}}')
            case "429-retry-after":
                self.send(429, b'{"error": {"message": "slow down"}}', f"retry-after: {self.options.retry_after:g}\r\n")
            case "429-retry-date":
                date = formatdate(time.time() + self.options.retry_after + 1, usegmt=True)  # whole seconds, rounded down
                self.send(429, b'{"error": {"message": "slow down"}}', f"retry-after: {date}\r\n")
            case "quota":
                self.send(429, b'{"error": {"message": "no money", "code": "insufficient_quota"}}')
            case "401":
                self.send(401, b'{"error": {"message": "wrong key"}}')
            case "500" | "503":
                self.send(int(kind), b'{"error": {"message": "broken"}}')
            case "hang":
                await asyncio.sleep(3600)
            case "half-closed":
                self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{")
                self.transport.write_eof()
            case "closed":
                self.transport.close()
            case "not-http":
                self.transport.write(b"I do not speak your language.\r\n\r\n")
                self.transport.close()
            case "empty":
                self.send(200, b"")
            case "truncated":
                self.send(200, completion(**Server.reply(body, self.options))[:-30])
            case "garbage":
                self.send(200, bytes(self.random.randrange(256) for _ in range(200)))
            case "html":
                self.send(200, b"<html>Welcome</html>", content="text/html")
            case "10MB":
                self.send(200, large())
            case "drip":
                self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
                for _ in range(100_000):
                    self.transport.write(b" ")
                    await asyncio.sleep(0.05)

    def send(self, status: int, body: bytes, headers: str = "", content: str = "application/json") -> None:
        head = f"HTTP/1.1 {status} .\r\ncontent-type: {content}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        self.transport.write(head.encode() + body)


@cache
def large() -> bytes:
    """A reply of 10 MB."""
    return completion("x" * 10_000_000)


def completion(text: str, finish: str = "stop", tokens: tuple[int, int] = (900, 150), logprobs: list | None = None) -> bytes:
    """The body of a reply; `tokens` in and out, `logprobs` one for each token."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    if logprobs:
        choice["logprobs"] = {"content": logprobs, "refusal": None}
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return json.dumps(
        {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    ).encode()


async def main(options: argparse.Namespace, reply: Callable) -> None:
    Server.options, Server.random, Server.reply = options, random.Random(options.seed), staticmethod(reply)
    listener = socket.create_server(("127.0.0.1", options.port), backlog=2048)
    server = await asyncio.get_running_loop().create_server(Server, sock=listener, backlog=2048)
    print(listener.getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("says", help="the file that replies, from this folder")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--jitter", action="store_true", help="between a fifth and nearly twice of it")
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that fail")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS[:-3]))
    parser.add_argument("--retry-after", type=float, default=1.0, help="seconds")
    parser.add_argument("--dies-after", type=int, default=0, help="answers; it ends in the middle of the last one")
    parser.add_argument("--seed", type=int, default=0)
    said = runpy.run_path(str(Path(__file__).parent / parser.parse_known_args()[0].says))
    said["add_options"](parser)
    asyncio.run(main(parser.parse_args(), said["reply"]))
