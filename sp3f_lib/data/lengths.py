"""How long a translation is beside its English, how many sentences it has, whether it repeats itself: what rows tell together.

A length alone says nothing: Thai is shorter than German, and a formula is as long in every language. So letters of prose are
counted, and compared with the median of the language's rows. The bounds were set with MGSM's translations in view.
"""

import math
import re
import zlib
from array import array
from dataclasses import dataclass

import numpy as np

from sp3f_lib.data.formulas import letters, prose
from sp3f_lib.data.numbers import lacks_number
from sp3f_lib.data.texts import PARTS, Fault, Texts, plain_solution

# Fewer sentences than the English: with as many stops and commas; with fewer; of many; without its question or a number.
JOINED, FEWER, MANY, INCOMPLETE = 1, 2, 3, 4
_SHORT = 30  # letters of English below which length says nothing
_MEDIAN_OF = 8  # rows without which nothing is usual
# Natural logarithms of the ratio to the median; MGSM's translators have a standard deviation of 0.08 to 0.15.
_TOO_SHORT, _TOO_LONG = -0.57, 0.65
# By how much a text with fewer sentences must be shorter, and by how much more where fewer are usual.
_SHORTER = {JOINED: (-0.12, 2.0), FEWER: (-0.06, 1.0), MANY: (-0.06, 1.0), INCOMPLETE: (0.2, 0.0)}
_MANY, _RARE = 8, 0.04  # sentences of which one hardly changes the length; share of rows that have fewer
_LOOPS = 0.45  # of the English text's compressed bytes a character
_LOOP_LENGTH = 200  # characters
# What ends in a full stop without ending a sentence.
_SHORTENED = ("Mr", "Mrs", "Ms", "Dr", "St", "sq", "ft", "vs", "[A-Z]", r"[ap]\.m", r"[ap]\. m", r"e\.g", r"i\.e")
_NOT_AFTER = "".join(rf"(?<!\b{word}\.)" for word in _SHORTENED)
_END = re.compile(rf"(?<=[.!?؟।॥]){_NOT_AFTER}[\"'”’»)\]*]*\s+|(?<=[。！？])|\n+")
_MARK = re.compile(r"[.!?。！？।؟,;:，、；：](?!\d)")
_ASKS = re.compile("[?？؟]")
_WORD = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Look:
    """What one row tells by itself: its first fault, and what the medians decide."""

    fault: Fault | None
    question: float = math.nan  # logarithm of letters over English letters
    solution: float = math.nan
    fewer: tuple[int, int] = (0, 0)  # of question and solution: 0, or JOINED, FEWER, MANY, INCOMPLETE
    loops: bool = False


def measure(texts: Texts) -> Look:
    """What a row without a fault of its own tells."""
    if texts.lang == "en":
        return Look(None, loops=_loops(texts))
    pairs = [(texts.query, texts.question), (plain_solution(texts.solution), plain_solution(texts.translated or ""))]
    ratios = [_ratio(english, text) if english and text else math.nan for english, text in pairs]
    fewer = [0 if math.isnan(ratio) else _fewer(*pair, texts.lang) for ratio, pair in zip(ratios, pairs, strict=True)]
    return Look(None, *ratios, tuple(fewer), _loops(texts))


@dataclass(frozen=True)
class Usual:
    """What is usual for one part of the rows of a language: its length, and the share of rows with fewer sentences than English."""

    length: float  # logarithm of letters over English letters
    fewer: float


class Usuals:
    """Collects what is usual, from the rows without a fault of their own; nine bytes a row and part."""

    def __init__(self):
        self._seen: dict[tuple[str, str], tuple[array, array]] = {}
        self._settled: dict[tuple[str, str], Usual] | None = None

    def add(self, lang: str, found: Look) -> None:
        """Counts a row in."""
        self._settled = None
        for bit, part in enumerate(PARTS):
            value = getattr(found, part)
            if found.fault is None and not math.isnan(value):
                lengths, fewer = self._seen.setdefault((lang, part), (array("d"), array("b")))
                lengths.append(value)
                fewer.append(found.fewer[bit] > 0)

    def settle(self) -> dict[tuple[str, str], Usual]:
        """By language and part; a language with too few rows has none."""
        if self._settled is None:
            self._settled = {
                key: Usual(float(np.median(lengths)), float(np.mean(fewer)))
                for key, (lengths, fewer) in self._seen.items()
                if len(lengths) >= _MEDIAN_OF
            }
        return self._settled


def late_fault(lang: str, found: Look, usual: dict[tuple[str, str], Usual], margin: float = 0.0) -> Fault | None:
    """The fault of a row, once it is known what is usual; with a `margin`, also of one that is within the bounds by less."""
    if found.fault:
        return found.fault
    off = {part: getattr(found, part) - usual[lang, part].length for part in PARTS if (lang, part) in usual}
    for part, value in off.items():
        if value < _TOO_SHORT + margin or value > _TOO_LONG - margin:
            return Fault("length", f"the {part} has {math.exp(value):.2f} of the usual length")
    for part, value in off.items():
        # Some translators join sentences. Where that is rare, one less of many is enough; else the text must be shorter too.
        fewer, rare = found.fewer[PARTS.index(part)], usual[lang, part].fewer
        if not fewer:
            continue
        bound, less = _SHORTER[fewer]
        if value < bound - less * rare + margin or (fewer == MANY and rare < _RARE + margin):
            of = f"{math.exp(value):.2f} of the usual length"
            return Fault("sentences", f"the {part} has fewer sentences than the English, and {of}")
    return Fault("loop", "it repeats itself") if found.loops else None


def _ratio(english: str, text: str) -> float:
    wanted, found = letters(english), letters(text)
    return math.log(max(found, 1) / wanted) if wanted >= _SHORT else math.nan


def _sentences(text: str, lang: str) -> int:
    """Sentences and lines that hold a letter; Thai has no full stop, so there are none to count."""
    if lang == "th":
        return 0
    return sum(1 for part in _END.split(prose(text)) if _WORD.search(part))


def _fewer(english: str, text: str, lang: str) -> int:
    wanted = _sentences(english, lang)
    if _sentences(text, lang) >= wanted:
        return 0
    if (_ASKS.search(english) and not _ASKS.search(text)) or lacks_number(english, text, lang):
        return INCOMPLETE
    if wanted >= _MANY:
        return MANY
    return FEWER if len(_MARK.findall(text)) < len(_MARK.findall(english)) else JOINED


def _loops(texts: Texts) -> bool:
    pairs = ((texts.query, texts.question), (texts.solution, texts.translated))
    return any(
        english and text and len(text) >= _LOOP_LENGTH and _density(text) < _LOOPS * _density(english)
        for english, text in pairs
    )


def _density(text: str) -> float:
    """Compressed bytes a character; two bytes are compressed for one character, so that all scripts are alike."""
    return len(zlib.compress(text.encode("utf-16-le", "replace"), 1)) / max(len(text), 1)
