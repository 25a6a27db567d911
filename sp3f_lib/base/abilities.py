"""What a lab base model can do, language by language, on problems that no training part of the world holds. All greedy.

- `reads`: a question in the language, answered right in whatever language.
- `writes`: the same answers, right *and* in the language of the question: what the model does by itself.
- `obeys`: an English question behind "answer in X" (ICR's sentence), answered right and in X.
- `translates`, `translates back`: a solution from English into the language, or back, with every calculation kept.
"""

import pandas as pd

from sp3f_lib.evaluation.statistics import wilson
from sp3f_lib.generation.implicit_reward import conditioning_prompt
from sp3f_lib.generation.sampling import Sampling, local_generator
from sp3f_lib.generation.translation import self_translate
from sp3f_lib.judges.alignment import calculations
from sp3f_lib.lab.problems import render_question, render_solution, sample_problems
from sp3f_lib.languages import get_language
from sp3f_lib.rewards.answers import is_correct
from sp3f_lib.rewards.fidelity import is_faithful

ABILITIES = ("reads", "writes", "obeys", "translates", "translates back")
# At least so much of each, in every language, or at most (`writes`).
GOALS = {"reads": 0.95, "obeys": 0.90, "translates": 0.90, "translates back": 0.90}
WRITES_AT_MOST = 0.05
SEED, Z = 7_000_003, 1.96


def abilities(model, tokenizer, languages: list[str], problems: int) -> pd.DataFrame:
    """One line per language and ability: lang, ability, mean, low, high (95 % Wilson interval, shares in [0, 1]), n.

    English has `reads` only. `languages` are codes.
    """
    generate = local_generator(model, tokenizer)
    drawn, sampling = sample_problems(problems, SEED, (2, 3, 4), part="eval"), Sampling(max_new_tokens=112, batch_size=128)
    others = [lang for lang in languages if lang != "en"]
    marks: dict[tuple[str, str], list[bool]] = {}

    asked = [(lang, problem) for lang in languages for problem in drawn]
    for (lang, problem), reply in zip(asked, generate([question(p, x) for x, p in asked], sampling, 0), strict=True):
        right = is_correct(reply.text, str(problem.answer), lang)
        marks.setdefault((lang, "reads"), []).append(right)
        if lang != "en":
            marks.setdefault((lang, "writes"), []).append(right and is_faithful(reply.text, lang))

    asked = [(lang, problem) for lang in others for problem in drawn]
    prompts = [conditioning_prompt(question(problem, "en"), lang) for lang, problem in asked]
    for (lang, problem), reply in zip(asked, generate(prompts, sampling, 0), strict=True):
        obeyed = is_correct(reply.text, str(problem.answer), lang) and is_faithful(reply.text, lang)
        marks.setdefault((lang, "obeys"), []).append(obeyed)

    for ability, there in (("translates", True), ("translates back", False)):
        ways = [(problem, *(("en", lang) if there else (lang, "en"))) for lang, problem in asked]
        jobs = [(render_solution(problem, source), source, target) for problem, source, target in ways]
        for (problem, source, target), found in zip(ways, self_translate(generate, jobs, sampling), strict=True):
            expected = calculations(render_solution(problem, target))
            kept = found.text is not None and calculations(found.text) == expected and is_faithful(found.text, target)
            marks.setdefault((target if there else source, ability), []).append(kept)

    rows = []
    for (lang, ability), found in marks.items():
        mean, n = sum(found) / len(found), len(found)
        low, high = wilson(mean, n, Z)
        rows.append({"lang": lang, "ability": ability, "mean": mean, "low": low, "high": high, "n": n})
    order = {lang: number for number, lang in enumerate(languages)}
    return pd.DataFrame(rows).sort_values(
        ["lang", "ability"], key=lambda c: c.map(order | {a: k for k, a in enumerate(ABILITIES)})
    )


def question(problem, lang: str) -> list[dict]:
    """The chat of a problem: the instruction and the question, both in `lang`."""
    return [
        {"role": "system", "content": get_language(lang).instruction},
        {"role": "user", "content": render_question(problem, lang)},
    ]


def meets_goals(table: pd.DataFrame) -> list[str]:
    """What a base model lacks, one line each: empty if it may be shipped."""
    lacks = []
    for row in table.itertuples():
        if row.mean < GOALS.get(row.ability, 0.0):
            lacks.append(f"{row.ability} {row.lang}: {row.mean:.0%}, wanted at least {GOALS[row.ability]:.0%}")
        if row.ability == "writes" and row.mean > WRITES_AT_MOST:
            lacks.append(f"writes {row.lang} by itself: {row.mean:.0%}, wanted at most {WRITES_AT_MOST:.0%}")
    return lacks


def compare(found: pd.DataFrame, shipped: pd.DataFrame) -> pd.DataFrame:
    """`found` beside `shipped`, with whether they agree: the difference of two shares is within its 95 % interval (Newcombe's)."""
    both = found.merge(shipped, on=["lang", "ability"], suffixes=("", " shipped"))
    gap = both["mean"] - both["mean shipped"]
    down = ((both["mean"] - both["low"]) ** 2 + (both["high shipped"] - both["mean shipped"]) ** 2) ** 0.5
    up = ((both["high"] - both["mean"]) ** 2 + (both["mean shipped"] - both["low shipped"]) ** 2) ** 0.5
    return both.assign(difference=gap, agrees=(gap - down <= 0) & (gap + up >= 0))
