"""The files under the run directories: written whole or not at all, and known by their hashes."""

import errno
import os
from pathlib import Path

import pytest

from sp3f_lib import runs
from sp3f_lib.runs import atomic_path, code_hash, content_hash, outputs_hash, sha256_file, write_text


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
