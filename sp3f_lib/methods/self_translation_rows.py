"""Rejection-sampled self-translation: from the English answers of a model to rows for SFT, and what was lost on the way.

    K English answers -> finished, right, in English, each text once -> translated by the same model -> every calculation is there,
    in order, and the same answer; in the language -> rows

No solution that somebody wrote is read: only questions and answers, as in reinforcement learning with verifiable rewards. It is
the plainest thing to do with a model that knows in English what it lacks elsewhere, and what RL has to be better than. English
rows keep the English answer. Where a text holds no calculations, the box alone must agree.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from sp3f_lib.data.parallel import ParallelPrompt
from sp3f_lib.data.schema import english_question, problem_id
from sp3f_lib.generation.parts import in_parts, part_seed
from sp3f_lib.generation.sampling import Generate, Sampling
from sp3f_lib.generation.translation import self_translate
from sp3f_lib.judges.alignment import agreement
from sp3f_lib.languages import get_language
from sp3f_lib.rewards.answers import is_correct
from sp3f_lib.rewards.fidelity import is_faithful

ANSWERS, TRANSLATIONS = "answer", "translation"
TAKEN = "taken"
CUT, WRONG, FOREIGN, AGAIN, ENOUGH = "cut off", "wrong", "not in English", "the same text again", "one more than wanted"
LOST, ASTRAY = "a calculation or the answer is lost", "not in the language"


def english_prompts(rows: list[dict]) -> list[ParallelPrompt]:
    """The English question of each problem, asked in English; rows of one problem in several languages give one."""
    system = {"role": "system", "content": get_language("en").instruction}
    questions = {problem_id(row): english_question(row) for row in reversed(rows)}
    ids = dict.fromkeys(problem_id(row) for row in rows)
    return [ParallelPrompt(id, {"en": [system, {"role": "user", "content": questions[id]}]}) for id in ids]


def what_became_of(answers: pd.DataFrame, rows: list[dict], threshold: float, wanted: int) -> pd.DataFrame:
    """The answers with a column `became`: `TAKEN`, or why not. At most `wanted` of a problem are taken, the first ones.

    `answers` are those of `sample_responses` to `english_prompts`: id, text, finished, ...
    """
    gold = {problem_id(row): row["reward_model"]["ground_truth"] for row in rows}
    seen: set[tuple[str, str]] = set()
    taken: Counter[str] = Counter()
    became = []
    for answer in answers.itertuples(index=False):
        place = answer.id, answer.text.strip()
        if not answer.finished:
            became.append(CUT)
        elif not is_correct(answer.text, gold[answer.id], "en"):
            became.append(WRONG)
        elif not is_faithful(answer.text, "en", threshold):
            became.append(FOREIGN)
        elif place in seen:
            became.append(AGAIN)
        elif taken[answer.id] == wanted:
            became.append(ENOUGH)
        else:
            seen.add(place)
            taken[answer.id] += 1
            became.append(TAKEN)
    return answers.assign(became=became)


def translate_taken(
    folder: Path,
    generate: Generate,
    answers: pd.DataFrame,
    rows: list[dict],
    sampling: Sampling,
    answers_per_part: int = 64,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Each answer that was taken, in each language of its problem but English.

    Columns: id, sample, lang, text (none if it failed, for `reason`), tokens.
    """
    spoken: dict[str, dict[str, None]] = {}
    for row in rows:
        spoken.setdefault(problem_id(row), {})[row["extra_info"]["lang"]] = None
    items = [
        (one.id, int(one.sample), lang, one.text)
        for one in answers[answers.became == TAKEN].itertuples(index=False)
        for lang in spoken[one.id]
        if lang != "en"
    ]
    if not items:
        return pd.DataFrame(columns=["id", "sample", "lang", "text", "reason", "tokens"])

    def work(chunk, number):
        found = self_translate(generate, [(text, "en", lang) for *_, lang, text in chunk], sampling, part_seed(0, number))
        return [
            {"id": id, "sample": sample, "lang": lang, "text": one.text, "reason": one.reason, "tokens": one.tokens}
            for (id, sample, lang, _), one in zip(chunk, found, strict=True)
        ]

    return in_parts(folder, items, answers_per_part, work, {"sampling": asdict(sampling)}, progress)


def kept_rows(
    answers: pd.DataFrame, translations: pd.DataFrame, rows: list[dict], threshold: float
) -> tuple[list[dict], pd.DataFrame]:
    """(rows for SFT in the order of `rows`, `translations` with a column `became`).

    A second row of one problem and language has an id of its own, `<id>/2`.
    """
    texts = {(one.id, one.sample): one.text for one in answers[answers.became == TAKEN].itertuples(index=False)}
    kept = {(id, "en", sample): text for (id, sample), text in texts.items()}
    became = []
    for one in translations.itertuples(index=False):
        if pd.isna(one.text):
            became.append(one.reason)
        elif agreement(texts[one.id, one.sample], one.text) < 1:
            became.append(LOST)
        elif not is_faithful(one.text, one.lang, threshold):
            became.append(ASTRAY)
        else:
            became.append(TAKEN)
            kept[one.id, one.lang, one.sample] = one.text
    samples: dict[str, list[int]] = {}
    for id, sample in texts:
        samples.setdefault(id, []).append(sample)
    found = []
    for row in rows:
        id, lang = problem_id(row), row["extra_info"]["lang"]
        said_so = [kept[id, lang, sample] for sample in samples.get(id, []) if (id, lang, sample) in kept]
        for number, text in enumerate(said_so, 1):
            turn, own = {"role": "assistant", "content": text}, id if number == 1 else f"{id}/{number}"
            said = {"translated_solution": text, "output": text, "messages": [*row["input"], turn]}
            found.append(row | said | {"extra_info": row["extra_info"] | {"id": own}})
    return found, translations.assign(became=became)


def losses(answers: pd.DataFrame, translations: pd.DataFrame) -> pd.DataFrame:
    """What became of every text that was generated. Columns: what (answer or translation), lang, became, number, tokens.

    The sum of `tokens` (end tokens included) is what it cost, comparable with the completions of RL.
    """
    parts = [
        part.groupby(["lang", "became"], sort=False).agg(number=("tokens", "size"), tokens=("tokens", "sum")).reset_index()
        for part in (answers, translations)
    ]
    return pd.concat([part.assign(what=what) for part, what in zip(parts, (ANSWERS, TRANSLATIONS), strict=True)])[
        ["what", "lang", "became", "number", "tokens"]
    ].reset_index(drop=True)
