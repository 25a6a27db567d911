"""Run directories: finished work is found, changed work gets a place of its own, and no kill leaves half a stage."""

import errno
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sp3f_lib import runs
from sp3f_lib.runs import (
    MANIFEST,
    StageError,
    code_hash,
    read_manifest,
    run_stage,
)

REPOSITORY = Path(runs.__file__).parents[1]


class Work:
    """A stage's work that counts how often it was called."""

    def __init__(self, text: str = "result", name: str = "result.txt"):
        self.text, self.name, self.calls = text, name, 0

    def __call__(self, directory: Path) -> None:
        self.calls += 1
        (directory / self.name).write_text(self.text)


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package of two files in place of sp3f_lib."""
    folder = tmp_path / "package"
    (folder / "rewards").mkdir(parents=True)
    (folder / "rewards" / "terms.py").write_text('"""Terms."""\n\n\ndef term(x):\n    return x + 1\n')
    (folder / "other.py").write_text("x = 1\n")
    monkeypatch.setattr(runs, "PACKAGE", folder)
    return folder


# ---- finished stages


def test_a_finished_stage_is_not_done_again(tmp_path):
    work = Work()
    first = run_stage(tmp_path, "sft", work, settings={"steps": 3})
    second = run_stage(tmp_path, "sft", work, settings={"steps": 3})
    assert first == second
    assert work.calls == 1


def test_the_order_of_settings_does_not_matter(tmp_path):
    work = Work()
    run_stage(tmp_path, "sft", work, settings={"steps": 3, "rate": 0.1})
    run_stage(tmp_path, "sft", work, settings={"rate": 0.1, "steps": 3})
    assert work.calls == 1


def test_a_changed_setting_gets_a_directory_of_its_own_and_leaves_the_old_one(tmp_path):
    first = run_stage(tmp_path, "sft", Work("old"), settings={"steps": 3})
    second = run_stage(tmp_path, "sft", Work("new"), settings={"steps": 4})
    assert first != second
    assert [(path / "result.txt").read_text() for path in (first, second)] == ["old", "new"]


def test_going_back_to_an_old_setting_finds_the_old_stage(tmp_path):
    first = run_stage(tmp_path, "sft", Work(), settings={"steps": 3})
    run_stage(tmp_path, "sft", Work(), settings={"steps": 4})
    work = Work()
    assert run_stage(tmp_path, "sft", work, settings={"steps": 3}) == first
    assert work.calls == 0


def test_two_stages_of_the_same_settings_stand_apart(tmp_path):
    one, other = (run_stage(tmp_path, stage, Work(), settings={}) for stage in ("sft", "grpo"))
    assert (one.parent, other.parent) == (tmp_path / "sft", tmp_path / "grpo")
    assert one.name != other.name


def test_a_changed_input_file_gets_a_directory_of_its_own(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("one")
    first = run_stage(tmp_path, "sft", Work(), settings={}, inputs={"rows": rows})
    rows.write_text("two")
    assert run_stage(tmp_path, "sft", Work(), settings={}, inputs={"rows": rows}) != first


def test_an_input_that_was_only_touched_changes_nothing(tmp_path):
    rows, work = tmp_path / "rows.jsonl", Work()
    rows.write_text("one")
    run_stage(tmp_path, "sft", work, settings={}, inputs={"rows": rows})
    os.utime(rows, (1, 1))
    run_stage(tmp_path, "sft", work, settings={}, inputs={"rows": rows})
    assert work.calls == 1


def test_a_changed_file_deep_in_an_input_folder_gets_a_directory_of_its_own(tmp_path):
    model = tmp_path / "model" / "deep"
    model.mkdir(parents=True)
    (model / "weights").write_text("one")
    first = run_stage(tmp_path, "sft", Work(), settings={}, inputs={"model": tmp_path / "model"})
    (model / "weights").write_text("two")
    assert run_stage(tmp_path, "sft", Work(), settings={}, inputs={"model": tmp_path / "model"}) != first


def test_a_finished_stage_as_input_counts_by_its_outputs_not_by_its_logs(tmp_path):
    data = run_stage(tmp_path, "data", Work("rows", "rows.txt"), settings={}, outputs=("rows.txt",))
    first = run_stage(tmp_path, "sft", Work(), settings={}, inputs={"data": data})
    (data / "log.txt").write_text("noise")
    assert run_stage(tmp_path, "sft", Work(), settings={}, inputs={"data": data}) == first
    other = run_stage(tmp_path, "data", Work("other rows", "rows.txt"), settings={"seed": 1}, outputs=("rows.txt",))
    assert run_stage(tmp_path, "sft", Work(), settings={}, inputs={"data": other}) != first


def test_a_hub_id_as_input_counts_by_its_name(tmp_path):
    one, other = (
        run_stage(tmp_path, "sft", Work(), settings={}, inputs={"model": id})
        for id in ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-7B")
    )
    assert one != other
    assert read_manifest(one)["inputs"] == {"model": "Qwen/Qwen2.5-0.5B"}


def test_changed_code_gets_a_directory_of_its_own(tmp_path, package):
    first = run_stage(tmp_path, "sft", Work(), settings={}, code=("rewards",))
    (package / "rewards" / "terms.py").write_text("def term(x):\n    return x + 2\n")
    assert run_stage(tmp_path, "sft", Work(), settings={}, code=("rewards",)) != first


def test_another_version_of_a_library_gets_a_directory_of_its_own(tmp_path, monkeypatch):
    first = run_stage(tmp_path, "sft", Work(), settings={})
    monkeypatch.setattr(runs, "versions", lambda: {"trl": "9.9"})
    assert run_stage(tmp_path, "sft", Work(), settings={}) != first


# ---- the manifest


def test_the_manifest_says_what_was_done_with_what(tmp_path, package):
    (tmp_path / "rows.jsonl").write_text("rows")
    directory = run_stage(
        tmp_path, "sft", Work("hello"), settings={"steps": 3}, inputs={"rows": tmp_path / "rows.jsonl"}, code=("rewards",)
    )
    manifest = json.loads((directory / MANIFEST).read_text())
    assert manifest["stage"] == "sft"
    assert manifest["settings"] == {"steps": 3}
    assert manifest["inputs"] == {"rows": hashlib.sha256(b"rows").hexdigest()}
    assert manifest["code"] == code_hash("rewards")
    assert manifest["versions"] == runs.versions()
    assert manifest["outputs"] == {"result.txt": {"bytes": 5, "sha256": hashlib.sha256(b"hello").hexdigest()}}
    assert time.strptime(manifest["finished"], "%Y-%m-%dT%H:%M:%S%z")
    assert manifest["wall_seconds"] >= 0
    assert manifest["peak_memory_mb"] > 1
    assert manifest["cpu"]
    assert "git_commit" in manifest


def test_the_git_commit_is_that_of_the_checkout_with_a_plus_where_files_differ(tmp_path, package):
    def git(*arguments):
        name = ("-c", "user.name=t", "-c", "user.email=t@t")
        done = subprocess.run(["git", "-C", str(package), *name, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    clean = run_stage(tmp_path, "sft", Work(), settings={})
    assert read_manifest(clean)["git_commit"] == git("rev-parse", "HEAD")
    (package / "other.py").write_text("x = 2\n")
    changed = run_stage(tmp_path, "sft", Work(), settings={"steps": 1})
    assert read_manifest(changed)["git_commit"] == git("rev-parse", "HEAD") + "+"


def test_outside_a_checkout_there_is_no_git_commit(tmp_path, package):
    assert read_manifest(run_stage(tmp_path, "sft", Work(), settings={}))["git_commit"] is None


def test_outputs_are_the_files_of_the_globs_only(tmp_path):
    def work(directory):
        for name in ("a.parquet", "b.parquet", "c.log", ".hidden.parquet"):
            (directory / name).write_text(name)

    directory = run_stage(tmp_path, "data", work, settings={}, outputs=("*.parquet",))
    assert set(read_manifest(directory)["outputs"]) == {"a.parquet", "b.parquet"}


def test_outputs_in_a_folder_are_named_by_their_path(tmp_path):
    def work(directory):
        (directory / "model").mkdir()
        (directory / "model" / "weights").write_text("w")

    directory = run_stage(tmp_path, "sft", work, settings={}, outputs=("model/*",))
    assert set(read_manifest(directory)["outputs"]) == {"model/weights"}


def test_a_stage_that_wrote_nothing_is_not_finished(tmp_path):
    with pytest.raises(StageError, match=r"data wrote none of \['\*\.parquet'\]"):
        run_stage(tmp_path, "data", Work(), settings={}, outputs=("*.parquet",))
    assert not list(tmp_path.rglob(MANIFEST))


def test_a_directory_without_manifest_is_not_finished(tmp_path):
    assert read_manifest(tmp_path) is None


# ---- outputs that were lost or cut


def test_a_missing_output_is_named(tmp_path):
    directory = run_stage(tmp_path, "sft", Work(), settings={})
    (directory / "result.txt").unlink()
    with pytest.raises(StageError, match=r"result\.txt is missing.*Remove"):
        run_stage(tmp_path, "sft", Work(), settings={})


def test_an_output_that_was_cut_off_is_named_with_both_sizes(tmp_path):
    directory = run_stage(tmp_path, "sft", Work("result"), settings={})
    (directory / "result.txt").write_text("res")
    with pytest.raises(StageError, match=r"result\.txt is 3 bytes, but the finished stage wrote 6 bytes"):
        read_manifest(directory)


def test_a_stage_that_reads_a_cut_off_output_does_not_start(tmp_path):
    data, work = run_stage(tmp_path, "data", Work("rows"), settings={}), Work()
    (data / "result.txt").write_text("")
    with pytest.raises(StageError, match=r"result\.txt"):
        run_stage(tmp_path, "sft", work, settings={}, inputs={"data": data})
    assert work.calls == 0


def test_after_removing_the_directory_the_stage_is_made_again(tmp_path):
    directory = run_stage(tmp_path, "sft", Work(), settings={})
    (directory / "result.txt").unlink()
    shutil.rmtree(directory)
    assert (run_stage(tmp_path, "sft", Work(), settings={}) / "result.txt").is_file()


# ---- interrupted work


def test_work_that_failed_leaves_no_manifest(tmp_path):
    def work(directory):
        (directory / "result.txt").write_text("half")
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        run_stage(tmp_path, "sft", work, settings={})
    assert not list(tmp_path.rglob(MANIFEST))


def test_interrupted_work_is_entered_again_with_what_it_left(tmp_path):
    seen = []

    def work(directory):
        seen.append(sorted(path.name for path in directory.iterdir() if not path.name.startswith(".")))
        (directory / "checkpoint-1").write_text("step 1")
        if len(seen) == 1:
            raise KeyboardInterrupt
        (directory / "result.txt").write_text("done")

    with pytest.raises(KeyboardInterrupt):
        run_stage(tmp_path, "sft", work, settings={})
    run_stage(tmp_path, "sft", work, settings={})
    assert seen == [[], ["checkpoint-1"]]


CHILD = """
import sys, time
from pathlib import Path
from sp3f_lib.runs import run_stage

root = Path(sys.argv[1])

def work(directory):
    with open(root / "calls", "a") as file:
        file.write("call\\n")
    (directory / "result.txt").write_text("half")
    print("working", flush=True)
    while not (root / "go").exists():
        time.sleep(0.01)
    (directory / "result.txt").write_text("whole")

print(run_stage(root, "sft", work, settings={}), flush=True)
"""


@pytest.fixture
def start_child(tmp_path):
    """Starts a process that runs a stage, whose work waits for the file `go`; all are gone when the test is."""
    children = []

    def start() -> subprocess.Popen:
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-c", CHILD, str(tmp_path)]
        children.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_killed_stage_leaves_no_manifest_and_is_done_again(tmp_path, start_child, never_endless):
    child = start_child()
    assert child.stdout.readline() == "working\n"
    child.kill()
    child.wait()
    assert [path.name for path in tmp_path.rglob("result.txt")] == ["result.txt"]
    assert not list(tmp_path.rglob(MANIFEST))
    (tmp_path / "go").touch()
    again = start_child()
    assert again.wait() == 0
    directory = Path(again.stdout.read().splitlines()[-1])
    assert (directory / "result.txt").read_text() == "whole"
    assert read_manifest(directory) is not None


def test_two_processes_on_one_stage_do_the_work_once(tmp_path, start_child, never_endless):
    first = start_child()
    assert first.stdout.readline() == "working\n"
    second = start_child()
    waits = second.stdout.readline()
    assert "another process is at work" in waits
    assert f"(process {first.pid} on {socket.gethostname()} since 2" in waits
    (tmp_path / "go").touch()
    assert (first.wait(), second.wait()) == (0, 0)
    assert (tmp_path / "calls").read_text() == "call\n"
    assert first.stdout.read() == second.stdout.read()


def test_a_full_disk_while_the_manifest_is_written_leaves_the_stage_unfinished(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            run_stage(tmp_path, "sft", Work(), settings={})
    assert not list(tmp_path.rglob(MANIFEST))
    work = Work()
    run_stage(tmp_path, "sft", work, settings={})
    assert work.calls == 1
