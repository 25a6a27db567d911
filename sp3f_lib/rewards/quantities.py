r"""Quantities: one number and the words around it, which may leave it what it is (units), multiply it, or change it.

Units and nouns are an open set (18 eggs, mayai 18, 18 টি ডিম), so what must not stand beside a number is told instead: scale words
multiply it; "not", "half" or "than", a letter that may be a variable (5x) and a second number make it no number by itself.
The words of each language stand in `sp3f_lib/languages.py`.
"""

import re
import unicodedata
from fractions import Fraction
from functools import cache

from sp3f_lib.languages import LANGUAGES
from sp3f_lib.rewards.numerals import ONES, UNITS, chinese_digits, decimal_form

# Vowel signs and tones are no letters to Python's re.
_MARKS = "".join(char for char in map(chr, range(0x300, 0x1000)) if unicodedata.category(char)[0] == "M")
_LETTER = rf"(?:[^\W\d_]|[{_MARKS}])"
_WORD = re.compile(rf"{_LETTER}+(?:[.'\"׳״-]{_LETTER}+)*")
_NO_SPACES = re.compile(r"[\u0e01-\u0e7f\u3040-\u30ff\u3400-\u9fff]")  # Thai, kana and Chinese characters
_NUMBER = re.compile(r"((?<![\d.,])\.\d+|\d+(?:(?:[.,'٫٬]| (?=\d{3}(?!\d)))\d+)*)")
_FRACTION = re.compile(r"\\frac\s*(?:\{\s*(\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))")

# A lone letter is taken for a variable, except for these units after a number and these currencies before it.
_LONE_AFTER = frozenset("mglhsмгчлср" + "م")
_LONE_BEFORE = {"af": "R", "tl": "P", "yo": "N"}
# Two or three letters close to a number are taken for a product (5ab), except for these units and currencies.
_SHORT_WORDS = """cm mm km dm kg mg ml dl cl ha ft in lb lbs oz mi yd mph kmh hr hrs min sec ms kr rp rs tl usd eur gbp inr jpy brl
cny rmb krw thb vnd php kes tzs ngn zar ils try chf mxn rub aed sar egp idr ksh tsh sh rm kb mb gb tb kw mw hz khz rpm am pm st nd
rd th pts pcs cal fr dh dhs us nis gm gms"""
_SHORT = frozenset(_SHORT_WORDS.split())
_FUNCTION_WORDS = "sin cos tan cot sec csc log ln lg exp sqrt pi det mod gcd lcm abs lim inf frac arcsin arccos arctan"
_FUNCTIONS = frozenset(_FUNCTION_WORDS.split())
_PRODUCTS = frozenset(("ab", "ac", "bc", "abc", "ax", "bx", "cx", "xy", "xz", "yz", "xyz"))

_CURRENCY = re.compile(r"(?<![A-Za-z])(?:US|AU|CA|NZ|NT|HK|MX|[RACSU])?\s?\\?\$|\\(?:pounds|euro|yen)(?![A-Za-z])")
_DEGREE = re.compile(r"(?:\^\s*\{?\s*\\circ\s*\}?|°|\\degree)\s*(?:\\text\s*\{\s*[CFK]\s*\}|[CFK](?![A-Za-z]))?")
_UNIT_POWER = re.compile(rf"(\\text\s*\{{[^{{}}]*\}}|(?<!\\){_LETTER})\s?(?:\^\s?(?:\{{-?[123]\}}|-?[123])|(?<=m)[23]\b)")
# What may stand between words and the number; a hyphen or slash only before a letter.
_PUNCTUATION = re.compile(rf"[\s%(){{}}.,:;'\"]|\\text(?![A-Za-z])|[-/·](?=\s*(?:\\text\s*\{{\s*)?{_LETTER})")
_MARKED_UNIT = re.compile(
    r"(.+?)((?:\s*\\text\s*\{[^{}]*\}(?:\s*\^\s*(?:\{-?\d\}|\d))?|\s*\^\s*(?:\\circ|\{\s*\\circ\s*\})(?![A-Za-z])|\s*%|\s*°)+)"
)
_PLAIN_UNIT = re.compile(rf"(.*(?:[\d}})\]]|\\pi))((?:\s+{_WORD.pattern})+)")
# After a number these characters mean "and some", "tenths", "dozen" or "half"; 元五角 and 块五 add a part.
_INEXACT = frozenset("多余餘来來几幾数數成折打割半")
_PART = re.compile(rf"[{''.join(ONES)}{''.join(UNITS)}](?:[角毛分]|$)")


def read_number(text: str, lang: str | None = None) -> str | None:
    r"""The number that `text` is, or None. Digits are ASCII already; fractions stay fractions, scale words are multiplied.

    >>> read_number("Rp18.000", "id"), read_number("1.5 triệu đồng", "vi"), read_number("12 लाख 50 हज़ार", "hi")
    ('18000', '1500000', '1250000')
    >>> read_number("三分之一", "zh"), read_number("一百零五个", "zh"), read_number("1만 2천 원", "ko")
    ('1/3', '105', '12000')
    >>> [read_number(text) for text in ("5x", "18 and a half", "18 or 20", "not 18", "18!")]
    [None, None, None, None, None]
    """
    text = chinese_digits(_UNIT_POWER.sub(r"\1", percent_signs(text)), lang)
    text = _FRACTION.sub(lambda m: f" {m[1] or m[2]}/{m[3] or m[4]} ", text)
    parts = _NUMBER.split(text)
    numbers, gaps = [decimal_form(number, lang) for number in parts[1::2]], parts[2::2]
    if re.search(r"[(\[]\s*$", parts[0]) and "," in "".join(parts[1:2]):  # (3,128) is a pair
        return None
    if not numbers or None in numbers or (signed := _sign(parts[0], lang)) is None:
        return None
    sign, scale = signed
    if len(numbers) > 1 and gaps[-2].strip() == "/":
        number, rest = _fraction(numbers, gaps), gaps[-1]
    else:
        number, rest = _scaled(numbers, gaps, scale, lang)
    millions = rest.strip() == "m" and re.search("[$€£¥₹]", parts[0])
    return sign + number if number and not millions and is_unit(rest, lang) else None


def expression(text: str, lang: str | None = None) -> str:
    r"""An expression without unit and dollar signs, with decimal points; the numbers of a list are joined by commas.

    >>> expression(r"12\sqrt{13}\text{ feet}"), expression("2,5x", "de"), expression("(1,5; 2)", "de"), expression("3 y -3", "es")
    ('12\\sqrt{13}', '2.5x', '(1.5, 2)', '3, -3')
    """
    text = _joins(lang).sub(", ", re.sub(r"[$₹€£¥]", " ", percent_signs(text))).strip()
    text = re.sub(r"(^|[,;(\[])\s*\{\s*([-+]?[\d.]+)\s*\}", r"\1 \2", text)
    for pattern in (_MARKED_UNIT, _PLAIN_UNIT):
        if (match := pattern.fullmatch(text)) and is_unit(match[2], lang):
            text = match[1].strip()
    one_comma = text.count(",") == 1 and not re.search(r"(?:[(\[]|\\\{)[^)\]]*,", text)
    if (";" in text or one_comma) and lang in LANGUAGES and LANGUAGES[lang].numbers.decimal == ",":
        text = re.sub(r"(?<=\d),(?=\d)", ".", text).replace(";", ",")
    return re.sub(
        r"(?:(?<![\d.,{])|(?<=[^\\]\{))\d{1,3}(?:,\d{3})+(?=\s?[A-Za-z\\}])", lambda match: match[0].replace(",", ""), text
    )


def percent_signs(text: str) -> str:
    """The languages' words for percent as `%`.

    >>> percent_signs("18 phần trăm"), percent_signs("yüzde 18")
    ('18 %', '% 18')
    """
    return _percent_words().sub("%", text)


def is_unit(text: str, lang: str | None = None, before: bool = False) -> bool:
    r"""Whether `text`, written after a number (or `before` it), leaves the number what it is.

    >>> is_unit(" dollars"), is_unit(r"\text{ m}^2"), is_unit("x"), is_unit(" and a half"), is_unit(" million")
    (True, True, False, False, False)
    """
    marked = {word for inside in re.findall(r"\\text\s*\{([^{}]*)\}", text) for word in _WORD.findall(inside)}
    text = _UNIT_POWER.sub(r"\1", _DEGREE.sub(" ", _CURRENCY.sub(" $ ", text)))
    rest = _WORD.sub("", _PUNCTUATION.sub("", text)).strip()
    if any(unicodedata.category(char) != "Sc" for char in rest):
        return False
    words = _WORD.findall(text.replace(r"\text", " "))
    if any(_changes(word, lang) for word in words):
        return False
    if not words or (near := words[-1 if before else 0]) in marked:
        return True
    if not before and (near[0] in _INEXACT or near[0] in UNITS or _PART.search(near)):
        return False
    if len(near) == 1:
        # One character is a word in Chinese and Korean; è, é and đ are no variables either.
        name = unicodedata.name(near, "")
        stands_alone = (
            _NO_SPACES.match(near) or name.startswith("HANGUL") or (name.startswith("LATIN") and not near.isascii())
        )
        known = near == _LONE_BEFORE.get(lang) if before else near in _LONE_AFTER
        return bool(stands_alone or known)
    return _is_word(near.casefold(), text.endswith(near) if before else text.startswith(near))


def _is_word(word: str, close: bool) -> bool:
    """Whether a word of two letters or more is no product of variables and no function; `close`: no space before a number."""
    if word in _FUNCTIONS or (word[:-1] in _FUNCTIONS and word[-1] in "xyz"):
        return False
    return len(word) > 3 or not word.isascii() or word in _SHORT or not (close or word in _PRODUCTS)


def _changes(word: str, lang: str | None) -> bool:
    """Whether a word beside a number multiplies it or makes it another."""
    return any(_found(part, _scales(lang)) or _found(part, _other(lang)) for part in {word, *re.split(r"[.'\"׳״-]", word)})


def _sign(before: str, lang: str | None) -> tuple[str, int] | None:
    """(sign, scale) told by what precedes a number, as in `-$18`, `minus 18`, `elfu 18`; None where it is no part of it."""
    text, sign, scale = before.strip(), "", 1
    if text.endswith(("+", "-")):
        sign, text = text[-1], text[:-1]
        if text and not (text[-1] in " $(:" or unicodedata.category(text[-1]) == "Sc"):
            return None
    elif text.startswith(("+", "-")):
        sign, text = text[0], text[1:]
    elif before[-1:].isspace():
        text += " "
    if not sign and _fold(text.strip()) in _minus(lang):
        return "-", 1
    words = _WORD.findall(text)
    if words and (found := _found(words[-1], _scales(lang, leading=True))):
        scale, text = found, text[: text.rindex(words[-1])]
    if any(_fold(word) in _minus(lang) for word in words) or not is_unit(text, lang, before=True):
        return None
    return sign, scale


def _fraction(numbers: list[str], gaps: list[str]) -> str | None:
    """`1/2` or `3 1/2`."""
    if not all(number.isdigit() for number in numbers) or int(numbers[-1]) == 0:
        return None
    *whole, above, below = numbers
    if not whole:
        return f"{above}/{below}"
    return f"{whole[0]} {above}/{below}" if len(whole) == 1 and gaps[0].isspace() and int(above) < int(below) else None


def _scaled(numbers: list[str], gaps: list[str], factor: int, lang: str | None) -> tuple[str | None, str]:
    """Numbers times the scale words that follow each, added up, and what follows: `12 lakh 50 thousand`, `3 mil millones`."""
    total, limit, rest = Fraction(0), None, ""
    for number, gap in zip(numbers, gaps, strict=True):
        if rest.strip() or limit == 1:  # something that is no scale word stands before this number
            return None, ""
        scale, rest = _take_scales(gap, lang)
        factor *= scale
        part = Fraction(number) * factor
        if limit and part >= limit:
            return None, ""
        if len(numbers) == 1 and factor == 1:
            return number, rest
        total, limit, factor = total + part, factor, 1
    return str(total), rest


def _take_scales(text: str, lang: str | None) -> tuple[int, str]:
    """The product of the scale words that `text` begins with, and the rest."""
    product = 1
    while match := re.match(rf"[\s.-]*(\\text\s*\{{\s*)?({_WORD.pattern})", text):
        word, table = match[2], _scales(lang)
        if _NO_SPACES.match(word):  # 18 ล้านบาท; but พันธุ์ is a breed, no thousand
            starts = [key for key in table if word.startswith(key) and not word.startswith("พันธ")]
            word = max(starts, key=len, default="")
        if not (scale := _found(word, table)):
            break
        product, text = product * scale, (match[1] or "").strip() + text[match.start(2) + len(word) :]
    return product, text


def _fold(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def _found(word: str, table: dict[str, int]) -> int | None:
    """The value of a word in a table whose keys are words or beginnings of words (`million*`); in Thai also parts of words."""
    word = _fold(word)
    if not word or word in table:
        return table.get(word)
    if _NO_SPACES.match(word):
        return next((value for key, value in table.items() if _NO_SPACES.match(key) and key in word), None)
    return next((value for key, value in table.items() if key[-1] == "*" and word.startswith(key[:-1])), None)


@cache
def _scales(lang: str | None, leading: bool = False) -> dict[str, int]:
    """Scale words of all languages, the language's own first, English second: a billion is 10^9 unless the language differs."""
    table: dict[str, int] = {}
    for code in dict.fromkeys([*([lang] if lang in LANGUAGES else []), "en", *LANGUAGES]):
        numbers = LANGUAGES[code].numbers
        for group in filter(None, numbers.scales.split("; ")):
            power, *words = group.split()
            for word in words if numbers.scale_first or not leading else ():
                table.setdefault(_fold(word), 12 if power == "dozen" else 10 ** int(power))
    return table


@cache
def _other(lang: str | None) -> dict[str, int]:
    """Words that change a number: the language's and English; without a language, all of them."""
    codes = (lang, "en") if lang in LANGUAGES else LANGUAGES
    return {_fold(word): 1 for code in codes for word in LANGUAGES[code].numbers.other.split()}


@cache
def _minus(lang: str | None) -> frozenset[str]:
    codes = (lang, "en") if lang in LANGUAGES else LANGUAGES
    return frozenset(_fold(word) for code in codes for word in LANGUAGES[code].numbers.minus.split())


@cache
def _joins(lang: str | None) -> re.Pattern[str]:
    """And, or, between two numbers: of the language and English."""
    words = {_fold(word) for code in (lang, "en") if code in LANGUAGES for word in LANGUAGES[code].numbers.joins.split()}
    every, close = ("|".join(map(re.escape, some)) or "(?!)" for some in (words, filter(_NO_SPACES.match, words)))
    word = rf"(?:\\text\s*\{{[\s,]*(?:{every})\s*\}}|(?<=\s)(?:{every})(?![A-Za-z])|(?:{close}))"
    return re.compile(rf"(?<=[\d)}}\]])\s*,?\s*{word}\s*(?=[-\d\\(\[{{a-z])")


@cache
def _percent_words() -> re.Pattern[str]:
    phrases = {_fold(phrase) for language in LANGUAGES.values() for phrase in language.numbers.percent.split("|") if phrase}
    longest_first = "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))
    return re.compile(rf"(?<!{_LETTER})(?:{longest_first})", re.IGNORECASE)
