"""A training stage that is killed again and again ends as one that nobody disturbed: byte for byte, and without paying twice.

    python benchmarks/kills.py --stage preference --kills 10 --seed 0          about three minutes on two cores

One run at toy size is left alone; another one, of the same stage on the same rows, gets SIGKILL for its whole process group, and
is started again by the same command, ten times. The moments are random: the number of steps to go before a kill is uniform in 0.3
to 1.0 of an even share of those that are left (a little less, so that the run does not end before the last kill), counted in steps
because the machine may be busy with other things; then comes a random part of a step. Every third kill waits for the next
checkpoint that is being written and comes a few milliseconds into it.

GRPO asks a paid judge: tests/serving.py without faults, which counts what it answers. What was asked and is not in the
ledger after a kill was in flight, and is asked again; nothing else may be.
"""

import argparse
import os
import random
import re
import runpy
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHILD = "--child"
STEPS = {"sft": 150, "grpo": 60, "preference": 120}
CONCURRENCY = 8
CHANGES = {
    "judge.name": "api", "judge.model": "m", "judge.concurrency": CONCURRENCY, "tracking.samples_every": 1,
    "data.sft_problems": 40, "grpo.max_completion_length": 24,
}  # fmt: skip
_INTO_SAVE = 0.01  # seconds; at 0.05 a checkpoint of this size is often written already


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STEPS, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    server = runpy.run_path(str(ROOT / "tests" / "serving.py"))["FakeJudge"]
    with tempfile.TemporaryDirectory() as name, server("--latency", 0.02) as one, server("--latency", 0.02) as other:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, CHILD, "prepare", options.stage, name], check=True, env=environment(""))
        calm, killed = Run(options.stage, folder, "calm", one), Run(options.stage, folder, "killed", other)
        step_seconds = calm.undisturbed()
        print(
            f"{options.stage}: {STEPS[options.stage]} steps, {step_seconds:.3f} s each when nobody disturbs them\n",
            flush=True,
        )
        kills(killed, options.kills, random.Random(options.seed), step_seconds)
        same = compare(calm, killed)
    if not same:
        sys.exit("the killed run is not the calm one")


class Run:
    """One run of a stage in a folder of its own, started as often as it takes by the same command."""

    def __init__(self, stage: str, folder: Path, name: str, server):
        self.stage, self.server, self.cwd, self.lost = stage, server, folder / name, []
        self.cwd.mkdir()
        self.command = [sys.executable, __file__, CHILD, "train", stage, str(folder)]

    @property
    def directory(self) -> Path:
        """The stage's directory; it is there once the stage has begun."""
        return next((self.cwd / "runs" / "kills" / self.stage).glob("*"))

    def start(self) -> tuple[subprocess.Popen, bool]:
        """(the process, whether it is still at work) once it trains."""
        process = subprocess.Popen(
            self.command,
            cwd=self.cwd,
            env=environment(self.server.url),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for line in process.stdout:
            if re.match(r"kills: (goes on from step \d+|step 1/)", line):
                return process, True
        return process, False

    def undisturbed(self) -> float:
        """Runs to the end; seconds of one step."""
        process, _ = self.start()
        began = time.monotonic()
        process.communicate()
        if process.returncode:
            sys.exit(f"the calm run failed with code {process.returncode}")
        return (time.monotonic() - began) / (STEPS[self.stage] - 1)

    def steps(self) -> int:
        """Steps of the last complete checkpoint."""
        found = self.directory.glob("checkpoints/checkpoint-*/COMPLETE")
        return max((int(path.parent.name.rsplit("-", 1)[1]) for path in found), default=0)

    def logged(self) -> int:
        """Steps in the metrics, which are written after each step."""
        path = self.directory / "metrics.jsonl"
        return path.read_bytes().count(b"\n") if path.is_file() else 0

    def saving(self) -> bool:
        """Whether a checkpoint is begun and not complete."""
        return any(not (path / "COMPLETE").is_file() for path in self.directory.glob("checkpoints/checkpoint-*"))

    def calls(self) -> tuple[int, int]:
        """(calls that the judge's server got, answers in the ledger)."""
        ledger = self.cwd / "runs" / "verdicts.sqlite"
        if not ledger.is_file():
            return 0, 0
        database = sqlite3.connect(ledger)
        (rows,) = database.execute("SELECT count(*) FROM calls WHERE status != 'failed'").fetchone()
        database.close()
        return sum(self.server.stats()["asked"].values()), rows

    def files(self) -> dict[str, bytes]:
        """What a run leaves: weights, metrics, sampled completions with their prompts, rewards and verdicts."""
        wanted = ("model/*.safetensors", "metrics.jsonl", "samples/*.parquet")
        paths = [path for glob in wanted for path in sorted(self.directory.glob(glob))]
        return {str(path.relative_to(self.directory)): path.read_bytes() for path in paths}


def kills(run: Run, number: int, rng: random.Random, step_seconds: float) -> None:
    """Kills the run `number` times, prints a line for each, and lets it end."""
    print(f"{'kill':>4}{'after s':>9}{'from step':>11}{'last saved':>12}{'while saving':>14}{'calls in flight':>17}")
    for kill in range(1, number + 1):
        process, alive = run.start()
        began, first = time.monotonic(), run.steps()
        share = (STEPS[run.stage] - first) / (number - kill + 1.5)
        goal = first + int(rng.uniform(0.3, 1.0) * share)
        while process.poll() is None and run.logged() < goal:
            wait(process, 0.002)
        wait(process, rng.random() * step_seconds)
        if kill % 3 == 0:
            while process.poll() is None and not run.saving():
                time.sleep(0.001)
            wait(process, rng.uniform(0, _INTO_SAVE))
        if not alive or process.poll() is not None:
            sys.exit(
                f"the run ended before kill {kill}, with code {process.wait()}, at step {run.logged()}; choose fewer kills"
            )
        after = time.monotonic() - began
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.1)  # until the server has read what was on its way
        asked, rows = run.calls()
        run.lost.append(asked - rows - sum(run.lost))
        print(f"{kill:>4}{after:>9.2f}{first:>11}{run.steps():>12}{run.saving()!s:>14}{run.lost[-1]:>17}", flush=True)
    process, _ = run.start()
    process.communicate()
    if process.returncode:
        sys.exit(f"the run failed with code {process.returncode} after the last kill")


def wait(process: subprocess.Popen, seconds: float) -> None:
    """Waits; what the process says meanwhile is read, so that it never waits for a full pipe."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and process.poll() is None:
        if select.select([process.stdout], [], [], left)[0]:
            os.read(process.stdout.fileno(), 65536)


def compare(calm: Run, killed: Run) -> bool:
    """Prints what differs; True if nothing does."""
    ours, theirs = calm.files(), killed.files()
    kinds = {"weights": "model/", "metrics": "metrics", "samples": "samples/"}
    same = {}
    print(f"\n{'compared byte for byte':<40}{'calm':>10}{'killed':>10}{'equal':>8}")
    for kind, prefix in kinds.items():
        some = [{name: data for name, data in files.items() if name.startswith(prefix)} for files in (ours, theirs)]
        if some[0] or some[1]:
            same[kind] = some[0] == some[1]
            print(f"{kind + ' (bytes)':<40}{size(some[0]):>10}{size(some[1]):>10}{same[kind]!s:>8}")
    if calm.stage == "grpo":
        prompts, others = prompts_of(calm.directory), prompts_of(killed.directory)
        same["prompts"] = prompts == others
        print(f"{'prompts used, in order (number)':<40}{len(prompts):>10}{len(others):>10}{same['prompts']!s:>8}")
        (_, rows), (_, others) = calm.calls(), killed.calls()
        same["ledger"] = rows == others
        print(f"{'answers in the ledger':<40}{rows:>10}{others:>10}{same['ledger']!s:>8}")
        paid = [sum(run.server.stats()["paid"]) for run in (calm, killed)]
        asked = [sum(run.server.stats()["asked"].values()) for run in (calm, killed)]
        print(f"{'calls asked':<40}{asked[0]:>10}{asked[1]:>10}")
        print(f"{'calls answered, that is, paid':<40}{paid[0]:>10}{paid[1]:>10}")
        beyond, flying = paid[1] - paid[0], sum(killed.lost)
        same["paid"] = 0 <= beyond <= flying and max(killed.lost) <= CONCURRENCY
        print(f"paid beyond the calm run: {beyond}; in flight when killed: {flying}, at most {max(killed.lost)} at once")
    return all(same.values()) and {"weights", "metrics"} <= same.keys()


def size(files: dict[str, bytes]) -> int:
    return sum(map(len, files.values()))


def prompts_of(directory: Path) -> list[tuple]:
    """(step, id, prompt) of every completion, in order."""
    import pandas as pd

    paths = sorted(directory.glob("samples/*.parquet"))
    return [
        row for path in paths for row in pd.read_parquet(path)[["step", "id", "prompt"]].itertuples(index=False, name=None)
    ]


def environment(url: str) -> dict[str, str]:
    judge = {"LLM_API_URL": url, "LLM_API_KEY": "any", "NO_PROXY": "127.0.0.1"}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return os.environ | judge | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


# ---- in a process of its own: what is killed


def child(task: str, stage: str, folder: Path) -> None:
    from sp3f_lib.profiles import load_profile

    changes = CHANGES | {f"{stage}.max_steps": STEPS[stage], f"{stage}.save_steps": 2}
    profile = load_profile(ROOT / "tests" / "toy.yaml", changes)
    {"prepare": prepare, "train": train}[task](profile, stage, folder)


def prepare(profile, stage: str, folder: Path) -> None:
    """A model with random weights to start from, and rows or pairs."""
    from sp3f_lib.base.model import new_model, train_tokenizer
    from sp3f_lib.data.pairs import export_pairs
    from sp3f_lib.data.schema import write_rows
    from sp3f_lib.data.sources import lab_rows
    from sp3f_lib.lab.problems import sample_problems

    tokenizer = train_tokenizer(profile.lab, profile.data.languages, folder / "model")
    new_model(profile.lab, tokenizer, 0).save_pretrained(folder / "model")
    rows = lab_rows(sample_problems(profile.data.sft_problems, 5, (2, 3)), profile.data.languages)
    if stage != "preference":
        write_rows(rows, folder / "rows.parquet")
        return
    sides = [[{"role": "assistant", "content": row["translated_solution"]}] for row in rows]
    export_pairs(
        [  # the rejected side is the solution of another problem in the same language
            {
                "id": str(k),
                "lang": row["extra_info"]["lang"],
                "prompt": row["input"],
                "chosen": sides[k],
                "rejected": sides[k - 2],
            }
            for k, row in enumerate(rows)
        ],
        folder / "pairs.jsonl",
    )


def train(profile, stage: str, folder: Path) -> None:
    """The stage, with its lock and manifest."""
    from sp3f_lib.runs import run_stage
    from sp3f_lib.training.checks import check_settings
    from sp3f_lib.training.worker import train_stage

    rows = folder / ("pairs.jsonl" if stage == "preference" else "rows.parquet")
    check_settings(profile, stage)

    def work(directory: Path) -> None:
        train_stage(directory, profile, stage, str(folder / "model"), rows, "kills")

    run_stage(Path("runs/kills"), stage, work, settings={}, inputs={"rows": rows}, outputs=("model/*",))


if __name__ == "__main__":
    if CHILD in sys.argv:
        child(*sys.argv[2:4], Path(sys.argv[4]))
    else:
        main()
