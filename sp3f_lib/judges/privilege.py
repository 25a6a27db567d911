r"""The privileged text of each level, made from a row: what the judge may see and the policy never does.

`wrong` is the control: a solution of the same problem, in the same style and of the same length, that goes astray at one
calculation and ends with another answer. If a judge is helped by it, it is helped by more text and not by knowledge.
"""

import hashlib
import re

from sp3f_lib.data.schema import RowError, problem_id
from sp3f_lib.judges.base import LEVELS

_NUMBER = re.compile(r"(?<![\d.,])\d+(?:\.\d+)?(?![\d]|[.,]\d)")
_RESULT = re.compile(r"= *\$?(\d+(?:\.\d+)?)(?![\d]|[.,]\d)")
_BOX = re.compile(r"(\\boxed\{|#### *)([^{}\n]*)")


def privileged_text(row: dict, level: str) -> str | None:
    """What a judge is shown of `row` at a level of privilege; None for `none`.

    `RowError` if the row has no translated solution and the level asks for it.
    """
    match level:
        case "none":
            return None
        case "answer":
            return row["reward_model"]["ground_truth"]
        case "solution":
            return row["solution"]
        case "translated":
            if not row.get("translated_solution"):
                raise RowError(
                    f"judge.privilege is 'translated', but row {problem_id(row)!r} ({row['extra_info']['lang']}) has no "
                    "'translated_solution'; give one, or set judge.privilege to solution, answer or none"
                )
            return row["translated_solution"]
        case "wrong":
            return wrong_solution(row["solution"])
    raise ValueError(f"unknown level of privilege {level!r}; known: {', '.join(LEVELS)}")


def wrong_solution(solution: str) -> str:
    r"""`solution` with one result changed, everywhere from there on, and with another answer; the same for the same text.

    >>> wrong_solution(r"5 + 3 = 8. 8 - 4 = 4. Therefore, the answer is \boxed{4}.")
    '5 + 3 = 10. 10 - 4 = 4. Therefore, the answer is \\boxed{6}.'
    """
    digest = hashlib.sha256(solution.encode(errors="replace")).digest()
    results = list(_RESULT.finditer(solution))
    change = digest[0] % 8 + 2
    if results:
        at = results[digest[1] % len(results)]
        head, tail = solution[: at.start(1)], solution[at.start(1) :]
        spoilt = head + _NUMBER.sub(lambda m: _more(m[0], change) if m[0] == at[1] else m[0], tail)
    else:
        spoilt = solution
    before, after = _answer(solution), _answer(spoilt)
    if before is not None and before == after:
        spoilt = _BOX.sub(lambda m: m[1] + _more_text(m[2], change), spoilt)
    return spoilt if spoilt != solution else f"{solution}\n\nOn reflection, none of this holds; the answer is {change}."


def _answer(text: str) -> str | None:
    found = _BOX.findall(text)
    return found[-1][1] if found else None


def _more(number: str, change: int) -> str:
    return f"{float(number) + change:g}" if "." in number else str(int(number) + change)


def _more_text(answer: str, change: int) -> str:
    """Another answer of the same kind: numbers in it are larger; an answer without a number gets one."""
    changed = re.sub(r"\d+", lambda m: str(int(m[0]) + change), answer)
    return changed if changed != answer else f"{answer} + {change}"
