"""A small run folder with everything a page shows, made by the real `run_stage`, and a real browser to look at the page with."""

import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from sp3f_lib.data.schema import make_row, write_rows
from sp3f_lib.judges import Pair
from sp3f_lib.judges.ledger import Entry, Ledger, request_key
from sp3f_lib.report.page import write_report
from sp3f_lib.runs import run_stage
from sp3f_lib.training.samples import write_samples

LANGUAGES = ("ar", "de", "en", "he")
PROBLEMS = ("sum-1", "sum-2")
# What a model may write, and what would show if any of it were more than text.
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<img src=x onerror='window.hacked = 3'> <svg onload='window.hacked = 4'>",
    "<!-- <script> <b>broken <table><td",
    "]]> --> &lt;b&gt; &amp; \u2028 \u2029 \\u003cscript\\u003e",
    "safe \u202e gnp.exe \u2066 \u200f and \u0007 {{ 7 * 7 }} {% raw %}",
    "javascript:window.hacked=5 \" onclick='window.hacked = 6' x=\"",
)
ARABIC = "إذن، 18 + 3 = 21. الإجابة هي \\boxed{21}."
JUDGE = {"name": "api", "model": "<i>judge</i>", "privilege": "solution"}
REASON = "A reaches 3 by sound steps; B guesses. <script>window.hacked = 7</script> \\boxed{A}"


def rows(languages=LANGUAGES, problems=PROBLEMS) -> list[dict]:
    return [
        make_row(
            id=problem, lang=lang, query=f"What is 1 + {number + 1}?", solution=f"1 + {number + 1}: \\boxed{{{number + 2}}}.",
            question=f"{lang}: 1 + {number + 1} = ?", translated=None, answer=str(number + 2), task="sums",
        )
        for number, problem in enumerate(problems)
        for lang in languages
    ]  # fmt: skip


def scored(right: dict[str, float], texts=("one", "two")) -> pd.DataFrame:
    """Answers of an evaluation: `right` is the share of right answers by problem; two sampled and a greedy one a problem."""
    lines = []
    for number, problem in enumerate(right):
        for place, lang in enumerate(LANGUAGES):
            for sample in range(3):
                good = float(sample < 2 * right[problem])
                line = {"prompt": number * len(LANGUAGES) + place, "sample": max(0, sample - 1), "greedy": sample == 2}
                line |= {"text": texts[(number + place + sample) % len(texts)], "tokens": 5, "finished": True}
                line |= {"problem": problem, "lang": lang, "gold": "2", "answer": "2", "accuracy": good, "parseable": 1.0}
                lines.append(line | {"share": 1.0, "fidelity": float(lang != "he"), "steps": 1})
    return pd.DataFrame(lines)


def metrics(path: Path, shift: float, judge=True) -> None:
    lines = []
    for step in (1, 2, 3):
        line = {"step": step, "loss": 0.1, "reward": 2 + shift, "rewards/accuracy/mean": 0.5 + shift * step / 10}
        line |= {"rewards/fidelity/mean": 1.0, "groups/none_correct": 0.1}
        if judge:
            line |= {"rewards/win_rate/mean": 0.5, "judge/comparisons": 10.0 * step, "judge/usd": 0.5}
            line |= {"judge/slot_a": 0.2 * step, "judge/no_verdict": 0.0}
        lines.append(json.dumps(line))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def group_lines(step: int, group: int, lang: str, texts) -> list[dict]:
    """Eight completions of one prompt, each compared once with its neighbour; the last comparison has no verdict."""
    lines = []
    for place in range(8):
        line = {"step": step, "group": group, "place": place, "id": "sum-1", "lang": lang, "gold": "2"}
        line |= {"question": "What is 1 + 1?", "prompt": f"{lang}: 1 + 1 = ?", "completion": texts[place % len(texts)]}
        line |= {"accuracy": float(place < 2), "parseable": 1.0, "fidelity": float(place != 7), "win_rate": place / 7}
        lines.append(line | {"reward": 2.0 + place, "verdicts": []})
    for place in range(7):
        preference, reason = (None, "no verdict in the reply") if place == 6 else (1.0, "")
        verdict = {"preference": preference, "reason": reason}
        lines[place]["verdicts"].append({"other": place + 1, "slot": "A"} | verdict)
        other = None if preference is None else 0.0
        lines[place + 1]["verdicts"].append({"other": place, "slot": "B"} | verdict | {"preference": other})
    return lines


def train(root: Path, stage: str, seed: int, inputs: dict, weight: str, settings=None, more=lambda directory: None) -> Path:
    """A stage with a model that no other has, and what `more` writes beside it; returns the model."""

    def work(directory: Path) -> None:
        (directory / "model").mkdir(exist_ok=True)
        (directory / "model" / "model.safetensors").write_text(f"{stage} {seed} {weight}", encoding="utf-8")
        more(directory)

    return (
        run_stage(root, stage, work, settings={"seed": seed} | (settings or {}), inputs=inputs, outputs=("model/*",))
        / "model"
    )


def evaluate(root: Path, stage: str, model, rows_path: Path, table: pd.DataFrame) -> Path:
    def work(directory: Path) -> None:
        table.to_parquet(directory / "samples.parquet")

    inputs = {"rows": rows_path, "model": model}
    return run_stage(root, stage, work, settings={"evaluation": {}}, inputs=inputs, outputs=("samples.parquet",))


def make_data(root: Path) -> Path:
    def work(directory: Path) -> None:
        for name in ("sft", "rl", "eval"):
            write_rows(rows(), directory / f"{name}.parquet")

    return run_stage(root, "data", work, settings={"seed": 0}, outputs=("*.parquet",))


def make_pairs(root: Path, reward: str, texts) -> Path:
    def work(directory: Path) -> None:
        prompt = [{"role": "system", "content": "Think."}, {"role": "user", "content": "1 + 1 = ?"}]
        chosen, rejected = ([{"role": "assistant", "content": text}] for text in texts)
        pair = {"id": "sum-1", "lang": "de", "prompt": prompt, "chosen": chosen, "rejected": rejected, "reward_margin": 0.25}
        (directory / "pairs.jsonl").write_text(json.dumps(pair) + "\n", encoding="utf-8")

    return run_stage(root, "icr-pairs-1-warm", work, settings={"reward": reward}, outputs=("pairs.jsonl",)) / "pairs.jsonl"


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    """`runs/toy` beside a ledger: base, SFT, SP3F of two seeds (one of them also with old settings), ICR's pairs and model.

    In the regime cold there is an evaluation and nothing else.
    """
    root = tmp_path_factory.mktemp("run") / "runs" / "toy"
    data = make_data(root)
    (base := root.parent / "base").mkdir()
    (base / "model.safetensors").write_text("base", encoding="utf-8")
    evaluate(root, "evaluation-base-warm", base, data / "eval.parquet", scored(dict.fromkeys(PROBLEMS, 1.0), HOSTILE))
    for seed in (0, 1):
        sft = train(root, "sft-warm", seed, {"base": base, "rows": data / "sft.parquet"}, "")
        evaluate(root, "evaluation-sft-warm", sft, data / "eval.parquet", scored({"sum-1": 0.5, "sum-2": 0.0}))
        if seed == 0:
            evaluate(root, "evaluation-sft-cold", sft, data / "eval.parquet", scored({"sum-1": 0.0}))

        def more(directory: Path, seed=seed) -> None:
            metrics(directory / "metrics.jsonl", 1 + seed)
            for step in (0, 10):
                lines = group_lines(step, 0, "ar", (ARABIC, *HOSTILE)) + group_lines(step, 1, "de", ("eins", "zwei"))
                write_samples(directory, step, lines)

        # Seed 1 has an older stage with other settings, which must not be shown.
        for old in (True, False)[1 - seed :]:
            settings = {"judge": JUDGE, "grpo": {"max_steps": 1 if old else 3}}
            policy = train(root, "sp3f-warm", seed, {"start": sft}, f"old {old}", settings, more)
            share = 0.0 if old else 0.5 + seed / 2
            evaluate(root, "evaluation-sp3f-warm", policy, data / "eval.parquet", scored(dict.fromkeys(PROBLEMS, share)))
    pairs = make_pairs(root, "R_c", HOSTILE[:2])
    make_pairs(root, "R_t", ("not", "used yet"))
    train(root, "icr_1-warm", 0, {"start": sft, "pairs": pairs}, "")
    write_ledger(root)
    return root


def write_ledger(root: Path) -> None:
    """What the judge replied to the first comparison of the Arabic groups."""
    ledger, sampling = Ledger(root.parent / "verdicts.sqlite"), '{"temperature": 0.0}'
    solution = "1 + 1: \\boxed{2}."
    pair = Pair("What is 1 + 1?", ARABIC, HOSTILE[0], solution, 0, 1, "solution")
    stage = max((root / "sp3f-warm").iterdir(), key=lambda path: (path / "manifest.json").stat().st_mtime_ns)
    entry = Entry(
        request_key(pair, JUDGE["model"], "chat/completions", sampling), "verdict", 1.0, "", REASON, JUDGE["model"],
        "chat/completions", "pairwise-2", "solution", sampling, 0, tokens_in=100, tokens_out=20, usd=0.25,
        run=f"sp3f-warm/{stage.name}",
    )  # fmt: skip
    ledger.write(entry)
    ledger.close()


@pytest.fixture(scope="session")
def hostile() -> tuple[str, ...]:
    return HOSTILE


@pytest.fixture(scope="session")
def said() -> dict[str, str]:
    """The Arabic completion, and what the judge replied about it."""
    return {"arabic": ARABIC, "reason": REASON, "judge": JUDGE["model"]}


@pytest.fixture(scope="session")
def page(run_folder, tmp_path_factory) -> Path:
    return write_report(run_folder, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="session")
def browser():
    """A Chromium without a window, with a look at its console; where there is none, CI installs Debian's."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install '.[dev]'")
    chromium, driver = _programs()
    if not chromium and os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
        install = (
            "apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-noto-core"
        )
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(install, shell=True, capture_output=True, timeout=150, check=False)
        chromium, driver = _programs()
    if not chromium or not driver:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,800"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        started = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    except Exception as error:
        pytest.skip(f"{chromium} does not start here: {str(error).splitlines()[0]}")
    started.set_page_load_timeout(60)
    yield started
    started.quit()


def _programs() -> tuple[str | None, str | None]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None), shutil.which("chromedriver")
