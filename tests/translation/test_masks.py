"""Marks for formulas: nothing is lost on the way, and what comes back is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.translation.masks import MaskError, mask, unmask

TEXT = r"Let $x = 2$. Then \[x^2 = 4\] and the answer is \boxed{4}, for $5 a piece."


def test_a_formula_is_a_mark_and_a_price_is_none():
    masked, hidden = mask(TEXT, 7)
    assert masked == "Let ⟦7⟧. Then ⟦8⟧ and the answer is ⟦9⟧, for $5 a piece."
    assert hidden == {7: "$x = 2$", 8: r"\[x^2 = 4\]", 9: r"\boxed{4}"}


@given(
    st.lists(
        st.sampled_from(["word ", "$x^2$ ", r"\boxed{\frac{1}{2}} ", "[asy]a[/asy] ", "$5 ", "`code` ", "\n"]), max_size=12
    )
)
def test_what_is_masked_comes_back(parts):
    text = "".join(parts)
    assert unmask(*mask(text)) == text


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        ("Sei ⟦1⟧. Also ⟦2⟧.", "⟦3⟧ is missing"),
        ("⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦3⟧", "⟦3⟧ is there more than once"),
        ("⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦4⟧", "⟦4⟧ is not in the English"),
        ("Sei 1, 2, 3.", "⟦1⟧, ⟦2⟧, ⟦3⟧ is missing"),
    ],
)
def test_marks_must_come_back_once_each(reply, wrong):
    with pytest.raises(MaskError, match=wrong):
        unmask(reply, mask(TEXT)[1])


def test_marks_are_read_as_translators_write_them():
    assert unmask("⟦ ১ ⟧ 〚2〛 ⟦3⟧", mask(TEXT)[1]) == r"$x = 2$ \[x^2 = 4\] \boxed{4}"


def test_a_text_with_marks_of_its_own_is_refused():
    with pytest.raises(MaskError, match="holds '⟦3⟧'"):
        mask("The operation ⟦3⟧ is defined as ...")
