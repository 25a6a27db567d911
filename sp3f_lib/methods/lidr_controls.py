"""Controls for LIDR: is it the right language that is learned, or the better content?

On a prompt in language l a LIDR pair prefers a translated English answer to an own answer that is often not in l at all. Then
the pair says two things at once. Three kinds of pairs say them one at a time:

    content     the pairs of LIDR whose two sides are both in the language of the prompt: only what is said differs
    language    x^l: T(y^en -> l) over y^en, and x^en: y^en over T(y^en -> l): one answer in two languages, so only the
                language differs (the chosen side in that of the prompt, the rejected side in the other one)
    both        the pairs of LIDR whose chosen side is in the language of the prompt and whose rejected side is not

Whether a text is in a language is decided by `rewards.fidelity`: at least `threshold` of it; a text without enough letters to tell
("7", a line of code) is in no language, and pairs with one are counted, not used. Train on `content` and on `language` with equal
numbers of pairs (`equal_numbers`), beside all pairs. Prompts that ask for a translation are in neither control.
"""

import random
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from sp3f_lib.data.parallel import ParallelPrompt
from sp3f_lib.methods.lidr_pairs import asks_for_translation, make_pair, translation_texts
from sp3f_lib.rewards.fidelity import THRESHOLD, is_faithful, language_share

CONTENT, LANGUAGE, BOTH = "content", "language", "both"
UNFAITHFUL, UNTOLD = "chosen side in another language", "too little text to tell"


def classify_pair(pair: dict, threshold: float = THRESHOLD) -> str:
    """What the two sides of a pair differ in: `content`, `both`, or why that cannot be said."""
    chosen, rejected = (pair[side][-1]["content"] for side in ("chosen", "rejected"))
    shares = [language_share(text, pair["lang"]) for text in (chosen, rejected)]
    if None in shares:
        return UNTOLD
    if shares[0] < threshold:
        return UNFAITHFUL
    return CONTENT if shares[1] >= threshold else BOTH


def fidelity_control_pairs(
    prompts: list[ParallelPrompt],
    pairs: list[dict],
    answers: pd.DataFrame,
    translations: pd.DataFrame,
    threshold: float = THRESHOLD,
) -> tuple[dict[str, list[dict]], pd.DataFrame]:
    """({"content", "language", "both": pairs}, counts of all classes by language of the prompt and partner).

    `pairs`, `answers` and `translations` are those of `lidr_pairs`.
    """
    asking = {prompt.id for prompt in prompts if asks_for_translation(prompt.english)}
    sorted_pairs: dict[str, list[dict]] = defaultdict(list)
    counts = []
    for pair in pairs:
        if pair["id"] in asking:
            continue
        kind = classify_pair(pair, threshold)
        sorted_pairs[kind].append(pair)
        counts.append((pair["lang"], pair["partner"], kind))
    for pair in _in_two_languages(prompts, answers, translations):
        other = pair["partner"]
        chosen, rejected = (pair[side][-1]["content"] for side in ("chosen", "rejected"))
        if is_faithful(chosen, pair["lang"], threshold) and is_faithful(rejected, other, threshold):
            sorted_pairs[LANGUAGE].append(pair)
            counts.append((pair["lang"], other, LANGUAGE))
        else:
            counts.append((pair["lang"], other, f"{LANGUAGE}: a side is not in its language"))
    table = pd.DataFrame(counts, columns=["lang", "partner", "kind"])
    table = table.groupby(["lang", "partner", "kind"]).size().rename("pairs").reset_index()
    return {kind: sorted_pairs[kind] for kind in (CONTENT, LANGUAGE, BOTH)}, table


def equal_numbers(controls: dict[str, list[dict]], kinds: Sequence[str] = (CONTENT, LANGUAGE), seed: int = 0) -> dict:
    """The named controls cut to the same number of pairs in every (lang, partner), drawn at random."""
    groups = {kind: defaultdict(list) for kind in kinds}
    for kind in kinds:
        for pair in controls[kind]:
            groups[kind][pair["lang"], pair["partner"]].append(pair)
    places = sorted(set.intersection(*(set(found) for found in groups.values())))
    cut: dict[str, list[dict]] = {kind: [] for kind in kinds}
    for place in places:
        size = min(len(groups[kind][place]) for kind in kinds)
        for kind in kinds:
            cut[kind] += random.Random(f"{seed} {kind} {place}").sample(groups[kind][place], size)
    return cut


def _in_two_languages(prompts, answers, translations):
    english = {row.id: row for row in answers.itertuples(index=False) if row.lang == "en"}
    translated = translation_texts(translations)
    for lang in [lang for lang in dict.fromkeys(answers["lang"]) if lang != "en"]:
        for prompt in prompts:
            into, answer = translated[prompt.id, "en", lang], english[prompt.id]
            if into is None or not answer.finished or into == answer.text:
                continue
            yield make_pair(prompt, lang, "en", into, answer.text)
            yield make_pair(prompt, "en", lang, answer.text, into)
