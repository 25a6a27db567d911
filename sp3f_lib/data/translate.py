r"""Solutions in another language.

GSM8K's solutions carry their calculations between `<<` and `>>`. Calculations need no translator, so where a data set has
questions in many languages but solutions in English only (MGSM), the translated solution is the chain of calculations and
the language's own closing sentence: correct in every language, though terse.
"""

import re

from sp3f_lib.languages import closing_sentence

_CALCULATION = re.compile(r"<<([^<>]*)>>")


def equations_solution(english: str, lang: str, answer: str) -> str:
    r"""The calculations of an English GSM8K solution, one a line, then the closing sentence in `lang`.

    >>> equations_solution("She has 3*2=<<3*2=6>>6 eggs.\n#### 6", "de", "6")
    '3 * 2 = 6\nDie Antwort ist also \\boxed{6}.'
    """
    chain = [_spaced(match) for match in _CALCULATION.findall(english)]
    return "\n".join([*chain, closing_sentence(lang, answer)])


def _spaced(calculation: str) -> str:
    return re.sub(r"\s*([-+*/=])\s*", r" \1 ", calculation).strip()


def english_text(solution: str) -> str:
    """A GSM8K solution as people read it: without its `<<...>>` annotations."""
    return _CALCULATION.sub("", solution)
