r"""The embedded judge: compares two responses by their chains of calculations, which need no translation.

With a reference solution (levels `solution`, `translated`, `wrong`) it asks how far each response follows the reference's
chain before it departs, and whether it arrives at the reference's answer. Without one (`none`) it uses only what is in sight:
whether each calculation holds, whether its numbers come from the question or from an earlier result, whether there is an
answer and whether it is the last result. It does not solve the question, so a wrong chain that agrees with itself passes: the
weakness that privilege mends. With the bare answer (`answer`) it asks who arrives there; what is in sight breaks ties.

The same number gives a score from 0 to 10 (`score`), the order of a group (`rank`), or is taken as it is (`agree`). A judge of
chosen accuracy is this one with `Noise` (noise.py).

It needs no model and no network and costs microseconds, which makes the whole method run on a laptop. It cannot read prose:
on tasks whose solutions hold no calculations it falls back on comparing answers.
"""

import ast
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from sp3f_lib.judges.base import Asked, Lineup, Pair, Single, Verdict
from sp3f_lib.judges.list_prompt import ranks_of
from sp3f_lib.judges.noise import EXACT, Noise
from sp3f_lib.judges.score_prompt import MOST
from sp3f_lib.rewards.answers import answers_equal, extract_answer
from sp3f_lib.rewards.calculations import NUMBER, calculations, form, plain_number, plain_text, reference_answer


class AlignmentJudge:
    """A deterministic judge; equal scores are a tie (0.5). Without `noise` it always gives a verdict."""

    name = "alignment"

    def __init__(self, noise: Noise = EXACT):
        self.noise = noise

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """One verdict per pair; see the module's docstring for what is compared."""
        return [self._verdict(pair) for pair in pairs]

    async def score(self, asked: Sequence[Single]) -> list[Verdict]:
        """One verdict per response, its `score` a tenth of a whole number from 0 to 10, as other judges give it."""
        return [self._value(one, steps=MOST) for one in asked]

    async def agree(self, asked: Sequence[Single]) -> list[Verdict]:
        """One verdict per response, its `score` the agreement with what is shown as it is (`value`), in [0, 1]."""
        return [self._value(one) for one in asked]

    async def rank(self, asked: Sequence[Lineup]) -> list[Verdict]:
        """One verdict per lineup, with the `ranks` of its responses; equals share a rank."""
        found = []
        for lineup in asked:
            values = [value(lineup, response) for response in lineup.responses]
            found.append(self._said(ranks=ranks_of(values) if self.noise.none else self.noise.ranks(lineup, values)))
        return found

    def _verdict(self, pair: Pair) -> Verdict:
        a, b = (_score(pair, response) for response in (pair.response_a, pair.response_b))
        preference = 0.5 if a == b else float(a > b)
        if not self.noise.none and pair.response_a.strip() != pair.response_b.strip():
            preference = self.noise.preference(pair, preference)
        return self._said(preference=preference)

    def _value(self, asked: Single, steps: int | None = None) -> Verdict:
        exact = value(asked, asked.response)
        found = exact if self.noise.none else self.noise.value(asked, exact)
        return self._said(score=found if found is None or steps is None else round(found * steps) / steps)

    def _said(self, **said) -> Verdict:
        lost = None in said.values()
        return Verdict(**{"preference": None} | said, reason="drawn by judge.missing" if lost else "", judge=self.name)


def value(asked: Asked, response: str) -> float:
    """How good a response is, in [0, 1]: one number that orders responses as `compare` does."""
    first, *rest = _score(asked, response)
    return (2 * first + rest[0]) / 3 if rest else first


def _score(asked: Asked, response: str) -> tuple[float, ...]:
    """What is compared, the first number first."""
    match asked.shown:
        case "none":
            return (plausibility(asked.question, response),)
        case "answer":
            return arrives(asked.reference, response), plausibility(asked.question, response)
        case _:
            return (agreement(asked.reference, response),)


@lru_cache(maxsize=4_096)
def agreement(reference: str, response: str) -> float:
    """How far `response` follows `reference`: (calculations shared from the start + 1 if the answers agree), in [0, 1].

    A shared calculation has the same numbers, sign and result; sums and products may be turned round.
    """
    wanted, found = calculations(reference), calculations(response)
    followed = 0
    for one, other in zip(wanted, found, strict=False):
        if form(one) != form(other):
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
    given = set(map(plain_number, re.findall(NUMBER, plain_text(question))))
    known, sound, grounded, terms, used = given | {"1", "2", "100"}, 0, 0, 0, set()
    for left, right in chain:
        numbers = [plain_number(number) for number in re.findall(NUMBER, left)]
        terms += len(numbers)
        grounded += sum(number in known for number in numbers)
        used.update(numbers)
        sound += _holds(left, right)
        known = known | {right}
    ended = answer is not None and answers_equal(answer, chain[-1][1])
    return (sound / len(chain) + grounded / terms + len(used & given) / max(len(given), 1) + ended) / 4


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
