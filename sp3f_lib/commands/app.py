"""What all verbs share: how they are registered and grouped, and how errors of the user's making end: as one message."""

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from sp3f_lib.data.schema import RowError
from sp3f_lib.machine import collect_seldom
from sp3f_lib.profiles import ProfileError
from sp3f_lib.runs import StageError, Stopped

MAKE, LOOK, JUDGE = "Make models and their results", "Look at them", "Judges"
CANNOT_FIT = 2
STOPPED = 75  # "try again" (sysexits.h): a signal stopped the stage at a checkpoint; slurm/ requeues then
_EXAMPLES = """Multilingual reasoning: SP3F, ICR and LIDR side by side.

\b
sp3f reproduce                            from problems to the Pareto picture
sp3f evaluate sp3f --regime cold          the scored answers of one model
sp3f status                               what is made, what runs, what is missing
sp3f show sp3f                            how a model was made, back to the base
sp3f train rlvr --set grpo.max_steps=20   with a setting of one's own
sp3f evaluate icr_2 --regime common       ICR, two iterations (lidr_2: LIDR)
sp3f train sp3f --profile paper --dry-run memory, hours, judge calls, USD
sp3f judge PAIRS.jsonl --judge alignment  a judge on pairs from a file

Each verb makes what comes before it and is not there yet; what is finished
is not made again.
"""
app = typer.Typer(
    help=_EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_STATE = {"traceback": False}


@app.callback()
def _root(
    traceback: Annotated[bool, typer.Option("--traceback", help="show where an error comes from")] = False,
) -> None:
    _STATE["traceback"] = traceback


def verb(panel: str, name: str | None = None) -> Callable:
    """Registers a function as a verb, in a group of the help."""

    def register(function: Callable) -> Callable:
        @app.command(name, rich_help_panel=panel)
        @functools.wraps(function)
        def run(*arguments, **options):
            code = _run(function, *arguments, **options)
            if code:
                raise typer.Exit(code)

        return function

    return register


def _run(function: Callable, *arguments, **options) -> int:
    try:
        return function(*arguments, **options) or 0
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
        if _STATE["traceback"]:
            raise
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb and returns its exit status."""
    # Threads that wait in an endless loop slow each other down many times over as soon as something else runs on the machine.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    collect_seldom()
    try:
        app(args=arguments, prog_name="sp3f")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
