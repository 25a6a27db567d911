"""The command line: `python -m sp3f_lib <verb>`.

    python -m sp3f_lib evaluate --profile lab --arm sp3f          everything up to the evaluation of SP3F
    python -m sp3f_lib grpo --profile lab --regime cold --arm rlvr --set grpo.max_steps=20
    python -m sp3f_lib grpo --profile paper --arm sp3f --dry-run  memory, tokens, judge calls, hours; nothing is loaded
    python -m sp3f_lib evaluate --profile lab --regime common --arm icr_2     ICR after two iterations (lidr_2: LIDR)
    python -m sp3f_lib pairs --regime common --arm icr_1 --export pairs.jsonl preference pairs, without training on them
    python -m sp3f_lib reproduce --profile lab                    the notebooks, headless
    python -m sp3f_lib judge PAIRS.jsonl --judge alignment        a judge on pairs from a file
    python -m sp3f_lib ledger                                     what judges were asked, and what it cost

Each verb makes whatever comes before it and is not there yet.
"""

import argparse
import os
import sys
from pathlib import Path

import yaml

from sp3f_lib.data.schema import RowError
from sp3f_lib.profiles import ProfileError, load_profile, profile_names
from sp3f_lib.runs import StageError, Stopped

_ITERATIONS = "icr_1, icr_2, icr_m_1, icr_t_1, lidr_1, lidr_content_1, lidr_language_1, ... (method and iteration)"
_ARMS = {
    "grpo": "rlvr, rlvr_without_fidelity, judge_unprivileged, sp3f, judge_only, sp3f_implicit",
    "pairs": f"dpo, {_ITERATIONS}",
    "preference": f"dpo, lidr_sft, {_ITERATIONS}",
    "evaluate": f"base, sft, start (of ICR and LIDR), or any of grpo's or preference's: rlvr, sp3f, dpo, {_ITERATIONS}",
}
CANNOT_FIT = 2
STOPPED = 75  # "try again" (sysexits.h): a signal stopped the stage at a checkpoint; slurm/ requeues then


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; errors of the user's making are one message, without a traceback."""
    options = _parser().parse_args(arguments)
    # Threads that wait in an endless loop slow each other down many times over as soon as something else runs on the machine.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        if options.verb == "reproduce":
            from sp3f_lib.reproduce import reproduce

            return reproduce(options.profile, _parameters(options), options.notebooks, options.seeds)
        if options.verb == "seeds":
            return _seeds(options)
        if options.verb == "judge":
            return _judge(options)
        if options.verb == "ledger":
            return _ledger(options)
        if options.verb == "pairs":
            return _pairs(options)
        if getattr(options, "dry_run", False):
            return _dry_run(options)
        from sp3f_lib.launch import CHILD, DONE, end_with_parent
        from sp3f_lib.stages import STAGES
        from sp3f_lib.training.checks import check_started_once

        end_with_parent()
        check_started_once()

        profile = load_profile(options.profile, _overrides(options.set), **_parameters(options))
        _note_batch(options, profile)
        stage = STAGES[options.verb]
        done = stage(profile, options.arm) if options.verb in ("grpo", "preference", "evaluate") else stage(profile)
        if options.verb == "evaluate" and not os.environ.get(CHILD):
            _print_scores(done)
        if options.verb == "base" and not os.environ.get(CHILD):
            from sp3f_lib.lab.recipe import report

            print(report(done))
        print(f"{DONE}{done}", flush=True)
        return 0
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr, flush=True)
        return 130
    except Stopped as stop:
        print(stop, file=sys.stderr, flush=True)
        return STOPPED
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ProfileError, RowError, StageError, ValueError, OSError) as error:
        if options.traceback:
            raise
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1


def _dry_run(options) -> int:
    from sp3f_lib import preference_checks, preference_stages
    from sp3f_lib.stages import ARMS, ONCE, RUNS, START, apply_arm, check_method, check_model, iteration_of
    from sp3f_lib.training.checks import check_settings
    from sp3f_lib.training.plan import dry_run

    profile = load_profile(options.profile, _overrides(options.set), **_parameters(options))
    check_model(profile)
    if options.verb != "sft" and check_method(options.arm) in ARMS:
        profile = apply_arm(profile, options.arm)
    if options.verb == "preference":
        section = preference_stages.section_of(options.arm)
        if options.arm not in ONCE[1:] and iteration_of(options.arm) is None:
            raise ProfileError(f"{options.arm!r} is not trained by the verb preference, which knows {_ARMS['preference']}")
        preference_checks.check_profile(profile, section, options.arm)
        text, fits = dry_run(profile, section, RUNS / profile.name, options.arm)
    else:
        if options.verb != "evaluate":
            check_settings(profile, options.verb)
        text, fits = dry_run(profile, options.verb, RUNS / profile.name)
    print(text)
    if options.verb == "evaluate" and options.arm not in START:
        print(f"  not counted: how {options.arm} is made, if it is not there yet (--dry-run of the verb that trains it)")
    _note_batch(options, profile)
    return 0 if fits else CANNOT_FIT


def _note_batch(options, profile) -> None:
    """Says where another number of processes by --set changes the batch of a stage that this verb runs."""
    from sp3f_lib.training.plan import batch_note

    stages = [stage for stage in ("sft", "grpo", "preference", "alignment") if getattr(profile, stage)]
    stages = {"sft": ["sft"], "grpo": ["sft", "grpo"], "evaluate": stages, "preference": stages}.get(options.verb, [])
    overrides = _overrides(options.set)
    if not stages or "launch.processes" not in overrides:
        return
    batch = [f"{stage}.{key}" for stage in stages for key in ("per_device_train_batch_size", "gradient_accumulation_steps")]
    others = {key: value for key, value in overrides.items() if key not in batch and not key.startswith("launch.")}
    own = load_profile(options.profile, others, **_parameters(options))
    for stage in stages:
        if note := batch_note(own, profile, stage):
            print(note, flush=True)


def _print_scores(directory) -> None:
    from sp3f_lib.evaluation.evaluate import read_samples, table

    scores = table(read_samples({"": directory}), ("lang",))
    for row in scores.sort_values(["metric", "lang"]).itertuples():
        span = f"{100 * row.mean:6.1f} [{100 * row.low:5.1f}, {100 * row.high:5.1f}]"
        print(f"{row.metric:<9} {row.lang}  {span} %, {row.problems} problems, {row.answers} answers")


def _seeds(options) -> int:
    from sp3f_lib.evaluation.seeds import read_results, report, run_seeds, save_seeds, seed_table
    from sp3f_lib.stages import START, check_method

    chosen, overrides = _parameters(options), _overrides(options.set)
    for arm in options.arms or ():
        check_method(arm)
    profiles = []
    for seed in options.seeds:
        first = load_profile(options.profile, overrides, **chosen | {"seed": seed})
        for regime in (options.regime,) if options.regime else first.experiments:
            changes = overrides | {"seeds": len(options.seeds)}
            profiles.append(load_profile(options.profile, changes, **chosen | {"seed": seed, "regime": regime}))
    found = run_seeds(profiles, lambda profile: (*START, *(options.arms or profile.arms)))
    results = seed_table(read_results(found))
    print(report(results))
    if options.out:
        print(f"written: {save_seeds(results, options.out)}")
    return 0


def _judge(options) -> int:
    from sp3f_lib.judges.files import judge_file

    chosen = {"judge.name": options.judge, "judge.privilege": options.level}
    profile = load_profile(options.profile, _overrides(options.set) | {k: v for k, v in chosen.items() if v})
    judge = profile.judge
    named = f"{(judge.model or judge.name).replace('/', '_')}-{judge.privilege}"
    out = options.out or options.pairs.with_suffix(f".{named}.jsonl")
    judge_file(options.pairs, profile.judge, out)
    return 0


def _ledger(options) -> int:
    from sp3f_lib.judges.ledger import open_ledger

    ledger = open_ledger(options.path)
    if options.parse_again:
        print(f"{ledger.parse_again()} preferences changed by the parser as it is now")
    if options.export:
        print(f"{ledger.export(options.export)} calls written to {options.export}")
    print(ledger.table().to_string(index=False))
    return 0


def _pairs(options) -> int:
    import pandas as pd

    from sp3f_lib.data.schema import read_json_lines
    from sp3f_lib.methods.export import FORMATS, export_llama_factory, export_pairs
    from sp3f_lib.preference_checks import check_pairs
    from sp3f_lib.preference_stages import pairs_of
    from sp3f_lib.stages import check_method, iteration_of

    if iteration_of(check_method(options.arm)) is None and options.arm != "dpo":
        raise ProfileError(
            f"{options.arm!r} is not trained on pairs; pairs have dpo, icr_1, icr_m_1, lidr_1, lidr_content_1, ..."
        )
    if options.export and options.export.suffix not in FORMATS:
        raise ProfileError(f"--export {options.export}: pairs are written as {' or '.join(FORMATS)}")
    profile = load_profile(options.profile, _overrides(options.set), **_parameters(options))
    check_pairs(profile, options.arm)
    file = pairs_of(profile, options.arm)
    pairs = read_json_lines(file)
    report = "controls.csv" if options.arm.startswith(("lidr_content", "lidr_language")) else "report.csv"
    print(pd.read_csv(file.with_name(report)).to_string(index=False))
    print(f"{len(pairs)} pairs: {file}")
    if options.export:
        print(f"written: {export_pairs(pairs, options.export)}")
    if options.llama_factory:
        name = f"{profile.name}_{options.arm}"
        print(f"written for LLaMA-Factory: {export_llama_factory(pairs, options.llama_factory, name)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sp3f_lib", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    _judge_verbs(verbs)
    for verb, text in (
        ("data", "write the rows of the three splits"),
        ("base", "train a base model of the lab by its recipe, and compare it with the shipped one"),
        ("sft", "stage 1"),
        ("grpo", "stage 2, one arm"),
        ("pairs", "make the preference pairs of one model of ICR or LIDR, and export them"),
        ("preference", "one iteration of ICR or LIDR (DPO + NLL), or the model that they start from"),
        ("evaluate", "sample and score any model"),
        ("seeds", "every method over several seeds, with intervals over seeds"),
        ("reproduce", "run the notebooks that are not up to date"),
    ):
        sub = verbs.add_parser(verb, help=text)
        sub.add_argument("--profile", default="lab", help=f"{', '.join(profile_names())}, or a .yaml file")
        sub.add_argument("--seed", type=int)
        sub.add_argument("--source", help="lab, mgsm, sp3f (the released training data) or rows")
        sub.add_argument("--folder", help="folder of the source's files (default: the hub)")
        sub.add_argument("--model", help="model directory or hub id in place of the profile's")
        sub.add_argument("--traceback", action="store_true", help="show where an error comes from")
        if verb == "reproduce":
            sub.add_argument("notebooks", nargs="*", help="numbers or names; default: 01 02 03 05")
            sub.add_argument("--seeds", type=int, help="in every regime; default: the profile's (lab: 3 cold, 1 otherwise)")
            continue
        if verb == "seeds":
            sub.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
            sub.add_argument("--arms", nargs="+", help="default: those of the profile's regime")
            sub.add_argument(
                "--out", type=Path, metavar="FOLDER", help="write seeds.csv, seed_differences.csv and a picture there"
            )
        sub.add_argument("--regime", help="a named setting of the profile, such as warm or cold")
        sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as grpo.max_steps=20")
        if verb in ("sft", "grpo", "preference", "evaluate"):
            sub.add_argument(
                "--dry-run",
                action="store_true",
                help="say what it needs (memory, hours, judge's calls and USD), do nothing; ends with 2 if it cannot fit, else 0",
            )
        if verb in ("grpo", "pairs", "preference", "evaluate"):
            sub.add_argument("--arm", required=True, help=_ARMS[verb])
        if verb == "pairs":
            sub.add_argument(
                "--export", type=Path, metavar="FILE", help="copy as .jsonl or .parquet, as TRL's DPOTrainer reads it"
            )
            sub.add_argument(
                "--llama-factory", type=Path, metavar="FOLDER", help="write them and their dataset_info.json there"
            )
    return parser


def _judge_verbs(verbs) -> None:
    judge = verbs.add_parser("judge", help="judge the pairs of a file: agreement and cost")
    judge.add_argument("pairs", type=Path, metavar="PAIRS.jsonl", help="question, response_a, response_b, solution, better")
    judge.add_argument("--judge", help="alignment (embedded), api, or local; default: the profile's")
    judge.add_argument("--level", help="what the judge is shown: none, answer, solution, translated, wrong")
    judge.add_argument("--profile", default="lab", help=f"{', '.join(profile_names())}, or a .yaml file")
    judge.add_argument("--out", type=Path, help="where verdicts are written (default: PAIRS.<judge>-<level>.jsonl)")
    ledger = verbs.add_parser("ledger", help="what judges were asked and what it cost, by run")
    ledger.add_argument("path", type=Path, nargs="?", default=Path("runs/verdicts.sqlite"))
    ledger.add_argument(
        "--export",
        type=Path,
        metavar="FILE.parquet",
        help="write all calls as parquet: replies, preferences, tokens, USD; of what was asked only a hash, no texts of prompts",
    )
    ledger.add_argument(
        "--parse-again", action="store_true", help="read the stored replies again, after a change of the parser"
    )
    for sub in (judge, ledger):
        sub.add_argument("--traceback", action="store_true", help="show where an error comes from")
    judge.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as judge.model=gpt-4o-mini")


def _parameters(options) -> dict:
    names = ("seed", "source", "folder", "model", "regime")
    return {name: getattr(options, name) for name in names if getattr(options, name, None) is not None}


def _overrides(assignments: list[str]) -> dict:
    overrides = {}
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator:
            raise ProfileError(f"--set {assignment}: write KEY=VALUE, such as grpo.max_steps=20")
        overrides[key] = yaml.safe_load(value)
    return overrides


if __name__ == "__main__":
    sys.exit(main())
