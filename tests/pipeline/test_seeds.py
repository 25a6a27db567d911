"""The jobs of several seeds: every method of every seed is evaluated, each after what it needs."""

from pathlib import Path

from sp3f_lib.pipeline import seeds
from sp3f_lib.pipeline.seeds import run_seeds
from sp3f_lib.profiles import load_profile

from ..toy import TOY


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
