r"""The chain of calculations in a text: what of a solution needs no translation.

Digits, signs and `\times` of all kinds are brought into one form, so that the chains of two languages can be compared: by the
embedded judge (judges/alignment.py), by the evaluation, and by the checks of translated rows (data/checks.py).
"""

import re
from functools import lru_cache

from sp3f_lib.rewards.answers import extract_answer, normalise

# A colon is no division here: "apples: 5 + 3 = 8" is how most languages introduce a calculation.
_SIGN = str.maketrans({"×": "*", "⋅": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "\n": ";"})
# Bounded on purpose: a response is untrusted, and no honest calculation has longer numbers or more terms.
NUMBER = r"(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})%?"
_CALCULATION = re.compile(
    rf"(-?\(?{NUMBER}(?:(?: ?\))? ?[-+*/] ?(?:\( ?)?{NUMBER}){{1,12}}(?: ?\))?) ?= ?[^\d\s=.-]{{0,3}} ?(-?{NUMBER})"
)
_GSM8K_ANSWER = re.compile(r"####\s*(\S+)")
_LONGEST = 20_000  # characters of a response that are read

Calculation = tuple[str, str]


@lru_cache(maxsize=4_096)
def calculations(text: str) -> tuple[Calculation, ...]:
    """The chain of (calculation, result) in a text, brought into one form; GSM8K's `<<...>>` are read once.

    >>> calculations("Er hat 5 + 3 = 8. Also 8 ÷ 2 = 4.")
    (('5+3', '8'), ('8/2', '4'))
    """
    text = text[:_LONGEST]
    annotated = re.findall(r"<<([^<>]*=[^<>]*)>>", text)
    plain = plain_text(" ; ".join(annotated) if annotated else text)
    return tuple((_balanced(left), plain_number(right)) for left, right in _CALCULATION.findall(plain))


def plain_text(text: str) -> str:
    """Native digits as ASCII, LaTeX's and typographers' signs of operations as `+ - * /`, single spaces."""
    for latex, sign in ((r"\times", "*"), (r"\cdot", "*"), (r"\div", "/"), ("$", ""), (r"\(", ""), (r"\)", "")):
        text = text.replace(latex, sign)
    text = re.sub(r"\d+", lambda match: normalise(match.group()), text.translate(_SIGN))
    text = re.sub(r"(?<=\d),(?=\d{3})", "", re.sub(r"(?<=[\d\s])x(?=[\d\s])", "*", text))
    return re.sub(r"\s+", " ", text)


def reference_answer(reference: str) -> str | None:
    r"""The answer of a reference solution: boxed, or behind GSM8K's `####`."""
    if (boxed := extract_answer(reference)) is not None:
        return boxed
    found = _GSM8K_ANSWER.findall(reference)
    return found[-1].replace(",", "") if found else None


def _balanced(left: str) -> str:
    """A calculation without spaces, and without brackets where they do not match."""
    left = left.replace(" ", "")
    return left if left.count("(") == left.count(")") else re.sub(r"[()]", "", left)


def form(calculation: Calculation) -> tuple:
    """One form for one calculation: sums and products may be turned round.

    >>> form(("3+5", "8")) == form(("5+3", "8"))
    True
    """
    left, right = calculation
    parts = [
        plain_number(part) if part[-1].isdigit() or part[-1] == "%" else part for part in re.findall(rf"{NUMBER}|.", left)
    ]
    signs = {part for part in parts if part in "+-*/()"}
    if len(signs) == 1 and signs <= {"+", "*"}:
        return signs.pop(), tuple(sorted(part for part in parts if part not in "+*")), right
    return tuple(parts), right


def plain_number(number: str) -> str:
    """One form for one number: `0.50`, `.5` and `0.5` are the same, `50%` is 50."""
    number = number.rstrip("%")
    negative, number = number.startswith("-"), number.lstrip("-")
    whole, _, decimals = number.partition(".")
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    return ("-" if negative else "") + whole + (f".{decimals}" if decimals else "")
