r"""An OpenAI-compatible judge server for tests and benchmarks, in a process of its own: fixed latency, and every way to fail.

    python tests/judges/fault_server.py --latency 0.5 --faults 0.2 --kinds 429 hang garbage

It prints its port, and ends when its standard input does, so it outlives nobody. Its verdict is a pure function of the texts in a
request, so runs with and without faults can be compared; which requests fail depends on `--seed`. `GET /stats` gives what was
asked and when, and how often each request was answered in full (paid); `POST /options` changes the options below.
"""

import argparse
import asyncio
import hashlib
import json
import random
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from email.utils import formatdate
from functools import cache
from typing import ClassVar

# The last three are no faults that pass: they are asked for by name.
KINDS = (
    "429", "429-retry-after", "500", "503", "hang", "half-closed", "closed", "empty", "truncated", "garbage", "html", "not-http",
    "10MB", "drip", "429-retry-date", "quota", "401",
)  # fmt: skip


class FaultServer:
    """The server from the outside: `FaultServer("--latency", 0.5)` starts it, the end of a `with` block stops it."""

    def __init__(self, *options):
        command = [sys.executable, __file__, *map(str, options)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def stats(self) -> dict:
        with urllib.request.urlopen(self.url.replace("/v1", "/stats"), timeout=20) as reply:
            return json.load(reply)

    def change(self, **options) -> None:
        data = json.dumps(options).encode()
        urllib.request.urlopen(self.url.replace("/v1", "/options"), data, timeout=20).close()


class Server(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as little of it as a client needs, so that the server costs next to nothing."""

    stats: ClassVar[Counter] = Counter()
    paid: ClassVar[Counter] = Counter()
    times: ClassVar[list] = []
    running = 0
    most = 0
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
            kind = self.random.choice(self.options.kinds) if self.random.random() < self.options.faults else "answer"
            self.stats[kind] += 1
            if self.options.latency:
                await asyncio.sleep(self.options.latency)
            if kind == "answer":
                self.send(200, reply(body, self.options.logprobs))
                self.paid[hashlib.sha256(body).hexdigest()] += 1
            else:
                await self.fail(kind, body)
        finally:
            Server.running -= 1

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
                self.send(200, reply(body, False)[:-30])
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


def content(body: bytes) -> bytes:
    """A hash of the request without its tags, whose secret is another one in every ledger."""
    return hashlib.sha256(re.sub(rb"-[0-9a-f]{12}>", b">", body)).digest()


@cache
def large() -> bytes:
    """A reply of 10 MB."""
    return completion("x" * 10_000_000, None)


def verdict(body: bytes) -> str:
    """A or B, a score, or a ranking, whatever is asked for: a pure function of the request's content."""
    if rb"whole number from 0 to 10" in body:
        return f"{content(body)[0] % 11}/10"
    if rb"Rank them" in body:
        letters = set(re.findall(r"Response ([A-Z]):", json.loads(body)["messages"][-1]["content"]))
        return " > ".join(sorted(letters, key=lambda letter: hashlib.sha256(content(body) + letter.encode()).digest()))
    return "AB"[content(body)[0] % 2]


def reply(body: bytes, logprobs: bool) -> bytes:
    """A judge's reply to the request `body`: reasons, then the verdict."""
    letter = verdict(body)
    chance = content(body)[1] / 256 * 0.49 + 0.505
    tokens = [("Reasons.\n", None), (r"\boxed", None), ("{", None), (letter, chance), ("}", None)]
    return completion("".join(token for token, _ in tokens), [_logprob(*token) for token in tokens] if logprobs else None)


def _logprob(token: str, chance: float | None) -> dict:
    from math import log

    if chance is None:
        return {"token": token, "logprob": 0.0, "bytes": None, "top_logprobs": []}
    other = {"A": "B", "B": "A"}[token]
    tops = [{"token": t, "logprob": log(p), "bytes": None} for t, p in ((token, chance), (other, 0.999 - chance))]
    return {"token": token, "logprob": log(chance), "bytes": None, "top_logprobs": tops}


def completion(text: str, logprobs: list | None) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if logprobs:
        choice["logprobs"] = {"content": logprobs, "refusal": None}
    usage = {"prompt_tokens": 900, "completion_tokens": 150, "total_tokens": 1050}
    return json.dumps(
        {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    ).encode()


async def main(options: argparse.Namespace) -> None:
    Server.options, Server.random = options, random.Random(options.seed)
    listener = socket.create_server(("127.0.0.1", options.port), backlog=2048)
    server = await asyncio.get_running_loop().create_server(Server, sock=listener, backlog=2048)
    print(listener.getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that fail")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS[:-3]))
    parser.add_argument("--retry-after", type=float, default=1.0, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logprobs", action="store_true")
    asyncio.run(main(parser.parse_args()))
