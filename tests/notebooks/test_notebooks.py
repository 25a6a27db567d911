"""Every notebook runs headless at toy size, in the order of their numbers, leaves what it says, and ends with its answer."""

import json
import re
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest

from sp3f_lib.commands import main
from sp3f_lib.pipeline.questions import QUESTIONS
from sp3f_lib.plots.pareto import MEAN
from sp3f_lib.report.ablations import Evidence

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
TOY = REPOSITORY / "tests" / "toy.yaml"
# Sizes that are parameters of one notebook, not of the profile.
SIZES = {
    "01_data_prep": {"translated": 8, "damaged": 10},
    "04_ablations": {"questions": []},  # its queue: tests/pipeline/test_ablations.py
    "06_judge_audit": {"problems": 6, "groups": 3, "attacked": 3, "simulated": 6},
    # Each reward and iteration is one more training and evaluation. The toy's answers are too much alike for the controls.
    "07_icr": {"other_rewards": False, "iterations": 1},
    "08_lidr": {"controls": False},
    "09_head_to_head": {"models": ["base", "sft", "sp3f", "icr_1", "lidr_1"], "limit": 2},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebooks")


def execute(path: Path, folder: Path, **parameters):
    # One stage at a time: a second process would import torch and TRL once more, and side by side is tests/pipeline/test_launch.py.
    parameters |= {"overrides": {"parallel": 1} | parameters.get("overrides", {})}
    parameters = {"profile": str(TOY), "figures": "figures"} | parameters
    out = folder / path.name
    papermill.execute_notebook(str(path), str(out), parameters=parameters, cwd=str(folder), progress_bar=False)
    return nbformat.read(out, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_from_top_to_bottom(path, folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    notebook = execute(path, folder, **SIZES.get(path.stem, {}))
    assert not [out for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "error"]
    headings = [cell.source.splitlines()[0] if cell.cell_type == "markdown" else "" for cell in notebook.cells]
    (shown,) = notebook.cells[headings.index("## Answer") + 1].outputs
    sentences = shown.data["text/plain"].splitlines()
    assert all(sentence.endswith(".") for sentence in sentences)
    assert re.search(r"\d", repr(sentences)) and not re.search(r"\bnan\b", repr(sentences))
    assert shown.data["text/markdown"] == "\n".join(f"- {sentence}" for sentence in sentences)


def test_the_figures_and_their_tables_are_there(folder):
    if not (folder / "figures").is_dir():
        pytest.skip("the notebooks were not run in this session")
    names = {path.stem for path in (folder / "figures").iterdir()}
    # Notebook 04 draws the questions that the committed tables answer.
    drawn = {f"ablation_{name}" for name in QUESTIONS if len(Evidence(pd.DataFrame()).cells(name))} - {"ablation_headline"}
    wanted = {
        *(drawn | {"ablation_cost"} if drawn else ()),
        "claims",
        "pareto",
        "figure1",
        "differences",
        "sft_loss",
        "fidelity_confusion",
        *(f"judge_{n}" for n in ("accuracy", "bias", "attacks", "ways", "ways_simulated", "simulation")),
        *(f"icr_{n}" for n in ("accuracy", "alpha", "results")),
        *(f"lidr_{n}" for n in ("agreement", "answers", "failures", "results")),
        *(f"head_to_head_{n}" for n in ("accuracy", "fidelity", "outcomes")),
        *(f"{n}_{r}" for n in ("rl_curves", "languages", "sft_languages") for r in ("warm", "cold")),
    }
    assert names == wanted
    tables = {"differences", "claims"}  # without a picture
    assert {path.name for name in tables for path in (folder / "figures").glob(f"{name}.*")} == {
        f"{name}.csv" for name in tables
    }
    for name in names - tables:
        assert {path.suffix for path in (folder / "figures").glob(f"{name}.*")} == {".png", ".pdf", ".csv"}


def test_the_pareto_table_agrees_with_the_scored_answers(folder):
    if not (folder / "figures").is_dir():
        pytest.skip("the notebooks were not run in this session")
    points = pd.read_csv(folder / "figures" / "pareto.csv")
    assert set(points.seed) == {MEAN, "0"}
    table = points[points.seed == MEAN].set_index(["regime", "method"])
    assert set(table.index) == {
        *(("warm", m) for m in ("base", "sft", "rlvr", "sp3f")),
        *(("cold", m) for m in ("base", "sft", "judge_unprivileged")),
    }
    (path,) = folder.glob("runs/toy/evaluation-sft-warm/*/samples.parquet")
    samples = pd.read_parquet(path)
    sampled = samples[~samples.greedy]
    assert len(sampled) == 3 * 2 * 2  # problems, languages, samples
    assert table.loc[("warm", "sft"), "answers"] == len(sampled)
    assert table.loc[("warm", "sft"), "accuracy"] == pytest.approx(100 * sampled.accuracy.mean())
    assert table.loc[("warm", "sft"), "fidelity"] == pytest.approx(100 * sampled.fidelity.mean())


def test_the_table_of_differences_agrees_with_the_pareto_table(folder):
    if not (folder / "figures").is_dir():
        pytest.skip("the notebooks were not run in this session")
    points, gaps = (pd.read_csv(folder / "figures" / f"{name}.csv") for name in ("pareto", "differences"))
    means = points[points.seed == MEAN].set_index(["regime", "method"]).accuracy
    gaps = gaps[gaps.value == "accuracy"]
    assert {(row.regime, row.one, row.other) for row in gaps.itertuples()} == {
        ("warm", "rlvr", "sft"),
        ("warm", "sp3f", "rlvr"),
    }
    for row in gaps.itertuples():
        # Every problem has as many answers, so both are means over the same answers.
        assert row.mean == pytest.approx(means[row.regime, row.one] - means[row.regime, row.other], abs=1e-4)
        assert row.seeds == 1


def test_a_misspelt_parameter_stops_the_notebook_and_names_the_nearest(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with pytest.raises(papermill.PapermillExecutionError, match=r"unknown notebook parameter 'overides'.*'overrides'"):
        execute(NOTEBOOKS[0], tmp_path, overides={"grpo.max_steps": 1})


def test_notebooks_are_committed_clean():
    for path in NOTEBOOKS:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        assert not any(cell["outputs"] or cell["execution_count"] for cell in code), path
        assert sum("parameters" in cell["metadata"].get("tags", []) for cell in code) == 1, path


def test_reproduce_runs_once_and_then_finds_nothing_to_do(folder, monkeypatch, capfd):
    """The command behind `make reproduce`, on the runs that the notebooks above left."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.chdir(folder)

    def reproduce() -> str:
        assert main(["reproduce", "--profile", str(TOY), "00", "05"]) == 0
        return capfd.readouterr().out

    if not (folder / "notebooks").exists():
        (folder / "notebooks").symlink_to(REPOSITORY / "notebooks")
    first = reproduce()
    assert "2 of 2 notebooks run" in first
    assert "Accuracy and language fidelity in %" in first
    assert "warm: SP3F minus RLVR is " in first and "in one seed, which says nothing about another." in first
    assert "committed" not in first  # seeds of the lab, not of this profile
    assert "Nothing to do" in reproduce()
    (folder / "figures" / "toy-recipe" / "pareto.png").unlink()
    assert "1 of 2 notebooks run" in reproduce()
    assert (folder / "figures" / "toy-recipe" / "pareto.png").is_file()


def test_rows_with_the_required_fields_alone_are_enough_for_the_first_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    (tmp_path / "rows").mkdir()
    for split in ("sft", "rl", "eval"):
        lines = []
        for number in (1, 2):
            turns = [
                {"role": "system", "content": r"Antworte in \boxed{}."},
                {"role": "user", "content": f"Wie viel ist {number} + 1?"},
            ]
            row = {"solution": f"It is {number + 1}.", "input": turns, "reward_model": {"ground_truth": str(number + 1)}}
            row["extra_info"] = {"lang": "de", "id": f"{split}-{number}"}
            if split == "sft":
                row["translated_solution"] = rf"Das ergibt zusammen \boxed{{{number + 1}}}."
            lines.append(json.dumps(row))
        (tmp_path / "rows" / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    overrides = {
        "data.languages": ["de"],
        "data.source": "rows",
        "data.folder": str(tmp_path / "rows"),
        "experiments": ["warm"],
    }
    notebook = execute(REPOSITORY / "notebooks" / "01_data_prep.ipynb", tmp_path, overrides=overrides)
    tables = [out["data"]["text/plain"] for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out]
    assert any("fidelity" in table and "de" in table for table in tables)


def test_a_misspelt_arm_stops_the_first_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with pytest.raises(papermill.PapermillExecutionError, match=r"unknown model 'sp3ff'.*'sp3f'"):
        execute(NOTEBOOKS[1], tmp_path, overrides={"arms": ["sp3ff"]})
