r"""Formulas, boxes, code and pictures stand as marks in what a translator sees, and every mark must come back exactly once.

    masked, hidden = mask("Find $x^2$.", 1)          "Find ⟦1⟧.", {1: "$x^2$"}
    unmask("Bestimme ⟦1⟧.", hidden)                  "Bestimme $x^2$."

A translator can then break no LaTeX, and translate no answer. Calculations in plain text (`48/2 = 24`) are no formulas: with
the numbers before its eyes a translator inflects the words around them, and whether they are kept is checked afterwards.
"""

import re
from collections import Counter

from sp3f_lib.data.formulas import formulas
from sp3f_lib.data.numbers import ascii_digits

OPEN, CLOSE = "⟦", "⟧"
# As translators write them: with spaces, native digits, other brackets of the same look.
_MARK = re.compile(r"[⟦〚]\s*(\d{1,4})\s*[⟧〛]")


class MaskError(ValueError):
    """Marks that are missing, there twice, or nobody's; or a text that has such marks of its own."""


def mask(text: str, first: int = 1) -> tuple[str, dict[int, str]]:
    r"""(the text with a mark in place of every formula, what stands behind each), numbered from `first`.

    >>> mask(r"So $x = 2$ and the answer is \boxed{2}.", 3)
    ('So ⟦3⟧ and the answer is ⟦4⟧.', {3: '$x = 2$', 4: '\\boxed{2}'})
    """
    if _MARK.search(text):
        raise MaskError(f"the English text holds {_MARK.search(text).group()!r}, which is what formulas are masked by")
    parts, hidden, last = [], {}, 0
    for number, (start, end) in enumerate(formulas(text), first):
        parts += [text[last:start], f"{OPEN}{number}{CLOSE}"]
        hidden[number] = text[start:end]
        last = end
    return "".join([*parts, text[last:]]), hidden


def unmask(text: str, hidden: dict[int, str]) -> str:
    """The text with its formulas; `MaskError` unless every mark is there exactly once, and no other.

    >>> unmask("Bestimme ⟦ ১ ⟧.", {1: "$x^2$"})
    'Bestimme $x^2$.'
    >>> unmask("Bestimme.", {1: "$x^2$"})
    Traceback (most recent call last):
    sp3f_lib.translation.masks.MaskError: ⟦1⟧ is missing
    """
    found = Counter(int(ascii_digits(number)) for number in _MARK.findall(text))
    wrong = [f"{_marks(hidden.keys() - found.keys())} is missing"] if hidden.keys() - found.keys() else []
    wrong += [f"{_marks(found.keys() - hidden.keys())} is not in the English"] if found.keys() - hidden.keys() else []
    twice = {number for number, count in found.items() if count > 1}
    wrong += [f"{_marks(twice)} is there more than once"] if twice else []
    if wrong:
        raise MaskError("; ".join(wrong))
    return _MARK.sub(lambda match: hidden[int(ascii_digits(match[1]))], text)


def _marks(numbers) -> str:
    return ", ".join(f"{OPEN}{number}{CLOSE}" for number in sorted(numbers)[:4])
