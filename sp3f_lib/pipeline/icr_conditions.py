"""Makes the models, responses and scores of every condition of audits/icr_starts.py, and judges the reward of each.

    table = judged([profile of seed 0, ...], grid())
    save_conditions(table, folder)                        plots/icr_conditions.py

Nothing is trained but the starts. Responses and scores are the stages of ICR itself, so `icr_1` finds those of its own start and
temperature there, and a killed run goes on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

import pandas as pd

from sp3f_lib.audits.icr_starts import ITSELF, REFERENCE, Condition, judged_condition
from sp3f_lib.data.schema import read_rows
from sp3f_lib.generation.parts import read_parts
from sp3f_lib.methods import icr
from sp3f_lib.methods.models import changed, named_by
from sp3f_lib.pipeline.models import data, model
from sp3f_lib.profiles import Profile

# What a start of a condition changes in the profile.
STARTS: Mapping[str, Mapping[str, object]] = {
    "dpo": {"methods.start": "dpo"},
    "dpo_graded": {"methods.start": "dpo_graded"},
}
TEMPERATURES = (0.7, 0.9, 1.2)


def grid(
    starts: Iterable[str] = tuple(STARTS),
    answers: Iterable[str] = (ITSELF, REFERENCE),
    temperatures: Iterable[float] = TEMPERATURES,
) -> list[Condition]:
    """Every start with every answerer and temperature."""
    return [Condition(*values) for values in product(starts, answers, temperatures)]


def judged(
    profiles: Sequence[Profile],
    wanted: Sequence[Condition],
    starts: Mapping[str, Mapping[str, object]] = STARTS,
    done: Callable[[pd.DataFrame], None] = lambda table: None,
) -> pd.DataFrame:
    """`judged_condition` of every profile (one a seed) and condition, one table below the other.

    `starts`: dotted changes of the profile by the name of a condition's start. `done` is called with all that is there after each.
    """
    tables: list[pd.DataFrame] = []
    for profile in profiles:
        for condition in wanted:
            own = changed(profile, dict(starts[condition.start]) | {"methods.temperature": condition.temperature})
            rows = read_rows(data(own) / "rl.parquet")
            policy, reference = (model(own, named_by(own, f"methods.{field}")) for field in ("start", "reference"))
            answers_of = None if condition.answers == ITSELF else reference
            scored = icr.scores(own, policy, reference, 1, "R_c", answers_of)
            scores = read_parts(scored / "scores")
            tables.append(judged_condition(scores, rows, own.rewards.threshold, condition, own.seed))
            done(pd.concat(tables, ignore_index=True))
    return pd.concat(tables, ignore_index=True)
