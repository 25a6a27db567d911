"""The name of the processor, which equal seeds depend on."""

import os
import platform
from pathlib import Path

import pytest

from sp3f_lib import machine
from sp3f_lib.machine import processor


@pytest.fixture(autouse=True)
def forgotten():
    processor.cache_clear()
    yield
    processor.cache_clear()


def test_the_first_processor_is_named_with_the_number_of_cores(tmp_path, monkeypatch):
    info = tmp_path / "cpuinfo"
    info.write_text(
        "processor\t: 0\nmodel name\t: AMD EPYC 9B14\ncache size\t: 1 KB\n\nprocessor\t: 1\nmodel name\t: Another\n"
    )
    monkeypatch.setattr(machine, "Path", lambda name: info if name == "/proc/cpuinfo" else Path(name))
    assert processor() == f"AMD EPYC 9B14, {os.cpu_count()} cores"


def test_where_the_system_does_not_say_the_platform_does(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda name: tmp_path / "none")
    assert processor() == f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
