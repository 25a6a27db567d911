"""Self-translation: the model translates its own answers, with the text between tags and the reply already begun.

    user:       <instruction> <sentence>text</sentence>
    assistant:  <translated>...</translated>           the part before the dots is given, the model goes on

What stands before `</translated>` is the translation; a reply without it (cut off, or the model talks on) has failed
(arXiv 2410.08964, released code; the wording of the instruction is ours). Two departures: a text that contains one of the tags is
not translated, and a translation that contains one is not used, because nobody could tell where it ends. Every failure has
a reason, and `failure_table` counts them by language and length: mostly long answers fail.
"""

from dataclasses import dataclass, field, replace

import pandas as pd

from sp3f_lib.generation.sampling import Generate, Sampling
from sp3f_lib.languages import get_language

TAGS = ("<sentence>", "</sentence>", "<translated>", "</translated>")
PREFILL, CLOSE = TAGS[2], TAGS[3]
INSTRUCTION = (
    "Translate the text between the tags <sentence> and </sentence> from {source} into {target}. Keep what it says, how it sounds "
    "and how it is laid out. Do not answer it and add nothing of your own. Put the translation between the tags <translated> and "
    "</translated>.\n\n<sentence>{text}</sentence>"
)
EMPTY, TAGGED, OPEN, NOTHING = "empty text", "tags in the text", "no closing tag", "empty translation"
TAGGED_REPLY = "tags in the translation"
# Why a text was not given to be translated: no failure.
NOT_NEEDED, CUT = "the prompt asks for a translation", "English answer cut off"
# Characters; the last bucket is open. Ours: the papers only say that long answers fail.
BUCKETS = (0, 250, 500, 1000, 2000, 4000)


@dataclass(frozen=True)
class Translation:
    """`text` is None where the translation failed, for `reason`. `tokens` were generated for it."""

    text: str | None
    reason: str | None = None
    tokens: int = field(default=0, repr=False)


def translation_prompt(text: str, source: str, target: str) -> list[dict]:
    """The chat that asks for a translation of `text` between two languages (codes)."""
    names = {"source": get_language(source).name, "target": get_language(target).name}
    # One pass: the text may hold braces.
    before, after = INSTRUCTION.split("{text}")
    return [{"role": "user", "content": before.format(**names) + text + after}]


def read_translation(reply: str) -> Translation:
    """What stands before the closing tag of a reply that began with `<translated>`.

    >>> read_translation("Drei Äpfel.</translated> I hope this helps")
    Translation(text='Drei Äpfel.', reason=None)
    >>> read_translation("Drei Äpf").reason
    'no closing tag'
    """
    text, closed, _ = reply.partition(CLOSE)
    text = text.strip()
    if not closed:
        return Translation(None, OPEN)
    if not text:
        return Translation(None, NOTHING)
    return Translation(None, TAGGED_REPLY) if any(tag in text for tag in TAGS) else Translation(text)


def self_translate(
    generate: Generate, jobs: list[tuple[str, str, str]], sampling: Sampling, seed: int = 0
) -> list[Translation]:
    """The translation of each (text, source, target); greedy unless `sampling` has a temperature."""
    found: dict[int, Translation] = {}
    for number, (text, _, _) in enumerate(jobs):
        if not text.strip():
            found[number] = Translation(None, EMPTY)
        elif any(tag in text for tag in TAGS):
            found[number] = Translation(None, TAGGED)
    asked = [number for number in range(len(jobs)) if number not in found]
    if asked:
        prompts = [translation_prompt(*jobs[number]) for number in asked]
        for number, reply in zip(asked, generate(prompts, sampling, seed, prefill=PREFILL, stop=CLOSE), strict=True):
            found[number] = replace(read_translation(reply.text), tokens=reply.tokens)
    return [found[number] for number in range(len(jobs))]


def failure_table(translations: pd.DataFrame) -> pd.DataFrame:
    """Failures by source, target and length of the text (bucket of characters): translations, failed, share, then the reasons.

    `translations` has the columns source, target, characters, text (None where failed) and reason; texts that were not given to
    be translated do not count.
    """
    translations = translations[~translations["reason"].isin((NOT_NEEDED, CUT))]
    bucket = pd.cut(translations["characters"], [*BUCKETS, float("inf")], right=False, labels=[f"{low}+" for low in BUCKETS])
    groups = [translations["source"], translations["target"], bucket.rename("length")]
    failed = translations["text"].isna()
    table = failed.groupby(groups, observed=True).agg(translations="size", failed="sum", share="mean")
    reasons = pd.crosstab(groups, translations["reason"].where(failed, ""))
    return table.join(reasons.drop(columns="", errors="ignore")).reset_index()
