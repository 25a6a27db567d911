"""The name of the processor, which equal seeds depend on; GPUs that are seen; peak memory."""

import mmap
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sp3f_lib import machine
from sp3f_lib.machine import forget_peak_memory, gpus, only_gpus, peak_memory, processor


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


@pytest.mark.parametrize(("told", "seen"), [("3,5", ["3", "5"]), ("", []), ("-1", []), (" GPU-ab , 1", ["GPU-ab", "1"])])
def test_the_gpus_that_a_process_sees_are_those_it_was_told_of(monkeypatch, told, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    assert gpus() == seen


@pytest.mark.parametrize("before", [None, "1,2"])
def test_fewer_gpus_are_seen_within_a_block_only(monkeypatch, before):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if before:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)
    with pytest.raises(ValueError), only_gpus("2"):
        assert gpus() == ["2"]
        raise ValueError
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == before
    with only_gpus(None):
        assert os.environ.get("CUDA_VISIBLE_DEVICES") == before


def test_the_peak_is_that_since_it_was_forgotten():
    size = 100_000_000
    forget_peak_memory()
    with mmap.mmap(-1, size) as held:  # which goes back to the system in any case; malloc may keep what is freed
        for place in range(0, size, mmap.PAGESIZE):
            held[place] = 1
    high = peak_memory()
    forget_peak_memory()
    assert high - peak_memory() > size / 2


@pytest.mark.skipif(sys.platform != "linux", reason="Linux kills such processes, other systems do not")
def test_a_process_of_others_is_killed_with_the_one_that_started_it():
    code = "import os, subprocess; from sp3f_lib.machine import killed_with_parent as bound; "
    code += (
        "print(subprocess.Popen(bound(['sleep', '60']), stdout=subprocess.DEVNULL).pid, flush=True); os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    pid = int(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout)
    stat, end = Path(f"/proc/{pid}/stat"), time.monotonic() + 10
    # Gone, or dead and not yet collected by whoever took it over.
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < end:
        time.sleep(0.01)
    assert time.monotonic() < end
