"""Stages as child processes: in order, one after what it needs, each told of when it is done."""

import pytest

from sp3f_lib.pipeline.launch import run_stages
from sp3f_lib.pipeline.models import data
from sp3f_lib.profiles import load_profile
from sp3f_lib.runs import StageError

from ..toy import TOY

pytestmark = pytest.mark.usefixtures("folder")  # real children: the stage `data`, which takes a second


def test_a_job_waits_for_what_it_needs_and_directories_come_in_the_order_of_the_jobs(capsys):
    profiles, told = [load_profile(TOY, seed=seed) for seed in (0, 1, 2)], []
    jobs = [(p, "data", None) for p in profiles]
    found = run_stages(jobs, told.append, {0: 2, 2: 1})
    assert [list(so_far) for so_far in told] == [[1], [1, 2], [1, 2, 0]]
    assert found == [path for _, path in sorted(told[-1].items())] == [data(profile) for profile in profiles]
    said = [line for line in capsys.readouterr().out.splitlines() if "finished after" in line]
    assert [line.split(":")[0] for line in said] == ["data warm seed 1", "data warm seed 2", "data warm"]
    assert [line.rpartition("s; ")[2] for line in said[:2]] == ["2 more", "1 more"] and said[2].endswith(" s")


def test_what_is_there_already_needs_no_process(monkeypatch):
    profile, told = load_profile(TOY), []
    directory = data(profile)
    monkeypatch.setattr("sp3f_lib.pipeline.launch._start", lambda *_: pytest.fail("a process was started"))
    assert run_stages([(profile, "data", None)] * 2, told.append) == [directory, directory]
    assert told == [{0: directory, 1: directory}]


def test_what_was_finished_before_a_failure_was_told_of():
    good, told = load_profile(TOY), []
    bad = load_profile(TOY, {"data.source": "rows", "data.folder": "nowhere"})
    with pytest.raises(StageError, match=r"data .*failed: .*nowhere"):
        run_stages([(bad, "data", None), (good, "data", None)], told.append, {0: 1})
    assert told == [{1: data(good)}]
