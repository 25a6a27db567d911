"""Evaluation: sampled and greedy answers of one model, scored one by one and kept, and the tables made from them."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from sp3f_lib.data.schema import problem_id
from sp3f_lib.evaluation.statistics import clustered_mean
from sp3f_lib.generation.engines import EVALUATION, generator, sampling_of
from sp3f_lib.judges.alignment import calculations
from sp3f_lib.profiles import Profile
from sp3f_lib.progress import progress_printer
from sp3f_lib.rewards.answers import extract_answer, is_correct
from sp3f_lib.rewards.fidelity import language_share
from sp3f_lib.runs import atomic_path

SAMPLES = "samples.parquet"
METRICS = ("accuracy", "fidelity")


def evaluate_model(
    directory: Path, profile: Profile, model_path: Path | str, rows: list[dict], label: str = "evaluate"
) -> None:
    """Writes `samples.parquet`: one scored answer a line (columns: see `score`)."""
    from sp3f_lib.generation.sampling import greedy_and_sampled

    prompts, sampling = [row["input"] for row in rows], sampling_of(profile, EVALUATION)
    show, made = progress_printer(label, f"answers ({len(rows)} greedy)", directory), 0

    def count(new: int) -> None:
        nonlocal made
        made += new
        show(made, len(rows) * (1 + sampling.samples))

    with generator(profile, model_path, section=EVALUATION, progress=count) as generate:
        # One seed for all models and training seeds: the same problems, the same random numbers.
        completions = greedy_and_sampled(generate, prompts, sampling, 0)
    samples = [asdict(c) | score(rows[c.prompt], c.text, profile.rewards.threshold) for c in completions]
    with atomic_path(directory / SAMPLES) as temporary:
        pd.DataFrame(samples).to_parquet(temporary, index=False)


def score(row: dict, text: str, threshold: float) -> dict:
    """What is measured of one answer to one row.

    `accuracy` and `parseable` are 0 or 1; `share` is the share of the row's language (NaN if there is no language at all),
    `fidelity` whether it reaches `threshold`; `steps` counts the calculations written.
    """
    lang, gold = row["extra_info"]["lang"], row["reward_model"]["ground_truth"]
    share = language_share(text, lang)
    return {
        "problem": problem_id(row),
        "lang": lang,
        "gold": gold,
        "answer": extract_answer(text),
        "accuracy": float(is_correct(text, gold, lang)),
        "parseable": float(extract_answer(text) is not None),
        "share": float("nan") if share is None else share,
        "fidelity": float(share is not None and share >= threshold),
        "steps": len(calculations(text)),
    }


def read_samples(stages: dict[str, Path]) -> pd.DataFrame:
    """The scored answers of several finished evaluations, with a column `method` that names each."""
    return pd.concat(
        [pd.read_parquet(path / SAMPLES).assign(method=name) for name, path in stages.items()], ignore_index=True
    )


def table(samples: pd.DataFrame, by: tuple[str, ...] = ("method",), greedy: bool = False) -> pd.DataFrame:
    """Accuracy and fidelity with 95 % intervals for each group of `by`.

    Columns: `by`, `metric`, `mean`, `low`, `high` (shares in [0, 1]), `answers`, `problems`. All answers to one problem, in
    whatever language, are one cluster. The mean is over answers: languages weigh the same where they have equally many problems.
    """
    rows = []
    chosen = samples[samples["greedy"] == greedy]
    for names, group in chosen.groupby(list(by), sort=False):
        for metric in METRICS:
            estimate = clustered_mean(group[metric], group["problem"])
            rows.append(dict(zip(by, names, strict=True)) | {"metric": metric} | estimate)
    return pd.DataFrame(rows)


def summary(samples: pd.DataFrame, by: str) -> list[dict]:
    """What is printed of the answers of one evaluation, a line each value of `by`, in its order.

    Each has the value of `by`, of the sampled answers `accuracy` and `fidelity` as `62.6 [55.1, 69.5]` (percent, 95 % interval over
    problems) and mean `tokens`; `problems`; how many `sampled` and `greedy` answers; `greedy right`: their accuracy, percent.
    """
    lines = []
    for name, part in samples.groupby(by):
        rows = {row.metric: row for row in table(part, (by,)).itertuples()}
        spans = {m: f"{100 * row.mean:.1f} [{100 * row.low:.1f}, {100 * row.high:.1f}]" for m, row in rows.items()}
        sampled, greedy = part[~part.greedy], part[part.greedy]
        about = {"tokens": f"{sampled.tokens.mean():.1f}", "problems": sampled.problem.nunique(), "sampled": len(sampled)}
        lines.append(
            {by: name} | spans | about | {"greedy": len(greedy), "greedy right": f"{100 * greedy.accuracy.mean():.1f}"}
        )
    return lines
