"""The tables of the page: scores with intervals, learning curves, what the judge did and what it cost."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sp3f_lib.evaluation.score import SAMPLES
from sp3f_lib.evaluation.seeds import differences, estimate, seed_table
from sp3f_lib.judges import JudgeError
from sp3f_lib.judges.ledger import open_ledger
from sp3f_lib.plots.curves import read_metrics
from sp3f_lib.report.claims import sentences
from sp3f_lib.report.page.folder import Run, Stage

BOTH = "both"  # right and in the language
METRICS = ("accuracy", "fidelity", BOTH)
_SMOOTHED, _POINTS = 10, 120  # steps of the running mean, as in plots/curves.py; most points of a line


def read_scores(run: Run) -> pd.DataFrame:
    """All scored answers of the newest evaluations, with `regime`, `method`, `seed` and `both` (right, and in the language)."""
    parts = [
        pd.read_parquet(stage.path / SAMPLES).assign(regime=stage.regime, method=stage.method, seed=stage.seed)
        for stage in run.of("evaluation")
        if (stage.path / SAMPLES).is_file()
    ]
    return pd.concat(parts, ignore_index=True).assign(both=lambda t: t.accuracy * t.fidelity) if parts else pd.DataFrame()


def estimates(
    scores: pd.DataFrame, by: Sequence[str] = ("regime", "method"), metrics: Sequence[str] = METRICS
) -> pd.DataFrame:
    """Mean and 95 % interval over seeds and problems of the sampled answers, for each group of `by` and each metric.

    Columns: `by`, metric, mean, low, high (percent), seeds, problems, answers (of all seeds), by_seed (percents by seed), shared,
    tokens (mean length of an answer). The interval and `shared`: see `seeds.estimate`.
    """
    rows = []
    for names, part in scores[~scores.greedy].groupby(list(by), sort=False):
        for metric in metrics:
            found = estimate(part, metric)
            row = dict(zip(by, names, strict=True)) | {"metric": metric}
            row |= {name: 100 * found[name] for name in ("mean", "low", "high")}
            seeds = {seed: 100 * share for seed, share in found["by_seed"].items()}
            row |= {"seeds": len(seeds), "problems": found["problems"], "answers": len(part), "by_seed": seeds}
            length = part.tokens.mean() if "tokens" in part else float("nan")
            rows.append(row | {"shared": found["shared"], "tokens": length})
    return pd.DataFrame(rows)


def what_can_be_said(scores: pd.DataFrame, regime: str) -> list[str]:
    """Differences between methods within a seed, in words; none where fewer than two methods of the claims are there."""
    part = scores[scores.regime == regime]
    gaps = differences(seed_table(part))
    return [sentence.removeprefix(f"{regime}: ") for sentence in sentences(gaps)]


def curves(run: Run) -> pd.DataFrame:
    """Long form: regime, method, seed, metric, step, value; a running mean over ten steps, thinned to what a line can show."""
    parts = []
    for stage in run.of("training"):
        if not (stage.path / "metrics.jsonl").is_file():
            continue
        metrics = read_metrics(stage.path)
        if not len(metrics):
            continue
        apart = metrics.step.diff().median() if len(metrics) > 1 else 1
        values = metrics.drop(columns="step").select_dtypes("number")
        smooth = values.rolling(max(1, round(_SMOOTHED / apart)), min_periods=1).mean()
        thinned = smooth.assign(step=metrics.step).iloc[:: max(1, -(-len(smooth) // _POINTS))]
        long = thinned.melt(id_vars="step", var_name="metric").dropna()
        parts.append(long.assign(regime=stage.regime, method=stage.method, seed=stage.seed))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def judged(run: Run) -> list[dict]:
    """What the judge did in training, from the metrics: one line for each regime, method and judge, over all its seeds.

    `comparisons` and `usd` are sums, the shares are means over comparisons; None where nothing was logged.
    """
    parts: dict[tuple, list[pd.DataFrame]] = {}
    for stage in run.of("training"):
        metrics = read_metrics(stage.path) if (stage.path / "metrics.jsonl").is_file() else pd.DataFrame()
        if "judge/comparisons" in metrics:
            privilege = (stage.judge or {}).get("privilege")
            parts.setdefault((stage.regime, stage.method, judge_name(stage), privilege), []).append(metrics)
    lines = []
    for (regime, method, judge, privilege), found in parts.items():
        metrics = pd.concat(found, ignore_index=True)
        weights = metrics["judge/comparisons"].fillna(0)
        line = {"regime": regime, "method": method, "judge": judge, "privilege": privilege, "seeds": len(found)}
        line |= {"comparisons": int(weights.sum())}
        for name in ("no_verdict", "slot_a", "flips"):
            values = metrics.get(f"judge/{name}", pd.Series(dtype=float)).dropna()
            share = weights[values.index]
            line[name] = float((values * share).sum() / share.sum()) if share.sum() else None
        lines.append(line | {"usd": float(metrics["judge/usd"].sum()) if "judge/usd" in metrics else None})
    return lines


def judge_name(stage: Stage) -> str:
    """Such as `api: gpt-4o-mini` or `alignment`."""
    settings = stage.judge or {}
    return ": ".join(str(part) for part in (settings.get("name"), settings.get("model")) if part) or "unknown"


def read_ledger(run: Run, path: Path) -> tuple[list[dict], str]:
    """(lines of the ledger about this run's stages, what to say where there are none)."""
    if not path.is_file():
        return [], "No judge that is asked by text was used: there is no ledger."
    try:
        ledger = open_ledger(path)
        table = ledger.table()
        ledger.close()
    except JudgeError as error:
        return [], f"The ledger could not be read: {error}."
    # A call is booked under stage/key, whichever profile it was of.
    mine = table[[(run.folder / name).is_dir() if name else False for name in table.run]]
    return mine.to_dict("records"), "" if len(mine) else f"The ledger at {path} holds no call of this run."
