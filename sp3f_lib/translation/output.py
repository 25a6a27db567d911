"""What the stage leaves: `sft.parquet`, `rl.parquet`, `eval.parquet`, `report.csv`, and last the dataset card README.md.

All from the results, nothing from the clock, so that the same results are the same bytes.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from sp3f_lib.data.deepscaler import english_row
from sp3f_lib.data.english import Left, Problem
from sp3f_lib.data.files import SPLITS
from sp3f_lib.data.schema import make_row, problem_id, write_rows
from sp3f_lib.data.texts import REASONS
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.runs import StageError, atomic_path, write_text
from sp3f_lib.translation.card import card
from sp3f_lib.translation.requests import PLACEHOLDERS, VERSION
from sp3f_lib.translation.stage import Kept, Results

REPORT, CARD = "report.csv", "README.md"
KEPT = "kept"
BANDS = (0, 250, 500, 1000, 2000, 4000)  # characters; the last one is open
CHECKS = ", ".join((PLACEHOLDERS, *REASONS))


def write_dataset(
    folder: Path, problems: list[Problem], left: Left, results: Results, settings: Translate, flags: dict | None = None
) -> dict[str, list[dict]]:
    """Writes everything; returns the rows of each split. `StageError` if a split would have none. `flags`: flags.py's columns."""
    flags = flags or {}
    rows = [
        *(english_row(problem, {"translation": None}) for problem in problems),
        *(translated_row(kept, settings, flags) for kept in results.kept),
    ]
    order = {problem.id: number for number, problem in enumerate(problems)}
    rows.sort(key=lambda row: order[problem_id(row)])  # stable: English first, then the languages in their order
    splits = by_split(rows, settings)
    if not results.kept:
        raise StageError(f"translate: no translation passed the checks; lost: {dict(results.lost())}")
    for name, part in splits.items():
        if not part:
            raise StageError(
                f"translate: {len(problems)} problems leave none for {name!r}; give more, or raise its share in translate.shares"
            )
    for name, part in splits.items():
        write_rows(part, folder / f"{name}.parquet")
    table = report(problems, left, results)
    with atomic_path(folder / REPORT) as temporary:
        table.to_csv(temporary, index=False)
    write_text(folder / CARD, card(splits, table, settings, sorted({kept.date for kept in results.kept})))
    return splits


def translated_row(kept: Kept, settings: Translate, flags: dict) -> dict:
    """A row with its provenance in `extra_info.translation`: who, with which prompt, when, at which try, and what it passed."""
    made = {"by": settings.model, "prompt": VERSION, "date": kept.date, "candidate": kept.candidate, "checks": CHECKS}
    problem = kept.problem
    made |= flags.get((problem.id, kept.lang), {})
    row = make_row(
        id=problem.id, lang=kept.lang, query=problem.question, solution=problem.solution, question=kept.question,
        translated=kept.solution, answer=problem.answer, task=problem.task,
    )  # fmt: skip
    return row | {"extra_info": row["extra_info"] | {"translation": made}}


def by_split(rows: list[dict], settings: Translate) -> dict[str, list[dict]]:
    """The rows of each split, by whole problems; the same problems give the same splits in whatever order they come.

    The authors' test split holds a hundred of their training rows; here no two splits share a problem.
    """
    ids = sorted({problem_id(row) for row in rows}, key=lambda id: hashlib.sha256(id.encode()).hexdigest())
    split_of, start, total = {}, 0, 0.0
    for name, share in zip(SPLITS, settings.shares, strict=True):
        total += share
        end = round(total * len(ids))
        split_of |= dict.fromkeys(ids[start:end], name)
        start = end
    splits = {name: [row for row in rows if split_of[problem_id(row)] == name] for name in SPLITS}
    problems = [{problem_id(row) for row in part} for part in splits.values()]
    assert sum(map(len, problems)) == len(set.union(*problems)), "a problem is in two splits"
    return splits


def report(problems: list[Problem], left: Left, results: Results) -> pd.DataFrame:
    """Language x length of the English question and solution (characters) x reason: `tries` that ended so, and `rows`.

    `kept` are the rows that are written; any other reason is why tries were not used, and `rows` how many were lost by it
    at last. The language `en` counts what was left out of the input. Long texts are lost more often: rows by length show
    how much.
    """
    tries: Counter[tuple] = Counter()
    rows: Counter[tuple] = Counter()
    for length, reason in left.rows:
        key = ("en", band(length), reason)
        tries[key] += 1
        rows[key] += 1
    for problem in problems:
        key = ("en", _band_of(problem), KEPT)
        tries[key] += 1
        rows[key] += 1
    for kept in results.kept:
        key = (kept.lang, _band_of(kept.problem), KEPT)
        tries[key] += 1
        rows[key] += 1
    for problem, lang, fault, final in results.failures:
        key = (lang, _band_of(problem), fault.reason)
        tries[key] += 1
        rows[key] += final
    lengths = [band(low) for low in BANDS]
    ordered = sorted(tries, key=lambda key: (key[0] != "en", key[0], lengths.index(key[1]), key[2] != KEPT, key[2]))
    return pd.DataFrame(
        [(*key, tries[key], rows[key]) for key in ordered], columns=["lang", "length", "reason", "tries", "rows"]
    )


def _band_of(problem: Problem) -> str:
    return band(len(problem.question) + len(problem.text))


def band(length: int) -> str:
    """The band of a length in characters.

    >>> band(260), band(9999)
    ('250-499', '4000+')
    """
    above = [low for low in BANDS if low > length]
    low = max(low for low in BANDS if low <= length)
    return f"{low}-{above[0] - 1}" if above else f"{low}+"


def losses(table: pd.DataFrame) -> pd.DataFrame:
    """For people: by language, rows kept and lost for each reason, and the share that is lost."""
    wide = table.pivot_table(index="lang", columns="reason", values="rows", aggfunc="sum", fill_value=0)
    wide = wide[[KEPT, *_ordered(name for name in wide.columns if name != KEPT)]]
    return wide.loc[:, (wide != 0).any()].assign(lost=lambda frame: (1 - frame[KEPT] / frame.sum(axis=1)).round(3))


def _ordered(reasons: Iterable[str]) -> list[str]:
    places = {reason: place for place, reason in enumerate((PLACEHOLDERS, *REASONS))}
    return sorted(reasons, key=lambda reason: (places.get(reason, len(places)), reason))
