"""The command line: `python -m sp3f_lib <verb>`.

    python -m sp3f_lib evaluate --profile lab --arm sp3f          everything up to the evaluation of SP3F
    python -m sp3f_lib grpo --profile lab --regime cold --arm rlvr --set grpo.max_steps=20
    python -m sp3f_lib reproduce --profile lab                    the notebooks, headless

Each verb makes whatever comes before it and is not there yet.
"""

import argparse
import os
import sys

import yaml

from sp3f_lib.data.schema import RowError
from sp3f_lib.profiles import ProfileError, load_profile, profile_names
from sp3f_lib.runs import StageError


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; errors of the user's making are one message, without a traceback."""
    options = _parser().parse_args(arguments)
    # Threads that wait in an endless loop slow each other down many times over as soon as something else runs on the machine.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        if options.verb == "reproduce":
            from sp3f_lib.reproduce import reproduce

            return reproduce(options.profile, _parameters(options), options.notebooks)
        if options.verb == "seeds":
            return _seeds(options)
        from sp3f_lib.launch import CHILD, DONE, end_with_parent
        from sp3f_lib.stages import STAGES

        end_with_parent()

        profile = load_profile(options.profile, _overrides(options.set), **_parameters(options))
        stage = STAGES[options.verb]
        done = stage(profile, options.arm) if options.verb in ("grpo", "evaluate") else stage(profile)
        if options.verb == "evaluate" and not os.environ.get(CHILD):
            _print_scores(done)
        print(f"{DONE}{done}", flush=True)
        return 0
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr, flush=True)
        return 130
    except (ProfileError, RowError, StageError, ValueError, OSError) as error:
        if options.traceback:
            raise
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1


def _print_scores(directory) -> None:
    from sp3f_lib.evaluation.evaluate import read_samples, table

    scores = table(read_samples({"": directory}), ("lang",))
    for row in scores.sort_values(["metric", "lang"]).itertuples():
        span = f"{100 * row.mean:6.1f} [{100 * row.low:5.1f}, {100 * row.high:5.1f}]"
        print(f"{row.metric:<9} {row.lang}  {span} %, {row.problems} problems, {row.answers} answers")


def _seeds(options) -> int:
    from sp3f_lib.evaluation.seeds import differences_over_seeds, over_seeds, run_seeds
    from sp3f_lib.stages import check_method

    chosen, overrides = _parameters(options), _overrides(options.set)
    for arm in options.arms:
        check_method(arm)
    profiles = []
    for seed in options.seeds:
        first = load_profile(options.profile, overrides, **chosen | {"seed": seed})
        regimes = (options.regime,) if options.regime else first.experiments
        profiles += [load_profile(options.profile, overrides, **chosen | {"seed": seed, "regime": r}) for r in regimes]
    results = run_seeds(profiles, options.arms)
    print("\nPercent, mean over seeds ± half a 95 % t interval; then each seed:\n")
    print(over_seeds(results).to_string(index=False))
    print(
        "\nAccuracy, difference within a seed in percentage points; mean over seeds ± half a 95 % t interval; then each seed:\n"
    )
    print(differences_over_seeds(results).to_string(index=False))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sp3f_lib", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("data", "write the rows of the three splits"),
        ("base", "train the lab's base model"),
        ("sft", "stage 1"),
        ("grpo", "stage 2, one arm"),
        ("evaluate", "sample and score base, sft, or an arm"),
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
            continue
        if verb == "seeds":
            sub.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
            sub.add_argument("--arms", nargs="+", default=["rlvr", "judge_unprivileged", "sp3f"])
        sub.add_argument("--regime", help="a named setting of the profile, such as warm or cold")
        sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as grpo.max_steps=20")
        if verb in ("grpo", "evaluate"):
            sub.add_argument("--arm", required=True, help="rlvr, judge_unprivileged, sp3f, judge_only (evaluate: base, sft)")
    return parser


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
