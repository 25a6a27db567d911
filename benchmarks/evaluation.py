"""Answers to tasks: two processes against one, and the memory of a hundred thousand answers.

    python benchmarks/evaluation.py                    both; --only processes, --only memory

Processes: the shipped base model answers the lab's problems as a task, once alone and once in two processes of `accelerate launch`;
the answers must be the same. The pace is that from the first block to the last: starting a process (importing torch and
transformers) takes as long as many a block of the lab's small model, so the whole time is printed beside it.

Memory: the answers are the lab's solutions, right or wrong, in place of a model's; blocks, the file of all answers, scores (with
the detectors of languages) and tables are the real ones. Resident memory after a tenth and at the end of each step; what the
detectors hold is there after a tenth.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = str(ROOT)
LANGS = ("en", "de", "es", "fr", "ru", "zh", "sw", "bn", "hi", "th")
GOALS = {"ratio": 1.8, "growth_mb": 100}


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
    """The pace of one and of two processes."""
    import pandas as pd

    made = {}
    for number in (1, 2, 2, 1):  # twice each, turned round: others may be at work
        with in_folder(count, ("en", "es")) as (profile, task, rows):
            from sp3f_lib.pipeline.task_answers import task_answers

            launch = {"accelerate": "ddp" if number > 1 else "single", "processes": number}
            own = profile.model_copy(update={"launch": profile.launch.model_copy(update=launch)})
            began = time.monotonic()
            answers = pd.read_parquet(task_answers(own, "base", task, rows))
            whole = time.monotonic() - began
            times = sorted(path.stat().st_mtime for path in Path("runs").glob("lab/answers-*/*/blocks/part-*"))
            pace = (len(times) - number) / (times[-1] - times[number - 1]) * len(answers) / len(times)
            print(f"{number} process{'es' * (number > 1)}: {len(answers):,} answers in {whole:.0f} s, {pace:.0f} a second")
            made.setdefault(number, []).append((pace, answers))
    assert all(answers.equals(made[1][0][1]) for found in made.values() for _, answers in found), "other answers"
    ratio = max(pace for pace, _ in made[2]) / max(pace for pace, _ in made[1])
    print(f"two against one: {ratio:.2f} (goal {GOALS['ratio']}); the same answers")


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
