"""The queue of notebook 04's questions: each model once, tables that grow and keep what others wrote, costs from the metrics."""

import json

import pandas as pd
import pytest

from sp3f_lib.methods.models import changed, find
from sp3f_lib.pipeline import ablations as module
from sp3f_lib.pipeline.ablations import CELLS, CURVES, ablations
from sp3f_lib.pipeline.costs import cost
from sp3f_lib.pipeline.questions import QUESTIONS, Cell, Question, find_questions, runs
from sp3f_lib.pipeline.seeds import Run
from sp3f_lib.profiles import ProfileError, load_profile

from ..toy import TOY


def of_lab(seed, regime, changes):
    return load_profile("lab", dict(changes), seed=seed, regime=regime)


def of_toy(seed, regime, changes):
    return load_profile(TOY, dict(changes), seed=seed, regime=regime)


def test_every_cell_of_every_question_can_be_made_by_the_lab():
    """A misspelt arm, regime or setting would be found only after hours of a queue."""
    planned = runs(QUESTIONS.values(), of_lab, [0])
    assert len({run.key for run in planned}) == len(planned)
    for run in planned:
        changed(run.profile, find(run.method).entry.changes)


def test_equal_names_in_a_setting_are_equal_models():
    cells = [cell for question in QUESTIONS.values() for cell in question.cells]
    by_key = {cell.key: cell for cell in cells}
    assert all(
        (cell.method, dict(cell.changes), cell.regime) == (other.method, dict(other.changes), other.regime)
        for cell in cells
        for other in [by_key[cell.key]]
    )


def test_every_question_has_the_model_that_the_others_are_compared_with():
    for question in QUESTIONS.values():
        for setting in {cell.key[0] for cell in question.cells}:
            assert (setting, question.other) in {cell.key for cell in question.cells}
        assert question.pairs() and all(other == question.other for _, other in question.pairs())


def test_seeds_come_whole_one_after_the_other():
    planned = runs([QUESTIONS["privilege"]], of_lab, [3, 4])
    assert [run.profile.seed for run in planned] == [3] * 7 + [4] * 7


def test_an_unknown_question_is_named():
    with pytest.raises(ProfileError, match="unknown question 'whoo'; nearest known: 'who'"):
        find_questions(["whoo"])
    assert list(find_questions("all")) == list(QUESTIONS)


def test_arms_under_other_settings_start_from_the_same_sft_model_and_other_starts_do_not():
    plain, spoilt = of_lab(0, "cold", {}), of_lab(0, "cold", {"judge.accuracy": 0.6, "grpo.num_generations": 4})
    other = of_lab(0, "cold", {"sft.max_steps": 3})
    starts = [Run(profile, "sp3f", "cold", "sp3f").start for profile in (plain, spoilt, other)]
    assert starts[0] == starts[1] != starts[2]


@pytest.fixture
def small(monkeypatch):
    """One question of three models at toy size."""
    cells = (Cell("sft"), Cell("rlvr"), Cell("rlvr", changes={"grpo.max_steps": 4}, name="rlvr, 4 steps"))
    monkeypatch.setattr(module, "find_questions", lambda names: {"small": Question("?", cells, "rlvr")})


def test_a_queue_writes_what_each_training_took_and_goes_on(tmp_path, monkeypatch, capsys, small):
    monkeypatch.chdir(tmp_path)
    table = ablations(["small"], of_toy, [0], tmp_path / "out").set_index("method")
    assert "ablations: 3 of 3 models" in capsys.readouterr().out
    # 8 completions a step, of at most 12 tokens each.
    written = [path.read_text().splitlines() for path in tmp_path.glob("runs/toy/rlvr-cold/*/metrics.jsonl")]
    steps = [json.loads(line) for line in max(written, key=len)]
    assert table.generated_tokens["rlvr"] == pytest.approx(sum(8 * step["completions/mean_length"] for step in steps))
    assert table.unsolved["rlvr"] == pytest.approx(sum(step["groups/none_correct"] for step in steps[:5]) / 5)
    assert table.judge_calls["rlvr"] == 0 and pd.isna(table.generated_tokens["sft"])
    assert (table.seconds > 0).all() and table.accuracy.notna().all()
    # Lines of other models stay; the same call makes nothing again.
    written = pd.read_csv(tmp_path / "out" / CELLS)
    other = pd.concat([written.assign(method="another"), written.assign(processor="Another, 8 cores")])
    pd.concat([written, other]).to_csv(tmp_path / "out" / CELLS, index=False)
    before = sorted(tmp_path.glob("runs/**/manifest.json"))
    again = ablations(["small"], of_toy, [0], tmp_path / "out")
    assert sorted(tmp_path.glob("runs/**/manifest.json")) == before
    pd.testing.assert_frame_equal(again.set_index("method"), table)
    assert set(pd.read_csv(tmp_path / "out" / CELLS).method) == {"another", "sft", "rlvr", "rlvr, 4 steps"}
    assert set(pd.read_csv(tmp_path / "out" / CURVES).method) == {"rlvr"}  # every fifth step; the other has four


def test_the_cost_of_a_model_that_is_not_there_is_unknown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = cost(Run(of_toy(0, "cold", {}), "rlvr", "cold", "rlvr"))
    assert found["seconds"] == 0 and pd.isna(found["generated_tokens"])
