"""Formulas, code, pictures and prices in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.data.formulas import commands, formulas, letters, prose


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"Let $x = 2$ and $$y = 3.$$", ["$x = 2$", "$$y = 3.$$"]),
        (r"So \(a\) and \[b = \frac{1}{2}\] hold.", [r"\(a\)", r"\[b = \frac{1}{2}\]"]),
        (r"\begin{align*}a&=b\end{align*} then \boxed{\frac{1}{2}}", [r"\begin{align*}a&=b\end{align*}", r"\boxed{\frac{1}{2}}"]),
        ("[asy]draw(a);[/asy] Run `f(x)` and\n```\ncode\n```", ["[asy]draw(a);[/asy]", "`f(x)`", "```\ncode\n```"]),
        ("An egg is $2 and a duck $5, so $7.", []),
        ("She pays $5/$6 or $1,000.", []),
        ("It costs $2 an egg; $x^2$ is more.", ["$x^2$"]),
        (r"A price of \$5 and $XY = WZ$.", ["$XY = WZ$"]),
        ("Spaced $ x + 1 $ too.", ["$ x + 1 $"]),
        ("Nothing here.", []),
    ],
)  # fmt: skip
def test_formulas_are_found_and_prices_are_not(text, found):
    assert [text[start:end] for start, end in formulas(text)] == found


@given(st.text(alphabet="$\\(){}[]ab2 `\n", max_size=60))
def test_spans_are_in_order_and_do_not_overlap(text):
    ends = [0]
    for start, end in formulas(text):
        assert ends[-1] <= start < end
        ends.append(end)


def test_only_prose_counts():
    assert prose(r"So $x^2$ is \frac 1 2.").split() == ["So", "is", "1", "2."]
    assert letters("Äpfel, $x$ und 12 Birnen") == len("ÄpfelundBirnen")
    assert commands(r"\dfrac{1}{2} \text{kg} \left( \sqrt{2} \right) [asy]a[/asy]") == {"frac": 1, "sqrt": 1, "[asy]": 1}
