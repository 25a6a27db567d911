r"""What an expression in LaTeX is worth, within bounds: a reader that refuses what could not be computed at once.

It stands between answers, which anybody may have written, and SymPy, which would compute 9^(9^9). Values are taken at two
random points, so that two expressions of different values are told apart without any algebra.
"""

import cmath
import math
import re
import zlib
from functools import lru_cache

LONGEST = 250  # characters
_DEEPEST = 10  # brackets in brackets
_DIGITS = 25  # of one number
_BITS = 6_000  # of the exact result, some 1,800 digits
_DEGREE = 12  # of a polynomial when multiplied out; roots, functions and constants count like variables
_FUNCTIONS = 6  # in one expression
_LOG_BITS = 12  # of what stands before a logarithm: SymPy makes 1000 log 2 the logarithm of 2^1000
_NAMED = {
    "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan, "arcsin": cmath.asin, "arccos": cmath.acos, "arctan": cmath.atan,
    "sinh": cmath.sinh, "cosh": cmath.cosh, "tanh": cmath.tanh, "exp": cmath.exp, "ln": cmath.log, "log": cmath.log10,
    "cot": lambda z: 1 / cmath.tan(z), "sec": lambda z: 1 / cmath.cos(z), "csc": lambda z: 1 / cmath.sin(z),
}  # fmt: skip
_CONSTANTS = {r"\pi": math.pi, r"\infty": 1e99, "e": math.e, "i": 1j}
_GREEK = """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta kappa lambda mu nu xi rho sigma tau phi varphi chi psi
omega Gamma Delta Theta Lambda Sigma Phi Psi Omega hbar ell"""
_LETTERS = frozenset(rf"\{name}" for name in _GREEK.split())
_SETS = frozenset([r"\mathbb{R}", r"\mathbb{Z}", r"\mathbb{N}", r"\mathbb{Q}", r"\mathbb{C}", r"\emptyset", r"\varnothing"])
_CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
_TOKEN = re.compile(r"\\[A-Za-z]+|\d+(?:\.\d+)?|\.\d+|[A-Za-z]'*|\S")
Value = tuple[complex | None, ...]


class Unreadable(ValueError):
    """Text that is no expression within the bounds."""


@lru_cache(maxsize=4_096)
def evaluate(text: str) -> tuple[Value, int]:
    r"""What an expression is worth at two points (None where it is undefined), and its degree; `Unreadable` beyond the bounds.

    >>> evaluate(r"\frac{36}{2}")
    (((18+0j), (18+0j)), 0)
    """
    if text.strip() in _SETS:
        return (complex(zlib.crc32(text.strip().encode())),) * 2, 0
    readers = [_Reader(text, point) for point in range(2)]
    values = [reader.read() for reader in readers]
    if values == [None, None]:
        raise Unreadable(text)
    return tuple(values), max(reader.degree for reader in readers)


class _Reader:
    """A recursive descent through one expression at one point; every method gives (value, degree, bits of the exact value)."""

    def __init__(self, text: str, point: int):
        text = re.sub(r"\\(?:cdot|times|ast)(?![A-Za-z])", "*", text)
        text = re.sub(r"\\div(?![A-Za-z])|:", "/", text)
        self.tokens = _TOKEN.findall(re.sub(r"\\[lr]?vert(?![A-Za-z])|\\mid(?![A-Za-z])", "|", text))
        self.place, self.point, self.open, self.depth, self.degree, self.logs = 0, point, [], 0, 0, 0
        word = re.search(r"(?<![\\A-Za-z])[A-Za-z]{4,}", text)  # east is no product of four letters, and not seat
        if word or len(text) > LONGEST or sum(token[1:] in _NAMED for token in self.tokens) > _FUNCTIONS:
            raise Unreadable(text)

    def read(self) -> complex | None:
        try:
            value, self.degree, _ = self.sum()
        except Unreadable:
            raise
        except (ArithmeticError, ValueError):  # undefined, or too large, at this point
            return None
        if self.place < len(self.tokens):
            raise Unreadable(self.next())
        return value if cmath.isfinite(value) else None

    def next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.next()
        if not token or (wanted and token not in wanted):
            raise Unreadable(f"{token!r} instead of {wanted}")
        self.place += 1
        return token

    def sum(self):
        value, degree, bits = self.product()
        while self.next() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            other = self.product()
            value, degree, bits = value + sign * other[0], max(degree, other[1]), bits + other[2]
        return self.bounded(value, degree, bits)

    def product(self):
        logs = self.logs
        value, degree, bits = self.factors()
        while self.next() in ("*", "/"):
            division = self.take() == "/"
            other = self.factors()
            value = value / other[0] if division else value * other[0]
            degree, bits = degree + other[1], bits + other[2]
        if self.logs > logs and bits - (self.logs - logs) > _LOG_BITS:
            raise Unreadable("too large a factor of a logarithm")
        return self.bounded(value, degree, bits)

    def factors(self):
        """Factors without a sign between them, which bind more tightly: 1/2x is 1/(2x), as math-verify reads it."""
        sign = 1
        while self.next() in ("+", "-"):
            sign *= 1 if self.take() == "+" else -1
        value, degree, bits = self.power()
        while self.starts():
            other = self.power()
            value, degree, bits = value * other[0], degree + other[1], bits + other[2]
        return self.bounded(sign * value, degree, bits)

    def starts(self) -> bool:
        """Whether the next token begins a factor, so that a multiplication sign was left out."""
        token = self.next()
        if token == "|":
            return "|" not in self.open
        letter, command = token[:1].isalpha() and token.isascii(), token[:1] == "\\" and token not in _CLOSING.values()
        digit = token[:1].isdigit() and self.tokens[self.place - 1] in (")", "}", "]")
        return token in ("(", "[", "{") or letter or command or digit

    def power(self):
        bare = self.next() in _LETTERS or self.next()[:1].isalpha()
        value, degree, bits = self.atom()
        while self.next() in ("^", "!"):
            if self.take() == "!":
                value, degree, bits = self.factorial(value, degree, bits)
            elif not self.degree_sign():
                value, degree, bits = self.raised(value, degree, bits, bare, self.exponent())
                if self.next() == "^":  # 2^3^2 is read both ways
                    raise Unreadable("^^")
        return value, degree, bits

    def raised(self, value, degree, bits, bare, exponent):
        size = math.ceil(abs(exponent[0]))
        if size > (60 if bare else _BITS) or ((degree or value.imag) and not bare and max(degree, 1) * size > _DEGREE):
            raise Unreadable("too large a power")
        return self.bounded(value ** exponent[0], 1 if exponent[1] else degree * size, bits * max(size, 1) + exponent[2])

    def exponent(self):
        sign = 1
        while self.next() in ("+", "-"):
            sign *= 1 if self.take() == "+" else -1
        value, degree, bits = self.atom()
        return sign * value, degree, bits

    def degree_sign(self) -> bool:
        for sign in (["{", r"\circ", "}"], [r"\circ"]):
            if self.tokens[self.place : self.place + len(sign)] == sign:
                self.place += len(sign)
                return True
        return False

    def factorial(self, value, degree, bits):
        if self.next() == "!" or abs(value.imag) > 1e-9 or (degree and bits > 12):
            raise Unreadable("neither n! nor (n - 1)!")
        if degree:
            return complex(math.gamma(value.real + 1)), 1, bits
        if not (0 <= value.real <= 150 and value.real == int(value.real)):
            raise Unreadable("too large a factorial")
        return complex(math.factorial(int(value.real))), 0, 900

    def atom(self):
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unreadable("too deep")
        value = self.bounded(*self.atom_inside())
        self.depth -= 1
        return value

    def atom_inside(self):
        token = self.take()
        if token[0].isdigit() or token[0] == ".":
            return self.number(token)
        if token in _CLOSING:
            return self.group(token)
        if token == r"\frac":
            above, below = self.argument(), self.argument()
            return above[0] / below[0], above[1] + below[1], above[2] + below[2]
        if token == r"\sqrt":
            root = self.group(self.take()) if self.next() == "[" else (2, 0, 1)
            value, degree, bits = self.argument()
            return value ** (1 / root[0]), max(degree, 1), bits + root[2]
        if token == r"\binom":
            above, below = self.argument(), self.argument()
            if above[1] or below[1] or not 0 <= below[0].real <= above[0].real <= 150:
                raise Unreadable("too large a binomial")
            return complex(math.comb(int(above[0].real), int(below[0].real))), 0, 200
        if token[1:] in _NAMED and token[0] == "\\":
            return self.function(token[1:])
        return self.letter(token)

    def number(self, token: str):
        if len(token) > _DIGITS:
            raise Unreadable("too long a number")
        ahead = "".join(self.tokens[self.place : self.place + 7])
        bits = int(token).bit_length() if token.isdigit() else 4 * len(token)
        if token.isdigit() and re.match(r"\\frac(?:\{\d+\}\{\d+\}|\d\d)", ahead):  # a mixed number
            value, _, more = self.atom()
            return float(token) + value, 0, bits + more
        return complex(float(token)), 0, bits

    def group(self, opening: str):
        self.open.append(opening)
        value, degree, bits = self.sum()
        self.take(_CLOSING[self.open.pop()])
        if opening == "|":
            return complex(abs(value)), degree, bits
        if opening in (r"\lfloor", r"\lceil"):
            return complex((math.floor if opening == r"\lfloor" else math.ceil)(value.real)), min(degree, 1), bits
        return value, degree, bits

    def argument(self):
        r"""What a command takes: a group, or one token, of a number one digit (\frac12)."""
        token = self.next()
        if token.isdigit() and len(token) > 1:
            self.tokens[self.place] = token[1:]
            return complex(int(token[0])), 0, 4
        return self.atom()

    def function(self, name: str):
        power, base = None, None
        while self.next() in ("^", "_"):
            if self.take() == "^":
                power = self.exponent()
            else:
                base = self.argument()
        start = self.place
        value, degree, bits = self.atom() if self.next() in _CLOSING else self.power()
        while self.starts() and self.next()[1:] not in _NAMED:
            other = self.power()
            value, degree, bits = value * other[0], degree + other[1], bits + other[2]
        if power and power[0] == -1 and name in ("sin", "cos", "tan"):
            name, power = "arc" + name, None
        if bits > 100:
            raise Unreadable("a function of too long a number")
        variables = [t for t in self.tokens[start : self.place] if t in _LETTERS or (t[0].isalpha() and t not in _CONSTANTS)]
        outside = (name in ("arcsin", "arccos") and abs(value) > 1) or (name in ("log", "ln") and value.real < 0)
        if not variables and (outside or abs(value.imag) > 1e-9):  # SymPy may compare numbers such as arccos 2 for ever
            raise Unreadable("undefined")
        value = cmath.log(value) / cmath.log(base[0]) if base else _NAMED[name](value)
        bits += 16 + (base[2] if base else 0)
        self.logs += bits if name in ("log", "ln") else 0
        return self.raised(value, 1, bits, False, power) if power else (value, 1, bits)

    def letter(self, token: str):
        name = token
        if not (token[0].isalpha() and token.isascii()) and token not in _LETTERS and token not in _CONSTANTS:
            raise Unreadable(token)
        if self.next() == "_":
            self.take()
            name += "_" + self.take()
            while name.count("{") > name.count("}"):
                name += self.take()
        if name in _CONSTANTS:
            return complex(_CONSTANTS[name]), 0 if name == r"\infty" else 1, 4
        size = 0.4 + zlib.crc32(f"{name} {self.point}".encode()) / 2**32 * 1.5
        return complex(-size if self.point else size), 1, 4

    def bounded(self, value, degree, bits):
        if bits > _BITS or degree > 10 * _DEGREE:
            raise Unreadable("too large")
        return complex(value), degree, bits
