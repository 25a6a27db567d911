"""Notebook 04: where to spend an English reference, how good a judge must be, when privilege pays."""

import pandas as pd

from sp3f_lib.plots.ablations import judge_accuracy_table, start_table
from sp3f_lib.plots.theme import METHOD_NAMES
from sp3f_lib.report.ablations import Evidence
from sp3f_lib.report.answers.words import Answer, points


def ablations(evidence: Evidence) -> Answer:
    """A sentence for each question that has been run."""
    said = Answer()
    for question, start in (
        ("who", "Who should see it"),
        ("privilege", "What the judge is shown"),
        ("terms", "Terms of the reward"),
        ("schedule", "Comparisons and groups"),
        ("language", "Shape of the language term"),
    ):
        if len(cells := evidence.cells(question)):
            said.append(f"{start}: {ranking(cells)}. {against(evidence.gaps(question))}")
    if len(cells := evidence.cells("accuracy")):
        said.append(enough(judge_accuracy_table(cells, "cold")))
    if len(cells := evidence.cells("start")):
        said.append(pays(start_table(cells, evidence.settings("start"))))
    return said or Answer(["0 questions have been run: sp3f ablations --seeds 0-4."])


def ranking(cells: pd.DataFrame, most: int = 6) -> str:
    """The best models by mean accuracy; the number of seeds is told where it is less than the others'.

    >>> cells = pd.DataFrame({"method": ["sft", "sp3f"], "seed": 0, "accuracy": [0.1, 0.5], "regime": "cold"})
    >>> ranking(cells)
    'accuracy in cold, 1 seed: SP3F 50.0 %; SFT 10.0 %'
    """
    means = cells.groupby("method").accuracy.mean().sort_values(ascending=False, kind="stable")
    seeds = cells.groupby("method").seed.nunique()
    most_seeds = seeds.max()
    rest = f"; {len(means) - most} more below" if len(means) > most else ""
    fewer = {name: f" ({count} seeds)" for name, count in seeds.items() if count < most_seeds}
    listed = (f"{METHOD_NAMES[name]} {100 * mean:.1f} %{fewer.get(name, '')}" for name, mean in means.head(most).items())
    number = f"{most_seeds} seed{'s' if most_seeds > 1 else ''}"
    return f"accuracy in {cells.regime.iloc[0]}, {number}: {'; '.join(listed)}{rest}"


def against(gaps: pd.DataFrame) -> str:
    """Which models are above, and which below, the one that all are compared with.

    >>> gaps = {"one": ["hint", "opsd"], "other": "sp3f", "mean": [-9, 3], "low": [-12, -4], "high": [-6, 10], "seeds": 5}
    >>> against(pd.DataFrame(gaps))
    'Above SP3F: none; below it: RLVR with hints -9.0 [-12.0, -6.0]; the others are not told apart from it.'
    """
    other = METHOD_NAMES[gaps.other.iloc[0]]
    if gaps.seeds.max() < 2:
        return "One seed says nothing about another."
    above, below = gaps[gaps.low > 0], gaps[gaps.high < 0]
    rest = "; the others are not told apart from it" if len(above) + len(below) < len(gaps) else ""
    return f"Above {other}: {_listed(above)}; below it: {_listed(below)}{rest}."


def enough(table: pd.DataFrame) -> str:
    """The least accuracy of a judge at which SP3F is above RLVR, from `judge_accuracy_table`.

    >>> table = {"judge": [50, 70, 100], "mean": [1.0, 9, 40], "low": [-3.0, 2, 30], "high": [5.0, 16, 50], "seeds": 5}
    >>> enough(pd.DataFrame(table))
    'How good a judge must be: SP3F minus RLVR is +1.0 [-3.0, +5.0] at 50 %, +9.0 [+2.0, +16.0] at 70 %, +40.0 [+30.0, +50.0] at \
100 % of decisions not spoilt (5 seeds); the least one that helps for sure is 70 %.'
    """
    each = ", ".join(f"{_points(row)} at {row.judge:.0f} %" for row in table.itertuples())
    sure = table[table.low > 0]
    last = f"the least one that helps for sure is {sure.judge.min():.0f} %" if len(sure) else "none helps for sure"
    return f"How good a judge must be: SP3F minus RLVR is {each} of decisions not spoilt ({int(table.seeds.min())} seeds); {last}."


def pays(table: pd.DataFrame) -> str:
    """What SP3F adds to RLVR by the share of groups without a right answer, from `start_table`."""
    part = table[table.one == "sp3f"].sort_values("unsolved")
    each = ", ".join(f"{_points(row)} at {100 * row.unsolved:.0f} %" for row in part.itertuples())
    return (
        "When privilege pays: SP3F minus RLVR is "
        f"{each} of groups without a right answer at the start ({int(part.seeds.min())} seeds)."
    )


def _listed(gaps: pd.DataFrame) -> str:
    found = gaps.sort_values("mean", ascending=False)
    return ", ".join(f"{METHOD_NAMES[row.one]} {_points(row)}" for row in found.itertuples()) or "none"


def _points(row) -> str:
    return points(row._asdict(), "")
