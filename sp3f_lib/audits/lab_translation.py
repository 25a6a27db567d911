"""How well a lab model translates its own kind of text: rendered solutions from English into each language and back.

The lab knows every solution in every language, so a translation can be checked word for word. Three questions, from hard to easy:
is it the rendered solution (`exact`), does it keep every calculation in order (`calculations`), is it in the language that was
asked for (`fidelity`)? `usable` is the last two together: what LIDR needs of a translation. One without a closing tag, empty, or
with tags inside has failed (generation/translation.py) and is none of these.
"""

import pandas as pd

from sp3f_lib.evaluation.statistics import clustered_mean
from sp3f_lib.generation.sampling import Sampling, local_generator
from sp3f_lib.generation.translation import self_translate
from sp3f_lib.judges.alignment import calculations
from sp3f_lib.lab.problems import Problem, render_solution
from sp3f_lib.rewards.fidelity import is_faithful

SHARES = ("failed", "exact", "calculations", "fidelity", "usable")


def translation_report(
    model, tokenizer, problems: list[Problem], languages: list[str], max_new_tokens: int, batch_size: int
) -> pd.DataFrame:
    """`translation_table` of the translations that `model` makes now."""
    return translation_table(translate_solutions(model, tokenizer, problems, languages, max_new_tokens, batch_size))


def translate_solutions(
    model, tokenizer, problems: list[Problem], languages: list[str], max_new_tokens: int, batch_size: int
) -> pd.DataFrame:
    """The greedy translation of every solution between English and each other language, both ways, checked.

    One row each: problem, source, target, text (None where it failed, for `reason`), expected (the rendered solution), and the
    marks `failed`, `exact`, `calculations`, `fidelity`, `usable` (0.0 or 1.0).
    """
    directions = [pair for lang in languages if lang != "en" for pair in (("en", lang), (lang, "en"))]
    places = [(problem, source, target) for source, target in directions for problem in problems]
    jobs = [(render_solution(problem, source), source, target) for problem, source, target in places]
    sampling = Sampling(max_new_tokens=max_new_tokens, batch_size=batch_size)
    found = self_translate(local_generator(model, tokenizer), jobs, sampling)
    rows = []
    for (problem, source, target), translation in zip(places, found, strict=True):
        expected = render_solution(problem, target)
        row = {"problem": problem.id, "source": source, "target": target, "text": translation.text}
        row |= {"reason": translation.reason, "expected": expected}
        rows.append(row | translation_marks(translation.text, expected, target))
    return pd.DataFrame(rows)


def translation_marks(text: str | None, expected: str, target: str) -> dict[str, float]:
    r"""What is measured of one translation (None: it failed): 0.0 or 1.0 under each name of SHARES.

    >>> translation_marks(r"Leo buys more books: 5 + 3 = 8.", r"Leo finds more books: 5 + 3 = 8.", "en")
    {'failed': 0.0, 'exact': 0.0, 'calculations': 1.0, 'fidelity': 1.0, 'usable': 1.0}
    """
    if text is None:
        return {"failed": 1.0} | dict.fromkeys(SHARES[1:], 0.0)
    kept, faithful = calculations(text) == calculations(expected), is_faithful(text, target)
    marks = {"exact": text == expected, "calculations": kept, "fidelity": faithful, "usable": kept and faithful}
    return {"failed": 0.0} | {name: float(mark) for name, mark in marks.items()}


def translation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per direction of what `translate_solutions` made: source, target, n, and each share with its 95 % interval.

    Columns of a share: its name, `<name>_low`, `<name>_high`, all in [0, 1]; failed translations count in every share.
    """
    table = []
    for (source, target), group in rows.groupby(["source", "target"], sort=False):
        row = {"source": source, "target": target, "n": len(group)}
        for name in SHARES:
            share = clustered_mean(group[name], group["problem"])
            row |= {name: share["mean"], f"{name}_low": share["low"], f"{name}_high": share["high"]}
        table.append(row)
    return pd.DataFrame(table)
