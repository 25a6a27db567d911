"""What a finished training took, and how its start looked: the columns that make arms comparable at equal cost."""

import json
from pathlib import Path

import pandas as pd

from sp3f_lib.methods.models import apply_changes, find
from sp3f_lib.methods.self_translation import REPORT
from sp3f_lib.pipeline.look import look
from sp3f_lib.pipeline.seeds import Run
from sp3f_lib.training.common import METRICS
from sp3f_lib.training.tokens import completions_a_step

FIRST = 5  # steps over which the start is measured, before the policy has moved much
_WINDOW = 5  # steps a point of a curve is a mean over


def cost(run: Run) -> dict:
    """Of one finished run; NaN where something does not apply.

    - `unsolved`, `unsolved_end`: share of groups without a right answer in the first and in the last `FIRST` steps;
    - `generated_tokens`: tokens that were sampled to train on, end tokens included, translations too;
    - `judge_calls`: replies of the judge, equal texts left out;
    - `seconds`: wall time of its training and evaluation, on whatever ran beside it.
    """
    nan = float("nan")
    found = look(run.profile, run.method)
    row = {"unsolved": nan, "unsolved_end": nan, "generated_tokens": nan, "judge_calls": nan, "seconds": nan}
    row["seconds"] = sum(
        manifest["wall_seconds"] for stage, manifest in found.finished.items() if stage in (found.stage, found.evaluated)
    )
    for stage in found.finished:
        if (stage / REPORT).is_file():  # rows that the model made itself
            row["generated_tokens"] = float(pd.read_csv(stage / REPORT).tokens.sum())
    if found.stage and find(run.method).entry.section == "grpo":
        steps = read_steps(found.stage)
        unsolved = steps["groups/none_correct"]
        row |= {"unsolved": unsolved.head(FIRST).mean(), "unsolved_end": unsolved.tail(FIRST).mean()}
        row |= {"generated_tokens": float(_tokens(steps, run).sum()), "judge_calls": float(_calls(steps, run).sum())}
    return row


def curve(run: Run) -> pd.DataFrame:
    """The training of an arm of stage 2, a line for every few steps; empty for other models.

    Columns: step, generated_tokens and judge_calls up to there, accuracy (of the completions of these steps, those without a hint
    where there are hints; it is sampled at the training's temperature).
    """
    found = look(run.profile, run.method)
    if not found.stage or find(run.method).entry.section != "grpo":
        return pd.DataFrame(columns=["step", "generated_tokens", "judge_calls", "accuracy"])
    steps = read_steps(found.stage)
    accuracy = steps.get("rewards/accuracy/no_hint", steps["rewards/accuracy/mean"])
    table = pd.DataFrame(
        {
            "step": steps.step,
            "generated_tokens": _tokens(steps, run).cumsum(),
            "judge_calls": _calls(steps, run).cumsum(),
            "accuracy": accuracy.rolling(_WINDOW, min_periods=1).mean(),
        }
    )
    return table[table.step % _WINDOW == 0]


def read_steps(stage: Path) -> pd.DataFrame:
    """The lines of `metrics.jsonl` that are steps of a training, metrics as columns."""
    lines = [json.loads(line) for line in (stage / METRICS).read_text().splitlines()]
    return pd.DataFrame([line for line in lines if "completions/mean_length" in line])


def _tokens(steps: pd.DataFrame, run: Run) -> pd.Series:
    return steps["completions/mean_length"] * completions_a_step(run.profile.grpo, run.profile.launch.processes)


def _calls(steps: pd.DataFrame, run: Run) -> pd.Series:
    """Replies of a judge in each step; the agreement with the reference is counted like one, and asks nobody."""
    if apply_changes(run.profile, run.method).judge.schedule == "agreement":
        return pd.Series(0.0, index=steps.index)
    return steps.get("judge/calls", pd.Series(0.0, index=steps.index)).fillna(0.0)
