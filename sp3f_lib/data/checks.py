r"""Whether a row is what it says it is: a problem, its solution, and the translation of both. Offline, microseconds a row.

| reason       | what is wrong                                                                                           |
| ------------ | ------------------------------------------------------------------------------------------------------- |
| lost         | no translation is there: empty, "None", or "None" behind which a closing sentence was put               |
| wrapped      | "German Translation:", "English Text:", code fences around it, tags or placeholders of a translator      |
| answer       | the English solution does not end in the answer of the row                                              |
| misaligned   | question or solution is another problem's: hardly a number or calculation is shared                     |
| numbers      | a number of the English is missing, or one has come in (data/numbers.py)                                 |
| calculations | a calculation of the English solution is missing or changed                                             |
| formulas     | a LaTeX command or a picture is missing, or one has come in                                             |
| box          | the translation's box is not the answer                                                                 |
| language     | less than 0.7 of question or solution is in the row's language, among an open set (rewards/fidelity.py) |
| length       | much shorter or longer than this language's translations are (median over the rows)                     |
| sentences    | fewer sentences than the English has, and shorter than usual                                            |
| loop         | it repeats itself, which the English does not                                                           |

The first that applies counts. `length` and `sentences` are relative to what is usual in the language: `look` looks at a row,
lengths.py collects and decides. What they drop of good rows and find of bad ones was measured on real translations:
audits/row_checks.py, notebook 01.
"""

import re
from collections import Counter
from collections.abc import Callable
from functools import cache

from sp3f_lib.data.formulas import commands, letters, prose
from sp3f_lib.data.lengths import Look, measure
from sp3f_lib.data.numbers import ascii_digits, numbers_kept, overlap, read_as_english
from sp3f_lib.data.texts import Fault, Texts, plain_solution, split_at_box, without_box
from sp3f_lib.languages import LANGUAGES, closing_sentence
from sp3f_lib.rewards.answers import answers_equal, extract_answer
from sp3f_lib.rewards.calculations import calculations, form, reference_answer
from sp3f_lib.rewards.detector import is_short, language_of
from sp3f_lib.rewards.fidelity import THRESHOLD, language_parts, language_share

LOST = ("", "none", "null", "nan", "n/a")
_SHORT = 30  # letters of an English solution that cannot be translated by a closing sentence
_LONG = 35  # letters from which a language can be told
_ALIEN = 0.25  # of its numbers or calculations that a text shares with its original: below it is another problem's
_FEW = 2  # calculations from which they tell
_NAMES = "|".join(re.escape(name) for language in LANGUAGES.values() for name in (language.name, language.native))
_PREFIX = re.compile(
    rf"\s*[*_#]*\s*(?:(?:{_NAMES}|English)\s+)?(?:Translation|Translated(?:\s+\w+)?|Text|Original)\s*[*_]*\s*[:：]",
    re.IGNORECASE,
)
_FENCED = re.compile(r"\s*```.*```\s*", re.DOTALL)
_LEFT_OVER = re.compile(r"⟦\d+⟧|</?(?:question|solution|translat\w+|sentence)>", re.IGNORECASE)
_SIGNS = re.compile(r"\d+|[-+*/=×÷·⋅−–]|\\(?:times|cdot|div|frac)")
_LETTERS = re.compile(r"[^\W\d_]+")

Share = Callable[[str, str], float | None]


def look(texts: Texts, share: Share = language_share) -> Look:
    """Everything that a row tells without the others."""
    fault = _early_fault(texts, share)
    return Look(fault) if fault else measure(texts)


def _early_fault(texts: Texts, share: Share) -> Fault | None:
    lang, translated = texts.lang, texts.translated
    if texts.question.strip().lower() in LOST:
        return Fault("lost", f"the question is {texts.question!r}")
    if translated is not None and (fault := _lost(translated, texts)):
        return fault
    for part, text, english in (("question", texts.question, texts.query), ("solution", translated, texts.solution)):
        if text and (fault := _wrapped(part, text, english or "")):
            return fault
    ends = reference_answer(texts.solution)
    if ends is not None and not answers_equal(ends, texts.answer):
        return Fault("answer", f"the English solution ends in {ends[:40]!r}, the answer is {texts.answer[:40]!r}")
    return _content(texts) or _box(texts, ends) or _language("question", texts.question, lang, share) or (
        _language("solution", translated, lang, share) if translated else None
    )  # fmt: skip


def _lost(translated: str, texts: Texts) -> Fault | None:
    text = translated.strip()
    if text.lower() in LOST:
        return Fault("lost", f"the solution is {translated!r}")
    closing = _closing(texts.lang)
    rest = without_box(text)
    for part in closing:
        rest = rest.replace(part, "")
    rest = rest.strip(" \n.:。।")
    if rest.lower() in LOST and letters(texts.solution) >= _SHORT:
        return Fault("lost", f"the solution is {text[:60]!r}")
    return None


@cache
def _closing(lang: str) -> list[str]:
    """The closing sentence without its box."""
    return [part.strip(" .。।") for part in split_at_box(closing_sentence(lang, "0")) if part.strip(" .。।")]


def _wrapped(part: str, text: str, english: str) -> Fault | None:
    if (match := _PREFIX.match(text)) and not _PREFIX.match(english):
        return Fault("wrapped", f"the {part} begins with {match.group().strip()!r}")
    if "```" in text and "```" not in english and _FENCED.fullmatch(text):
        return Fault("wrapped", f"the {part} stands in a code fence")
    if (match := _LEFT_OVER.search(text)) and match.group() not in english:
        return Fault("wrapped", f"the {part} holds {match.group()!r}")
    return None


def _content(texts: Texts) -> Fault | None:
    """Numbers, calculations and formulas of the English that the translation lacks, or has beside them."""
    if texts.lang == "en" and texts.query == texts.question and texts.translated in (None, texts.solution):
        return None
    if texts.query and (wrong := numbers_kept(texts.query, texts.question, texts.lang)):
        alien = overlap(texts.query, texts.question, texts.lang) < _ALIEN
        return Fault("misaligned" if alien else "numbers", f"question: {wrong}")
    if texts.translated:
        english, text = plain_solution(texts.solution), plain_solution(texts.translated)
        if not _same_signs(english, text) and (wrong := _calculations(english, text, texts.lang)):
            return wrong
        if wrong := numbers_kept(english, text, texts.lang):
            alien = overlap(english, text, texts.lang) < _ALIEN
            return Fault("misaligned" if alien else "numbers", f"solution: {wrong}")
    for part, english, text in (("question", texts.query, texts.question), ("solution", texts.solution, texts.translated)):
        if english and text and ("\\" in english or "\\" in text or "[asy]" in english):
            wanted, found = commands(plain_solution(english)), commands(plain_solution(text))
            if differs := (wanted - found) + (found - wanted):
                return Fault("formulas", f"{part}: {', '.join(sorted(differs)[:4])}")
    return None


def _same_signs(english: str, text: str) -> bool:
    """Whether digits and signs of operations follow each other in the same way: then so do the calculations."""
    return _SIGNS.findall(english) == _SIGNS.findall(ascii_digits(text))


def _calculations(english: str, text: str, lang: str) -> Fault | None:
    wanted = [form(one) for one in calculations(english)]
    if not wanted:
        return None
    found = [form(one) for one in calculations(read_as_english(text, lang))]
    missing = list(wanted)
    for one in found:
        if one in missing:
            missing.remove(one)
    if not missing:
        return None
    kept = 1 - len(missing) / len(wanted)
    reason = "misaligned" if kept < _ALIEN and min(len(wanted), len(found)) >= _FEW else "calculations"
    return Fault(reason, f"solution: {len(missing)} of {len(wanted)} calculations are missing, such as {_shown(missing[0])}")


def _shown(calculation: tuple) -> str:
    """A calculation in the form of `calculations.form`, for people."""
    if len(calculation) == 3:
        sign, parts, result = calculation
        return f"{f' {sign} '.join(parts)} = {result}"
    parts, result = calculation
    return f"{''.join(parts)} = {result}"


def _box(texts: Texts, ends: str | None) -> Fault | None:
    if not texts.translated:
        return None
    found = extract_answer(texts.translated)
    if found is None:
        return Fault("box", "the solution has no box") if ends is not None else None
    if not answers_equal(found, texts.answer, texts.lang):
        return Fault("box", f"the solution's box is {found[:40]!r}, the answer is {texts.answer[:40]!r}")
    return None


def _language(part: str, text: str, lang: str, share: Share) -> Fault | None:
    text = prose(text)
    found = share(text, lang)
    if found is None or found >= THRESHOLD:
        return None
    weights = _together(text, lang)
    total = weights.total()
    # The rest of a text that is mostly in the language, if in none of the table's, was taken for a neighbour (Zulu for Swahili).
    strange = sum(letters for language, letters in weights.items() if language not in LANGUAGES)
    told = weights[lang] + (strange if 2 * weights[lang] >= total else 0)
    if total < _LONG or told >= THRESHOLD * total:
        return None
    most = ", ".join(f"{count / total:.0%} {language or 'unknown'}" for language, count in weights.most_common(2) if count)
    return Fault("language", f"the {part} is not in {lang}: {most}")


def _together(text: str, lang: str) -> Counter[str | None]:
    """Letters by language, with all short sentences but English ones judged together.

    By itself a sentence of four words is easily taken for its neighbour's, which costs a response its reward; here it is a row.
    """
    weights: Counter[str | None] = Counter()
    short: dict[str, list[str]] = {}
    for piece in language_parts(text):
        if piece.letters and is_short(piece.script, piece.letters) and piece.language != "en":
            short.setdefault(piece.script, []).append(piece.words)
        else:
            weights[piece.language] += piece.letters
    for script, pieces in short.items():
        words = " ".join(pieces)
        count = sum(map(len, _LETTERS.findall(words)))
        weights[language_of(script, words, count, must=True)] += count
    return weights
