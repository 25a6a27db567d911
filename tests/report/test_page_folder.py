"""Which method, regime and seed a stage belongs to is read off its manifest and the hashes of its inputs."""

import json
import os
import shutil

import pytest

from sp3f_lib.report.page.folder import NO_SEED, last_step, read_run
from sp3f_lib.runs import StageError


def named(run, kind):
    return [(stage.method, stage.regime, stage.seed) for stage in run.of(kind)]


def test_an_evaluation_has_the_seed_of_its_model(run_folder):
    run = read_run(run_folder)
    assert named(run, "evaluation") == [
        ("base", "warm", NO_SEED), ("sft", "warm", 0), ("sft", "warm", 1), ("sp3f", "warm", 0), ("sp3f", "warm", 1),
        ("sft", "cold", 0),
    ]  # fmt: skip
    assert named(run, "training")[-1] == ("icr_1", "warm", 0)
    assert run.regimes == ["warm", "cold"]


def test_of_several_stages_the_newest_counts(run_folder):
    folders = list((run_folder / "sp3f-warm").iterdir())
    assert len(folders) == 3
    steps = {json.loads((f / "manifest.json").read_text())["settings"]["grpo"]["max_steps"] for f in folders}
    assert steps == {1, 3}
    shown = [stage for stage in read_run(run_folder).of("training") if stage.method == "sp3f"]
    assert [stage.manifest["settings"]["grpo"]["max_steps"] for stage in shown] == [3, 3]


@pytest.mark.parametrize("place", [0, 1])
def test_of_two_that_were_finished_in_one_second_the_later_counts(run_folder, tmp_path, place):
    copy = shutil.copytree(run_folder, tmp_path / "toy")
    manifests = [
        json.loads(path.read_text()) | {"at": path.parent} for path in sorted(copy.glob("sp3f-warm/*/manifest.json"))
    ]
    two = [manifest.pop("at") for manifest in manifests if manifest["settings"]["seed"] == 1]
    for number, folder in enumerate(two):
        manifest = json.loads((folder / "manifest.json").read_text()) | {"finished": "2026-11-28T02:00:00+0000"}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        os.utime(folder / "manifest.json", ns=(0, int(number == place)))
    assert len(two) == 2
    assert [s.path for s in read_run(copy).of("training") if (s.method, s.seed) == ("sp3f", 1)] == [two[place]]


def test_pairs_belong_to_the_training_that_names_them(run_folder):
    found = [(method, regime, seed) for method, regime, seed, _ in read_run(run_folder).pairs]
    assert found == [("icr_1", "warm", 0), ("icr_t_1", "warm", NO_SEED)]


def test_a_method_comes_from_the_model_that_it_started_from(run_folder):
    assert read_run(run_folder).origins == {("warm", "sft"): "base", ("warm", "sp3f"): "sft", ("warm", "icr_1"): "sft"}


def test_one_regime_alone_and_of_a_regime_that_is_not_there_the_nearest(run_folder):
    run = read_run(run_folder, "cold")
    assert named(run, "evaluation") == [("sft", "cold", 0)] and run.regimes == ["cold"]
    assert len(run.of("data")) == len(read_run(run_folder).of("data"))
    with pytest.raises(StageError, match="nothing is finished of regime 'cool'; nearest known: 'cold'"):
        read_run(run_folder, "cool")


def test_what_is_chosen_counts_alone_even_if_it_is_older(run_folder):
    def first_settings(found):
        return {stage.path for stage in found if stage.manifest["settings"].get("grpo") == {"max_steps": 1}}

    run = read_run(run_folder, chosen=first_settings)
    (stage,) = run.of("training")
    assert (stage.method, stage.seed, stage.manifest["settings"]["grpo"]) == ("sp3f", 1, {"max_steps": 1})
    assert run.of("evaluation") == [] and run.of("data")


def test_what_is_not_finished_is_said_and_not_shown(run_folder, tmp_path):
    open_one = tmp_path / "toy" / "sp3f-cold" / "abc"
    open_one.mkdir(parents=True)
    (open_one / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"ste', encoding="utf-8")
    assert last_step(open_one / "metrics.jsonl") == 2
    run = read_run(tmp_path / "toy")
    assert run.stages == []
    assert run.notes == ["sp3f-cold/abc is not finished (at step 2): it is not shown."]


def test_an_evaluation_of_an_older_model_is_remarked(run_folder, tmp_path):
    copy = shutil.copytree(run_folder, tmp_path / "toy")
    for stage in read_run(copy).of("evaluation"):  # the newest evaluation of seed 1 is gone, that of the older model stays
        if (stage.method, stage.seed) == ("sp3f", 1):
            os.remove(stage.path / "manifest.json")
    assert read_run(copy).notes == [
        "evaluation-sp3f-warm, seed 1: the scores are those of an older model than the learning curve."
    ]


def test_without_a_folder_it_says_what_to_give(tmp_path):
    with pytest.raises(StageError, match="runs/lab"):
        read_run(tmp_path / "nothing")
