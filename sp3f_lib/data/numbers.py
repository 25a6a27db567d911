r"""Whether a translation has the numbers of its English original: no model, every language, microseconds.

    numbers_kept("She has 16 eggs and eats three.", "Sie hat 16 Eier und isst 3.", "de")     None: nothing is wrong
    numbers_kept("She has 16 eggs and eats three.", "Sie hat 17 Eier und isst 3.", "de")     '17 is not in the English; 16 ...'

Digits are compared as multisets of values: native digits, separators of the language, 8万 and `2 Millionen` are read. People who
translate write some numbers as words and some words as digits, so the two sides differ by a rule, not by chance:

- more than the English digits: only what English says in words (three, twice, a dozen, June, a quarter), a time of another clock
  (1 PM is 13 Uhr, and saa 7 in Swahili), ones (each, per), or a number of the English again;
- fewer: only small ones, which may be words now (but not where another number has come in their place), or such that are found
  in the characters of Chinese, Japanese and Korean.

What it drops of translations by people, and finds where one number was changed: audits/row_checks.py.
"""

import re
import sys
import unicodedata
from collections import Counter
from fractions import Fraction
from functools import cache, lru_cache

from sp3f_lib.data.formulas import formulas
from sp3f_lib.rewards.numerals import ONES, UNITS, chinese_digits, decimal_form, number_value
from sp3f_lib.rewards.quantities import read_number

_NUMBER = re.compile(
    r"(?:(?<=[\s$€£¥₹(\u3040-\u30ff\u4e00-\u9fff])|^)\.\d+"  # .5
    r"|\d{1,3}(?: \d{3})+(?!\d)(?:[.,]\d+)?"  # 1 234 567,8
    r"|\d+(?:[.,'٫٬]\d+)*",
    re.MULTILINE,
)
_SPACES = {0xA0: " ", 0x202F: " ", 0x2009: " ", ord("½"): " 1/2", ord("¼"): " 1/4", ord("¾"): " 3/4"}
_WORD_AFTER = re.compile(r"[\s-]*[^\W\d_][^\s\d.,;:!?()]*")
_MYRIADS = ("zh", "ja", "ko")  # languages that write numbers in characters
_CHARACTERS = re.compile(
    f"[{''.join(ONES)}{''.join(UNITS)}]+(?:[点點][{''.join(ONES)}]+)?|[일이삼사오육칠팔구십백천만억조]+"
)
_SMALL = 20  # up to here people write words; also round ones and simple fractions
_ROUND = {"24", "30", "50", "100", "1000", "1000000"}
_SIMPLE = {"0.5", "0.25", "0.75", "1.5", "2.5", "0.1", "0.2"}
_FREE = {"0", "1"}  # "each" and "per" are often one; nobody misses it
_TIME = re.compile(r"\d\s?(?:[ap]\.?\s?m\b|o['’]clock)|:\d\d|\b(?:noon|midnight)\b", re.IGNORECASE)
_CLOCKS = (12, 6)  # hours: of 24, and Swahili's, which begins in the morning
_HALVES = re.compile(r"(\d+)\s?/\s?(\d+)")
_FOREIGN = re.compile(r"(?![0-9])\d|[½¼¾\u00a0\u202f\u2009]")
_ENGLISH = re.compile(r"[a-z]+")
_TWO = "two twice double doubles doubled pair pairs couple couples second both twin twins"
_THREE = "three thrice triple triples tripled third thirds triplets"
_VALUES = {
    0: "zero", 1: "one once single", 2: _TWO, 3: _THREE, 4: "four quadruple quadrupled fourth fourths", 5: "five fifth fifths",
    6: "six sixth sixths", 7: "seven seventh week weeks weekly", 8: "eight eighth eighths", 9: "nine ninth",
    10: "ten tenth tenths decade decades", 11: "eleven eleventh", 12: "twelve twelfth dozen dozens noon", 13: "thirteen thirteenth",
    14: "fourteen fourteenth fortnight", 15: "fifteen fifteenth", 16: "sixteen sixteenth", 17: "seventeen seventeenth",
    18: "eighteen eighteenth", 19: "nineteen nineteenth", 20: "twenty twentieth", 30: "thirty thirtieth", 40: "forty", 50: "fifty",
    60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety",
}  # fmt: skip
_WORDS = {word: value for value, words in _VALUES.items() for word in words.split()}
_SCALES = {"hundred": 100, "hundreds": 100, "thousand": 1000, "thousands": 1000, "million": 10**6, "billion": 10**9}
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
# Words that may be several numbers; months, which some languages number; coins.
_ALSO = {
    "half": "0.5 2 50 30 1.5", "halves": "0.5 2", "halved": "0.5 2", "halfway": "0.5 2", "quarter": "0.25 4 25 15",
    "quarters": "0.25 4 25", "third": "3", "thirds": "3", "fifth": "5 0.2", "tenth": "0.1", "century": "100", "midnight": "12 24 0",
    "nickel": "5", "nickels": "5", "dime": "10", "dimes": "10", "penny": "1", "day": "24", "daily": "1", "year": "12 365",
    "yearly": "1", "annual": "1", "hour": "60",
} | {name: str(number) for number, name in enumerate(_MONTHS, 1)}  # fmt: skip


@cache
def _digits() -> dict[int, str]:
    """Every digit of every script as ASCII, and spaces and fractions in one form."""
    codes = (code for code in range(0x80, sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Nd")
    return {code: str(unicodedata.digit(chr(code))) for code in codes} | _SPACES


@lru_cache(maxsize=16)
def ascii_digits(text: str) -> str:
    """The text with the digits of all scripts as ASCII.

    >>> ascii_digits("১৬টি ডিম")
    '16টি ডিম'
    """
    return text.translate(_digits()) if _FOREIGN.search(text) else text


@lru_cache(maxsize=65_536)
def number_in(token: str, lang: str | None) -> str:
    """One form for one number: `5.00`, `5` and `5,00` (where the comma is the decimal mark) are 5."""
    form = decimal_form(token, lang)
    if form is None:
        return token
    whole, mark, rest = form.partition(".")
    rest = rest.rstrip("0")
    return (whole.lstrip("0") or "0") + (mark + rest if rest else "")


def find_numbers(text: str) -> list[re.Match]:
    """Where the numbers of a text with ASCII digits stand."""
    return list(_NUMBER.finditer(text))


@lru_cache(maxsize=16)
def numbers(text: str, lang: str | None = None) -> Counter[str]:
    """The numbers that stand in `text` as digits, as `lang` writes them.

    >>> sorted(numbers("1.234,50 € für ৩ Tage", "de"))
    ['1234.5', '3']
    """
    return Counter(number_in(token, lang) for token in _NUMBER.findall(ascii_digits(text)))


def numbers_kept(english: str, text: str, lang: str) -> str | None:
    """None if `text` has the numbers of `english`, else what is wrong, for people."""
    source, found = numbers(english), numbers(text, lang)
    return None if source == found else _compared(english, source, text, found, lang)[0]


def lacks_number(english: str, text: str, lang: str) -> bool:
    """Whether a number of the English (but 1) is not there in digits, which alone is no fault: it may be a word now."""
    source, found = numbers(english), numbers(text, lang)
    return source != found and _compared(english, source, text, found, lang)[1]


def overlap(english: str, text: str, lang: str) -> float:
    """Share of numbers (at least 3 in English digits, else 1.0) that both texts have: small for two different problems."""
    source, found = _not_free(numbers(english)), _not_free(numbers(text, lang))
    if source.total() < 3:
        return 1.0
    return (source & found).total() / max(source.total(), 1)


def _not_free(numbers: Counter[str]) -> Counter[str]:
    return Counter({value: count for value, count in numbers.items() if value not in _FREE})


def _compared(english: str, source: Counter[str], text: str, found: Counter[str], lang: str) -> tuple[str | None, bool]:
    """(what is wrong, whether a number but 1 is missing)."""
    readings = [found, numbers(text)] if lang != "en" else [found]
    plain = ascii_digits(text)
    if lang in _MYRIADS:
        readings.append(numbers(chinese_digits(plain, lang), lang))
    found = min(readings, key=lambda reading: ((reading - source) + (source - reading)).total())
    extra, missing = found - source, source - found
    if missing:
        _scaled(plain, lang, extra, missing)
        _scaled(english, "en", missing, extra)
    if extra and _TIME.search(english):
        _clocks(extra, missing)
    if missing and lang in _MYRIADS:
        missing -= _in_characters(plain, lang)
    said = _spoken(english)
    known = {*source, *said, "1", "2"}  # each, per; both, together
    strange = sorted(value for value in extra if value not in known)
    gone = [value for value in missing if not found[value] and not _may_be_a_word(value)]
    small = missing.total() - sum(missing[value] for value in gone)
    # Nobody writes words into formulas, and hardly anybody a word for one number and digits for another.
    lost = missing and (formulas(english) or (extra and small))
    fewer = bool(set(missing) - {"1"})
    if not strange and not gone and not lost:
        return None, fewer
    parts = [f"{', '.join(strange[:3])} is not in the English"] if strange else []
    parts += [f"{', '.join(sorted(missing)[:3])} is missing"] if missing else []
    return "; ".join(parts), fewer


def _may_be_a_word(value: str) -> bool:
    return value in _ROUND or value in _SIMPLE or (value.isdigit() and int(value) <= _SMALL)


def _scaled(text: str, lang: str, extra: Counter[str], missing: Counter[str]) -> None:
    """Takes out what is written with a word for a thousand or a million on one side."""
    for match in _NUMBER.finditer(text):
        value = number_in(match.group(), lang)
        if not extra[value] or not (word := _WORD_AFTER.match(text, match.end())):
            continue
        read = read_number(f"{match.group()}{word.group()}", lang)
        if read and read != value and missing[read]:
            extra -= Counter([value])
            missing -= Counter([read])


def _clocks(extra: Counter[str], missing: Counter[str]) -> None:
    """Takes out hours of another clock."""
    for counter in (extra, missing):
        counter.pop("0", None)  # 1:00 and 13 h
    for value in [value for value in missing if value.isdigit() and int(value) <= 12]:
        for other in [other for other in extra if number_value(other) is not None and float(other) <= 24]:
            if abs(int(float(other)) - int(value)) in _CLOCKS and missing[value] and extra[other]:
                both = min(missing[value], extra[other])
                missing[value] -= both
                extra[other] -= both
    for counter in (extra, missing):
        for value in [value for value, count in counter.items() if count <= 0]:
            del counter[value]


def _in_characters(text: str, lang: str) -> Counter[str]:
    """The numbers that Chinese, Japanese and Korean characters spell."""
    return Counter(number_in(read, lang) for run in _CHARACTERS.findall(text) if (read := chinese_digits(run, lang)) != run)


def _spoken(english: str) -> Counter[str]:
    """The numbers that an English text says in words, and the parts that they are made of.

    >>> sorted(_spoken("Twenty-five boys ate three dozen plums."))
    ['12', '20', '25', '3', '36', '5']
    """
    found: Counter[str] = Counter()
    total = current = 0
    running = False
    for word in [*_ENGLISH.findall(english.lower()), ""]:
        found.update(_ALSO.get(word, "").split())
        if word in _WORDS:
            value = _WORDS[word]
            found[str(value)] += 1
            if running and value == 12 and current:  # three dozen
                current *= 12
            elif running and current % 10 == 0 and current and value < 10:
                current += value
            else:
                total, current = (total, value) if not running or total else (0, value)
            running = True
        elif word in _SCALES:
            scale = _SCALES[word]
            found[str(scale)] += 1
            current = max(current, 1) * scale
            if scale >= 1000:
                total, current = total + current, 0
            running = True
        elif word != "and" or not running:
            if running and str(total + current) not in found:
                found[str(total + current)] += 1
            total, current, running = 0, 0, False
    for above, below in _HALVES.findall(english):
        if int(below):
            share = Fraction(int(above), int(below))
            found.update({_decimal(share): 1, _decimal(100 * share): 1})
    return found


def _decimal(value: Fraction) -> str:
    return number_in(f"{float(value):.4f}", "en")


def read_as_english(text: str, lang: str) -> str:
    """The text with its numbers as English writes them.

    >>> read_as_english("1.234,5 + ৩", "de")
    '1234.5 + 3'
    """
    return _NUMBER.sub(lambda match: number_in(match.group(), lang), ascii_digits(text))
