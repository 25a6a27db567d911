r"""The SP3F authors' verifier of numbers and formulas (arXiv 2601.18722, released code), to compare published accuracies with.

It gives the inside of the last `\boxed{}` and the gold answer to math-verify without dollar signs. math-verify reads LaTeX between
dollar signs only, so all that it sees is the plain numbers: `\sqrt{51}` does not equal itself, and `6 - 5i` equals `6 + 5i`. Their
reward is the same. Ours is `rewards.answers.is_correct`.
"""

import logging
import re
from functools import lru_cache

from sp3f_lib.rewards.answers import extract_answer

_LONGEST = 300  # characters; longer ones are not right by theirs either
# Powers of powers, large exponents and factorials, which SymPy would compute for hours; theirs gives up after five seconds.
_ENDLESS = re.compile(
    r"(?:\^|\*\*)\s*(?:\d+\s*|[({][^)}]*)(?:\^|\*\*)|(?:\^|\*\*|[eE])\W*\d{4,}|(?<!\\)!.*(?<!\\)!|\d{4,}[\s)]*!", re.DOTALL
)


def authors_verified(text: str, gold: str) -> bool:
    r"""Whether a response is right by their verifier.

    >>> authors_verified(r"\boxed{18}", "18"), authors_verified(r"\boxed{\sqrt{51}}", r"\sqrt{51}")
    (True, False)
    """
    answer = extract_answer(text)
    return answer is not None and len(answer) <= _LONGEST and not _ENDLESS.search(answer) and _verified(answer, gold)


@lru_cache(maxsize=16_384)
def _verified(answer: str, gold: str) -> bool:
    from math_verify import parse, verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns whenever its time limits are off
    # No time limit: theirs is an alarm signal, which works in the main thread only.
    found = [parse(text, parsing_timeout=None) for text in (gold, answer)]
    return bool(verify(*found, timeout_seconds=None))
