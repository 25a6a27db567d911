"""Answers to tasks: two processes against one, and the memory of a hundred thousand answers.

    python benchmarks/evaluation.py                    both; --only processes, --only memory

Processes: the shipped base model answers the lab's problems as a task, alone and in two processes of `accelerate launch`; the
answers must be the same. The pace is that from the first block to the last: starting a process (importing torch and
transformers) takes as long as many a block of the lab's small model. Where others are at work the clock says little, so what an
answer costs of a processor stands beside it: if it costs as much when two share the work, two free cores are twice as fast.

Memory: the answers are the lab's solutions, right or wrong, in place of a model's; blocks, the file of all answers, scores (with
the detectors of languages) and tables are the real ones. Resident memory after a tenth and at the end of each step; what the
detectors hold is there after a tenth.
"""

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = str(ROOT)
LANGS = ("en", "de", "es", "fr", "ru", "zh", "sw", "bn", "hi", "th")
BLOCK = 128
GOALS = {"ratio": 1.8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("processes", "memory"))
    parser.add_argument("--problems", type=int, default=512, help="of the two processes, in each of two languages")
    parser.add_argument("--answers", type=int, default=100_000, help="sampled ones, for the memory")
    options = parser.parse_args()
    print(f"load at the start {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if options.only != "memory":
        processes(options.problems)
    if options.only != "processes":
        memory(options.answers)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


def processes(count: int) -> None:
    """The pace of one and of two processes: by the clock, and by what an answer costs of a processor."""
    start = {number: answered(number, BLOCK // 8) for number in (1, 2)}  # a few answers: what it costs to begin
    made = {number: [] for number in (1, 2)}
    for number in (1, 2, 2, 1):  # twice each, turned round: others may be at work
        found = answered(number, count)
        made[number].append(found)
        print(
            f"{number} process{'es' * (number > 1)}: {len(found.answers):,} answers in {found.seconds:.0f} s "
            f"({found.cpu:.0f} s of processors), from the first block on {found.pace:.0f} a second; load {os.getloadavg()[0]:.1f}"
        )
    assert all(one.answers.equals(made[1][0].answers) for found in made.values() for one in found), "other answers"
    ratio = max(one.pace for one in made[2]) / max(one.pace for one in made[1])
    print(f"two against one by the clock: {ratio:.2f} (goal {GOALS['ratio']}); the same answers")
    alone, shared = (
        (min(one.cpu for one in made[number]) - start[number].cpu)
        / (len(made[number][0].answers) - len(start[number].answers))
        for number in (1, 2)
    )
    both = f"{1000 * alone:.1f} ms an answer alone, {1000 * shared:.1f} ms shared"
    print(f"by processor time: {both}, so {2 * alone / shared:.2f} on two free cores")
    print(f"a few answers of two processes, with their start, cost {start[2].cpu:.0f} s of processors")


@dataclass
class Answered:
    """A run: its answers, seconds of the clock and of processors, and answers a second from the first block of each process on."""

    answers: object
    seconds: float
    cpu: float
    pace: float


def answered(number: int, count: int) -> Answered:
    """So many problems in each of two languages, answered by so many processes."""
    import pandas as pd

    with in_folder(count, ("en", "es")) as (profile, task, rows):
        from sp3f_lib.pipeline.task_answers import task_answers

        launch = {"accelerate": "ddp" if number > 1 else "single", "processes": number}
        own = profile.model_copy(update={"launch": profile.launch.model_copy(update=launch)})
        began, cpu = time.monotonic(), spent()
        answers = pd.read_parquet(task_answers(own, "base", task, rows))
        seconds, cpu = time.monotonic() - began, spent() - cpu
        times = sorted(path.stat().st_mtime for path in Path("runs").glob("lab/answers-*/*/blocks/part-*"))
    took = times[-1] - times[number - 1]
    return Answered(answers, seconds, cpu, (len(times) - number) / took * len(answers) / len(times) if took else 0.0)


def spent() -> float:
    """Processor seconds of this process and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def memory(count: int) -> None:
    """Resident memory of every step from blocks to tables."""
    from sp3f_lib.evaluation.task_report import task_report, task_tables
    from sp3f_lib.evaluation.task_rows import read_task_rows
    from sp3f_lib.evaluation.task_score import read_scored, score_file
    from sp3f_lib.generation.blocks import blocks_of, collect, make_blocks
    from sp3f_lib.generation.sampling import Completion, Sampling

    samples, dice = 8, random.Random(0)
    with in_folder(count // samples // len(LANGS), LANGS) as (_, task, file):
        rows = read_task_rows(file)
        solutions = {json.dumps(row["input"]): row["gold"] for row in rows}
        texts = json.loads(Path("solutions.json").read_text())

        def generate(prompts, sampling, seed):
            found = []
            for number, prompt in enumerate(prompts):
                text = texts[prompt[-1]["content"]]
                right = dice.random() < 0.6
                text = text if right else text.replace(solutions[json.dumps(prompt)], str(dice.randrange(1000)))
                found.append(Completion(number, 0, sampling.temperature == 0, text, len(text) // 4, True))
            return found

        sampling = Sampling(samples=samples, temperature=0.7, top_p=0.8)
        blocks = blocks_of([row["input"] for row in rows], [row["lang"] for row in rows], 128, sampling, {})
        with watched("blocks") as at:
            make_blocks(Path("blocks"), blocks, generate, at)
        with watched("one file") as at:
            collect(Path("blocks"), blocks, Path("answers.parquet"))
            at(1, 1)
        with watched("scores") as at:
            score_file(Path("answers.parquet"), rows, 0.7, Path("samples.parquet"), at)
        with watched("tables") as at:
            scored = read_scored({"synthetic": [Path()]})
            at(1, 1)
            tables = task_tables(scored, [task])
            report = task_report(tables, len(scored))
        print(report.splitlines()[0][:40], "...", report.count("\n"), "lines")


@contextmanager
def in_folder(count: int, langs: tuple[str, ...]):
    """(profile, task, its file of rows) in a working directory of its own: so many of the lab's problems in each language."""
    from sp3f_lib.evaluation.tasks import Task
    from sp3f_lib.lab.problems import render_question, render_solution, sample_problems
    from sp3f_lib.pipeline.tasks import rows_of_task
    from sp3f_lib.profiles import load_profile

    before, texts = Path.cwd(), {}
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            for lang in langs:
                problems = sample_problems(count, 1, (2, 3, 4))
                lines = []
                for one in problems:
                    texts[render_question(one, lang)] = render_solution(one, lang)
                    lines.append(json.dumps({"text": render_question(one, lang), "right": one.answer}))
                Path(f"{lang}.jsonl").write_text("\n".join(lines))
            Path("solutions.json").write_text(json.dumps(texts))
            task = Task(
                name="lab", about="the lab's problems", kind="number", languages={lang: lang for lang in langs},
                file="{config}.jsonl", question="{text}", gold="right",
            )  # fmt: skip
            chosen = {"evaluation.languages": list(langs), "evaluation.folder": name, "evaluation.samples": 3, "threads": 1}
            profile = load_profile("lab", chosen)
            yield profile, task, rows_of_task(profile, task)
        finally:
            os.chdir(before)


@contextmanager
def watched(step: str):
    """Prints seconds and memory of a step; gives a progress function, by which memory after a tenth is known."""
    Path("/proc/self/clear_refs").write_text("5")
    began, early = time.monotonic(), []

    def at(done: int, total: int) -> None:
        if not early and done >= total / 10:
            early.append(resident("VmRSS"))

    yield at
    late, peak = resident("VmRSS"), resident("VmHWM")
    grown = f", {early[0]:.0f} MB after a tenth: {late - early[0]:+.0f} MB" if early else ""
    print(f"{step}: {time.monotonic() - began:.0f} s, {late:.0f} MB at the end (most {peak:.0f}){grown}", flush=True)


def resident(field: str) -> float:
    """Memory of this process, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1000


if __name__ == "__main__":
    main()
