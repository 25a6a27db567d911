"""Runs `alpaca_eval`'s own length-controlled win rate; evaluation/length_controlled.py starts it with an interpreter that has it.

A process of its own, because that package pins libraries, and fitting changes a setting of scikit-learn for the whole process.
So this file imports nothing of ours. Standard input: {"columns": {name: [values]}, "gamed": path of df_gamed.csv or null}; the
last line of standard output: the package's metrics with its `version`, or {"error": ...}.
"""

import json
import sys
from importlib import metadata

import pandas as pd


def main() -> dict:
    """The package's metrics of the frame on standard input, or why there are none."""
    given = json.load(sys.stdin)
    try:
        from alpaca_eval.metrics import glm_winrate
    except ImportError as error:
        return {"error": f"alpaca_eval cannot be imported: {error}"}
    if given["gamed"]:
        glm_winrate.hf_hub_download = lambda **_: given["gamed"]
    try:
        found = glm_winrate.get_length_controlled_winrate(
            pd.DataFrame(given["columns"]), glm_name="length_controlled_v1", save_weights_dir=None
        )
    except (OSError, RuntimeError) as error:  # the hub's errors are of these kinds
        return {"error": f"df_gamed.csv could not be had from the hub ({type(error).__name__})"}
    return {name: float(value) for name, value in found.items()} | {"version": metadata.version("alpaca_eval")}


if __name__ == "__main__":
    print(json.dumps(main()))
