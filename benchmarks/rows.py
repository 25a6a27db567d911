"""Training rows: the checks of a hundred thousand of them, and a translation of fifteen thousand against an endpoint.

    python benchmarks/rows.py --folder ../shared/data       (GSM8K's texts; without it the lab's)

The checks are timed on one core, in CPU seconds beside those of the clock, because others may be at work on the machine;
memory is that of the process after a tenth of the rows and at the end. The endpoint
(tests/serving.py) answers after 0.2 s and runs on another core; what is timed is the whole stage:
requests, ledger, checks, files. Translations are word by word (tests/translation/words.py).
"""

import argparse
import json
import os
import runpy
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
ROWS, LANGS = 100_000, ("de", "sw", "bn", "te")
PROBLEMS, TARGETS, LATENCY, CONCURRENCY = 5_000, ("de", "sw", "bn"), 0.2, 32
GOALS = {"seconds": 60, "ratio": 1.15}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where gsm8k/train.jsonl is")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--problems", type=int, default=PROBLEMS)
    parser.add_argument("--only", choices=("checks", "stage"))
    options = parser.parse_args()
    problems = english(options.folder, max(options.problems, options.rows // len(LANGS)))
    print(f"load at the start {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        if options.only != "stage":
            checks(problems, options.rows, Path(name))
        if options.only != "checks":
            stage(problems[: options.problems], Path(name))


def english(folder: Path | None, count: int) -> list:
    """So many English problems: GSM8K's (again and again, with another number in front), or the lab's."""
    from sp3f_lib.data.english import Problem, read_problems
    from sp3f_lib.lab.problems import render_question, render_solution, sample_problems

    if folder is None:
        made = sample_problems(count, 1, (2, 3, 4, 5))
        return [Problem(p.id, render_question(p, "en"), render_solution(p, "en"), str(p.answer), "lab") for p in made]
    found, _ = read_problems(folder / "gsm8k" / "train.jsonl")
    return [
        Problem(f"{one.id}-{number}", f"Problem {number} of the book. {one.question}", one.solution, one.answer, "gsm8k")
        for number, one in ((number, found[number % len(found)]) for number in range(count))
    ]


def checks(problems: list, count: int, folder: Path) -> None:
    """Seconds and memory of the checks of a file."""
    import pyarrow as pa
    import pyarrow.parquet

    from sp3f_lib.data.english import with_box
    from sp3f_lib.data.schema import make_row
    from sp3f_lib.data.suspects import Suspects, stream

    translate = runpy.run_path(str(ROOT / "tests" / "translation" / "words.py"))["translate"]
    path, writer = folder / "rows.parquet", None
    for start in range(0, count, 10_000):
        rows = []
        for number in range(start, min(start + 10_000, count)):
            one, lang = problems[number // len(LANGS) % len(problems)], LANGS[number % len(LANGS)]
            solution = with_box(translate(one.text, lang), lang, one.answer)
            rows.append(
                make_row(
                    id=one.id,
                    lang=lang,
                    query=one.question,
                    solution=one.solution,
                    question=translate(one.question, lang),
                    translated=solution,
                    answer=one.answer,
                    task="benchmark",
                )
            )
        table = pa.Table.from_pylist(rows)
        writer = writer or pa.parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()
    del rows, table
    suspects, clock, cpu, memories = Suspects(), time.perf_counter(), time.process_time(), []
    for number, row in enumerate(stream(path), 1):
        suspects.see(row)
        if number in (count // 10, count):
            memories.append(memory())
    found = suspects.settle()
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    print(f"{count} rows: {cpu:.1f} s of one core (goal: at most {GOALS['seconds']} for {ROWS}), {clock:.1f} s by the clock")
    print(
        f"  memory after a tenth of them {memories[0]:.0f} MB, at the end {memories[1]:.0f} MB; {len(found.faults)} have a fault"
    )


def stage(problems: list, folder: Path) -> None:
    """The stage's time over that of its calls."""
    from sp3f_lib.profiles import load_profile
    from sp3f_lib.translation.make import make_rows

    lines = [{"id": one.id, "question": one.question, "solution": one.solution, "answer": one.answer} for one in problems]
    source = folder / "problems.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    server = runpy.run_path(str(ROOT / "tests" / "serving.py"))["FakeTranslator"]
    os.environ |= {"LLM_API_KEY": "any", "NO_PROXY": "127.0.0.1"}
    given = {"model": "m", "ledger": str(folder / "ledger.sqlite"), "concurrency": CONCURRENCY}
    profile = load_profile("lab", {f"translate.{name}": value for name, value in given.items()})
    cores = sorted(os.sched_getaffinity(0))
    with server("--latency", LATENCY) as endpoint:
        os.sched_setaffinity(endpoint.process.pid, {cores[-1]})
        os.sched_setaffinity(0, {cores[0]})
        os.environ["LLM_API_URL"] = endpoint.url
        make_rows(profile, source, list(TARGETS), folder / "warm", limit=20)
        before = sum(endpoint.stats()["paid"])
        clock, cpu = time.perf_counter(), time.process_time()
        make_rows(profile, source, list(TARGETS), folder / "out")
        clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
        calls = sum(endpoint.stats()["paid"]) - before
    best = calls / CONCURRENCY * LATENCY
    print(
        f"{len(problems)} problems x {len(TARGETS)} languages, {calls} calls of {LATENCY} s, {CONCURRENCY} at once: {clock:.1f} s"
    )
    print(
        f"  over calls / concurrency x latency ({best:.1f} s): {clock / best:.2f} "
        f"(goal: at most {GOALS['ratio']}); {cpu:.1f} s of CPU"
    )


def memory() -> float:
    """Resident memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    main()
