"""Notebook 04 draws from the user's runs where they answer the whole question, else from the committed tables, and says so."""

import pandas as pd
import pytest

from sp3f_lib.pipeline.ablations import CELLS, CURVES
from sp3f_lib.pipeline.questions import QUESTIONS
from sp3f_lib.report.ablations import Evidence
from sp3f_lib.report.answers.ablations import ablations

HERE = "A processor"


def results(question: str, seeds: int, shift: float = 0.0) -> pd.DataFrame:
    """Results of every model of a question; later models are better."""
    return pd.DataFrame(
        [
            {"regime": cell.key[0], "method": cell.key[1], "seed": seed, "processor": HERE, "fidelity": 1.0}
            | {
                "accuracy": shift + place / 40 + seed / 400,
                "generated_tokens": 1e5,
                "judge_calls": 10.0,
                "seconds": 60.0,
                "unsolved": 0.8,
            }
            for place, cell in enumerate(QUESTIONS[question].cells)
            for seed in range(seeds)
        ]
    )


@pytest.fixture
def committed(tmp_path):
    pd.concat([results("privilege", 5), results("accuracy", 5), results("start", 5)]).drop_duplicates(
        ["regime", "method", "seed"]
    ).to_csv(tmp_path / CELLS, index=False)
    return tmp_path


def test_a_question_is_drawn_from_ours_only_where_all_its_models_have_enough_seeds(committed):
    ours = results("privilege", 3, shift=0.3)
    assert Evidence(ours, committed).cells("privilege").accuracy.min() >= 0.3
    for too_little in (ours[ours.seed < 2], ours[ours.method != "sp3f"], pd.DataFrame()):
        found = Evidence(too_little, committed).cells("privilege")
        assert found.accuracy.min() == 0 and found.seed.nunique() == 5


def test_pairs_are_of_one_kind_of_processor(committed):
    """Two models ran elsewhere, with the one that they are compared with; a third there has nothing to be compared with."""
    table = pd.read_csv(committed / CELLS)
    cold = table[table.regime == "cold"]
    elsewhere = cold[cold.method.isin(["judge_answer", "judge_unprivileged"])].assign(processor="Another")
    elsewhere["accuracy"] += 0.3 + elsewhere.seed / 100
    alone = cold[cold.method == "sp3f"].assign(processor="A third", accuracy=0.9)
    rest = table[(table.regime != "cold") | (table.method != "judge_answer")]
    pd.concat([elsewhere, rest, alone]).to_csv(committed / CELLS, index=False)
    evidence = Evidence(pd.DataFrame(), committed)
    cells = evidence.cells("privilege")
    where = cells.groupby("method").processor.unique().map(set)
    assert where["judge_answer"] == {"Another"} and where["judge_unprivileged"] == {HERE, "Another"}
    assert {name for name, places in where.items() if places == {HERE}} == {
        "sft",
        "rlvr",
        "judge_wrong",
        "judge_translated",
        "sp3f",
    }
    assert cells.accuracy[cells.method == "sp3f"].max() < 0.9
    gaps = evidence.gaps("privilege").set_index("one")
    assert list(gaps["mean"].round(4)) == [-2.5, 2.5, 5.0, 7.5, 10.0] and set(gaps.seeds) == {5}
    assert ablations(evidence)[0].count("5 seeds") == 1 and len(cells) == 5 * 8


def test_a_seed_on_two_kinds_of_processors_is_one_seed(committed):
    """SP3F is 10 points above on one, 20 on the other; one model is on the other alone."""
    table = pd.read_csv(committed / CELLS)
    models = ["sp3f", "judge_unprivileged", "judge_wrong"]
    both = table[(table.regime == "cold") & table.method.isin(models)].assign(processor="Another")
    both["accuracy"] += 0.1 * (both.method == "sp3f")
    pd.concat([table[table.method != "judge_wrong"], both]).to_csv(committed / CELLS, index=False)
    gap = Evidence(pd.DataFrame(), committed).gaps("privilege").set_index("one").loc["sp3f"]
    assert gap["mean"] == pytest.approx(15) and gap.seeds == 5 and len(gap.by_seed.split()) == 5
    pd.concat([table, both]).to_csv(committed / CELLS, index=False)  # now the other has nothing of its own
    assert set(Evidence(pd.DataFrame(), committed).cells("privilege").processor) == {HERE}


def test_models_of_few_seeds_are_left_out(committed):
    table = pd.read_csv(committed / CELLS)
    few = (table.method == "judge_answer") & (table.seed > 1)
    table[~few].to_csv(committed / CELLS, index=False)
    assert "judge_answer" not in set(Evidence(pd.DataFrame(), committed).cells("privilege").method)


def test_figures_are_written_with_their_tables(committed, tmp_path):
    evidence, folder = Evidence(pd.DataFrame(), committed), tmp_path / "figures"
    for question in ("privilege", "accuracy", "start"):
        evidence.draw(question, folder)
        assert {path.suffix for path in folder.glob(f"ablation_{question}.*")} == {".png", ".pdf", ".csv"}
    gaps = pd.read_csv(folder / "ablation_privilege.csv")
    assert set(gaps.other) == {"judge_unprivileged"} and set(gaps.seeds) == {5}


def test_what_nobody_has_run_is_said(committed, tmp_path):
    evidence = Evidence(pd.DataFrame(), committed)
    assert evidence.draw("who", tmp_path) == "Nobody has run this yet: sp3f ablations who --seeds 0-4"
    assert evidence.draw_cost(tmp_path) == "Nobody has run this yet: sp3f ablations who --seeds 0-4"
    assert ablations(Evidence(pd.DataFrame(), tmp_path / "nowhere"))[0].startswith("0 questions")


def test_costs_in_training_come_from_the_committed_curves(committed, tmp_path):
    rows = [
        {"regime": "cold", "method": name, "seed": seed, "step": step, "generated_tokens": 100.0 * step, "judge_calls": step}
        | {"accuracy": 0.1 * seed, "processor": HERE}
        for name in ("rlvr", "sp3f")
        for seed in (0, 1)
        for step in (5, 10)
    ]
    pd.DataFrame(rows).to_csv(committed / CURVES, index=False)
    Evidence(pd.DataFrame(), committed).draw_cost(tmp_path)
    table = pd.read_csv(tmp_path / "ablation_cost.csv")
    assert list(table.accuracy) == pytest.approx([0.05] * 4)


def test_ours_stand_beside_what_the_committed_seeds_predict(committed):
    ours = results("privilege", 1)
    far = ours.assign(accuracy=ours.accuracy.where(ours.method != "sp3f", 0.9))
    table = Evidence(far, committed).beside_committed().set_index("method")
    assert table.inside["rlvr"] and not table.inside["sp3f"] and table.ours["sp3f"] == 90
    assert (table.low >= 0).all()


def test_the_answer_has_a_sentence_for_each_question_that_was_run(committed):
    said = ablations(Evidence(pd.DataFrame(), committed))
    assert [sentence.split(":")[0] for sentence in said] == [
        "What the judge is shown",
        "How good a judge must be",
        "When privilege pays",
    ]
    assert "5 seeds" in said[0] and "at 80 % of groups without a right answer" in said[2]
