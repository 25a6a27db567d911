"""Parts: what is finished is never done again, not even after kill -9, and other work never mixes with it."""

import os
import signal
import subprocess
import sys

import pytest

from sp3f_lib.generation.parts import in_parts, part_seed
from sp3f_lib.runs import StageError

from ..toy import REPOSITORY

# Killed in the middle of writing its third part.
CHILD = """
import os, signal, sys
from pathlib import Path
import pyarrow.parquet
from sp3f_lib.generation.parts import in_parts

write = pyarrow.parquet.write_table

def write_or_die(table, path):
    if table["item"][0].as_py() == 4:
        Path(path).write_bytes(b"half of a part")
        os.kill(os.getpid(), signal.SIGKILL)
    write(table, path)

pyarrow.parquet.write_table = write_or_die
in_parts(Path(sys.argv[1]), list(range(7)), 2, lambda items, number: [{"item": item} for item in items], {})
"""


class Work:
    def __init__(self):
        self.done = []

    def __call__(self, items, number):
        self.done.append(number)
        return [{"item": item, "note": None if number else "first"} for item in items]


def test_rows_come_in_order_and_the_last_part_may_be_short(tmp_path):
    shown = []
    frame = in_parts(tmp_path, list(range(5)), 2, Work(), {}, lambda *at: shown.append(at))
    assert frame["item"].tolist() == [0, 1, 2, 3, 4]
    assert frame["note"].isna().tolist() == [False, False, True, True, True]  # a column may have nothing in some parts
    assert shown == [(1, 3), (2, 3), (3, 3)]
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"part-0000{k}.parquet" for k in range(3)]


def test_finished_parts_are_read_and_missing_ones_made(tmp_path):
    first = in_parts(tmp_path, list(range(5)), 2, Work(), {})
    (tmp_path / "part-00001.parquet").unlink()
    work = Work()
    assert in_parts(tmp_path, list(range(5)), 2, work, {}).equals(first)
    assert work.done == [1]


def test_after_kill_9_only_the_part_at_work_is_done_again(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    child = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path)], env=environment, capture_output=True)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    work = Work()
    assert in_parts(tmp_path, list(range(7)), 2, work, {})["item"].tolist() == list(range(7))
    assert work.done == [2, 3]


@pytest.mark.parametrize(("items", "settings"), [([0, 1, 2, 9], {"a": 1}), ([0, 1, 2, 3], {"a": 2})])
def test_other_items_or_settings_are_not_mixed_in(tmp_path, items, settings):
    in_parts(tmp_path, [0, 1, 2, 3], 2, Work(), {"a": 1})
    with pytest.raises(StageError, match="made from other prompts or settings; remove"):
        in_parts(tmp_path, items, 2, Work(), settings)


def test_nothing_to_do_is_an_error(tmp_path):
    with pytest.raises(StageError, match="nothing to work on"):
        in_parts(tmp_path, [], 2, Work(), {})


def test_parts_have_seeds_of_their_own():
    assert len({part_seed(seed, number) for seed in range(10) for number in range(10)}) == 100
    assert part_seed(3, 4) == part_seed(3, 4)
