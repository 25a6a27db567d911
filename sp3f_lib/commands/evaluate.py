"""`sp3f evaluate NAME`: the scored answers of any model of the table."""

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.options import (
    BaseModel,
    Changes,
    DryRun,
    Folder,
    ModelName,
    ProfileName,
    Regime,
    Seed,
    Source,
    chosen,
)
from sp3f_lib.commands.stage import is_child, run, say_done
from sp3f_lib.commands.train import note_batch, say_what_it_needs


@verb(MAKE)
def evaluate(
    name: ModelName,
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Seed = None,
    source: Source = None,
    folder: Folder = None,
    model: BaseModel = None,
    changes: Changes = None,
    dry_run: DryRun = False,
) -> int:
    """Sample and score a model on the evaluation problems, and make it if it is not there."""
    parameters = {"regime": regime, "seed": seed, "source": source, "folder": folder, "model": model}
    resolved = chosen(profile, changes, **parameters)
    if dry_run:
        return say_what_it_needs(name, resolved, profile, changes, parameters, evaluated=True)
    note_batch(name, resolved, profile, changes, parameters)
    done = run("evaluate", resolved, name)
    if not is_child():
        _print_scores(done)
    say_done(done)
    return 0


def _print_scores(directory) -> None:
    import pandas as pd

    from sp3f_lib.evaluation.score import read_samples, summary

    samples = read_samples({"": directory})
    everything = summary(samples.assign(lang="all"), "lang") if samples.lang.nunique() > 1 else []
    lines = summary(samples, "lang") + everything
    print(
        f"{len(samples):,} answers, sampled and greedy ones. Accuracy, fidelity (percent, 95 % intervals over problems) and\n"
        "tokens (mean length) are those of the sampled ones; `greedy right` is the accuracy of the greedy ones."
    )
    print(pd.DataFrame(lines).to_string(index=False))
