r"""Formulas, code and pictures in a text: what a translator copies and no check of prose should read.

Found are `$..$`, `$$..$$`, `\(..\)`, `\[..\]`, `\begin{..}..\end{..}`, boxes, code between backticks, `[asy]..[/asy]` and, in
prose, single commands. A dollar sign before a price opens no formula: one that opens touches what follows, one that closes
touches what precedes, and no digit follows.
"""

import re
from collections import Counter
from functools import lru_cache

_BRACED = r"\{[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}"
_FORMULA = re.compile(
    r"```.*?```|\[asy\].*?\[/asy\]|\$\$.+?\$\$|\\\[.{1,4000}?\\\]|\\\(.{1,1000}?\\\)|\\begin\{(\w+\*?)\}.*?\\end\{\1\}"
    r"|(?<!\\)\$(?=\S)[^$]{1,400}?(?<=[^\s\\])\$(?!\d)|(?<!\\)\$ [^$\n]{1,300}? \$|`[^`\n]+`"
    rf"|\\f?boxed\s*{_BRACED}|\\[A-Za-z]+",
    re.DOTALL,
)
_SIGNS = re.compile(r"[$\\`\[]")
# Between two prices stand words, not variables: "$2 an egg, and the rest for $5".
_PROSE = re.compile(r"[^\W\d_A-Z]{2,},? [^\W\d_A-Z]{2,}")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_LETTERS = re.compile(r"[^\W\d_]+")
# Commands that say how something looks; a translator may leave them out, or words for them in.
_LOOKING = """text textbf textit textrm mathrm mathbf mbox hbox emph quad qquad left right big Big bigg Bigg displaystyle boxed fbox
dfrac tfrac ldots dots cdots begin end item label tag hspace vspace phantom hfill noindent newline times cdot div ast approx"""
_LOOKS = frozenset(_LOOKING.split())


def formulas(text: str) -> list[tuple[int, int]]:
    """(start, end) of every formula, box, code and picture, in order.

    >>> text = r"It costs $2 an egg and $3 a duck; $x^2$ is \\boxed{4}."
    >>> [text[start:end] for start, end in formulas(text)]
    ['$x^2$', '\\\\boxed{4}']
    """
    if not _SIGNS.search(text):
        return []
    found, place = [], 0
    while match := _FORMULA.search(text, place):
        whole = match.group()
        if whole[0] == "$" and whole[1] != "$" and "\\" not in whole and _PROSE.search(whole):
            place = match.start() + 1  # a price
            continue
        found.append(match.span())
        place = match.end()
    return found


@lru_cache(maxsize=16)
def prose(text: str) -> str:
    """The text with a space in place of every formula and LaTeX command."""
    if not _SIGNS.search(text):
        return text
    parts, last = [], 0
    for start, end in formulas(text):
        parts.append(text[last:start])
        last = end
    return _COMMAND.sub(" ", " ".join([*parts, text[last:]]))


def letters(text: str) -> int:
    """How many letters its prose has: the length that a translation changes.

    >>> letters(r"Also ist $x = \\frac{1}{2}$ richtig.")
    14
    """
    return sum(map(len, _LETTERS.findall(prose(text))))


def commands(text: str) -> Counter[str]:
    r"""The LaTeX commands that mean something, and pictures, each with its number.

    >>> sorted(commands(r"\frac{1}{2} \text{ kg}, \sqrt{2}"))
    ['frac', 'sqrt']
    """
    found = Counter("frac" if name in ("dfrac", "tfrac") else name for name in _COMMAND.findall(text))
    for name in _LOOKS & found.keys():
        del found[name]
    if pictures := text.count("[asy]"):
        found["[asy]"] = pictures
    return found
