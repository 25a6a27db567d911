"""What each section of the profile trains with, and what decides its weights: the settings and the code in a stage's key."""

from collections.abc import Mapping
from pathlib import Path

from sp3f_lib.profiles import Launch, Profile

# Sections that are trained as another one: both are DPO + NLL.
KINDS = {"dpo": "preference"}
_COMMON = ("training/common.py", "generation/local.py", "generation/decode.py", "generation/token_step.py", "data/schema.py")
# Not all of judges/: how a judge is asked (retries, ledger, prices) may be mended within a run, what it is asked may not.
_REWARD_CODE = (
    "rewards", "languages.py", "judges/base.py", "judges/pairs.py", "judges/groups.py", "judges/prompts.py",
    "judges/score_prompt.py", "judges/list_prompt.py", "judges/asks.py", "judges/credit.py", "judges/noise.py",
    "judges/privilege.py", "judges/alignment.py", "judges/win_rates.py", "judges/bradley_terry.py",
)  # fmt: skip
CODE = {
    "sft": ("training/sft.py", *_COMMON),
    "alignment": ("training/sft.py", *_COMMON),
    "preference": ("training/preference.py", "training/fitting.py", *_COMMON),
    "grpo": (
        "training/policy.py",
        "training/grpo.py",
        "training/group_metrics.py",
        "training/early.py",
        "training/shared_prompts.py",
        *_COMMON,
        *_REWARD_CODE,
    ),
}
_IMPLICIT_CODE = ("judges/implicit.py", "generation/implicit_reward.py", "generation/scoring.py")
_HINT_CODE = ("training/hints.py",)
_TEACHER_CODE = ("training/teacher.py", "generation/translation.py")
# Where a vLLM server is may differ when a stage goes on; the policy does not.
_WHERE = {"vllm_server_base_url", "vllm_server_host", "vllm_server_port", "vllm_server_timeout", "vllm_group_port"}


def where_trained(profile: Profile, section: str, start: Path | str) -> Profile:
    """The profile that the training reads: its section under the name of its kind, and no revision but the base model's own."""
    kind = KINDS.get(section, section)
    model = profile.model if str(start) == profile.model.path else profile.model.model_copy(update={"revision": None})
    return profile.model_copy(update={kind: getattr(profile, section), "model": model})


def code_of(profile: Profile, kind: str, asked: Mapping[str, str]) -> tuple[str, ...]:
    """The files of the package that decide the weights. `asked`: models that are asked in training, by dotted field."""
    code = CODE[kind]
    if kind == "grpo":
        code += _IMPLICIT_CODE if "judge.model" in asked else ()
        code += _HINT_CODE if profile.hint.use else ()
        code += _TEACHER_CODE if profile.teacher.use else ()
    return code


def settings_of(profile: Profile, section: str, asked: Mapping[str, str]) -> dict:
    """What of the profile decides the weights. `asked`: models by dotted field, which are inputs of the stage."""
    trained = {key: value for key, value in getattr(profile, section).items() if key not in _WHERE}
    found = {section: trained, "seed": profile.seed, "threads": profile.threads}
    found |= {"model": profile.model.model_dump(include={"revision", "torch_dtype"})}
    if section == "grpo":
        judge = _without(profile.judge.measurement(), "judge", asked) if profile.rewards.win_rate else None
        found |= {"rewards": profile.rewards.model_dump(), "judge": judge}
        found |= {"hint": profile.hint.model_dump()} if profile.hint.use else {}
        found |= {"teacher": _without(profile.teacher.model_dump(), "teacher", asked)} if profile.teacher.use else {}
    # Where they are not the default: processes (they share a batch, and round differently), LoRA.
    if profile.lora:
        found["lora"] = profile.lora
    if profile.launch.accelerate != Launch().accelerate:
        found["launch"] = profile.launch.model_dump(include={"accelerate", "processes"})
    return found


def _without(settings: dict, section: str, asked: Mapping[str, str]) -> dict:
    """The settings of a section without the models that are asked."""
    return settings | {field: None for field in settings if f"{section}.{field}" in asked}
