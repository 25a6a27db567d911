"""Stages as child processes: in order, one after what it needs, each told of when it is done; and the jobs of several seeds."""

from pathlib import Path

import pytest

from sp3f_lib.evaluation import seeds
from sp3f_lib.evaluation.seeds import run_seeds
from sp3f_lib.launch import run_stages
from sp3f_lib.profiles import load_profile
from sp3f_lib.runs import StageError
from sp3f_lib.stages import data, label

TOY = Path(__file__).parent / "toy.yaml"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    return tmp_path


# ---- real children: the stage `data`, which takes a second


def test_a_job_waits_for_what_it_needs_and_directories_come_in_the_order_of_the_jobs(capsys):
    profiles, told = [load_profile(TOY, seed=seed) for seed in (0, 1, 2)], []
    jobs = [(p, "data", None) for p in profiles]
    found = run_stages(jobs, told.append, {0: 2, 2: 1})
    assert [list(so_far) for so_far in told] == [[1], [1, 2], [1, 2, 0]]
    assert found == [path for _, path in sorted(told[-1].items())] == [data(profile) for profile in profiles]
    said = [line for line in capsys.readouterr().out.splitlines() if "finished after" in line]
    assert [line.split(":")[0] for line in said] == ["data warm seed 1", "data warm seed 2", "data warm"]
    assert [line.rpartition("s; ")[2] for line in said[:2]] == ["2 more", "1 more"] and said[2].endswith(" s")


def test_what_is_there_already_needs_no_process(monkeypatch):
    profile, told = load_profile(TOY), []
    directory = data(profile)
    monkeypatch.setattr("sp3f_lib.launch._start", lambda *_: pytest.fail("a process was started"))
    assert run_stages([(profile, "data", None)] * 2, told.append) == [directory, directory]
    assert told == [{0: directory, 1: directory}]


def test_what_was_finished_before_a_failure_was_told_of():
    good, told = load_profile(TOY), []
    bad = load_profile(TOY, {"data.source": "rows", "data.folder": "nowhere"})
    with pytest.raises(StageError, match=r"data .*failed: .*nowhere"):
        run_stages([(bad, "data", None), (good, "data", None)], told.append, {0: 1})
    assert told == [{1: data(good)}]


# ---- labels


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, "sft warm"),
        ({"seed": 1}, "sft warm seed 1"),
        ({"seed": 0, "regime": "cold"}, "sft cold"),
        ({"seeds": 3}, "sft warm seed 0"),
        ({"seeds": 3, "seed": 2}, "sft warm seed 2"),
    ],
    ids=str,
)
def test_a_label_names_the_seed_where_there_are_several(parameters, expected):
    assert label(load_profile(TOY, **parameters), "sft") == expected


# ---- the jobs of several seeds


def test_every_method_of_every_seed_is_evaluated_and_arms_wait_for_their_sft_model(monkeypatch):
    def in_another_order(jobs, done, after):
        # As if everything that waits for nothing were finished last.
        seen.update(jobs=jobs, after=after)
        for number in reversed(range(len(jobs))):
            done({k: Path(str(k)) for k in range(number, len(jobs))})
        return [Path(str(k)) for k in range(len(jobs))]

    seen, told = {}, []
    monkeypatch.setattr(seeds, "run_stages", in_another_order)
    profiles = [load_profile(TOY, seed=seed, regime=regime) for regime, seed in (("cold", 0), ("cold", 1), ("warm", 0))]
    found = run_seeds(profiles, done=lambda so_far: told.append(dict(so_far)))
    names = [(profile.regime, profile.seed, method) for profile, verb, method in seen["jobs"] if verb == "evaluate"]
    assert names == [
        *(("cold", 0, method) for method in ("base", "sft", "judge_unprivileged")),
        *(("cold", 1, method) for method in ("sft", "judge_unprivileged")),  # the base is the same for every seed
        *(("warm", 0, method) for method in ("base", "sft", "rlvr", "sp3f")),
    ]
    assert seen["after"] == {2: 1, 4: 3, 7: 6, 8: 6}
    assert list(found.items()) == [(name, Path(str(number))) for number, name in enumerate(names)]
    assert [len(so_far) for so_far in told] == list(range(1, 10)) and told[-1] == found


def test_methods_may_be_chosen_and_without_an_sft_model_nothing_waits(monkeypatch):
    seen = {}
    monkeypatch.setattr(seeds, "run_stages", lambda jobs, done, after: seen.update(jobs=jobs, after=after) or [])
    assert run_seeds([load_profile(TOY)], lambda profile: ("base", profile.arms[0])) == {}
    assert [method for _, _, method in seen["jobs"]] == ["base", "rlvr"] and seen["after"] == {}
