"""The files under the run directories: written whole or not at all, and known by their hashes."""

import errno
import hashlib
import os
import time
from pathlib import Path

import pytest

from sp3f_lib import runs
from sp3f_lib.runs import Hashes, atomic_path, code_hash, content_hash, outputs_hash, sha256_file, write_text


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package of two files in place of sp3f_lib."""
    folder = tmp_path / "package"
    (folder / "rewards").mkdir(parents=True)
    (folder / "rewards" / "terms.py").write_text('"""Terms."""\n\n\ndef term(x):\n    return x + 1\n')
    (folder / "other.py").write_text("x = 1\n")
    monkeypatch.setattr(runs, "PACKAGE", folder)
    return folder


# ---- atomic files


def test_an_atomic_file_is_there_only_after_the_block(tmp_path):
    path = tmp_path / "folder" / "file.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_an_error_inside_the_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, function):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


# ---- hashes


def test_sha256_is_that_of_the_content(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_file(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_content_hash_sees_values_and_order_of_lists_but_not_order_of_keys():
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": [1, 2], "a": 1})
    assert content_hash({"a": [1, 2]}) != content_hash({"a": [2, 1]})
    assert content_hash({"a": 1}) != content_hash({"a": 2})


def test_a_renamed_file_in_a_folder_changes_its_hash(tmp_path):
    (tmp_path / "one").write_text("x")
    before = outputs_hash(tmp_path)
    (tmp_path / "one").rename(tmp_path / "other")
    assert outputs_hash(tmp_path) != before


PROSE = '''# A comment.
"""Other words.

Over two lines.
"""


def term(x):  # what a term is
    """What it is."""

    return x + 1
'''


def test_comments_docstrings_and_blank_lines_are_not_code(package):
    before = code_hash("rewards")
    (package / "rewards" / "terms.py").write_text(PROSE)
    assert code_hash("rewards") == before


@pytest.mark.parametrize(
    "text",
    [
        "def term(x):\n    return x + 2\n",
        "def term(y):\n    return y + 1\n",
        'def term(x):\n    """Terms."""\n    x = "not a docstring"\n    return x + 1\n',
        "",
    ],
)
def test_a_change_of_code_changes_its_hash(package, text):
    before = code_hash("rewards")
    (package / "rewards" / "terms.py").write_text(text)
    assert code_hash("rewards") != before


def test_a_function_that_is_only_a_docstring_is_still_code(package):
    (package / "other.py").write_text('def f():\n    """Nothing."""\n')
    one = code_hash("other.py")
    (package / "other.py").write_text("def f():\n    pass\n")
    assert code_hash("other.py") == one


def test_a_new_renamed_or_changed_data_file_changes_the_hash_of_its_folder(package):
    hashes = [code_hash("rewards")]
    (package / "rewards" / "en.yaml").write_text("have: has\n")
    hashes.append(code_hash("rewards"))
    (package / "rewards" / "en.yaml").rename(package / "rewards" / "de.yaml")
    hashes.append(code_hash("rewards"))
    (package / "rewards" / "de.yaml").write_text("have: hat\n")
    hashes.append(code_hash("rewards"))
    assert len(set(hashes)) == 4


def test_code_of_other_files_does_not_count(package):
    before = code_hash("rewards")
    (package / "other.py").write_text("x = 2\n")
    assert code_hash("rewards") == before


def test_code_that_is_not_there_is_an_error(package):
    with pytest.raises(FileNotFoundError, match=r"rewrads\.py"):
        code_hash("rewrads.py")


# ---- hashes of large files that are remembered


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A file that is large and old enough to be remembered, the memory, and the files that were read in full."""
    monkeypatch.setattr(runs, "_LARGE_BYTES", 3)
    monkeypatch.setattr(runs, "_SETTLED_SECONDS", -1.0)
    read, original = [], runs.sha256_file
    monkeypatch.setattr(runs, "sha256_file", lambda path: read.append(path.name) or original(path))
    file = tmp_path / "weights"
    file.write_bytes(b"abcd")
    return file, Hashes(tmp_path / "hashes.json"), read


def test_a_large_file_is_read_once(large):
    file, hashes, read = large
    assert hashes.of(file) == hashes.of(file) == Hashes(hashes.path).of(file) == hashlib.sha256(b"abcd").hexdigest()
    assert read == ["weights"]


def test_a_small_file_is_read_each_time(large):
    file, hashes, read = large
    file.write_bytes(b"ab")
    assert hashes.of(file) == hashes.of(file)
    assert read == ["weights", "weights"]
    assert not hashes.path.exists()


def same_size_and_time(file):
    """New content of the same size, with the old time set again: what rsync -t or cp -p leave."""
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(b"wxyz")
    os.utime(file, ns=times)


def another_file_in_its_place(file):
    other = file.with_name("other")
    other.write_bytes(b"wxyz")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_bytes(b"wxyz"),
        lambda file: file.write_bytes(b"wxyzz"),
        same_size_and_time,
        another_file_in_its_place,
    ],
    ids=["content", "size", "content with the old time", "another file"],
)
def test_a_changed_file_is_read_again(large, change):
    file, hashes, read = large
    hashes.of(file)
    time.sleep(0.02)  # the clock of the file system moves
    change(file)
    assert hashes.of(file) == hashlib.sha256(file.read_bytes()).hexdigest()
    assert read == ["weights", "weights"]


def test_a_file_that_was_just_written_is_not_remembered(large, monkeypatch):
    file, hashes, read = large
    monkeypatch.setattr(runs, "_SETTLED_SECONDS", 60.0)
    assert hashes.of(file) == hashes.of(file)
    assert read == ["weights", "weights"]


def test_files_of_two_folders_are_remembered_apart(large):
    file, hashes, _ = large
    twin = file.with_name("twin")
    twin.write_bytes(b"wxyz")
    assert hashes.of(file) != hashes.of(twin)
    assert Hashes(hashes.path).of(file) == hashlib.sha256(b"abcd").hexdigest()


def test_a_stage_that_reads_a_model_reads_its_weights_once(large):
    file, _, read = large
    model = file.parent / "model"
    model.mkdir()
    file.rename(model / "weights")

    def work(directory):
        (directory / "out").write_text("x")

    first = runs.run_stage(file.parent / "runs", "sft", work, settings={}, inputs={"model": model})
    assert runs.run_stage(file.parent / "runs", "sft", work, settings={}, inputs={"model": model}) == first
    assert read.count("weights") == 1
    (model / "weights").write_bytes(b"wxyz")
    assert runs.run_stage(file.parent / "runs", "sft", work, settings={}, inputs={"model": model}) != first


def test_remembered_or_read_the_key_is_the_same(tmp_path):
    (tmp_path / "weights").write_bytes(b"abcd")
    assert outputs_hash(tmp_path, Hashes(tmp_path.parent / "hashes.json")) == outputs_hash(tmp_path)
