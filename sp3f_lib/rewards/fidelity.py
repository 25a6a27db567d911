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
    "LATIN": "af ca de en es fr id it ms nl pl pt sv sw tl tr vi yo",
    "CYRILLIC": "ru uk bg sr",
    "ARABIC": "ar fa ur",
    "DEVANAGARI": "hi mr",
}
# A neighbour that counts as the language: Indonesian and Malay are one language in two standards.
_SAME = {"ms": "id"}
_WIDE = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}  # one character here says about as much as two letters elsewhere
_MASK = re.compile(
    r"<think>.*?(?:</think>|\Z)|```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]{1,300}?\$|\\\[.*?\\\]|\\\(.*?\\\)"
    r"|\\f?boxed\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\\[A-Za-z]+|<<.*?>>|https?://\S+|<\|.*?\|>|[A-Za-z]*\d(?:[\d.,]*\d)?[A-Za-z]*",
    re.DOTALL,
)
_SHORT = 30  # letters
_SURE = 0.4  # how far ahead of the second language the first must be in a short sentence
_UNSURE = "unsure"
_NUMBERS = re.compile(r"\d[\d.,]*")
_SENTENCE = re.compile(r"[.!?:;。！？：；؟۔।॥\n]+")


def language_share(text: str, lang: str) -> float | None:
    r"""Share in [0, 1] of the natural-language text of `text` that is in `lang`; None if it holds no language at all.

    >>> language_share(r"$3 + 4 = 7$ \boxed{7}", "de") is None
    True
    """
    get_language(lang)
    weights: Counter[str | None] = Counter()
    for found, weight in _parts(text):
        weights[found] += weight
    total = sum(weights.values())
    return weights[lang] / total if total else None


def _parts(text: str) -> list[tuple[str | None, float]]:
    """(language, weight) of every part of the masked text, one part per sentence and script.

    A short sentence counts where the detector is sure. The others say little, because words such as "Hay" or "stamps" look like
    many languages: they are left out, unless there is hardly anything else; then they are judged together, in any order.
    """
    parts, pool = [], {}
    for sentence in (" ".join(part.split()) for part in _SENTENCE.split(mask(text))):
        for script, words, weight in _by_script(sentence):
            found = _language_of(script, words, sure=weight < _SHORT)
            if found == _UNSURE:
                pool.setdefault(script, []).append((words, weight))
            else:
                parts.append((script, found, weight))
    for script, unsure in pool.items():
        if sum(weight for s, _, weight in parts if s == script) < _SHORT:
            words = " ".join(sorted(words for words, _ in unsure))
            parts.append((script, _language_of(script, words, sure=False), sum(weight for _, weight in unsure)))
    return [(found, weight) for _, found, weight in parts]


def mask(text: str) -> str:
    """The text with a space in place of everything that is no natural language."""
    return _MASK.sub(_masked, text)


def _masked(match: re.Match) -> str:
    # "$2 an egg, and the rest for $5" is prose between two prices, not a formula.
    found = match.group()
    prose = found.startswith("$") and "\\" not in found and re.search(r"[^\W\d_]{2,} [^\W\d_]{2,}", found)
    return _NUMBERS.sub(" ", found.replace("$", " ")) if prose else " "


def is_faithful(text: str, lang: str, threshold: float = THRESHOLD) -> bool:
    """Whether at least `threshold` of the text is in `lang`. Text without any language is not: there is nothing to credit."""
    share = language_share(text, lang)
    return share is not None and share >= threshold


@lru_cache(maxsize=50_000)
def _by_script(sentence: str) -> tuple[tuple[str, str, float], ...]:
    """(script, its words, weight in letters) for each script in a masked sentence."""
    letters: Counter[str] = Counter()
    for char in sentence:
        if unicodedata.category(char)[0] in "LM":
            letters[_script(char)] += 2 if _script(char) in _WIDE else 1
    if letters["HIRAGANA"] + letters["KATAKANA"]:
        # Japanese writes with kanji too: Han characters beside kana are Japanese.
        letters["HIRAGANA"] += letters.pop("CJK", 0) + letters.pop("KATAKANA", 0)
    words = [(word, {_script(char) for char in word if char.isalpha()}) for word in sentence.split()]
    return tuple((s, " ".join(w for w, has in words if s in has), weight) for s, weight in letters.items() if weight)


@lru_cache(maxsize=10_000)
def _script(char: str) -> str:
    if "\u0300" <= char <= "\u036f" or char in "ーｰ":
        return "LATIN" if char < "\u0370" else "KATAKANA"
    name = unicodedata.name(char, "UNKNOWN").split()[0]
    return {"HALFWIDTH": "KATAKANA", "FULLWIDTH": "LATIN", "IDEOGRAPHIC": "CJK", "ZERO": "UNKNOWN"}.get(name, name)


@lru_cache(maxsize=50_000)
def _language_of(script: str, words: str, sure: bool) -> str | None:
    """The language of words in one script; None if unknown, `_UNSURE` if `sure` is asked for and the detector is not."""
    if script in _SCRIPT_LANGUAGE:
        return _SCRIPT_LANGUAGE[script]
    if script not in _CANDIDATES:
        return None
    found = _detector(script, sure).detect_language_of(words)
    if found is None:
        return _UNSURE if sure else None
    code = found.iso_code_639_1.name.lower()
    return _SAME.get(code, code)


@cache
def _detector(script: str, sure: bool):
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, code.upper()) for code in _CANDIDATES[script].split()]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
    return (builder.with_minimum_relative_distance(_SURE) if sure else builder).build()


def covered() -> set[str]:
    """The languages of the table that this module can recognise: a test holds it equal to the table."""
    owned = set(_SCRIPT_LANGUAGE.values())
    return (owned | {code for codes in _CANDIDATES.values() for code in codes.split()}) & set(LANGUAGES)
