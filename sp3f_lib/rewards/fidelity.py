r"""Language fidelity: which share of a response is written in the language that was asked for.

Formulas, code, numbers, URLs, `\boxed{}` and `<think>` are masked; what is left is judged sentence by sentence against an
open set of languages: by script where the script decides it, by lingua (models in its wheel, no network) where it does not.
The authors' detector knows {target, English} only, so Chinese inside Indonesian passes there, and formulas count as English.
"""

import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache

from sp3f_lib.languages import LANGUAGES, get_language

THRESHOLD = 0.7
# Scripts that one language of the table owns; the rest is left to the detector.
_SCRIPT_LANGUAGE = {
    "BENGALI": "bn", "TELUGU": "te", "THAI": "th", "HANGUL": "ko", "HEBREW": "he", "GUJARATI": "gu", "GURMUKHI": "pa",
    "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh",
}  # fmt: skip
# Candidates by script: the table's languages and the neighbours they are mistaken for.
_CANDIDATES = {
    "LATIN": "af az ca cs da de en es et eu fi fr ga hr hu id it lt lv ms nb nl pl pt ro sk sl sq sv sw tl tr vi yo",
    "CYRILLIC": "ru uk bg be mk sr kk mn",
    "ARABIC": "ar fa ur",
    "DEVANAGARI": "hi mr",
}
# A neighbour that counts as the language: Indonesian and Malay are one language in two standards.
_SAME = {"ms": "id"}
_WIDE = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}  # one character here says about as much as two letters elsewhere
_MASK = re.compile(
    r"<think>.*?(?:</think>|\Z)|```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|\\\[.*?\\\]|\\\(.*?\\\)"
    r"|\\f?boxed\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\\[A-Za-z]+|<<.*?>>|https?://\S+|<\|.*?\|>|[A-Za-z]*\d[\w.,]*",
    re.DOTALL,
)
_SHORT = 30  # letters
_SENTENCE = re.compile(r"[.!?:;。！？：；؟۔।॥\n]+")


def language_share(text: str, lang: str) -> float | None:
    r"""Share in [0, 1] of the natural-language text of `text` that is in `lang`; None if it holds no language at all.

    >>> language_share(r"$3 + 4 = 7$ \boxed{7}", "de") is None
    True
    """
    get_language(lang)
    weights: Counter[str | None] = Counter()
    for segment in _segments(text):
        for found, weight in _segment_languages(segment):
            weights[found] += weight
    total = sum(weights.values())
    return weights[lang] / total if total else None


def _segments(text: str) -> list[str]:
    """The sentences of the masked text. Those too short to tell a language by are pooled into one segment, whatever their
    order, because two words such as "Hay" or "stamps" look like many languages."""
    sentences = [" ".join(part.split()) for part in _SENTENCE.split(_MASK.sub(" ", text))]
    long = [sentence for sentence in sentences if _letters(sentence) >= _SHORT]
    short = sorted(sentence for sentence in sentences if 0 < _letters(sentence) < _SHORT)
    return [*long, " ".join(short)] if short else long


def _letters(sentence: str) -> int:
    return sum(2 if "\u2e80" <= char <= "\uffef" else 1 for char in sentence if char.isalpha())


def is_faithful(text: str, lang: str, threshold: float = THRESHOLD) -> bool:
    """Whether at least `threshold` of the text is in `lang`. Text without any language is not: there is nothing to credit."""
    share = language_share(text, lang)
    return share is not None and share >= threshold


@lru_cache(maxsize=50_000)
def _segment_languages(sentence: str) -> tuple[tuple[str | None, float], ...]:
    """(language, weight) of the parts of one masked segment, one part per script; a language of None is unknown."""
    letters: Counter[str] = Counter()
    for char in sentence:
        if unicodedata.category(char)[0] in "LM":
            letters[_script(char)] += 2 if _script(char) in _WIDE else 1
    if letters["HIRAGANA"] + letters["KATAKANA"]:
        # Japanese writes with kanji too: Han characters beside kana are Japanese.
        letters["HIRAGANA"] += letters.pop("CJK", 0) + letters.pop("KATAKANA", 0)
    return tuple((_language_of(script, sentence), weight) for script, weight in letters.items() if weight)


@lru_cache(maxsize=10_000)
def _script(char: str) -> str:
    if "\u0300" <= char <= "\u036f" or char in "ーｰ":
        return "LATIN" if char < "\u0370" else "KATAKANA"
    name = unicodedata.name(char, "UNKNOWN").split()[0]
    return {"HALFWIDTH": "KATAKANA", "FULLWIDTH": "LATIN", "IDEOGRAPHIC": "CJK", "ZERO": "UNKNOWN"}.get(name, name)


def _language_of(script: str, sentence: str) -> str | None:
    if script in _SCRIPT_LANGUAGE:
        return _SCRIPT_LANGUAGE[script]
    if script not in _CANDIDATES:
        return None
    part = " ".join(word for word in sentence.split() if any(_script(c) == script for c in word if c.isalpha()))
    found = _detector(script).detect_language_of(part)
    code = found.iso_code_639_1.name.lower() if found else None
    return _SAME.get(code, code)


@cache
def _detector(script: str):
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, code.upper()) for code in _CANDIDATES[script].split()]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).build()


def covered() -> set[str]:
    """The languages of the table that this module can recognise: a test holds it equal to the table."""
    owned = set(_SCRIPT_LANGUAGE.values())
    return (owned | {code for codes in _CANDIDATES.values() for code in codes.split()}) & set(LANGUAGES)
