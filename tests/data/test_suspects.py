"""Readers doubt what they read: a table, dropped below a share, refused above it, by the name of the file."""

import random
import re

import pandas as pd
import pytest

from sp3f_lib.audits.row_checks import damage_row, lab_translations
from sp3f_lib.commands import main
from sp3f_lib.data.schema import RowError, write_rows
from sp3f_lib.data.sources import load_splits
from sp3f_lib.data.suspects import find_suspects, sift, stream
from sp3f_lib.languages import closing_sentence
from sp3f_lib.profiles.sections import Data

LANGS = ("de", "sw")


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return lab_translations(LANGS, problems=100)


def lost(row: dict) -> dict:
    """As the authors' scripts leave a translation that was lost."""
    closing = closing_sentence(row["extra_info"]["lang"], row["reward_model"]["ground_truth"])
    return row | {"translated_solution": f"None\n\n{closing}"}


def next_solution(rows: list[dict]) -> list[dict]:
    """Every translated solution belongs to the next problem."""
    by_lang = {lang: [row for row in rows if row["extra_info"]["lang"] == lang] for lang in LANGS}
    moved = []
    for group in by_lang.values():
        moved += [
            row | {"translated_solution": other["translated_solution"]}
            for row, other in zip(group, [*group[1:], group[0]], strict=True)
        ]
    return moved


def test_good_rows_are_read_without_a_word(rows, capsys):
    assert sift(rows, "file", 0.02) == rows
    assert capsys.readouterr().out == ""


def test_few_suspects_are_dropped_and_told_in_one_table(rows, capsys):
    rng = random.Random(0)
    bad = {2: lost(rows[2]), 7: damage_row(rows[7], "left in English", "question", rows, rng)}
    given = [bad.get(number, row) for number, row in enumerate(rows)]
    assert sift(given, "rows/sft.parquet", 0.02) == [row for number, row in enumerate(rows) if number not in bad]
    out = capsys.readouterr().out
    assert "rows/sft.parquet: 2 of 200 rows are not what they should be" in out
    table = [line.split() for line in out.splitlines()[2:]]
    assert [line[:4] for line in table] == [["de", "lost", "1", "1.0%"], ["sw", "language", "1", "1.0%"]]
    assert "row 2: the solution is 'None" in out


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_above_the_share_of_a_language_the_file_is_refused_by_name(rows, share):
    given = [lost(row) if number in (1, 3, 5) else row for number, row in enumerate(rows)]
    with pytest.raises(RowError, match=r"sft\.parquet: 3% of the rows in 'sw' .*'lost' \(row 1: .*max_suspect is") as error:
        sift(given, "sft.parquet", share)
    assert "by row number" not in str(error.value)
    assert len(sift(given, "sft.parquet", 0.03)) == 197


def test_one_row_is_never_a_share(rows):
    assert len(sift([lost(rows[0]), *rows[1:9]], "small", 0.02)) == 8


def test_whoever_believes_his_rows_says_so(rows):
    given = [lost(row) for row in rows]
    assert sift(given, "file", None) == given


def test_a_file_whose_solutions_belong_to_the_next_problem_is_refused(rows):
    with pytest.raises(
        RowError, match=r"moved\.parquet: \d\d+% .* do not belong together \(was the file put together by row number\?\)"
    ):
        sift(next_solution(rows), "moved.parquet", 0.02)


def test_a_file_whose_questions_or_answers_are_in_another_order_is_refused(rows):
    order = list(range(len(rows)))
    random.Random(0).shuffle(order)  # as a runner leaves them that writes results as they come
    for fields in (("input", "raw_prompt"), ("reward_model",)):
        mixed = [row | {name: rows[other][name] for name in fields} for row, other in zip(rows, order, strict=True)]
        with pytest.raises(RowError, match="by row number"):
            sift(mixed, "mixed", 0.02)


def test_a_file_of_any_size_is_inspected_with_the_same_result(rows, tmp_path):
    given = [lost(row) if number % 50 == 3 else row for number, row in enumerate(rows)]
    pd.DataFrame(given * 6).to_parquet(tmp_path / "many.parquet")  # more than one batch
    found = find_suspects(stream(tmp_path / "many.parquet"), "many", 0.04)
    assert found == find_suspects(given * 6, "many", 0.04)
    assert set(found) == {number for number in range(1200) if number % 200 % 50 == 3}
    with pytest.raises(RowError, match="4% of the rows in 'sw'"):
        find_suspects(stream(tmp_path / "many.parquet"), "many", 0.03)


# ---- through the sources


@pytest.fixture
def folder(rows, tmp_path):
    """Rows of one's own in three splits."""
    for name, part in (("sft", rows[:120]), ("rl", rows[120:160]), ("eval", rows[160:])):
        write_rows(part, tmp_path / f"{name}.parquet")
    return tmp_path


def data(folder, **changes) -> Data:
    return Data(
        source="rows", folder=str(folder), languages=LANGS, sft_problems=1, rl_problems=1, eval_problems=1, **changes
    )


def test_rows_of_which_half_are_lost_are_refused(rows, folder, capsys):
    assert len(load_splits(data(folder), 0)["sft"]) == 120
    write_rows([lost(row) if number % 4 < 2 else row for number, row in enumerate(rows[:120])], folder / "sft.parquet")
    with pytest.raises(RowError, match=r"sft\.parquet: 50% of the rows in .*'lost'"):
        load_splits(data(folder), 0)
    assert re.search(r"de +lost +30 +50\.0%", capsys.readouterr().out)
    assert len(load_splits(data(folder, max_suspect=0.5), 0)["sft"]) == 60


def test_the_command_says_so_and_ends_with_an_error(rows, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_rows(next_solution(rows[:120]), folder / "sft.parquet")
    assert main(["data", "--source", "rows", "--folder", str(folder), "--set", "data.languages=[de, sw]"]) == 1
    told = capsys.readouterr().err
    assert "sft.parquet" in told
    assert "do not belong together" in told
