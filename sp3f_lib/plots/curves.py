"""Learning curves of stage 2: each term of the reward, and the groups in which nothing can be learned."""

import json
from pathlib import Path

import pandas as pd

from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_NAMES, WIDTH, apply_theme

PANELS = {
    "rewards/accuracy/mean": "accuracy",
    "rewards/parseable/mean": "parseable",
    "rewards/fidelity/mean": "fidelity",
    "groups/none_correct": "groups, none correct",
    "groups/no_signal": "groups, no signal",
    "completions/mean_length": "tokens per response",
    "loss": "loss",
}
_SMOOTHED = 10  # steps


def read_metrics(directory: Path) -> pd.DataFrame:
    """`metrics.jsonl` of a training stage, one line per logged step."""
    with open(Path(directory) / "metrics.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return pd.DataFrame([row for row in rows if "loss" in row])


def curve_table(stages: dict[str, Path], keys: tuple[str, ...] = tuple(PANELS)) -> pd.DataFrame:
    """Long form: method, step, metric, value; for the metrics of `keys` that a stage has logged."""
    parts = []
    for method, directory in stages.items():
        metrics = read_metrics(directory)
        have = [key for key in keys if key in metrics and metrics[key].notna().any()]
        long = metrics.melt(id_vars="step", value_vars=have, var_name="metric").dropna()
        parts.append(long.assign(method=method))
    return pd.concat(parts, ignore_index=True)[["method", "step", "metric", "value"]]


def plot_curves(table: pd.DataFrame, title: str):
    """A panel per metric: single steps faint, the mean over ten steps strong. One run each, so no interval."""
    import matplotlib.pyplot as plt

    apply_theme()
    metrics = [key for key in PANELS if key in set(table.metric)] or list(table.metric.unique())
    columns = min(4, len(metrics))
    lines = -(-len(metrics) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(max(WIDTH * columns / 3, WIDTH / 2), 2.1 * lines + 0.6), squeeze=False, layout="constrained"
    )
    for axis, metric in zip(axes.flat, metrics, strict=False):
        for method, rows in table[table.metric == metric].groupby("method", sort=False):
            rows = rows.sort_values("step")
            colour = METHOD_COLOURS[method]
            apart = rows.step.diff().median() if len(rows) > 1 else 1  # steps from one logged value to the next
            smooth = rows.value.rolling(max(1, round(_SMOOTHED / apart)), min_periods=1).mean()
            axis.plot(rows.step, rows.value, color=colour, alpha=0.25, lw=0.8)
            axis.plot(rows.step, smooth, color=colour, lw=1.8, label=METHOD_NAMES[method])
        axis.set(title=PANELS.get(metric, metric), xlabel="step")
    for axis in list(axes.flat)[len(metrics) :]:
        axis.remove()
    handles = {
        label: handle for axis in figure.axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    figure.suptitle(title)
    return figure
