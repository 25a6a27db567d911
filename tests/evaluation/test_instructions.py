"""Instructions and reference files: what is read, and which mismatch is named."""

import json

import pytest

from sp3f_lib.data.schema import RowError
from sp3f_lib.evaluation.instructions import XALPACAEVAL, languages_of, read_instructions, read_reference

ROWS = [{"id": k, "instruction": f"Frage {k}: warum?"} for k in (1, 2, 3)]


@pytest.fixture
def files(tmp_path):
    """(instructions, path of a reference, a function that writes the reference)."""
    (tmp_path / "xalpacaeval").mkdir()
    (tmp_path / "xalpacaeval" / "de.json").write_text(json.dumps(ROWS))
    path = tmp_path / "gpt" / "model_outputs.json"
    path.parent.mkdir()

    def write(change=lambda rows: rows):
        rows = [row | {"output": f"Darum {row['id']}", "generator": "gpt", "dataset": "x"} for row in ROWS]
        path.write_text(json.dumps(change(rows)))

    return read_instructions(tmp_path / "xalpacaeval" / "de.json"), path, write


def test_a_reference_that_fits(files):
    instructions, path, write = files
    write()
    assert read_reference(path, instructions) == ("gpt", ["Darum 1", "Darum 2", "Darum 3"])
    # The first of more; without ids the texts alone are compared; the name of the folder stands for a generator that is not named.
    write(lambda rows: [{"instruction": row["instruction"], "output": ""} for row in rows])
    assert read_reference(path, instructions[:2]) == ("gpt", ["", ""])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[:2], "2 entries, but there are 3 instructions"),
        (lambda rows: [rows[0], rows[2], rows[1]], r"entry 2: id '3', but our instruction here has id '2'"),
        (
            lambda rows: [*rows[:2], rows[2] | {"instruction": "Frage 3: wieso?"}],
            r"entry 3 \(id 3\).*at character 10 it has 'Frage 3: wieso\?', ours 'Frage 3: warum\?'",
        ),
        (lambda rows: [rows[0] | {"output": None}, *rows[1:]], "entry 1: field 'output' must be text"),
        (lambda rows: [rows[0] | {"generator": "other"}, *rows[1:]], "several generators"),
        (lambda rows: {"rows": rows}, "a list of objects"),
    ],
)
def test_the_first_mismatch_is_named(files, change, said):
    instructions, path, write = files
    write(change)
    with pytest.raises(RowError, match=said):
        read_reference(path, instructions)


def test_languages_without_a_file(files, tmp_path):
    assert list(languages_of(XALPACAEVAL, tmp_path, ("en", "de"), named=False)) == ["de"]
    with pytest.raises(RowError, match=r"no xalpacaeval/en.json"):
        languages_of(XALPACAEVAL, tmp_path, ("en", "de"), named=True)
    with pytest.raises(RowError, match="give --folder"):
        languages_of(XALPACAEVAL, None, ("en",), named=False)


def test_the_real_set_is_parallel_and_whole(shared_data):
    files = languages_of(XALPACAEVAL, shared_data, ("en", "de", "zh"), named=True)
    found = {lang: read_instructions(path) for lang, path in files.items()}
    assert {lang: len(some) for lang, some in found.items()} == {"en": 805, "de": 805, "zh": 805}
    assert [one.id for one in found["zh"]] == [str(k) for k in range(1, 806)] == [one.id for one in found["en"]]
    assert found["en"][0].text.startswith("What are the names of some famous actors")
