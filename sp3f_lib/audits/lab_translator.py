"""The lab's own model as the translator of `sp3f translate`: a model that really translates, in seconds on a CPU.

It was trained on translating solutions (LIDR's self-translation), never on translating questions. The lab has every question in
every language, so they are given, as MGSM's are, and the model translates the solutions.
"""

from pathlib import Path

import pandas as pd

from sp3f_lib.data.english import Left, Problem
from sp3f_lib.lab.problems import render_question, render_solution, sample_problems
from sp3f_lib.lab.shipped import shipped_base
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.translation.local import LocalTranslator
from sp3f_lib.translation.output import losses, report, translated_row
from sp3f_lib.translation.stage import translate

_LONGEST = 112  # tokens of a solution


def lab_problems(count: int, languages: tuple[str, ...], seed: int = 5) -> list[Problem]:
    """English problems of the lab, with their questions in the languages."""
    return [
        Problem(
            problem.id, render_question(problem, "en"), render_solution(problem, "en"), str(problem.answer), "lab",
            {lang: render_question(problem, lang) for lang in languages},
        )
        for problem in sample_problems(count, seed)
    ]  # fmt: skip


def lab_model(model: str = "lab") -> Translate:
    """The settings of a shipped base model that translates."""
    return Translate(name="local", model=str(shipped_base(model)), request="tags", max_tokens=_LONGEST, batch_size=32)


def translate_lab(
    count: int, languages: tuple[str, ...], folder: Path, threads: int | None = None
) -> tuple[list[dict], pd.DataFrame]:
    """(rows that passed the checks, by language what was kept and lost by reason) of so many problems; `folder` keeps the parts."""
    problems, settings = lab_problems(count, languages), lab_model()
    results = translate(problems, languages, LocalTranslator(settings, folder, "lab", threads), settings)
    table = losses(report(problems, Left(), results))
    return [translated_row(kept, settings, {}) for kept in results.kept], table.drop("en")
