r"""Language fidelity: which share of a response is written in the language that was asked for.

    1  mask       <think>, code, formulas, \boxed{}, URLs, tags, numbers say nothing about the language
    2  sentences  what is left is judged sentence by sentence, and within a sentence script by script, against an open set of
                  languages (rewards/detector.py)
    3  names      one or two Latin words in a sentence of another script, or several in capitals, are names or terms: no weight
    4  doubt      short sentences are judged by themselves where a detector is sure; the rest is left out where there is enough
                  other text, else judged together
    5  share      letters in the language / letters (a Chinese, Japanese or Korean character counts as two letters)

The authors' detector knows {target, English} only: Chinese inside Indonesian passes there, so does Spanish for French, and
formulas count as English (`benchmarks/fidelity.py` measures it beside this one).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import regex

from sp3f_lib.languages import get_language
from sp3f_lib.rewards.detector import UNSURE, covered, is_short, language_of, weak_guess

THRESHOLD = 0.7
_ENOUGH = 30  # letters that are sure in a script: from here on its doubtful sentences are left out
_TRACE = 6  # letters: less than this beside other text is a variable or a unit
_LEAST = 4  # letters: less than this is no text
_NAME = 2  # Latin words in a row that may be a name or a term in a sentence of another script
_WIDE = {"CJK", "HIRAGANA", "HANGUL"}  # one character here says about as much as two letters elsewhere
_MASK = re.compile(
    r"<think>.*?(?:</think>|\Z)|```.*?(?:```|\Z)|`[^`\n]*`"
    r"|\$\$.*?\$\$|\$[^$\n]{1,300}?\$|\\\[.{0,2000}?\\\]|\\\(.{0,1000}?\\\)|\\begin\{(\w+\*?)\}.*?\\end\{\1\}"
    r"|\\f?boxed\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\\[A-Za-z]+|<<[^<>\n]{0,300}>>|<\|[^|\n]{0,100}\|>|</?[A-Za-z][^<>\n]{0,80}>"
    r"|https?://\S+|(?<![\w.+-])[\w.+-]+@[\w-]+\.\w+"
    # Code outside a fence: a line that ends like a statement or opens or closes a block; a name with an underscore.
    r"|^[^\n\\$]{0,300}(?:\w\([^\n\\]{0,300}\)\s*;|=[^\n\\]{0,300};|[{}]|=>|\w\([^\n\\]{0,300}\)\s*:)[ \t]*$|\b[^\W_]+_\w+\b"
    # A lone letter beside an operator is a variable.
    r"|\b[A-Za-z]\b(?=\s*[=+*/^<>≤≥×÷−])|(?<=[=+*/^<>≤≥×÷−])\s?[A-Za-z]\b|(?:(?<![A-Za-z])[A-Za-z]+)?\d(?:[\d.,]*\d)?[A-Za-z]*",
    re.DOTALL | re.MULTILINE,
)
_PROSE = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}")
_NUMBERS = re.compile(r"\d[\d.,]*")
_SENTENCE = re.compile(r"[.!?:;。！？：；؟۔।॥\n]+")
_SCRIPTS = ("Cyrillic", "Arabic", "Devanagari", "Bengali", "Telugu", "Thai", "Hangul", "Hebrew", "Gujarati", "Gurmukhi")
# A run of letters of one script. Han and kana belong together, an apostrophe within a Latin word to the word.
_WORD = regex.compile(
    r"(?P<LATIN>\p{Latin}(?:[\p{Latin}\p{M}]|['’ʼ-](?=\p{Latin}))*|['’ʼ]n\b)|(?P<CJK>(?:[\p{Han}\p{Hiragana}\p{Katakana}ーｰ]\p{M}*)+)|"
    + "|".join(rf"(?P<{script.upper()}>(?:\p{{{script}}}\p{{M}}*)+)" for script in _SCRIPTS)
    + r"|(?P<OTHER>\p{L}\p{M}*)"
)
_KANA = re.compile("[\u3041-\u30ff\uff66-\uff9f]")


@dataclass(frozen=True)
class Part:
    """Words of one script in one sentence (or several doubtful ones together).

    `language` is a code, or None where no known language fits. `letters` is the weight; 0 where the words do not count.
    """

    words: str
    script: str
    language: str | None
    letters: int


def language_share(text: str, lang: str) -> float | None:
    r"""Share in [0, 1] of the natural-language text of `text` that is in `lang`; None if there is too little to tell.

    Raises `ValueError` for a language that is not in the table, or that the detector does not know.

    >>> language_share("Sie hat drei Äpfel gekauft, und jetzt sind es $3 + 4 = 7$.", "de")
    1.0
    >>> language_share(r"$3 + 4 = 7$ \boxed{7}", "de") is None
    True
    """
    if get_language(lang).code not in covered():
        raise ValueError(f"no text can be recognised as {lang!r}: tell its script in sp3f_lib/rewards/detector.py")
    weights: Counter[str | None] = Counter()
    for part in language_parts(text):
        weights[part.language] += part.letters
    total = sum(weights.values())
    return weights[lang] / total if total >= _LEAST else None


def is_faithful(text: str, lang: str, threshold: float = THRESHOLD) -> bool:
    """Whether at least `threshold` of the text is in `lang`.

    Text with too little language to tell is not: a bare formula has kept to no language, and crediting it would teach a policy
    to stop writing.
    """
    share = language_share(text, lang)
    return share is not None and share >= threshold


@lru_cache(maxsize=256)
def language_parts(text: str) -> tuple[Part, ...]:
    """What counts for which language in `text`; the parts that do not count have no letters."""
    pieces = [piece for sentence in _SENTENCE.split(mask(text)) for piece in _by_script(" ".join(sentence.split()))]
    parts = [Part(words, script, None, 0) for script, words, letters in pieces if not letters]
    found = {piece: language_of(*piece) for piece in pieces if piece[2] and not is_short(piece[0], piece[2])}
    around = {(script, language) for (script, _, _), language in found.items()}
    # Where all sentences are short, what they are in together takes the place of a long one.
    for script in {piece[0] for piece in pieces if piece[2]} - {script for script, _ in around}:
        words, letters = _together(piece[1:] for piece in pieces if piece[0] == script)
        if not is_short(script, letters):
            around.add((script, language_of(script, words, letters)))
    doubtful: dict[str, list[tuple[str, int]]] = {}
    for script, words, letters in pieces:
        if not letters:
            continue
        language = found.get((script, words, letters), UNSURE)
        if is_short(script, letters):
            # A first guess is enough where a long sentence of the text is in the same language.
            guess = weak_guess(words)
            language = guess if (script, guess) in around else language_of(script, words, letters)
        if language == UNSURE:
            doubtful.setdefault(script, []).append((words, letters))
        else:
            parts.append(Part(words, script, language, letters))
    parts = _japanese(parts)
    sure: Counter[str] = Counter()
    for part in parts:
        sure[part.script] += part.letters
    for script, unsure in doubtful.items():
        words, letters = _together(unsure)
        counts = sure[script] < _ENOUGH and (letters >= _TRACE or not sure.total())
        found = language_of(script, words, letters, must=True) if counts else None
        parts.append(Part(words, script, found, letters if counts else 0))
    return tuple(parts)


def _together(pieces: Iterable[tuple[str, int]]) -> tuple[str, int]:
    """Short sentences as one text, sorted, so that their order does not matter."""
    pieces = sorted(pieces)
    return " ".join(words for words, _ in pieces), sum(letters for _, letters in pieces)


def mask(text: str) -> str:
    """The text with a space in place of everything that is no natural language."""
    return unicodedata.normalize("NFC", _MASK.sub(_masked, text))


def _masked(match: re.Match) -> str:
    # "$2 an egg, and the rest for $5" is prose between two prices, not a formula.
    found = match.group()
    prose = found.startswith("$") and "\\" not in found and _PROSE.search(found)
    return _NUMBERS.sub(" ", found.replace("$", " ")) if prose else " "


@lru_cache(maxsize=16_384)
def _by_script(sentence: str) -> tuple[tuple[str, str, int], ...]:
    """(script, its words, letters) for each script in a masked sentence; names and terms have 0 letters."""
    words: dict[str, list[str]] = {}
    letters: Counter[str] = Counter()
    run, prose = [], False  # Latin words in a row; whether a run of them is more than a name
    for match in _WORD.finditer(sentence):
        script, word = match.lastgroup, match.group()
        if script == "CJK" and _KANA.search(word):
            script = "HIRAGANA"
        words.setdefault(script, []).append(word)
        letters[script] += 2 * len(word) if script in _WIDE else len(word)
        if script == "LATIN":
            run.append(word)
            prose = prose or (len(run) > _NAME and any(word[0].islower() for word in run))
        else:
            run = []
    if letters["HIRAGANA"] and "CJK" in words:
        # Japanese writes with kanji too: Han characters beside kana are Japanese.
        words["HIRAGANA"] += words.pop("CJK")
        letters["HIRAGANA"] += letters.pop("CJK")
    if not prose and letters["LATIN"] < letters.total() - letters["LATIN"]:
        letters["LATIN"] = 0
    return tuple((script, " ".join(found), letters[script]) for script, found in words.items())


def _japanese(parts: list[Part]) -> list[Part]:
    """A heading of a few Han characters in a Japanese text is Japanese."""
    if not any(part.script == "HIRAGANA" for part in parts):
        return parts
    return [Part(p.words, p.script, "ja", p.letters) if p.script == "CJK" and p.letters <= 12 else p for p in parts]
