r"""Expressions: whether two of them are equal, which math-verify decides, but only of what is small and close to equal.

math-verify hands its input to SymPy, which may compute 9^(9^9) or simplify for minutes, and its timeouts (SIGALRM) do not work
in the thread where TRL calls rewards. So every part of an answer is first read by `evaluate`, within the bounds below and at two
random values of its variables. What it cannot read, or what is worth something else than the gold answer, never reaches SymPy;
the rest has a budget of function calls, which is the same on every machine, however busy.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from sp3f_lib.rewards.latex import Unreadable, Value, evaluate

_CALLS = 1_000_000  # a quarter more than the longest gold answers of DeepScaleR take; less than a second
_RELATION = r"\\(?:leqslant|geqslant|leq?|geq?|neq?|lt|gt|in|approx)(?![A-Za-z])|[=<>]"
_SPLIT = re.compile(
    rf"({_RELATION}|\\(?:cup|cap|setminus|pm|mp|to|land|lor|wedge|vee)(?![A-Za-z])"
    r"|\\(?:begin|end)\s*\{[a-z]*matrix\}|\\\\|\\[{}]|[,;&])"
)


def equal(gold: str, answer: str) -> bool:
    r"""Whether two expressions, lists, tuples, sets, intervals, matrices or relations in LaTeX are equal.

    >>> equal(r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"), equal("(1, 2)", "(2, 1)"), equal("x^2-1", "(x-1)(x+1)")
    (True, False, True)
    >>> equal("18", "9^{9^{9^9}}")
    False
    """
    try:
        return _may_be_equal(gold, answer) and _verified(gold, answer)
    except Unreadable:
        return False


def readable(text: str) -> bool:
    """Whether every part of an expression can be computed."""
    try:
        return bool(_parts(text))
    except Unreadable:
        return False


def _may_be_equal(gold: str, answer: str) -> bool:
    """Whether the parts of two expressions are worth the same, or are too unlike in form to tell and small."""
    (signs, parts), (others, found) = _parts(gold), _parts(answer)
    close = 1e-5 if re.search(r"\d\.\d", gold + answer) else 1e-9
    if signs == others == ["="]:
        return _proportional(parts, found, close)
    lists = {",", ";", r"\{", r"\}"}
    if sorted(signs) == sorted(others) or (lists.issuperset(signs) and lists.issuperset(others)):
        return len(parts) == len(found) and _matched(parts, found, close)
    return bool(signs) and len(gold + answer) <= 200 and max(degree for _, degree in parts + found) <= 2


def _parts(text: str) -> tuple[list[str], list[tuple[Value, int]]]:
    """The signs that join the parts of a list, set, interval, matrix or relation, and what each part is worth."""
    pieces = _SPLIT.split(text)
    parts = [evaluate(part) for part in map(_balanced, pieces[::2]) if part]
    if not parts:
        raise Unreadable(text)
    return pieces[1::2], parts


def _balanced(text: str) -> str:
    """Text without the brackets that have no partner: `[1` of the interval `[1, 2)`."""
    for opening, closing in ("()", "[]"):
        while text.count(opening) > text.count(closing):
            text = text.replace(opening, "", 1)
        while text.count(closing) > text.count(opening):
            text = "".join(text.rsplit(closing, 1))
    return text.strip()


def _near(one: Value, other: Value, close: float) -> bool:
    """Whether two values agree wherever both are defined."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return all(abs(a - b) <= close * max(abs(a), abs(b)) + 1e-12 for a, b in pairs)


def _matched(parts: list, found: list, close: float) -> bool:
    """Whether every part has a partner of the same value, in any order."""
    left = [value for value, _ in found]
    for value, _ in parts:
        partner = next((place for place, other in enumerate(left) if _near(value, other, close)), None)
        if partner is None:
            return False
        del left[partner]
    return True


def _proportional(parts: list, found: list, close: float) -> bool:
    """Whether two equations say the same: their left sides minus their right sides differ by a constant factor."""
    if len(parts) != 2 or len(found) != 2:
        return False
    ratios = []
    for a, b, c, d in zip(parts[0][0], parts[1][0], found[0][0], found[1][0], strict=True):
        if None in (a, b, c, d) or c == d:
            return False
        ratios.append((a - b) / (c - d))
    return abs(ratios[0]) > 0 and _near(ratios[:1], ratios[1:], close)


class _TooExpensive(BaseException):
    """Not an Exception, which SymPy would catch."""


@contextmanager
def _budget(calls: int) -> Iterator[None]:
    """Raises `_TooExpensive` at the first Python function called beyond `calls`, in whatever thread."""
    before, left = sys.gettrace(), calls

    def count(*_):
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooExpensive

    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(before)


def _verified(gold: str, answer: str) -> bool:
    from math_verify import verify

    try:
        with _budget(_CALLS):
            return bool(verify(_parsed(gold), _parsed(answer), timeout_seconds=None))
    except (_TooExpensive, Exception):  # whatever SymPy raises on what somebody wrote, the answer is not shown to be right
        return False


@lru_cache(maxsize=5_000)
def _parsed(text: str) -> list:
    from math_verify import LatexExtractionConfig, parse
    from math_verify.parser import NormalizationConfig

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns whenever its timeouts are off
    # Its own list of units takes off any of 5t, 5c, 5d; units are read before (quantities.py).
    rules = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="all")
    return parse(rf"\boxed{{{text}}}", [LatexExtractionConfig(normalization_config=rules)], parsing_timeout=None)
