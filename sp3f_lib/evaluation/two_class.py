"""The authors' way to measure fidelity, beside ours in the tables of tasks: one lingua detector {target, English} a language, share
of words.

It cannot see a third language: Spanish passes for French, Chinese for Japanese, and formulas count as English
(spec, defect 7). Nothing here is used as a reward.
"""

from collections import Counter
from functools import cache


def two_class_share(text: str, lang: str) -> float | None:
    """The share of words of `text` in `lang`; None if no word is found."""
    words = _words(text, lang)
    return words[lang] / words.total() if words else None


def two_class_words(text: str, lang: str) -> int:
    """How many words the detector for `lang` counts in `text`; a Chinese character is one."""
    return _words(text, lang).total()


@cache
def two_class_detector(lang: str):
    """lingua restricted to the target and English (German where English is the target), with its models loaded."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, code.upper()) for code in (lang, "en" if lang != "en" else "de")]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).with_preloaded_language_models().build()


def _words(text: str, lang: str) -> Counter[str]:
    words: Counter[str] = Counter()
    for part in two_class_detector(lang).detect_multiple_languages_of(text):
        words[part.language.iso_code_639_1.name.lower()] += part.word_count
    return words
