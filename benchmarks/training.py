"""The SP3F trainer beside TRL's own, in one run: time of a step, judging beside other work, memory; on a GPU also throughput.

    python benchmarks/training.py                 all of it, about 10 minutes on two cores
    python benchmarks/training.py step overlap    parts of it: step, levers, overlap, size, growth, gpu

- step: our trainer and TRL's GRPOTrainer with the same four rewards take turns, ten steps each, on the lab's settings.
- levers: what each of the things that make a step quicker on a CPU is worth, each taken away alone.
- overlap: a judge with latency (tests/serving.py), asked when all completions are there or part by part.
- size: time and memory of a step against completion length and group size, each in a process of its own.
- growth: memory over many steps of one run.
- gpu: tokens a second of generation and training for a Qwen2.5-like model of 0.5B parameters, made from its configuration.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parents[1]
SERVER = REPOSITORY / "tests" / "serving.py"
CHILD = "--child"


def main() -> None:
    parts = {"step": step, "levers": levers, "overlap": overlap, "size": size, "growth": growth, "gpu": gpu}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *parts], metavar="PART", help=", ".join(parts))
    for name in parser.parse_args().parts or list(parts):
        parts[name]()


def step(rounds: int = 6, turns: int = 10) -> None:
    """Our step beside TRL's, alternating, so that whatever else the machine does meets both."""
    from trl import GRPOTrainer

    from sp3f_lib.judges import AlignmentJudge

    judge = AlignmentJudge()
    ours, theirs = Stepper(lab_trainer("ours")), Stepper(lab_trainer(GRPOTrainer, reward=trl_win_rate(judge)))
    for trainer in (ours, theirs):
        trainer.run(3)  # warm up
    times = {"ours": [], "TRL": []}
    for _ in range(rounds):
        times["ours"] += ours.run(turns)
        times["TRL"] += theirs.run(turns)
    print(f"\nstep: {rounds * turns} steps each, lab settings (16 prompts x 8 completions), embedded judge")
    for name, seconds in times.items():
        print(f"  {name:<6} median {median(seconds):.3f} s, fastest {min(seconds):.3f} s")
    print(f"  ratio of medians {median(times['ours']) / median(times['TRL']):.3f} (goal: at most 1.03)")


def levers(rounds: int = 3, turns: int = 5) -> None:
    """A step as it is, and with each lever taken away, in turn; of it, generation."""
    trainers = {name: without(name) for name in ("nothing", *LEVERS, "all of them")}
    steps, generation = ({name: [] for name in trainers} for _ in range(2))
    for number in range(rounds + 1):
        for name, (stepper, seconds, take_away) in trainers.items():
            take_away()
            seconds.clear()
            times = stepper.run(turns)
            if number:  # the first round warms up
                steps[name] += times
                generation[name] += seconds
    whole = median(steps["nothing"])
    print(f"\nlevers: medians of {rounds * turns} steps each, one thread, 16 prompts x 8 completions, embedded judge")
    print(f"  {'without':<32}{'step':>9}{'ratio':>8}{'generation':>13}")
    for name in trainers:
        step = median(steps[name])
        print(f"  {name:<32}{step:>8.2f}s{step / whole:>8.2f}{median(generation[name]):>12.2f}s")


LEVERS = ("own decoding loop", "prompts read once", "head on completions only", "tokens straight through layers")


def without(lever: str):
    """(stepper, list of the seconds of generation, function that takes the lever away for what follows) of a trainer of its own."""
    from trl.trainer import utils

    from sp3f_lib.generation import token_step

    trainer, gone = lab_trainer("ours"), LEVERS if lever == "all of them" else (lever,)
    if LEVERS[0] in gone:
        del trainer.model.generate
    if LEVERS[1] in gone:
        trainer._reads_prompts_once = False

    def take_away() -> None:
        utils._use_triton = lambda device: LEVERS[2] not in gone
        token_step.can_step = lambda model: LEVERS[3] not in gone

    return Stepper(trainer), timed(trainer, "_generate_single_turn"), take_away


def overlap(steps: int = 5) -> None:
    """A step with a slow judge, asked at once at the end or part by part while completions are generated."""
    print(f"\noverlap: {steps} steps a line; 448 comparisons a step, 64 at once, each answered after a fixed latency")
    print("  bound: what cannot overlap, the longer of (generation, then the last part's judging) and (the first part's")
    print("  generation, then all judging), and then the loss")
    names = ("latency", "parts", "step", "judging", "generation", "loss", "sum", "bound", "step / bound")
    print("".join(f"{name:>13}" for name in names))
    free = child({"kind": "overlap", "judge": "alignment", "steps": steps})
    generation, loss = free["generation"], free["step"] - free["generation"]
    for latency in (0.2, 0.5, 1.0):
        server = subprocess.Popen(
            [sys.executable, str(SERVER), "judges/fake_judge.py", "--latency", str(latency)],
            stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
        )  # fmt: skip
        address = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        judging = child({"kind": "judging", "url": address})["seconds"]
        for parts in (1, 4):
            found = child({"kind": "overlap", "judge": "api", "steps": steps, "parts": parts, "url": address})["step"]
            bound = max(generation + judging / parts, generation / parts + judging) + loss
            numbers = (latency, parts, found, judging, generation, loss, generation + loss + judging, bound, found / bound)
            print("".join(f"{number:>13.2f}" for number in numbers))
        server.kill()


def size() -> None:
    """Time and peak memory of a step against completion length and group size."""
    print("\nsize: 128 completions a step; peak memory of the process beyond what it has before the first step")
    print(f"  {'completion':>11}{'group':>7}{'step':>9}{'a sequence':>12}{'memory':>10}{'a sequence':>13}")
    for length in (64, 128, 256):
        for group in (4, 8, 16):
            found = child({"kind": "size", "length": length, "group": group, "steps": 4})
            each, memory = found["step"] / 128 * 1000, found["peak"] - found["before"]
            print(
                f"  {length:>11}{group:>7}{found['step']:>8.2f}s{each:>10.1f}ms{memory:>7.0f} MB{memory / 32 * 1000:>10.0f} kB"
            )


def growth(steps: int = 300, every: int = 20) -> None:
    """Resident memory over the steps of one run: as it is, and with the caches of texts emptied after each step."""
    runs = {kept: child({"kind": "growth", "steps": steps, "every": every, "caches": kept}) for kept in (True, False)}
    print(
        "\ngrowth: 128 completions of at most 48 tokens a step, one process; resident memory, entries in all caches of texts"
    )
    print(f"  {'step':>6}{'as it is':>12}{'entries':>10}{'caches emptied':>17}")
    for (step, memory, entries), (_, without, _) in zip(runs[True], runs[False], strict=True):
        print(f"  {step:>6}{memory:>9.0f} MB{entries:>10,}{without:>14.0f} MB")


def gpu() -> None:
    """Tokens a second on a GPU, where there is one."""
    import torch

    if not torch.cuda.is_available():
        print("\ngpu: there is none here; nothing measured")
        return
    found = child({"kind": "gpu", "steps": 5})
    print(
        f"\ngpu: {torch.cuda.get_device_name()}, Qwen2.5-like 0.5B from its configuration, bfloat16, 128 completions of 256 tokens"
    )
    for name, value in found.items():
        print(f"  {name}: {value}")


def child(task: dict) -> dict:
    """Runs one task in a process of its own, so that its memory is its own."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "GOMP_SPINCOUNT": "20000"}
    done = subprocess.run(
        [sys.executable, __file__, CHILD, json.dumps(task)], capture_output=True, text=True, env=environment, cwd=REPOSITORY
    )
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def work(task: dict) -> dict:
    """What a child measures."""
    import psutil

    memory = lambda: psutil.Process().memory_info().rss / 2**20  # noqa: E731
    match task["kind"]:
        case "overlap":
            os.environ |= {"LLM_API_URL": task.get("url", ""), "LLM_API_KEY": "none", "NO_PROXY": "127.0.0.1"}
            judge = {"judge.name": "api", "judge.model": "m", "judge.concurrency": 64, "judge.overlap": task.get("parts", 1)}
            trainer = lab_trainer("ours", judge if task["judge"] == "api" else {})
            stepper, generation = Stepper(trainer), timed(trainer, "_generate_single_turn")
            stepper.run(2)
            generation.clear()
            return {"step": median(stepper.run(task["steps"])), "generation": median(generation)}
        case "judging":
            return {"seconds": median(judging_alone(task["url"]) for _ in range(3))}
        case "size":
            length, group = task["length"], task["group"]
            more = {
                "grpo.max_completion_length": length,
                "grpo.num_generations": group,
                "grpo.generation_kwargs": {"min_new_tokens": length},
            }
            stepper = Stepper(lab_trainer("ours", more))
            before = memory()
            stepper.run(1)
            return {"before": before, "step": median(stepper.run(task["steps"])), "peak": peak()}
        case "growth":
            return memory_by_step(lab_trainer("ours", {"grpo.max_completion_length": 48}), memory, **task)
        case "gpu":
            return gpu_throughput(task["steps"])


def timed(trainer, method: str) -> list[float]:
    """The seconds of each call of a trainer's method from now on."""
    seconds, original = [], getattr(trainer, method)

    def measured(*args, **kwargs):
        began = time.perf_counter()
        found = original(*args, **kwargs)
        seconds.append(time.perf_counter() - began)
        return found

    setattr(trainer, method, measured)
    return seconds


def memory_by_step(trainer, memory, steps: int, every: int, caches: bool, **_) -> list[tuple[int, float, int]]:
    """(step, memory, cached entries) at every so many steps of one training; without `caches` they are emptied after each."""
    import gc
    from functools import _lru_cache_wrapper

    from transformers import PrinterCallback, TrainerCallback

    ours = [o for o in gc.get_objects() if isinstance(o, _lru_cache_wrapper) and o.__module__.startswith("sp3f_lib.")]
    bounded, found = [cache for cache in ours if cache.cache_info().maxsize], []

    class Record(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if not caches:
                for cache in bounded:
                    cache.cache_clear()
            if state.global_step % every == 0:
                found.append((state.global_step, memory(), sum(cache.cache_info().currsize for cache in bounded)))

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Record())
    trainer.args.max_steps = steps
    trainer.train()
    return found


def judging_alone(url: str) -> float:
    """Seconds that 448 comparisons take with nothing beside them."""
    import asyncio

    from sp3f_lib.judges import Ledger, Pair, make_judge
    from sp3f_lib.profiles.judge_section import Judge

    os.environ |= {"LLM_API_URL": url, "LLM_API_KEY": "none", "NO_PROXY": "127.0.0.1"}
    judge = make_judge(Judge(name="api", model="m", concurrency=64), ledger=Ledger(":memory:"))
    asyncio.run(judge.compare([Pair("warm up", "a", "b")]))
    began = time.perf_counter()
    asked = [Pair(f"question {time.time()} {k}", "a" * 200, "b" * 200) for k in range(448)]
    asyncio.run(judge.compare(asked))
    return time.perf_counter() - began


def peak() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Stepper:
    """Runs a trainer a few steps at a time and gives the seconds of each."""

    def __init__(self, trainer):
        from transformers import PrinterCallback, TrainerCallback

        self.trainer, self.marks = trainer, []
        stepper = self

        class Clock(TrainerCallback):
            def on_step_begin(self, args, state, control, **kwargs):
                stepper.marks.append(time.perf_counter())

            def on_step_end(self, args, state, control, **kwargs):
                stepper.marks.append(time.perf_counter())

        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(Clock())

    def run(self, steps: int) -> list[float]:
        self.marks.clear()
        self.trainer.args.max_steps = steps
        self.trainer.train()
        return [end - begin for begin, end in zip(self.marks[::2], self.marks[1::2], strict=True)]


def lab_trainer(kind, overrides: dict | None = None, reward=None):
    """The lab's GRPO trainer on its own problems, from the shipped base; `kind`: "ours", or TRL's class."""
    from datasets import Dataset
    from trl import GRPOConfig

    from sp3f_lib.data.sources import load_splits
    from sp3f_lib.generation.local import load_model
    from sp3f_lib.judges import make_judge
    from sp3f_lib.lab.shipped import shipped_base
    from sp3f_lib.machine import set_up
    from sp3f_lib.profiles import load_profile
    from sp3f_lib.rewards.verifiable import verifiable_terms
    from sp3f_lib.training.common import trainer_settings
    from sp3f_lib.training.grpo import SP3FTrainer, win_rate

    folder = Path(tempfile.mkdtemp())
    ledger = {"judge.ledger": str(folder / "verdicts.sqlite")}
    profile = load_profile("lab", ledger | {"tracking.samples_every": 0} | (overrides or {}))
    set_up(profile.threads)
    model, tokenizer = load_model(str(shipped_base("lab")))
    rows = load_splits(profile.data, 0)["rl"]
    examples = [
        {"prompt": r["input"], "question": r["query"], "reference": r["solution"], "reward_model": r["reward_model"]}
        | {"extra_info": r["extra_info"]}
        for r in rows
    ]
    settings = trainer_settings(profile.grpo, folder, 0) | {"save_strategy": "no", "reward_weights": [1.0] * 4}
    common = {
        "model": model,
        "args": GRPOConfig(**settings),
        "train_dataset": Dataset.from_list(examples),
        "processing_class": tokenizer,
    }
    terms = verifiable_terms(profile.rewards)
    if kind != "ours":
        return kind(reward_funcs=[*terms, reward], **common)
    judge = make_judge(profile.judge)
    return SP3FTrainer(reward_funcs=[*terms, win_rate], judge=judge, judge_settings=profile.judge, **common)


def trl_win_rate(judge):
    """The win rate as a plain TRL reward function: right only where one process sees whole groups, as here."""
    import asyncio

    from sp3f_lib.judges.groups import Group, judge_groups
    from sp3f_lib.profiles.judge_section import Judge as Settings

    def win_rate(completions, question, reference, **_):
        texts = [completion[-1]["content"] for completion in completions]
        groups = [Group(question[k], texts[k : k + 8], reference[k]) for k in range(0, len(texts), 8)]
        asyncio.run(judge_groups(judge, groups, Settings()))
        return [rate for group in groups for rate in group.rates("balanced")]

    return win_rate


def gpu_throughput(steps: int) -> dict:
    """Generation and training of a 0.5B model with random weights: tokens a second, peak memory, utilisation."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, tie_word_embeddings=True, max_position_embeddings=4096,
    )  # fmt: skip
    model = Qwen2ForCausalLM(config).to("cuda", torch.bfloat16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    prompt = torch.randint(0, 151000, (128, 128), device="cuda")
    generated, trained, busy = [], [], []
    for _ in range(steps + 1):
        model.eval()
        torch.cuda.synchronize()
        began = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=256, min_new_tokens=256, do_sample=True
            )
        torch.cuda.synchronize()
        generated.append(128 * 256 / (time.perf_counter() - began))
        model.train()
        began = time.perf_counter()
        for start in range(0, 128, 8):
            ids = out[start : start + 8].clone()
            model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        torch.cuda.synchronize()
        trained.append(128 * 384 / (time.perf_counter() - began))
        busy.append(torch.cuda.utilization())
    return {
        "tokens a second, generation": round(median(generated[1:])),
        "tokens a second, training": round(median(trained[1:])),
        "peak memory (GB)": round(torch.cuda.max_memory_allocated() / 2**30, 1),
        "utilisation (%)": median(busy[1:]),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        print(json.dumps(work(json.loads(sys.argv[2]))))
    else:
        main()
