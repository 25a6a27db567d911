"""A working directory of one's own, in which stages run as processes too."""

import subprocess
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from sp3f_lib.pipeline.shares import make_share
from sp3f_lib.training import processes

from ..toy import REPOSITORY


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return tmp_path


@pytest.fixture
def launched(monkeypatch, folder):
    """What `accelerate launch` does for answers, the workers one after the other: (commands, how many blocks each has left)."""
    commands, made = [], []

    def run_here(command, **_):
        commands.append(command)
        module = import_module(command[-2])
        for rank in range(2):
            for name in ("RANK", "LOCAL_RANK"):
                monkeypatch.setenv(name, str(rank))
            assert processes._work_on(command[-1:], partial(make_share, module._make)) == 0
            made.append(len(list(folder.glob("runs/*/answers-*/*/blocks/part-*"))))
        return subprocess.Popen(["true"], stdin=subprocess.PIPE)

    monkeypatch.setattr(processes, "subprocess", SimpleNamespace(Popen=run_here, PIPE=subprocess.PIPE))
    return commands, made
