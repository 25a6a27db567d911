"""The whole flow over several seeds and settings: every model of each is trained and scored, as processes side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sp3f_lib.evaluation.seeds import Results
from sp3f_lib.pipeline.launch import run_stages
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import content_hash

START = ("base", "sft")  # what every arm of stage 2 is compared with
# The sections that decide an SFT model: profiles that differ elsewhere start from the same one.
_OF_THE_START = ("seed", "regime", "model", "lab", "base", "data", "sft", "lora", "launch")


@dataclass(frozen=True)
class Run:
    """A model of one seed, and where its result stands in tables: `setting` is their column regime, `name` their column method."""

    profile: Profile
    method: str
    setting: str
    name: str

    @property
    def key(self) -> tuple[str, int, str]:
        """Of its result."""
        return self.setting, self.profile.seed, self.name

    @property
    def start(self) -> str:
        """Equal for runs that start from the same SFT model."""
        return content_hash(self.profile.model_dump(mode="json", include=set(_OF_THE_START)))


def run_seeds(
    profiles: Sequence[Profile],
    methods: Callable[[Profile], Sequence[str]] = lambda profile: (*START, *profile.arms),
    done: Callable[[Results], None] = lambda found: None,
) -> Results:
    """Trains and scores the `methods` of each profile (one per seed and regime); see `run_all`.

    Returns {(regime, seed, method): directory of the evaluation}.
    """
    firsts = {p.regime: p.seed for p in reversed(profiles)}  # the base model is the same for every seed
    runs = [Run(p, m, p.regime, m) for p in profiles for m in methods(p) if m != "base" or p.seed == firsts[p.regime]]
    return run_all(runs, done)


def run_all(runs: Sequence[Run], done: Callable[[Results], None] = lambda found: None) -> Results:
    """Trains and scores each run, `parallel` of the first profile at a time, in this order.

    `done` is called with what is finished so far, at first and after every evaluation. Returns the evaluations' directories.
    """
    # Whatever is trained from an SFT model waits for it, so that no two processes make the same one.
    made = {run.start: number for number, run in reversed(list(enumerate(runs))) if run.method == "sft"}
    after = {k: made[run.start] for k, run in enumerate(runs) if run.method not in START and run.start in made}

    def named(paths: Mapping[int, Path]) -> Results:
        return {run.key: paths[k] for k, run in enumerate(runs) if k in paths}

    jobs = [(run.profile, "evaluate", run.method) for run in runs]
    return named(dict(enumerate(run_stages(jobs, lambda paths: done(named(paths)), after))))
