r"""Answers: taken out of a response, brought into one form, and compared.

`math-verify` decides whether two answers are equal; it reads ASCII numbers only, so native digits, full-width forms and
separators are normalised first (the authors' verifier rejects them: ১৮, ١٨, १८, １８ for 18).
"""

import logging
import re
import unicodedata
from functools import lru_cache

_BOX = re.compile(r"\\f?boxed\s*\{")
_THINK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_INTEGER = re.compile(r"[-+]?\d{1,12}")
# Written with a comma for decimals and a full stop or space for thousands.
_COMMA_DECIMAL = frozenset(["de", "es", "fr", "id", "it", "pt", "ru", "nl", "tr", "vi", "af"])
_PLAIN_NUMBER = re.compile(r"[-+]?\d[\d.,' ]*")
_SHORT_UNITS = frozenset(["m", "g", "l", "h", "s"])
_LONGEST = 200
# Powers, factorials and the like of numbers so large that computing them would not end: never a right answer.
_ENDLESS = re.compile(r"\^\s*\{?\s*-?\d{4,}|\^[^^]*\^|\*\*|\d{3,}\)?\s*!|!\s*!|\d{25,}|\\(?:binom|sum|prod|int|Gamma)")


def extract_answer(text: str) -> str | None:
    r"""What stands in the last balanced `\boxed{...}` outside `<think>`, or None.

    >>> extract_answer(r"so \boxed{\frac{1}{2}}.")
    '\\frac{1}{2}'
    >>> extract_answer(r"cut off \boxed{12") is None
    True
    """
    text = _THINK.sub(" ", text)
    for match in reversed(list(_BOX.finditer(text))):
        depth = 1
        for place in range(match.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 0:
                answer = text[match.end() : place].strip()
                return answer or None
        return None
    return None


def normalise(answer: str, lang: str | None = None) -> str:
    """Native digits to ASCII, full-width forms to plain ones, the language's separators to a decimal point, no unit.

    `1.234` and `1,234` are thousands or a decimal as `lang` writes them; without a language, English is assumed.

    >>> normalise("১৮"), normalise("1.234,5", "de"), normalise("１８。"), normalise("18 manzanas")
    ('18', '1234.5', '18', '18')
    """
    text = re.sub(r"[⁰¹²³⁴-⁹]+", lambda m: f"^{{{unicodedata.normalize('NFKC', m.group())}}}", answer)
    text = re.sub(r"[₀-₉]+", lambda m: f"_{{{unicodedata.normalize('NFKC', m.group())}}}", text)
    text = unicodedata.normalize("NFKC", text).replace("⁄", "/")
    text = "".join(_ascii_digit(char) for char in text if unicodedata.category(char) != "Cf")
    text = text.replace("٫", ".").replace("٬", "").replace("−", "-").strip().rstrip(".。।॥۔").strip()
    text = _without_unit(text.strip("$").strip())
    if _PLAIN_NUMBER.fullmatch(text):
        point, comma = (",", ".") if lang in _COMMA_DECIMAL else (".", ",")
        if re.fullmatch(rf"[-+]?\d{{1,3}}(?:[{comma}' ]\d{{2,3}})*[{comma}' ]\d{{3}}(?:[{point}]\d+)?", text):
            text = re.sub(rf"[{comma}' ]", "", text)
        text = text.replace(point, ".") if point == "," else text
    return text


def _without_unit(text: str) -> str:
    """A number without the words, currency or percent sign around it; anything else unchanged (`5x` stays `5x`)."""
    plain = re.sub(r"\\text\{([^{}]*)\}|\\(?=[%$])", lambda m: m.group(1) or "", text)
    start, end = 0, len(plain)
    while start < end and _unit_char(plain[start]):
        start += 1
    while end > start and _unit_char(plain[end - 1]):
        end -= 1
    number, before, after = plain[start:end], plain[:start].strip(), plain[end:].strip()
    lone = any(len(part) == 1 and part.isascii() and part.isalpha() for part in (before, after))
    return number if _PLAIN_NUMBER.fullmatch(number) and not (lone and after not in _SHORT_UNITS) else text


def _unit_char(char: str) -> bool:
    return unicodedata.category(char)[0] in "LM" or unicodedata.category(char) in ("Sc", "Zs") or char in "%°."


def _ascii_digit(char: str) -> str:
    digit = unicodedata.digit(char, None) if unicodedata.category(char) == "Nd" else None
    return char if digit is None else str(digit)


def is_correct(response: str, gold: str, lang: str | None = None) -> bool:
    """Whether the boxed answer of `response` equals `gold`."""
    answer = extract_answer(response)
    return answer is not None and answers_equal(answer, gold, lang)


@lru_cache(maxsize=100_000)
def answers_equal(answer: str, gold: str, lang: str | None = None) -> bool:
    """Whether two answers are the same number or expression; `gold` is written the English way."""
    if len(answer) > _LONGEST:
        return False
    if _ENDLESS.search(answer):
        return answer == gold
    answer, gold = normalise(answer, lang), normalise(gold)
    if answer == gold:
        return True
    if _INTEGER.fullmatch(answer) and _INTEGER.fullmatch(gold):
        return int(answer) == int(gold)
    from math_verify import LatexExtractionConfig, parse, verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns whenever its timeouts are off

    # math-verify's timeouts use SIGALRM, which does not work in the thread where TRL calls rewards; short answers need none.
    def read(text):
        return parse(rf"\boxed{{{text}}}", [LatexExtractionConfig()], parsing_timeout=None)

    return bool(verify(read(gold), read(answer), timeout_seconds=None))
