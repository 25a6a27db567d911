"""The flow of SP3F as stages: data -> (base) -> sft -> policy -> evaluation. For ICR and LIDR see preference_stages.py.

Each function returns the directory of its finished stage and first makes whatever it needs that is not there yet, so asking
for the last one is enough. Nothing that is finished is done again.
"""

import re
from collections import Counter
from pathlib import Path

from sp3f_lib.data.schema import read_json_lines, read_rows, write_rows
from sp3f_lib.judges.client import check_before_training
from sp3f_lib.lab.shipped import CARD, RECIPE, SHIPPED, shipped_base
from sp3f_lib.profiles import Launch, Profile, ProfileError
from sp3f_lib.runs import run_stage
from sp3f_lib.sections import nearest
from sp3f_lib.training.checks import check_settings

RUNS = Path("runs")
# The arms of stage 2 (the paper's ablation): what each changes in the profile.
ARMS: dict[str, dict] = {
    "rlvr": {"rewards.win_rate": 0.0},
    "rlvr_without_fidelity": {"rewards.win_rate": 0.0, "rewards.fidelity": 0.0},
    "judge_unprivileged": {"judge.privilege": "none"},
    "sp3f": {"judge.privilege": "solution"},
    "judge_only": {"rewards.accuracy": 0.0, "rewards.parseable": 0.0, "rewards.fidelity": 0.0},
    "sp3f_implicit": {
        "judge.name": "implicit",
        "judge.model": "dpo",
        "judge.reference_model": "sft",
        "judge.privilege": "none",
    },
}
START = ("base", "sft")
# The preference methods; their models are called `icr_1`, `icr_2`, ... after the iteration. What each makes its pairs by:
PREFERENCES: dict[str, str] = {
    "icr": "R_c",
    "icr_m": "R_m",
    "icr_t": "R_t",
    "lidr": "all",
    "lidr_content": "content",
    "lidr_language": "language",
}
# Beside them: `methods.start`, the English model that it may be, and LIDR's SFT baseline on the same translations.
ONCE = ("start", "dpo", "lidr_sft")
ITERATION = re.compile(rf"({'|'.join(PREFERENCES)})_([1-9]\d*)")
# Not all of judges/: how a judge is asked (retries, ledger, prices) may be mended within a run, what it is asked may not.
_REWARD_CODE = (
    "rewards", "languages.py", "judges/base.py", "judges/pairs.py", "judges/groups.py", "judges/prompts.py",
    "judges/privilege.py", "judges/alignment.py",
)  # fmt: skip
# The lab's base model learns them where the profile says so.
_TASKS = ("methods/translation.py", "methods/icr.py")
_IMPLICIT_CODE = ("judges/implicit.py", "methods/icr.py", "methods/scoring.py")
_TRAINING_CODE = ("training/common.py", "evaluation/generate.py", "generation", "data/schema.py")
_MODEL_FILES = ("model/*",)
# Where a vLLM server is may differ when a stage goes on; the policy does not.
_WHERE = {"vllm_server_base_url", "vllm_server_host", "vllm_server_port", "vllm_server_timeout", "vllm_group_port"}


def check_method(method: str) -> str:
    """`method` if there is such a model (base, sft, arms, ICR's, LIDR's); `ProfileError` naming the nearest one otherwise."""
    if method not in (*START, *ARMS, *ONCE) and iteration_of(method) is None:
        known = (*START, *ARMS, *ONCE, *(f"{name}_1" for name in PREFERENCES))
        raise ProfileError(f"unknown arm {method!r}{nearest(method, known)}")
    return method


def iteration_of(method: str) -> tuple[str, int] | None:
    """The preference method and its iteration; None for any other model.

    >>> iteration_of("icr_m_2")
    ('icr_m', 2)
    """
    found = ITERATION.fullmatch(method)
    return (found[1], int(found[2])) if found else None


def data(profile: Profile) -> Path:
    """The rows of the three splits: `sft.parquet`, `rl.parquet`, `eval.parquet`."""
    check_model(profile)

    def work(directory: Path) -> None:
        from sp3f_lib.data.sources import load_splits

        for name, rows in load_splits(profile.data, profile.seed).items():
            write_rows(rows, directory / f"{name}.parquet")
            print(f"data: {len(rows)} rows for {name}", flush=True)

    settings = {"data": profile.data.model_dump(), "seed": profile.seed}
    inputs = {"folder": profile.data.folder} if profile.data.folder else {}
    return make_stage(profile, "data", work, settings, inputs, ("data", "languages.py"), ("*.parquet",))


def base(profile: Profile) -> Path | str:
    """The base model: the shipped one of the lab, the one that the lab's recipe makes here, or the directory or hub id given."""
    check_model(profile)
    if profile.model.path in SHIPPED:
        return shipped_base(profile.model.path)
    return base_by_recipe(profile) / "model" if profile.model.path == RECIPE else profile.model.path


def base_by_recipe(profile: Profile) -> Path:
    """The stage that trains a base model by the profile's sections `lab` and `base`, and measures what it can do."""
    check_section(profile, "base", "a base model")
    check_settings(profile, "base")

    def work(directory: Path) -> None:
        from sp3f_lib.lab.recipe import make_base
        from sp3f_lib.training.common import set_up

        set_up(profile.lab.threads or profile.threads)
        make_base(directory, profile)

    settings = {"lab": profile.lab.model_dump(), "base": profile.base, "seed": profile.seed}
    code = ("training/sft.py", "training/common.py", "training/lab_model.py", "data/lab.py", "data/lab_text", "languages.py")
    return make_stage(profile, "base", work, settings, {}, (*code, *_TASKS), (*_MODEL_FILES, CARD))


def sft(profile: Profile) -> Path:
    """Stage 1: the base model fine-tuned on the translated solutions."""
    check_section(profile, "sft", "the SFT model")
    check_settings(profile, "sft")
    rows_path, start = data(profile) / "sft.parquet", base(profile)

    def work(directory: Path) -> None:
        from sp3f_lib.training.worker import train_stage

        train_stage(directory, profile, "sft", str(start), rows_path, label(profile, "sft"))

    settings = {"sft": profile.sft, "seed": profile.seed, "threads": profile.threads, "model": profile.model.model_dump()}
    settings |= how_trained(profile)
    inputs = {"rows": rows_path, "base": start}
    code = ("training/sft.py", *_TRAINING_CODE)
    stage = make_stage(profile, f"sft-{profile.regime}", work, settings, inputs, code, _MODEL_FILES)
    add_card(stage, profile, "sft", rows_path)
    return stage / "model"


def policy(profile: Profile, arm: str) -> Path:
    """Stage 2: the SFT model trained by GRPO with the rewards and the judge of one arm."""
    if check_method(arm) not in ARMS:
        raise ProfileError(f"{arm!r} is no arm of stage 2; its arms are {', '.join(ARMS)}")
    check_section(profile, "grpo", arm)
    changed = apply_arm(profile, arm)
    check_settings(changed, "grpo")
    if changed.rewards.win_rate:
        check_before_training(changed.judge, RUNS / profile.name / f"{arm}-{profile.regime}")
    rows_path, start = data(profile) / "rl.parquet", sft(profile)
    judges = {}
    if changed.rewards.win_rate and changed.judge.name == "implicit":
        from sp3f_lib.preference_stages import named_model

        judges = {name: str(named_model(profile, getattr(changed.judge, name))) for name in ("model", "reference_model")}
        changed = changed.model_copy(update={"judge": changed.judge.model_copy(update=judges)})

    def work(directory: Path) -> None:
        from sp3f_lib.training.worker import train_stage

        train_stage(directory, changed, "grpo", str(start), rows_path, label(profile, arm))

    settings = {
        "grpo": {key: value for key, value in changed.grpo.items() if key not in _WHERE},
        "rewards": changed.rewards.model_dump(),
        "judge": changed.judge.measurement() | dict.fromkeys(judges) if changed.rewards.win_rate else None,
        "seed": profile.seed,
        "threads": profile.threads,
    } | how_trained(profile)
    inputs = {"rows": rows_path, "start": start} | {f"judge.{name}": path for name, path in judges.items()}
    grpo = ("training/grpo.py", "training/early.py", "training/shared_prompts.py")
    code = (*grpo, *_TRAINING_CODE, *_REWARD_CODE, *(_IMPLICIT_CODE if judges else ()))
    stage = make_stage(profile, f"{arm}-{profile.regime}", work, settings, inputs, code, _MODEL_FILES)
    add_card(stage, changed, arm, rows_path)
    return stage / "model"


def model(profile: Profile, method: str) -> Path | str:
    """The model directory (or hub id) of any method that `check_method` knows."""
    if check_method(method) in START:
        return base(profile) if method == "base" else sft(profile)
    if method in ARMS:
        return policy(profile, method)
    from sp3f_lib.preference_stages import preference

    return preference(profile, method)


def evaluation(profile: Profile, method: str) -> Path:
    """The scored answers of one model on the evaluation split."""
    check_method(method)
    rows_path, path = data(profile) / "eval.parquet", model(profile, method)

    def work(directory: Path) -> None:
        from sp3f_lib.evaluation.evaluate import evaluate_model
        from sp3f_lib.training.common import set_up

        revision = profile.model.revision if str(path) == profile.model.path else None
        set_up(profile.threads)
        evaluate_model(directory, profile, str(path), read_rows(rows_path), label(profile, f"evaluate {method}"), revision)
        if method not in ("base", "start"):
            add_card(Path(path).parent, *_trained_on(profile, method), directory)

    settings = {
        "evaluation": profile.evaluation.model_dump(),
        "threshold": profile.rewards.threshold,
        "threads": profile.threads,
    }
    code = (
        "evaluation/evaluate.py",
        "evaluation/generate.py",
        "generation",
        "judges/alignment.py",
        "rewards",
        "languages.py",
    )
    inputs = {"rows": rows_path, "model": path}
    return make_stage(profile, f"evaluation-{method}-{profile.regime}", work, settings, inputs, code, ("samples.parquet",))


STAGES = {"data": data, "base": base_by_recipe, "sft": sft, "grpo": policy, "preference": model, "evaluate": evaluation}


def apply_arm(profile: Profile, arm: str) -> Profile:
    """The profile with an arm's changes."""
    changed = profile.model_dump()
    for key, value in ARMS[arm].items():
        section, field = key.split(".")
        changed[section][field] = value
    return Profile.model_validate(changed)


def make_stage(profile, stage, work, settings, inputs, code, outputs) -> Path:
    return run_stage(RUNS / profile.name, stage, work, settings=settings, inputs=inputs, code=code, outputs=outputs)


def _trained_on(profile: Profile, method: str) -> tuple[Profile, str, Path]:
    """(the profile that it was trained with, the method, the file of its rows or pairs)."""
    if method in ARMS:
        return apply_arm(profile, method), method, data(profile) / "rl.parquet"
    if method == "sft":
        return profile, method, data(profile) / "sft.parquet"
    from sp3f_lib.preference_stages import pairs_of

    return profile, method, pairs_of(profile, method)


def label(profile: Profile, what: str) -> str:
    """How a stage is called where it prints: with its regime, and its seed if there are several."""
    return f"{what} {profile.regime}" + (f" seed {profile.seed}" if profile.seed or profile.seeds > 1 else "")


def add_card(stage: Path, profile: Profile, method: str, rows_path: Path, evaluated: Path | None = None) -> None:
    """The model card beside a model; without an `evaluation` it is left as it is if it is there."""
    from sp3f_lib.evaluation.evaluate import read_samples, table
    from sp3f_lib.training.card import CARD, write_card

    if evaluated is None and (stage / CARD).is_file():
        return
    if rows_path.suffix == ".parquet":
        languages = Counter(row["extra_info"]["lang"] for row in read_rows(rows_path))
    else:
        languages = Counter(pair["lang"] for pair in read_json_lines(rows_path))
    results = table(read_samples({"": evaluated}), ("lang",)) if evaluated else None
    write_card(stage, profile, method, dict(languages), results)


def check_section(profile: Profile, section: str, method: str) -> None:
    """`ProfileError` if the section that a model is trained with is empty."""
    if not getattr(profile, section):
        where, other = f"profile {profile.name}, regime {profile.regime}", profile.methods.regime
        mend = f"--regime {other} has it" if section != "sft" and other not in (None, profile.regime) else "set it"
        if section == "dpo" and profile.methods.start != "dpo":
            mend = f"set it; methods.start is {profile.methods.start}, so ICR and LIDR do not need it (--arm start)"
        raise ProfileError(f"{where}: {method} needs the section {section}, which is empty; {mend}")


def how_trained(profile: Profile) -> dict:
    """What else decides the weights, where it is not the default: processes (they share a batch, and round differently), LoRA."""
    found = {"lora": profile.lora} if profile.lora else {}
    if profile.launch.accelerate != Launch().accelerate:
        found["launch"] = profile.launch.model_dump(include={"accelerate", "processes"})
    return found


def check_model(profile: Profile) -> None:
    """`ProfileError` if the profile names a model directory that is not there."""
    path, ours = profile.model.path, (*SHIPPED, RECIPE)
    if path not in ours and _looks_like_a_path(path) and not Path(path).is_dir():
        raise ProfileError(
            f"model.path: there is no directory {path!r}; give a model directory, a hub id, or {', '.join(ours)}"
        )


def _looks_like_a_path(path: str) -> bool:
    return path.startswith((".", "/", "~")) or path.count("/") != 1
