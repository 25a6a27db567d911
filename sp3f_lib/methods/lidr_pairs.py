"""LIDR: the model is better in English, so the direction of a preference is known without any reward.

    x^l     T(y^en -> l)  over  y^l             for every language l and every prompt; T: translation by the same model
    x^en    y^en          over  T(y^l -> en)

Answers are greedy with a repetition penalty of 1.1, translations greedy (arXiv 2410.08964 and its released code). If one of the two
translations failed, both pairs are dropped. A prompt that asks for a translation keeps the English run's answer, as it is, as the
chosen one in l.

Departures: the English pairs of *all* languages are kept (the released script overwrites all but the last language's); both
pairs are dropped as well where the English answer was cut off, because it is the chosen side of both, in translation or not,
and would teach never to stop. Everything left out is counted by language and reason.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from sp3f_lib.data.parallel import ParallelPrompt
from sp3f_lib.generation import sampling as settings_of
from sp3f_lib.generation.parts import in_parts, part_seed
from sp3f_lib.generation.sampling import Generate, Sampling
from sp3f_lib.generation.translation import CUT, NOT_NEEDED, Translation, self_translate
from sp3f_lib.generation.translation_requests import asks_for_translation

EMPTY, FAILED, SAME = "empty answer", "translation failed", "both sides are the same text"


def answer_prompts(
    folder: Path,
    generate: Generate,
    prompts: list[ParallelPrompt],
    languages: Sequence[str],
    sampling: Sampling = settings_of.LIDR,
    prompts_per_part: int = 64,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """One answer to every prompt in every language: id, lang, text, finished, tokens, characters. Goes on after a kill."""
    items = [(lang, prompt.id, prompt.messages[lang]) for lang in languages for prompt in prompts]

    def work(chunk, number):
        found = generate([messages for _, _, messages in chunk], sampling, part_seed(0, number))
        return [
            {"id": id, "lang": lang, "text": c.text, "finished": c.finished, "tokens": c.tokens, "characters": len(c.text)}
            for (lang, id, _), c in zip(chunk, found, strict=True)
        ]

    return in_parts(folder, items, prompts_per_part, work, {"sampling": asdict(sampling)}, progress)


def translate_answers(
    folder: Path,
    generate: Generate,
    prompts: list[ParallelPrompt],
    answers: pd.DataFrame,
    sampling: Sampling = settings_of.TRANSLATION,
    answers_per_part: int = 64,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """T(y^en -> l) and T(y^l -> en) for every prompt and language l: id, source, target, characters of the source, text, reason.

    `text` is missing where there is none, for `reason`. Where the English answer was cut off, nothing is translated.
    """
    by_place = _by_place(answers)
    items = []
    for lang in dict.fromkeys(answers["lang"]):
        for prompt in prompts if lang != "en" else ():
            english, own = by_place[prompt.id, "en"], by_place[prompt.id, lang]
            cut = None if english["finished"] else CUT
            into = NOT_NEEDED if asks_for_translation(prompt.english) else cut
            items += [(prompt.id, "en", lang, english["text"], into), (prompt.id, lang, "en", own["text"], cut)]

    def work(chunk, number):
        jobs = [(text, source, target) for _, source, target, text, reason in chunk if reason is None]
        done = iter(self_translate(generate, jobs, sampling, part_seed(0, number)))
        rows = []
        for id, source, target, text, reason in chunk:
            found = next(done) if reason is None else Translation(None, reason)
            row = {"id": id, "source": source, "target": target, "characters": len(text)}
            rows.append(row | {"text": found.text, "reason": found.reason})
        return rows

    return in_parts(folder, items, answers_per_part, work, {"sampling": asdict(sampling)}, progress)


def lidr_pairs(
    prompts: list[ParallelPrompt], answers: pd.DataFrame, translations: pd.DataFrame
) -> tuple[list[dict], pd.DataFrame]:
    """(pairs for `train_preference`, of both directions and all languages; counts by language and reason).

    A pair has `id`, `lang` (of its prompt) and `partner`: for an English prompt the language that it was paired with. The table
    has one row per language l: prompts, pairs in l, pairs in English, and how many pairs each reason cost.
    """
    pairs, report = [], []
    by_place, translated = _by_place(answers), translation_texts(translations)
    for lang in [lang for lang in dict.fromkeys(answers["lang"]) if lang != "en"]:
        counts: Counter = Counter()
        for prompt in prompts:
            english, own = by_place[prompt.id, "en"], by_place[prompt.id, lang]
            into, back = translated[prompt.id, "en", lang], translated[prompt.id, lang, "en"]
            if asks_for_translation(prompt.english):
                into = english["text"]
            if not english["text"].strip() or not own["text"].strip():
                counts[EMPTY] += 2
            elif not english["finished"]:
                counts[CUT] += 2
            elif into is None or back is None:
                counts[FAILED] += 2
            else:
                for at, partner, chosen, rejected in ((lang, "en", into, own["text"]), ("en", lang, english["text"], back)):
                    if chosen == rejected:
                        counts[SAME] += 1
                        continue
                    counts[at] += 1
                    pairs.append(make_pair(prompt, at, partner, chosen, rejected))
        row = {"lang": lang, "prompts": len(prompts), "pairs": counts[lang], "English pairs": counts["en"]}
        report.append(row | {reason: counts[reason] for reason in (EMPTY, CUT, FAILED, SAME)})
    return pairs, pd.DataFrame(report)


def alignment_rows(prompts: list[ParallelPrompt], answers: pd.DataFrame, translations: pd.DataFrame) -> list[dict]:
    """Rows for `train_sft`, the baseline "multilingual alignment": x^l with the model's own answer translated from English.

    `input` and `translated_solution`, with `extra_info` (id, lang); only finished English answers whose translation succeeded.
    """
    by_place, translated = _by_place(answers), translation_texts(translations)
    rows = []
    for lang in [lang for lang in dict.fromkeys(answers["lang"]) if lang != "en"]:
        for prompt in prompts:
            english, text = by_place[prompt.id, "en"], translated[prompt.id, "en", lang]
            if asks_for_translation(prompt.english):
                text = english["text"]
            if text and text.strip() and english["finished"]:
                info = {"id": prompt.id, "lang": lang}
                rows.append({"input": prompt.messages[lang], "translated_solution": text, "extra_info": info})
    return rows


def make_pair(prompt: ParallelPrompt, lang: str, partner: str, chosen: str, rejected: str) -> dict:
    """A pair for `train_preference` on x^lang; `partner` is the other language that it was made with."""
    sides = {side: [{"role": "assistant", "content": text}] for side, text in (("chosen", chosen), ("rejected", rejected))}
    return {"id": prompt.id, "lang": lang, "partner": partner, "prompt": prompt.messages[lang], **sides}


def translation_texts(translations: pd.DataFrame) -> dict[tuple[str, str, str], str | None]:
    """The translated text, or None, by (id, source, target)."""
    return {
        (row.id, row.source, row.target): None if pd.isna(row.text) else row.text
        for row in translations.itertuples(index=False)
    }


def _by_place(answers: pd.DataFrame) -> dict[tuple[str, str], dict]:
    return {(row["id"], row["lang"]): row for row in answers.to_dict("records")}
