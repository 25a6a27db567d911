r"""The embedded judge: compares two responses by their chains of calculations, which need no translation.

With the English reference it asks how far each response follows the reference's chain before it departs, and whether it
arrives at the reference's answer. Without the reference it uses only what is in sight: whether each calculation holds,
whether its numbers come from the question or from an earlier result, whether there is an answer and whether it is the last
result. It does not solve the question, so a wrong chain that agrees with itself passes: the weakness that privilege mends.

It needs no model and no network and costs microseconds, which makes the whole method run on a laptop. It cannot read prose:
on tasks whose solutions hold no calculations it falls back on comparing answers.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from sp3f_lib.judges.base import Pair, Verdict
from sp3f_lib.rewards.answers import answers_equal, extract_answer, normalise

_SIGN = {"×": "*", "x": "*", "⋅": "*", "·": "*", "÷": "/", ":": "/", "−": "-", "–": "-"}
_NUMBER = r"-?\d+(?:\.\d+)?%?"
_CALCULATION = re.compile(rf"({_NUMBER}(?:\s*[-+*/]\s*\(?\s*{_NUMBER}\s*\)?)+)\s*=\s*[^\d\s=-]{{0,3}}\s*({_NUMBER})")
_TERM = re.compile(rf"(?<![\d.]){_NUMBER}|[-+*/]")
_GSM8K_ANSWER = re.compile(r"####\s*(\S+)")

Calculation = tuple[str, str]


class AlignmentJudge:
    """A deterministic judge; equal scores are a tie (0.5). `compare` always gives a verdict."""

    name = "alignment"

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """One verdict per pair; see the module's docstring for what is compared."""
        return [self._verdict(pair) for pair in pairs]

    def _verdict(self, pair: Pair) -> Verdict:
        if pair.reference is None:
            a, b = (plausibility(pair.question, response) for response in (pair.response_a, pair.response_b))
        else:
            a, b = (agreement(pair.reference, response) for response in (pair.response_a, pair.response_b))
        return Verdict(preference=0.5 if a == b else float(a > b), judge=self.name)


@lru_cache(maxsize=20_000)
def calculations(text: str) -> tuple[Calculation, ...]:
    """The chain of (calculation, result) in a text, brought into one form; GSM8K's `<<...>>` are read once.

    >>> calculations("Er hat 5 + 3 = 8. Also 8 ÷ 2 = 4.")
    (('5+3', '8'), ('8/2', '4'))
    """
    text = re.sub(r"<<.*?>>", "", text) if not re.search(r"<<[^<>]*=[^<>]*>>", text) else " . ".join(
        re.findall(r"<<([^<>]*)>>", text)
    )  # fmt: skip
    text = "".join(_SIGN.get(char, char) for char in normalise_digits(text))
    found = []
    for left, right in _CALCULATION.findall(text):
        found.append((re.sub(r"[\s()]", "", left), _plain(right)))
    return tuple(found)


def normalise_digits(text: str) -> str:
    """Native digits to ASCII, and LaTeX's signs of operations to plain ones."""
    for latex, plain in ((r"\times", "×"), (r"\cdot", "×"), (r"\div", "÷"), ("$", "")):
        text = text.replace(latex, plain)
    return re.sub(r"(?<=\d),(?=\d{3})", "", re.sub(r"\d+", lambda m: normalise(m.group()), text))


def reference_answer(reference: str) -> str | None:
    r"""The answer of a reference solution: boxed, or behind GSM8K's `####`."""
    if (boxed := extract_answer(reference)) is not None:
        return boxed
    found = _GSM8K_ANSWER.findall(reference)
    return found[-1].replace(",", "") if found else None


@lru_cache(maxsize=20_000)
def agreement(reference: str, response: str) -> float:
    """How far `response` follows `reference`: (calculations shared from the start + 1 if the answers agree), in [0, 1].

    A shared calculation has the same numbers, sign and result; sums and products may be turned round.
    """
    wanted, found = calculations(reference), calculations(response)
    followed = 0
    for one, other in zip(wanted, found, strict=False):
        if _form(one) != _form(other):
            break
        followed += 1
    gold, answer = reference_answer(reference), extract_answer(response)
    arrived = gold is not None and answer is not None and answers_equal(answer, gold)
    return (followed + arrived) / (len(wanted) + 1)


@lru_cache(maxsize=20_000)
def plausibility(question: str, response: str) -> float:
    """How much of `response` looks right to somebody who has not solved the question, in [0, 1].

    The mean of four shares: calculations that hold; their numbers that stand in the question or were results before (or are
    1, 2 or 100); numbers of the question that are used; and whether the answer is there and is the last result.
    """
    chain, answer = calculations(response), extract_answer(response)
    given = set(map(_plain, re.findall(_NUMBER, normalise_digits(question))))
    known, sound, grounded, terms, used = given | {"1", "2", "100"}, 0, 0, 0, set()
    for left, right in chain:
        numbers = [_plain(term) for term in _TERM.findall(left) if term not in "+-*/"]
        terms += len(numbers)
        grounded += sum(number in known for number in numbers)
        used.update(numbers)
        sound += _holds(left, right)
        known = known | {right}
    if not chain:
        return 0.25 * (answer is not None)
    ended = answer is not None and answers_equal(answer, chain[-1][1])
    return (sound / len(chain) + grounded / max(terms, 1) + len(used & given) / max(len(given), 1) + ended) / 4


def _form(calculation: Calculation) -> tuple:
    left, right = calculation
    parts = _TERM.findall(left)
    signs = [part for part in parts if part in "+-*/"]
    if len(set(signs)) == 1 and signs[0] in "+*":
        return signs[0], tuple(sorted(map(_plain, (part for part in parts if part not in "+-*/")))), right
    return tuple(map(_plain, parts)), right


def _plain(number: str) -> str:
    if number in "+-*/":
        return number
    return number.rstrip("%").rstrip("0").rstrip(".") if "." in number else number.rstrip("%")


def _holds(left: str, right: str) -> bool:
    """Whether the calculation is right, computed term by term with the usual precedence; division by zero does not hold."""
    total, product, sign = 0.0, None, "+"
    for token in [*_TERM.findall(left), "+"]:
        if token in ("+", "-", "*", "/"):
            if product is None:
                return False
            if token in "+-":
                total, product = total + product, None
            sign = token
            continue
        value = float(token.rstrip("%")) / (100 if token.endswith("%") else 1)
        if product is None:
            product = -value if sign == "-" else value
        elif sign == "*":
            product *= value
        elif value == 0:
            return False
        else:
            product /= value
    return abs(total - float(right.rstrip("%"))) < 0.01
