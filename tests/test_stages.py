"""How a stage is called where it prints."""

import pytest

from sp3f_lib.profiles import load_profile
from sp3f_lib.stages import label

from .toy import TOY


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, "sft warm"),
        ({"seed": 1}, "sft warm seed 1"),
        ({"seed": 0, "regime": "cold"}, "sft cold"),
        ({"seeds": 3}, "sft warm seed 0"),
        ({"seeds": 3, "seed": 2}, "sft warm seed 2"),
    ],
    ids=str,
)
def test_a_label_names_the_seed_where_there_are_several(parameters, expected):
    assert label(load_profile(TOY, **parameters), "sft") == expected
