"""What `make reproduce` prints at its end: the table of the picture, what it says in words, and the committed seeds beside it."""

from pathlib import Path

import matplotlib
import pandas as pd
import pytest

matplotlib.use("Agg")

from sp3f_lib.evaluation.seeds import differences, seed_table
from sp3f_lib.machine import processor
from sp3f_lib.pipeline.headless import figures_folder
from sp3f_lib.plots.pareto import save_pareto
from sp3f_lib.profiles import load_profile
from sp3f_lib.report import result as printing
from sp3f_lib.report.result import print_result

TOY = Path(__file__).parents[1] / "toy.yaml"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, "figures"),
        ({"seed": 2}, "figures/seed2"),
        ({"model": "some/lab-1"}, "figures/lab-1"),
        ({"source": "mgsm", "model": "some/model"}, "figures/mgsm-model"),
        ({"name": str(TOY)}, "figures/toy-recipe"),
    ],
    ids=str,
)
def test_no_run_overwrites_the_figures_of_another(parameters, expected):
    assert figures_folder(load_profile(**{"name": "lab"} | parameters)) == Path(expected)


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """A function: what is printed of results in which RLVR is right in all answers and SFT in half, at so many seeds."""
    monkeypatch.chdir(tmp_path)

    def result(folder: str, seeds: int) -> str:
        rows = [
            {"regime": "cold", "method": method, "seed": seed, "problem": f"p{number}", "lang": "sw", "greedy": False}
            | {"accuracy": float(method == "rlvr" or k), "fidelity": 1.0, "steps": 2}
            for method in ("sft", "rlvr")
            for seed in range(seeds)
            for number in range(4)
            for k in (0, 1)
        ]
        save_pareto(pd.DataFrame(rows), Path(folder))
        differences(seed_table(pd.DataFrame(rows))).to_csv(Path(folder) / "differences.csv", index=False)
        capsys.readouterr()
        print_result(Path(folder))
        return capsys.readouterr().out

    return result


@pytest.fixture
def committed(tmp_path, monkeypatch) -> None:
    """Differences of 48, 50 and 52 points at three seeds, measured elsewhere."""
    rows = [
        {"regime": "cold", "method": method, "seed": seed, "accuracy": accuracy}
        for method, shares in (("sft", (0.1, 0.2, 0.3)), ("rlvr", (0.58, 0.7, 0.82)))
        for seed, accuracy in enumerate(shares)
    ]
    differences(pd.DataFrame(rows)).assign(processor="Another, 8 cores").to_csv(tmp_path / "committed.csv", index=False)
    monkeypatch.setattr(printing, "COMMITTED", tmp_path / "committed.csv")


def test_the_mean_of_each_method_is_a_line(printed):
    lines = printed("figures/mine", 2).splitlines()
    (sft,) = [line for line in lines if line.startswith("cold     SFT ")]
    assert sft.split()[2] == "50.0" and sft.split()[-3:] == ["2", "4", "8"]  # seeds, problems, answers a seed
    (rlvr,) = [line for line in lines if line.startswith("cold     RLVR ")]
    assert rlvr.split()[2:5] == ["100.0", "[100.0,", "100.0]"]
    assert "cold: RLVR minus SFT is +50.0 points of accuracy in each of 2 seeds, without any spread." in lines
    assert lines[-1] == "Figure: figures/mine/pareto.png  (and .pdf; the table: figures/mine/pareto.csv)"


def test_the_labs_own_figures_are_compared_with_the_committed_seeds(printed, committed):
    lines = printed("figures", 1).splitlines()
    assert f"Beside the committed seeds (Another, 8 cores; here: {processor()}):" in lines
    # Mean 50, standard deviation 2, t(2) = 4.303: 5.0 of the mean, and 4.303 * 2 * sqrt(1/3 + 1) = 9.9 of one new seed.
    assert lines[-3] == (
        "cold: your RLVR minus SFT (1 seed): +50.0; committed, 3 seeds: +50.0 ± 5.0; within what they predict [+40.1, +59.9]"
    )


def test_other_figures_are_not(printed, committed):
    assert "committed" not in printed("figures/toy", 1)


def test_without_a_picture_nothing_is_printed(tmp_path, capsys):
    print_result(tmp_path)
    assert capsys.readouterr().out == ""
