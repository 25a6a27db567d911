"""What trainings are tried on: the tokenizer of the toy lab, a model with random weights to start from, and rows."""

from pathlib import Path

import pytest

from sp3f_lib.base.model import new_model, train_tokenizer
from sp3f_lib.data.schema import write_rows
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.lab.problems import sample_problems
from sp3f_lib.machine import set_up
from sp3f_lib.profiles import load_profile

from ..toy import TOY


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """The toy lab's tokenizer, English only; what is computed with it is computed by one thread."""
    set_up(1)
    return train_tokenizer(load_profile(TOY).lab, ("en",), tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def start(tmp_path_factory, tokenizer) -> Path:
    """A folder with `model`, random weights to start from, and `rows.parquet`, twelve English problems."""
    folder = tmp_path_factory.mktemp("start")
    tokenizer.save_pretrained(folder / "model")
    new_model(load_profile(TOY).lab, tokenizer, 0).save_pretrained(folder / "model")
    write_rows(lab_rows(sample_problems(12, 5, (2,)), ("en",)), folder / "rows.parquet")
    return folder
