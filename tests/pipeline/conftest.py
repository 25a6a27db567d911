"""A working directory of one's own, in which stages run as processes too."""

from pathlib import Path

import pytest

from ..toy import REPOSITORY


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return tmp_path
