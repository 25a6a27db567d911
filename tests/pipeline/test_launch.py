"""Stages as child processes: in order, one after what it needs, each told of when it is done."""

import queue
import shutil
from pathlib import Path

import pytest

from sp3f_lib.pipeline import launch
from sp3f_lib.pipeline.launch import run_stages
from sp3f_lib.pipeline.models import data
from sp3f_lib.pipeline.workers import Worker, can_be_kept, gpu_choices
from sp3f_lib.profiles import load_profile
from sp3f_lib.runs import StageError, read_manifest, sha256_file

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
    monkeypatch.setattr("sp3f_lib.pipeline.launch.Worker", lambda *_: pytest.fail("a process was started"))
    assert run_stages([(profile, "data", None)] * 2, told.append) == [directory, directory]
    assert told == [{0: directory, 1: directory}]


def test_what_was_finished_before_a_failure_was_told_of():
    good, told = load_profile(TOY), []
    bad = load_profile(TOY, {"data.source": "rows", "data.folder": "nowhere"})
    with pytest.raises(StageError, match=r"data .*failed: .*nowhere"):
        run_stages([(bad, "data", None), (good, "data", None)], told.append, {0: 1})
    assert told == [{1: data(good)}]


@pytest.fixture
def started(monkeypatch) -> list[Worker]:
    """The workers that were started."""
    seen = []

    def start(lines, gpus):
        seen.append(Worker(lines, gpus))
        return seen[-1]

    monkeypatch.setattr(launch, "Worker", start)
    return seen


def test_a_worker_is_kept_and_what_it_makes_is_what_new_ones_make(started, monkeypatch, tmp_path):
    """Trainings leave nothing behind in their process that would change the next one."""
    profile = load_profile(TOY, {"parallel": 1, "sft.max_steps": 1, "grpo.max_steps": 1})
    kept, alone = tmp_path / "kept", tmp_path / "alone"
    kept.mkdir()
    monkeypatch.chdir(kept)
    run_stages([(profile, "evaluate", name) for name in ("sft", "sp3f")])
    assert len(started) == 1
    shutil.copytree(kept, alone, ignore=shutil.ignore_patterns("*sp3f*"))
    monkeypatch.chdir(alone)
    run_stages([(profile, "evaluate", "sp3f")])
    assert len(started) == 2
    files = {path.relative_to(kept) for end in ("safetensors", "parquet") for path in kept.rglob(f"*.{end}")}
    assert sum(path.name == "samples.parquet" for path in files) == 2
    assert {path: sha256_file(kept / path) for path in files} == {path: sha256_file(alone / path) for path in files}


def test_a_stage_in_a_kept_worker_has_a_peak_of_its_own(started, tmp_path):
    profile = load_profile(TOY, {"parallel": 1})
    big, small = run_stages(
        [(profile, "train", "sft"), (load_profile(TOY, {"parallel": 1}, seed=1), "data", None)], after={1: 0}
    )
    assert len(started) == 1
    assert read_manifest(small)["peak_memory_mb"] <= read_manifest(big.parent)["peak_memory_mb"]


def test_a_worker_that_is_killed_at_rest_is_replaced(started, monkeypatch):
    first, second = (load_profile(TOY, {"parallel": 1}, seed=seed) for seed in (0, 1))

    def kill(*_):
        started[0]._process.kill()
        started[0]._process.wait()

    monkeypatch.setattr(launch, "_say_done", kill)
    assert run_stages([(first, "data", None), (second, "data", None)]) == [data(first), data(second)]
    assert len(started) == 2


def test_the_next_stage_has_begun_when_one_is_told_of(started):
    """A notebook draws its picture then: no process waits for that."""
    profiles = [load_profile(TOY, {"parallel": 1}, seed=seed) for seed in (0, 1)]
    data(profiles[0])
    told = []
    run_stages([(p, "data", None) for p in profiles], lambda found: told.append((set(found), [w.job for w in started])))
    assert told == [({0}, [1]), ({0, 1}, [None])]


def test_a_worker_that_may_not_be_kept_makes_one_stage(started, monkeypatch):
    monkeypatch.setattr(launch, "can_be_kept", lambda profile: False)
    run_stages([(load_profile(TOY, {"parallel": 1}, seed=seed), "data", None) for seed in (0, 1)])
    assert len(started) == 2 and not any(worker.lives for worker in started)


def test_a_worker_that_is_killed_at_work_is_a_failure(started, monkeypatch):
    def killed(worker, job, arguments):
        worker.job = job
        worker._process.kill()

    monkeypatch.setattr(Worker, "start", killed)
    with pytest.raises(StageError, match="data  failed"):
        run_stages([(load_profile(TOY), "data", None)])


def test_where_a_gpu_may_be_used_a_worker_takes_one_job():
    assert can_be_kept(load_profile("lab")) and not can_be_kept(load_profile("gpu1"))
    assert not can_be_kept(load_profile("lab", {"grpo.use_cpu": False}))


@pytest.mark.parametrize(
    ("profile", "changes", "choices"),
    [
        ("lab", {}, [""]),
        ("lab", {"grpo.use_cpu": False}, ["3", "5"]),
        (
            "lab",
            {"judge.name": "local", "judge.model": "m"},
            ["3", "5"],
        ),  # a judge that wants a GPU beside a training without
        ("gpu1", {}, ["3", "5"]),
        ("gpu1", {"methods.generator": "vllm", "methods.engine": {"tensor_parallel_size": 2}}, [None]),
        ("gpu1", {"launch.accelerate": "ddp", "launch.processes": 2}, [None]),
        ("paper", {}, [None]),
    ],
)
def test_a_stage_in_one_process_sees_one_gpu_or_none(monkeypatch, profile, changes, choices):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert gpu_choices(load_profile(profile, changes)) == choices


def test_workers_side_by_side_are_spread_over_the_gpus_and_one_is_kept_for_its_own_kind_only(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    lines, workers = queue.Queue(), []
    on_gpu, on_cpu = load_profile("gpu1"), load_profile("lab")
    try:
        for number in range(3):
            launch._idle(workers, lines, on_gpu).job = number
        assert [worker.gpus for worker in workers] == ["3", "5", "3"]
        launch._idle(workers, lines, on_cpu)  # has no job yet
        assert launch._idle(workers, lines, on_cpu) is workers[3]
        workers[1].job = None
        assert launch._idle(workers, lines, on_gpu) is workers[1]
        assert [worker.gpus for worker in workers] == ["3", "5", "3", ""]
        told = Path(f"/proc/{workers[1]._process.pid}/environ").read_bytes().split(b"\0")
        assert b"CUDA_VISIBLE_DEVICES=5" in told
    finally:
        for worker in workers:
            worker.close()
