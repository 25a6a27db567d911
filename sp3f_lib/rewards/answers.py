r"""Answers: taken out of a response, brought into one form, and compared with the gold answer.

`math-verify` decides whether two expressions are equal (`expressions.py`), but it reads ASCII numbers only. Native digits and
full-width forms, the separators and words of each language, which the authors' verifier rejects, are read first (`numerals.py`,
`quantities.py`). What is ambiguous is read as `lang` writes it, without a language as in English; gold answers are in English:

    1.234 and 1,234     thousands or a decimal: 1.234 is 1234 in German, 1,234 is 1234 in English
    12,5                12.5 where the comma is the decimal mark and in Arabic, else a list of two numbers
    1,23,456            123456 in Hindi, Bengali, Telugu, Gujarati and Punjabi, else a list
    18 billion          10^9 in English, 10^12 in German, Spanish and French; 一百五 is 150 in Chinese, 百五 is 105 in Japanese
    18%                 18; also 0.18, where one of the two answers has a percent sign
    5x, 18 m, 18m       a letter beside a number is a variable, but m, g, l, h, s (м, г, л, ч, с, р) after it are units
    B                   where the gold answer is one letter from A to J: that choice, also as (B), B., b, Ｂ, `B. 18`, Cyrillic В

Words around a number are units (18 eggs), unless they are known to change it (18 million, minus 18, 18 and a half). Text that is
no mathematics (`\text{Monday}`, LaTeX that math-verify cannot read) equals the same text, apart from case and spaces, and so does
whatever is written exactly like the gold answer.
"""

import re
import unicodedata
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

from sp3f_lib.rewards import expressions
from sp3f_lib.rewards.latex import LONGEST
from sp3f_lib.rewards.numerals import number_value
from sp3f_lib.rewards.quantities import expression, percent_signs, read_number

_BOX = re.compile(r"\\(?:boxed|fbox(?:ed)?)\s*(?:\{|\Z)")
_THINK = re.compile(r"</?think>")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_INTEGER = re.compile(r"[-+]?\d{1,18}")
_LONGEST_GOLD = 1_000

# Vowel points of Arabic and Hebrew: with or without them it is the same word.
_POINTS = re.compile(r"[\u0591-\u05bd\u064b-\u0652\u0640]")
_SIGNS = str.maketrans({
    "−": "-", "﹣": "-", "‐": "-", "‑": "-", "⁄": "/", "∕": "/", "÷": "/", "’": "'", "‘": "'", "ʼ": "'", "،": ",", "、": ",",
    "؛": ";", "٪": "%", "∶": ":", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "π": r"\pi ", "∞": r"\infty ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "±": r"\pm ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ",
    "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ",
})  # fmt: skip
_LATEX = [
    (re.compile(pattern), form)
    for pattern, form in (
        (r"(?<!\\)\\[()\[\]]|\\(?:left|right|[bB]igg?[lr]?|displaystyle|boldmath|limits)(?![A-Za-z])\.?|\\!", ""),
        (r"(?<!\\)\\[,;: ]|~|\\q?quad(?![A-Za-z])|\\(?:hspace|vspace|phantom)\s*\{[^{}]*\}", " "),
        (r"\{\s*,\s*\}", ","),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\(?:d|t)binom(?![A-Za-z])", r"\\binom"),
        (r"\\(?:math(?:bf|it|sf|tt|normal)|bm|boldsymbol|underline|ensuremath|boxed|fbox)\s*\{([^{}]*)\}", r"\1"),
        (r"\\(?:mathrm|text(?:bf|it|rm|sf|tt|sl|sc|normal|up|md)|mbox|hbox|emph|operatorname\*?|rm)\s*(?=\{)", r"\\text"),
        (r"\\text\{\s*(\(?[A-Z]\)?(?:,\s*[A-Z])*|[^{}A-Za-z]*\d[^{}A-Za-z]*)\s*\}", r"\1"),
        (r"(?<=\d)_\{\s*(\d+)\s*\}|_\{\s*(\w)\s*\}", r"_\1\2"),
        (r"\\text\{\s*(arc)?(?:sen|sin)\s*\}|\\(arc)?sen(?![A-Za-z])", r"\\\1\2sin "),
        (r"\\(arc)?tg(?![A-Za-z])|\\text\{\s*(arc)?tg\s*\}", r"\\\1\2tan "),
        (r"\\(?:c|co)tg(?![A-Za-z])", r"\\cot "),
        (r"√\s*(\d+(?:\.\d+)?)", r"\\sqrt{\1}"),
        (r"√|(?<![A-Za-z\\])sqrt(?![A-Za-z])", r"\\sqrt "),
        (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi "),
        (r"(?<=\d),[-–—]+(?!\S)", ""),  # 18,- euros
        (r"\\%", "%"),
        (r"\\\$", "$"),
        (r"\s+", " "),
    )
]
_OUTSIDE = ' \t\n"“”„«»「」『』《》【】`'
_STOPS = ".。।॥۔,;።"
_CHOICE = re.compile(r"(?:\(([A-Ja-j])\)|\[([A-Ja-j])\]|([A-Ja-j]))\s*[.):,]?")
_LABEL = re.compile(r"(?:\(([A-J])\)|\[([A-J])\]|([A-J])\s?[.):])(?=[\s\d$\\(-])\s*(?P<text>.+)")
_ANNOUNCED = re.compile(
    r"[^:()]{2,30}:\s*|(?:option|choice|answer|opción|opção|opzione|optie|opsi|seçenek|вариант|विकल्प|বিকল্প)\s+|选项|選択肢",
    re.IGNORECASE,
)
# Cyrillic and Greek capitals that look like the Latin letters of choices.
_LOOK_ALIKE = str.maketrans("АВСЕНЈІΑΒΕΗΙ", "ABCEHJIABEHI")


def extract_answer(text: str) -> str | None:
    r"""What stands in the last `\boxed{...}` (or `\fbox`), or None if that box is empty or cut off. `<think>` is ignored.

    >>> extract_answer(r"so \boxed{\frac{1}{2}}.")
    '\\frac{1}{2}'
    >>> extract_answer(r"first \boxed{11}, then cut off: \boxed{12") is None
    True
    """
    text = _spoken(text)
    start, depth = None, 1
    for match in _BOX.finditer(text):
        start = match.end()
    for brace in _BRACE.finditer(text, start) if start is not None else ():
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)  # \{ and \} do not count
        if depth == 0:
            return text[start : brace.start()].strip() or None
    return None


def _spoken(text: str) -> str:
    """The text outside `<think>...</think>`. A prompt may have opened it already: then all before `</think>` was thought."""
    kept, start, thinking = [], 0, False
    for match in _THINK.finditer(text):
        if match.group() == "<think>" and not thinking:
            kept.append(text[start : match.start()])
            thinking = True
        elif match.group() == "</think>":
            kept = kept if thinking else []
            start, thinking = match.end(), False
    return " ".join(kept if thinking else [*kept, text[start:]])


def is_correct(response: str, gold: str, lang: str | None = None, options: Mapping[str, str] | None = None) -> bool:
    r"""Whether the boxed answer of `response`, written in `lang`, equals `gold`. Never raises, whatever the response is.

    >>> is_correct(r"\boxed{১৮ টাকা}", "18", "bn"), is_correct(r"\boxed{18 million}", "18")
    (True, False)
    """
    answer = extract_answer(response)
    return answer is not None and answers_equal(answer, gold, lang, options)


def answers_equal(answer: str, gold: str, lang: str | None = None, options: Mapping[str, str] | None = None) -> bool:
    r"""Whether two answers are the same number, expression, choice or text. `options` are the texts of choices by letter.

    >>> answers_equal("1.234,50 €", "1234.5", "de"), answers_equal("(B) 18", "B"), answers_equal("18", "B", options={"B": "18"})
    (True, True, True)
    """
    if max(len(answer), len(gold)) > _LONGEST_GOLD:
        return False
    if _equal(answer, gold, lang):
        return True
    letter, wanted = _choice(plain(answer), labels=True), _choice(plain(gold))
    if not options or bool(letter) == bool(wanted):
        return False
    return _equal(answer, options.get(wanted, ""), lang) if wanted else _equal(options.get(letter, ""), gold, lang)


@lru_cache(maxsize=16_384)
def _equal(answer: str, gold: str, lang: str | None) -> bool:
    if _INTEGER.fullmatch(answer) and _INTEGER.fullmatch(gold):
        return int(answer) == int(gold)
    answer, gold = plain(answer), plain(gold)
    if not answer or not gold:
        return False
    if choice := _choice(gold):
        return _choice(answer, labels=True) == choice
    if _text(answer) == _text(gold):
        return True
    if max(len(answer), len(gold)) > LONGEST:
        return False
    if (labelled := _LABEL.fullmatch(answer)) and _equal(labelled["text"], gold, lang):
        return True
    answer, gold = _without_name(answer, gold)
    if _text(answer) == _text(gold):
        return bool(answer)
    percent = ("%" in percent_signs(answer)) - ("%" in percent_signs(gold))
    # In a list of numbers a comma separates, also where it is the decimal mark.
    langs = {lang, None} if "," in gold and read_number(gold) is None else {lang}
    wanted = gold if re.search(r"\d[A-Za-z]$", gold) else _form(gold)  # 5m may be a product; an answer 5m is 5 metres
    return any(_same(_form(answer, one), wanted, percent) for one in langs)


def normalise(answer: str, lang: str | None = None) -> str:
    """Native digits to ASCII, full-width forms to plain ones, the language's separators to a decimal point, no unit.

    >>> normalise("১৮"), normalise("1.234,5", "de"), normalise("１８。"), normalise("18 manzanas"), normalise("十八")
    ('18', '1234.5', '18', '18', '18')
    """
    if answer.isdecimal():
        return "".join(map(_plain_char, answer))
    text = plain(answer)
    return text if len(text) > LONGEST else read_number(text, lang) or text


def plain(answer: str) -> str:
    r"""ASCII digits and plain signs for those of all scripts, one LaTeX command for its variants, no marks and stops around.

    >>> plain("\u200f١٨٫٥ "), plain(r"$\dfrac{1}{2}$。"), plain(r"18\,\mathrm{kg}"), plain("5²")
    ('18٫5', '\\frac{1}{2}', '18 \\text{kg}', '5^{2}')
    """
    text = re.sub(r"[⁰¹²³⁴-⁹]+", lambda m: f"^{{{unicodedata.normalize('NFKC', m.group())}}}", answer)
    text = re.sub(r"[₀-₉]+", lambda m: f"_{{{unicodedata.normalize('NFKC', m.group())}}}", text)
    text = re.sub(r"(?<=\d)(?=[¼-¾⅐-⅞])", " ", text)
    text = "".join(map(_plain_char, unicodedata.normalize("NFKC", text))).translate(_SIGNS)
    if len(text) > 2 * _LONGEST_GOLD:  # no answer; some characters stand for eighteen
        return text
    text = _POINTS.sub("", text)
    for pattern, form in _LATEX:
        text = pattern.sub(form, text)
    return _bare(text)


def _plain_char(char: str) -> str:
    """A digit of any script as ASCII; marks of direction, joiners and halves of characters as nothing."""
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.digit(char))
    return "" if category in ("Cf", "Cs", "Co") else " " if category == "Cc" else char


def _bare(text: str) -> str:
    """Without quotation marks, dollar signs, asterisks and braces on both sides and full stops at the end."""
    before = None
    while text != before:
        before = text
        text = text.strip(_OUTSIDE).rstrip(_STOPS)
        for left, right in (("$", "$"), ("*", "*"), ("{", "}")):
            inside = text[1:-1]
            if len(text) > 2 and text[0] == left and text[-1] == right and not set(inside) & {left, right} - {"*"}:
                text = inside
    return text


def _choice(text: str, labels: bool = False) -> str | None:
    """The letter of a choice, A to J; with `labels` also before the option's text (`B. 18`) and in small letters."""
    text = re.sub(r"\\text\{([^{}]*)\}", r"\1", text).strip().strip("*")
    text = (_ANNOUNCED.sub("", text, count=1) if labels and _ANNOUNCED.match(text) else text).translate(_LOOK_ALIKE)
    match = _CHOICE.fullmatch(text) or (labels and _LABEL.fullmatch(text))
    letter = next(filter(None, match.groups())) if match else ""
    return letter.upper() if letter and (labels or letter.isupper()) else None


def _text(text: str) -> str:
    """A text without spaces (but those between digits), and in small letters if it holds a word."""
    text = re.sub(r"\\text\{([^{}]*)\}", r" \1 ", text.replace("$", ""))
    text = re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text).rstrip(_STOPS)
    return text.casefold() if re.search(r"[^\W\d_]{3}", re.sub(r"\\[A-Za-z]+", "", text)) else text


def _without_name(answer: str, gold: str) -> tuple[str, str]:
    """`x = 18` and `2 * 9 = 18` as `18` if the other has no equals sign; a chain of equations ends in its result."""
    answer, gold = (re.sub(r"^(?:≈|~|\\approx(?![A-Za-z]))\s*", "", text) for text in (answer, gold))
    sides = ["=" in re.sub(r"[<>!]=", "", text) for text in (answer, gold)]
    if sides == [True, False]:
        answer = re.sub(r"(^|[,;])\s*[A-Za-z](?:_\{?\w+\}?)?\s*=", r"\1", answer).rsplit("=", 1)[-1]
    elif sides == [False, True]:
        gold = re.sub(r"^\s*[A-Za-z](?:_\{?\w+\}?)?(?:\([a-z]\))?\s*=", "", gold)
    based = [re.fullmatch(r"(-?[\dA-F]+)_\d+", _bare(text)) for text in (answer, gold)]
    if based[1] and not based[0]:  # 203 for 203_7, but not 203_8
        gold = based[1][1]
    return _bare(answer), _bare(gold)


def _form(text: str, lang: str | None = None) -> str:
    """One number, or an expression as LaTeX, without units."""
    return read_number(text, lang) or expression(text, lang)


def _same(answer: str, gold: str, percent: int = 0) -> bool:
    """Whether two forms are equal; `percent` is 1 if only the answer has a percent sign, -1 if only the gold answer has."""
    found, wanted = number_value(answer), number_value(gold)
    if found is None or wanted is None:
        wanted, found = (
            form if value is None or "." in form else str(value) for form, value in ((gold, wanted), (answer, found))
        )
        return expressions.equal(wanted, found)
    return _close(found, wanted, answer, gold) or found == wanted * Fraction(100) ** percent


def _close(found: Fraction, wanted: Fraction, *forms: str) -> bool:
    """Equal, or one of them a decimal of six places and more for a fraction that has no end (0.333333)."""
    places = [len(form.partition(".")[2]) for form in forms if re.fullmatch(r"[-+]?\d*\.\d{6,}", form)]
    return found == wanted or (
        len(places) == 1 and "/" in "".join(forms) and abs(found - wanted) < Fraction(1, 10 ** places[0])
    )


def check_gold(gold: str) -> None:
    r"""`ValueError` if no response could be counted as right: for the checks at data preparation.

    Text and LaTeX that math-verify cannot read pass; they are compared as text.

    >>> check_gold(r"\text{Monday}")
    >>> check_gold(r"\frac{1}{2")
    Traceback (most recent call last):
    ValueError: its braces do not match: '\\frac{1}{2'
    """
    text = plain(gold)
    if gold.strip().lower() in ("none", "nan", "null"):
        raise ValueError(f"it says that there is no answer: {gold!r}")
    if len(text) > _LONGEST_GOLD:
        raise ValueError(f"it is too long for an answer, {len(text)} characters")
    if not re.search(r"\w", text.replace(r"\text", "")):
        raise ValueError(f"there is nothing in it to compare with: {gold!r}")
    if extract_answer(rf"\boxed{{{gold}}}") != (extract_answer(gold) or gold.strip()):
        raise ValueError(f"its braces do not match: {gold!r}")
    arithmetic = re.fullmatch(r"[\d\s.,+*/^=()%-]+", text) and not re.fullmatch(r"\d+(?:[./-]\d+){2,}", text)
    if arithmetic and number_value(_form(text)) is None and not expressions.readable(_form(text)):
        raise ValueError(f"it is neither a number nor an expression: {gold!r}")
    if not is_correct(rf"\boxed{{{gold}}}", gold):
        raise ValueError(f"an answer that repeats it would count as wrong: {gold!r}")
