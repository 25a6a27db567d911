"""The length-controlled win rate of AlpacaEval 2 (arXiv 2404.04475), by `alpaca_eval`'s own function in a process of its own.

    pip install alpaca_eval==0.6.6                        # into any environment; then, if it is not this one:
    export SP3F_ALPACA_EVAL_PYTHON=path/to/its/bin/python
    export SP3F_ALPACA_EVAL_GAMED=path/to/df_gamed.csv    # without access to the hub: tatsu-lab/alpaca_eval has it

The regression needs annotations of AlpacaEval's baseline in a verbose and a concise form, one CSV on the hub, and the
difficulties of its 805 instructions in their order. Without these another estimate can be made, which for weak models is off
by up to 27 points (../shared/spec/evaluation.md). So there is the published number or none, and then the reason.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from sp3f_lib.evaluation.instructions import WHOLE
from sp3f_lib.runs import sha256_file

PYTHON, GAMED = "SP3F_ALPACA_EVAL_PYTHON", "SP3F_ALPACA_EVAL_GAMED"
GAMED_SHA256 = "97aeec3f1c7de6dee6fd31fe66f1702623f4614c3efe1c6fc5f4927cd5fd674d"
_CHILD = Path(__file__).with_name("alpaca_child.py")
_SECONDS = 600


@dataclass(frozen=True)
class LengthControlled:
    """Percent with its standard error, as the package gives them, and the package's raw win rate of the same frame; or None each,
    for a `reason`."""

    percent: float | None = None
    error: float | None = None
    win_rate: float | None = None
    reason: str = ""


def length_controlled(
    ids: list[str],
    preferences: list[float | None],
    answers: list[str],
    baseline: list[str],
    python: str | None = None,
    gamed: str | None = None,
    gamed_sha256: str = GAMED_SHA256,
) -> LengthControlled:
    """Of the 805 instructions of X-AlpacaEval in one language, in any order; `preferences` for the model over the baseline, in
    [0, 1], None where there is no verdict. `python` and `gamed` are those of the environment unless they are given."""
    python, gamed = python or os.environ.get(PYTHON), gamed or os.environ.get(GAMED)
    if not python and find_spec("alpaca_eval") is None:
        return LengthControlled(reason=f"alpaca_eval is not installed here, and {PYTHON} names no interpreter that has it")
    if sorted(ids) != sorted(str(number) for number in range(1, WHOLE + 1)):
        return LengthControlled(
            reason=f"it is defined for the {WHOLE} instructions with the ids 1 to {WHOLE}, not for {len(ids)}"
        )
    if gamed and not Path(gamed).is_file():
        return LengthControlled(reason=f"there is no file {gamed} ({GAMED})")
    if gamed and sha256_file(Path(gamed)) != gamed_sha256:
        return LengthControlled(
            reason=f"{gamed} is not AlpacaEval's df_gamed.csv: its SHA-256 is not {gamed_sha256[:12]}..."
        )
    numbers = [int(id) for id in ids]
    table = pd.DataFrame({"id": numbers, "p": preferences, "baseline": baseline, "answer": answers}).sort_values("id")
    columns = {
        "index": (table["id"] - 1).tolist(),
        "preference": (table["p"].astype(float) + 1).tolist(),
        "output_1": table["baseline"].tolist(),
        "output_2": table["answer"].tolist(),
        "generator_1": ["baseline"] * WHOLE,
        "generator_2": ["model"] * WHOLE,
    }
    given = json.dumps({"columns": columns, "gamed": gamed and str(Path(gamed).resolve())})
    return _read(python or sys.executable, given)


def _read(python: str, given: str) -> LengthControlled:
    try:
        # -I: neither our folder nor PYTHONPATH gives that interpreter our libraries.
        run = subprocess.run([python, "-I", str(_CHILD)], input=given, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return LengthControlled(reason=f"{python} ({PYTHON}) could not be run: {error}")
    try:
        found = json.loads(run.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = run.stderr.strip().splitlines()[-1:] or ["nothing"]
        return LengthControlled(reason=f"alpaca_eval failed ({python}); it said: {said[0][:200]}")
    if "error" in found:
        return LengthControlled(reason=found["error"])
    return LengthControlled(found["length_controlled_winrate"], found["lc_standard_error"], found["win_rate"])
