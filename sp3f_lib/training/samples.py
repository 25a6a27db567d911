"""What the policy wrote while it was trained, with its rewards and what the judge said: `samples/step-00010.parquet`.

One row a completion, groups together: `step`, `group`, `place` (in the group), `id`, `lang`, `gold`, `question` (English),
`prompt` (as the policy was asked), `completion`, one column for each reward term, `reward` (their weighted sum), and `verdicts`: a
list of the comparisons it stood in, with `other` (place of the other response), `slot` ("A" or "B"), `preference` (of this
response, in [0, 1]; none for no verdict) and `reason`. Where the judge was not asked about pairs also what it said of the response:
`judge_score` (a score or agreement, in [0, 1]) or `judge_rank` (mean over the rankings, from 1 for the best), NaN for nothing.

Read some of it: a policy that has found a hole in its rewards shows here first.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sp3f_lib.judges.groups import Group
from sp3f_lib.runs import atomic_path

FOLDER = "samples"


def sample_rows(
    step: int,
    rows: Sequence[dict],
    rewards: Sequence[Sequence[float]],
    terms: Sequence[str],
    weights: Sequence[float],
    size: int,
) -> list[dict]:
    """One line for each of `rows` (groups of `size`), with its `rewards` (rows, terms).

    Each row has `id`, `lang`, `gold`, `question`, `prompt` and `completion`.
    """
    lines = []
    for number, (row, given) in enumerate(zip(rows, rewards, strict=True)):
        total = sum(weight * value for weight, value in zip(weights, given, strict=True))
        lines.append(
            {"step": step, "group": number // size, "place": number % size, **row}
            | dict(zip(terms, given, strict=True))
            | {"reward": total, "verdicts": []}
        )
    return lines


def add_verdicts(lines: list[dict], parts: Sequence[tuple[Sequence[int], Sequence[Group]]]) -> None:
    """Fills in what the judge said; `parts` as `early.Judging.results` gives them: (places, groups)."""
    for places, groups in parts:
        start = 0
        for group in groups:
            mine = places[start : start + len(group.responses)]
            start += len(group.responses)
            for name, said in (("judge_score", group.values), ("judge_rank", group.ranks)):
                for place, one in zip(mine, said, strict=False):  # `said` is empty where pairs were asked about
                    lines[place][name] = float("nan") if one is None else one
            for pair, verdict in zip(group.pairs, group.verdicts, strict=True):
                for slot, own, other in (("A", pair.first, pair.second), ("B", pair.second, pair.first)):
                    said = verdict.preference
                    said = 1 - said if said is not None and slot == "B" else said
                    lines[mine[own]]["verdicts"].append(
                        {"other": other, "slot": slot, "preference": said, "reason": verdict.reason}
                    )


def write_samples(directory: Path, step: int, lines: list[dict]) -> Path:
    """Writes the lines of one step as parquet into `directory/samples`, atomically."""
    path = directory / FOLDER / f"step-{step:05d}.parquet"
    with atomic_path(path) as temporary:
        pd.DataFrame(lines).to_parquet(temporary, index=False)
    return path


def read_samples(directory: Path) -> pd.DataFrame:
    """All sampled completions of a stage of training, in the order of the steps."""
    paths = sorted((directory / FOLDER).glob("step-*.parquet"))
    if not paths:
        raise FileNotFoundError(f"no samples in {directory / FOLDER}; tracking.samples_every in the profile writes them")
    return pd.concat(map(pd.read_parquet, paths), ignore_index=True)
