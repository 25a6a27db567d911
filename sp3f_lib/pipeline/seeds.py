"""The whole flow over several seeds and regimes: every model of each is trained and scored, as processes side by side."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sp3f_lib.evaluation.seeds import Results
from sp3f_lib.pipeline.launch import run_stages
from sp3f_lib.profiles import Profile

START = ("base", "sft")  # what every arm of stage 2 is compared with


def run_seeds(
    profiles: Sequence[Profile],
    methods: Callable[[Profile], Sequence[str]] = lambda profile: (*START, *profile.arms),
    done: Callable[[Results], None] = lambda found: None,
) -> Results:
    """Trains and scores the `methods` of each profile (one per seed and regime), `parallel` at a time, in this order.

    `done` is called with what is finished so far, at first and after every evaluation. Returns {(regime, seed, method): directory}.
    """
    firsts = {p.regime: p.seed for p in reversed(profiles)}  # the base model is the same for every seed
    jobs = [(p, "evaluate", m) for p in profiles for m in methods(p) if m != "base" or p.seed == firsts[p.regime]]
    # Whatever is trained from an SFT model waits for it, so that no two processes make the same one.
    made = {(p.regime, p.seed): number for number, (p, _, m) in enumerate(jobs) if m == "sft"}
    after = {k: made[p.regime, p.seed] for k, (p, _, m) in enumerate(jobs) if m not in START and (p.regime, p.seed) in made}

    def named(paths: Mapping[int, Path]) -> Results:
        return {(p.regime, p.seed, m): paths[k] for k, (p, _, m) in enumerate(jobs) if k in paths}

    return named(dict(enumerate(run_stages(jobs, lambda paths: done(named(paths)), after))))
