r"""The embedded judge: compares two responses by their chains of calculations, which need no translation.

With a reference solution (levels `solution`, `translated`, `wrong`) it asks how far each response follows the reference's
chain before it departs, and whether it arrives at the reference's answer. Without one (`none`) it uses only what is in sight:
whether each calculation holds, whether its numbers come from the question or from an earlier result, whether there is an
answer and whether it is the last result. It does not solve the question, so a wrong chain that agrees with itself passes: the
weakness that privilege mends. With the bare answer (`answer`) it asks who arrives there; what is in sight breaks ties.

It needs no model and no network and costs microseconds, which makes the whole method run on a laptop. It cannot read prose:
on tasks whose solutions hold no calculations it falls back on comparing answers.
"""

import ast
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from sp3f_lib.judges.base import Pair, Verdict
from sp3f_lib.rewards.answers import answers_equal, extract_answer, normalise

# A colon is no division here: "apples: 5 + 3 = 8" is how most languages introduce a calculation.
_SIGN = str.maketrans({"×": "*", "⋅": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "\n": ";"})
# Bounded on purpose: a response is untrusted, and no honest calculation has longer numbers or more terms.
_NUMBER = r"(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})%?"
_CALCULATION = re.compile(
    rf"(-?\(?{_NUMBER}(?:(?: ?\))? ?[-+*/] ?(?:\( ?)?{_NUMBER}){{1,12}}(?: ?\))?) ?= ?[^\d\s=.-]{{0,3}} ?(-?{_NUMBER})"
)
_GSM8K_ANSWER = re.compile(r"####\s*(\S+)")
_LONGEST = 20_000  # characters of a response that are read

Calculation = tuple[str, str]


class AlignmentJudge:
    """A deterministic judge; equal scores are a tie (0.5). `compare` always gives a verdict."""

    name = "alignment"

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """One verdict per pair; see the module's docstring for what is compared."""
        return [self._verdict(pair) for pair in pairs]

    def _verdict(self, pair: Pair) -> Verdict:
        a, b = (_score(pair, response) for response in (pair.response_a, pair.response_b))
        return Verdict(preference=0.5 if a == b else float(a > b), judge=self.name)


def _score(pair: Pair, response: str) -> tuple[float, ...]:
    """What is compared, the first number first."""
    match pair.shown:
        case "none":
            return (plausibility(pair.question, response),)
        case "answer":
            return arrives(pair.reference, response), plausibility(pair.question, response)
        case _:
            return (agreement(pair.reference, response),)


@lru_cache(maxsize=4_096)
def calculations(text: str) -> tuple[Calculation, ...]:
    """The chain of (calculation, result) in a text, brought into one form; GSM8K's `<<...>>` are read once.

    >>> calculations("Er hat 5 + 3 = 8. Also 8 ÷ 2 = 4.")
    (('5+3', '8'), ('8/2', '4'))
    """
    text = text[:_LONGEST]
    annotated = re.findall(r"<<([^<>]*=[^<>]*)>>", text)
    plain = plain_text(" ; ".join(annotated) if annotated else text)
    return tuple((_balanced(left), _value(right)) for left, right in _CALCULATION.findall(plain))


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


@lru_cache(maxsize=4_096)
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
    gold = reference_answer(reference)
    arrived = gold is not None and arrives(gold, response)
    return (followed + arrived) / (len(wanted) + 1)


@lru_cache(maxsize=4_096)
def arrives(gold: str, response: str) -> bool:
    r"""Whether the answer of `response` is `gold`, a bare answer such as `18` or `\frac{1}{2}`."""
    answer = extract_answer(response)
    # The judge does not know the language of the response, so either way of writing 1,234.5 arrives.
    return answer is not None and any(answers_equal(answer, gold, lang) for lang in ("en", "de"))


@lru_cache(maxsize=4_096)
def plausibility(question: str, response: str) -> float:
    """How much of `response` looks right to somebody who has not solved the question, in [0, 1].

    The mean of four shares: calculations that hold; their numbers that stand in the question or were results before (or are
    1, 2 or 100); numbers of the question that are used; and whether the answer is there and is the last result.
    """
    chain, answer = calculations(response), extract_answer(response)
    if not chain:
        return 0.25 * (answer is not None)
    given = set(map(_value, re.findall(_NUMBER, plain_text(question))))
    known, sound, grounded, terms, used = given | {"1", "2", "100"}, 0, 0, 0, set()
    for left, right in chain:
        numbers = [_value(number) for number in re.findall(_NUMBER, left)]
        terms += len(numbers)
        grounded += sum(number in known for number in numbers)
        used.update(numbers)
        sound += _holds(left, right)
        known = known | {right}
    ended = answer is not None and answers_equal(answer, chain[-1][1])
    return (sound / len(chain) + grounded / terms + len(used & given) / max(len(given), 1) + ended) / 4


def _balanced(left: str) -> str:
    """A calculation without spaces, and without brackets where they do not match."""
    left = left.replace(" ", "")
    return left if left.count("(") == left.count(")") else re.sub(r"[()]", "", left)


def _form(calculation: Calculation) -> tuple:
    left, right = calculation
    parts = [_value(part) if part[-1].isdigit() or part[-1] == "%" else part for part in re.findall(rf"{_NUMBER}|.", left)]
    signs = {part for part in parts if part in "+-*/()"}
    if len(signs) == 1 and signs <= {"+", "*"}:
        return signs.pop(), tuple(sorted(part for part in parts if part not in "+*")), right
    return tuple(parts), right


def _value(number: str) -> str:
    """One form for one number: `0.50`, `.5` and `0.5` are the same, `50%` is 50."""
    number = number.rstrip("%")
    negative, number = number.startswith("-"), number.lstrip("-")
    whole, _, decimals = number.partition(".")
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    return ("-" if negative else "") + whole + (f".{decimals}" if decimals else "")


def _holds(left: str, right: str) -> bool:
    """Whether a calculation is right, brackets and precedence included; what cannot be computed does not hold."""
    try:
        tree = ast.parse(re.sub(r"(\d)%", r"\1/100", re.sub(r"(?<![\d.])0+(?=\d)", "", left)), mode="eval")
        return abs(_compute(tree.body) - Fraction(right)) < Fraction(1, 100)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return False


def _compute(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float()):
            return Fraction(str(node.value))
        case ast.UnaryOp(op=ast.USub()):
            return -_compute(node.operand)
        case ast.BinOp(op=ast.Add()):
            return _compute(node.left) + _compute(node.right)
        case ast.BinOp(op=ast.Sub()):
            return _compute(node.left) - _compute(node.right)
        case ast.BinOp(op=ast.Mult()):
            return _compute(node.left) * _compute(node.right)
        case ast.BinOp(op=ast.Div()):
            return _compute(node.left) / _compute(node.right)
    raise ValueError(f"not a calculation: {ast.dump(node)[:80]}")
