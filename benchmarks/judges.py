"""The API judge against a server of fixed latency: waiting, verdicts a second, memory, and the authors' loop beside it.

    python benchmarks/judges.py

The server (tests/judges/fault_server.py) runs on one core and the client on another. 1,792 comparisons are one step of SP3F: 32
prompts x 56. What is timed is `compare`, with its connections and its ledger on disk; imports are not, a few comparisons go
before. The authors' loop is simulated: bursts of 1,024 `chat.completions.create` and a sleep of ten seconds between two.
"""

import asyncio
import os
import runpy
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPEATS, CALLS, CONCURRENCY, LATENCY = 3, 1792, 256, 0.5
FAST_CALLS = 3000  # without latency
BURST, SLEEP = 1024, 10.0  # the authors'
GOALS = {"ratio": 1.15, "rate": 300}


def main() -> None:
    cores = sorted(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    server = runpy.run_path(str(ROOT / "tests" / "judges" / "fault_server.py"))["FaultServer"]
    os.environ |= {"LLM_API_KEY": "any", "NO_PROXY": "127.0.0.1"}
    with tempfile.TemporaryDirectory(dir=ROOT) as folder, server("--latency", LATENCY) as slow, server() as fast:
        for process in (slow.process.pid, fast.process.pid):
            os.sched_setaffinity(process, {cores[-1]})
        os.sched_setaffinity(0, {cores[0]})
        timed(fast.url, f"{folder}/warm", 8)
        start = memory()
        waits = [timed(slow.url, f"{folder}/slow-{k}", CALLS) for k in range(REPEATS)]
        rates = [FAST_CALLS / timed(fast.url, f"{folder}/fast-{k}", FAST_CALLS) for k in range(REPEATS)]
        end = memory()
        theirs = [asyncio.run(bursts(slow.url, CALLS)) for _ in range(REPEATS)]
    best = CALLS / CONCURRENCY * LATENCY
    print(f"{len(cores)} cores, load at the start {load:.2f}; median of {REPEATS} (all values)\n")
    row(f"{CALLS} comparisons, {LATENCY} s each, concurrency {CONCURRENCY}: seconds", waits)
    row(f"  over calls / concurrency x latency (goal: at most {GOALS['ratio']})", [wait / best for wait in waits])
    row(f"the authors' loop, {CALLS} calls, bursts of {BURST}: seconds", theirs)
    row(f"  of them beside its sleeps of {SLEEP:g} s", [seconds - SLEEP * ((CALLS - 1) // BURST) for seconds in theirs])
    row(f"verdicts a second without latency, one core (goal: at least {GOALS['rate']})", rates)
    print(f"{'memory after imports and in the end (MB)':<75}{start:>8.0f}{end:>8.0f}")
    if statistics.median(waits) / best > GOALS["ratio"] or statistics.median(rates) < GOALS["rate"]:
        sys.exit("a goal is missed")


def timed(url: str, ledger: str, calls: int) -> float:
    """Seconds for `calls` comparisons with a ledger of their own."""
    from sp3f_lib.judges import make_judge
    from sp3f_lib.profiles.judge_section import Judge

    os.environ["LLM_API_URL"] = url
    judge = make_judge(Judge(name="api", model="m", concurrency=CONCURRENCY, ledger=ledger))
    asked = pairs(calls)
    began = time.perf_counter()
    verdicts = asyncio.run(judge.compare(asked))
    seconds = time.perf_counter() - began
    if any(verdict.preference is None for verdict in verdicts):
        sys.exit("a comparison failed: this measures nothing")
    return seconds


async def bursts(url: str, calls: int) -> float:
    """Seconds of the authors' loop for `calls`."""
    from openai import AsyncOpenAI

    from sp3f_lib.judges.prompts import messages

    async with AsyncOpenAI(base_url=url, api_key="any", timeout=600) as client:
        chats = [messages(pair, b"secret") for pair in pairs(calls)]
        began = time.perf_counter()
        for start in range(0, calls, BURST):
            if start:
                await asyncio.sleep(SLEEP)
            some = chats[start : start + BURST]
            await asyncio.gather(*(client.chat.completions.create(model="m", messages=chat) for chat in some))
        return time.perf_counter() - began


def pairs(count: int) -> list:
    """Comparisons with the length of a grade-school problem: some 2,500 characters with the template."""
    from sp3f_lib.judges import Pair

    return [Pair(f"Problem {k}. " * 20, f"First {k}. " * 60, f"Second {k}. " * 60, "Solution. " * 50) for k in range(count)]


def row(name: str, values: list[float]) -> None:
    print(f"{name:<75}{statistics.median(values):>8.2f}   ({', '.join(f'{value:.2f}' for value in values)})")


def memory() -> float:
    """Resident memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    main()
