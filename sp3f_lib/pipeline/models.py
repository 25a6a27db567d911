"""Makes any model of the table (methods/models.py): its start, its rows or pairs, its training, its evaluation; each a stage.

    evaluation(profile, "icr_2")       everything up to the scored answers of ICR after two iterations

Each function returns what its finished stage made, and first makes whatever is not there yet, so asking for the last one is enough.
Nothing that is finished is done again. No model's name is known here.
"""

from pathlib import Path

from sp3f_lib.data.schema import read_rows
from sp3f_lib.data.splits import splits
from sp3f_lib.evaluation.score import SAMPLES, evaluate_model
from sp3f_lib.generation.engines import EVALUATION, SAMPLED, free_gpu, generation_settings
from sp3f_lib.lab.shipped import CARD, RECIPE, SHIPPED, SMOLLM2, shipped_base
from sp3f_lib.machine import set_up
from sp3f_lib.methods.models import apply_changes, asked, changed, find, is_model, named_by
from sp3f_lib.methods.named import Given
from sp3f_lib.pipeline.card import add_card
from sp3f_lib.pipeline.checks import check_answerer, check_model, check_profile, check_section, check_wanted
from sp3f_lib.pipeline.trainings import KINDS, code_of, settings_of, where_trained
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.runs import only_looking
from sp3f_lib.stages import label, make_stage
from sp3f_lib.training.checks import check_settings
from sp3f_lib.training.worker import train_stage

_MODEL_FILES = ("model/*",)
_RECIPE_CODE = (
    "base/model.py", "base/recipe.py", "training/sft.py", "training/common.py", "lab/problems.py", "lab/text", "languages.py",
    "generation/translation.py", "generation/implicit_reward.py",
)  # fmt: skip
_SMOLLM2_CODE = (
    "base/smollm2.py",
    "generation/local.py",
    "generation/sampling.py",
    "generation/decode.py",
    "generation/token_step.py",
)
_SCORING_CODE = (
    "evaluation/score.py",
    "generation/local.py",
    "generation/sampling.py",
    "generation/decode.py",
    "generation/token_step.py",
    "judges/alignment.py",
    "rewards",
    "languages.py",
)


def data(profile: Profile) -> Path:
    """The rows of the three splits: `sft.parquet`, `rl.parquet`, `eval.parquet`."""
    check_model(profile)
    return splits(profile)


def model(profile: Profile, name: str) -> Path | str:
    """The model directory (or hub id) of a model of the table."""
    found = find(name)
    check_model(profile)
    if found.entry.section is None:
        check_profile(profile, name)
        return _resolve(profile, found.start)
    (check_profile if only_looking() else check_wanted)(profile, name)
    section, kind = found.entry.section, KINDS.get(found.entry.section, found.entry.section)
    given = _given(profile, name)
    rows = rows_of(profile, name)
    own = where_trained(apply_changes(profile, name), section, given.policy)
    others = {field: str(_resolve(profile, one)) for field, one in asked(own).items()} if section == "grpo" else {}
    own = changed(own, others | _revision(profile, others))

    def work(directory: Path) -> None:
        free_gpu()
        train_stage(directory, own, kind, str(given.policy), rows, label(profile, name))

    inputs = {"start": given.policy, "rows": rows} | others
    stage = make_stage(
        profile, f"{name}-{profile.regime}", work, settings_of(own, section, others), inputs, code_of(own, kind, others),
        _MODEL_FILES,
    )  # fmt: skip
    if not only_looking():
        add_card(stage, own, name, rows)
    return stage / "model"


def steps_of(profile: Profile, name: str) -> dict[str, Path]:
    """The finished stages that the rows of a model come from, by what they hold; they are made where they are not there."""
    entry = find(name).entry
    if entry.steps is None:
        raise ProfileError(f"{name}: nothing is made for it; it is {entry.about}")
    return entry.steps(profile, _given(profile, name))


def rows_of(profile: Profile, name: str) -> Path:
    """The file of rows or pairs that a model is trained on."""
    path = list(steps_of(profile, name).values())[-1] / find(name).entry.rows
    if not path.is_file():
        raise ProfileError(f"{name}: there are no pairs of this kind; {path.parent} counts those that there are")
    return path


def evaluation(profile: Profile, name: str) -> Path:
    """The scored answers of one model on the evaluation split."""
    find(name)
    check_answerer(profile, lambda: evaluation(profile, name))
    rows, path = data(profile) / "eval.parquet", model(profile, name)

    def work(directory: Path) -> None:
        evaluate_model(directory, profile, path, read_rows(rows), label(profile, f"evaluate {name}"))
        if (section := find(name).entry.section) is not None:
            changed = where_trained(apply_changes(profile, name), section, path)
            add_card(Path(path).parent, changed, name, rows_of(profile, name), directory)

    settings = generation_settings(profile, path, *SAMPLED, section=EVALUATION) | {"threshold": profile.rewards.threshold}
    inputs = {"rows": rows, "model": path}
    return make_stage(profile, f"evaluation-{name}-{profile.regime}", work, settings, inputs, _SCORING_CODE, (SAMPLES,))


def base_by_recipe(profile: Profile) -> Path:
    """The stage that trains a base model by the profile's sections `lab` and `base`, and measures what it can do."""
    check_section(profile, "base", "a base model")
    check_settings(profile, "base")

    def work(directory: Path) -> None:
        from sp3f_lib.base.recipe import make_base

        set_up(profile.lab.threads or profile.threads)
        make_base(directory, profile)

    settings = {"lab": profile.lab.model_dump(), "base": profile.base, "seed": profile.seed}
    return make_stage(profile, "base", work, settings, {}, _RECIPE_CODE, (*_MODEL_FILES, CARD))


def smollm2(profile: Profile) -> Path:
    """The stage that turns the packaged SmolLM2 into a Hugging Face folder, once."""

    def work(directory: Path) -> None:
        from sp3f_lib.base.smollm2 import make_smollm2

        set_up(profile.threads)
        make_smollm2(directory)

    return make_stage(profile, SMOLLM2, work, {}, {}, _SMOLLM2_CODE, _MODEL_FILES)


def _revision(profile: Profile, others: dict[str, str]) -> dict[str, str | None]:
    """The profile's revision is that of its base model, also where that teaches."""
    return {"teacher.revision": profile.model.revision} if others.get("teacher.model") == profile.model.path else {}


def _given(profile: Profile, name: str) -> Given:
    found = find(name)
    reference = found.entry.reference
    return Given(_resolve(profile, found.start), _resolve(profile, reference) if reference else None, found.iteration)


def _resolve(profile: Profile, start: str) -> Path | str:
    """The model directory or hub id that a `start` or `reference` of the table stands for."""
    name = named_by(profile, start)
    if start != "model.path":
        return model(profile, name) if is_model(name) else name
    if name in SHIPPED:
        return shipped_base(name)
    made = {RECIPE: base_by_recipe, SMOLLM2: smollm2}.get(name)
    return made(profile) / "model" if made else name


# What the command line and the notebooks run as processes: the verb, and what it makes of a profile (and a model's name).
STAGES = {"data": data, "base": base_by_recipe, "train": model, "evaluate": evaluation}
