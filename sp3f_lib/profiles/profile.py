"""Profiles: one YAML file says everything about an experiment, and nothing in it can be misspelt.

The sections `base`, `sft`, `alignment`, `grpo`, `dpo` and `preference` hold fields of TRL's own `SFTConfig`, `GRPOConfig` and
`DPOConfig`, `lora` those of peft's `LoraConfig`, the others fields of the classes in the files `*section*.py` here. `regimes`
and `sources` are named sets of changes, chosen by `regime` and `data.source`. Overrides (notebook parameters, `--set`) are dotted:
`{"grpo.max_steps": 20}`. Order: file, source, regime, overrides.
"""

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from sp3f_lib.profiles.judge_section import Judge
from sp3f_lib.profiles.methods_section import Methods, SelfTranslation
from sp3f_lib.profiles.section import FOLDER, ProfileError, Section, nearest
from sp3f_lib.profiles.sections import (
    Alarms,
    Data,
    Evaluation,
    Hint,
    LabModel,
    Launch,
    Model,
    Rewards,
    Teacher,
    Tracking,
)
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.runs import write_text

TRL_SECTIONS = {
    "base": "SFTConfig",
    "sft": "SFTConfig",
    "grpo": "GRPOConfig",
    "dpo": "DPOConfig",
    "preference": "DPOConfig",
    "alignment": "SFTConfig",
    "lora": "LoraConfig",
}
# Set by the stages themselves; a profile that sets them would break resuming or the run directories.
_OURS = {"output_dir", "disable_tqdm", "seed", "data_seed", "reward_weights", "log_completions", "logging_dir", "report_to"}

_NUMBER = re.compile(r"[-+]?[\d.]+[eE][-+]?\d+")


class Profile(Section):
    """Everything about one experiment, checked."""

    name: str = Field(description="of the folder runs/<name>")
    seed: int = Field(0, description="of data, SFT and RL; the evaluation has its own")
    seeds: int = Field(1, gt=0, description="how many seeds, from `seed` on, the notebooks run in this regime")
    regime: str = Field("warm", description="which of the named sets of changes in the file")
    experiments: tuple[str, ...] = Field(("warm",), description="the regimes that the notebooks run")
    threads: int | None = Field(None, description="of one stage; null: as many as torch takes")
    parallel: int = Field(1, gt=0, description="stages that run side by side on this machine")
    arms: tuple[str, ...] = Field(description="models that the notebooks train beside base and sft")
    model: Model = Model()
    lab: LabModel = LabModel()
    data: Data
    translate: Translate = Translate()
    base: dict[str, Any] = Field(default_factory=dict)
    sft: dict[str, Any] = Field(default_factory=dict)
    grpo: dict[str, Any] = Field(default_factory=dict)
    dpo: dict[str, Any] = Field(default_factory=dict, description="of the English starting point of ICR and LIDR")
    preference: dict[str, Any] = Field(default_factory=dict, description="of one iteration of ICR or LIDR")
    alignment: dict[str, Any] = Field(default_factory=dict, description="of LIDR's SFT baseline")
    methods: Methods = Methods()
    rewards: Rewards = Rewards()
    judge: Judge = Judge()
    hint: Hint = Hint()
    teacher: Teacher = Teacher()
    self_translation: SelfTranslation = SelfTranslation()
    alarms: Alarms = Alarms()
    tracking: Tracking = Tracking()
    evaluation: Evaluation = Evaluation()
    launch: Launch = Launch()
    lora: dict[str, Any] = Field(default_factory=dict, description="empty: all weights are trained")

    @field_validator(*TRL_SECTIONS)
    @classmethod
    def _numbers(cls, section):
        # YAML reads 2e-4 as text (it wants 2.0e-4); TRL would fail on it much later.
        return {k: float(v) if isinstance(v, str) and _NUMBER.fullmatch(v) else v for k, v in section.items()}

    @model_validator(mode="after")
    def _folder_is_read(self):
        if self.data.source == "lab" and self.data.folder:
            raise ValueError("data.folder: the lab makes its own problems; set data.source to mgsm, sp3f or rows")
        return self

    @model_validator(mode="after")
    def _trl_fields(self):
        for section, cls in TRL_SECTIONS.items():
            known = trl_fields(cls) if getattr(self, section) else ()
            for key in getattr(self, section):
                if key in _OURS:
                    raise ValueError(f"{section}.{key} is set by the stage itself; remove it from the profile")
                steps = getattr(self, section)[key]
                if key == "max_steps" and not (isinstance(steps, int) and steps > 0):
                    raise ValueError(
                        f"{section}.max_steps must be positive, not {steps!r}: nothing would be trained; "
                        f"to train by epochs leave it out and set {section}.num_train_epochs"
                    )
                if key not in known:
                    raise ValueError(f"unknown key {section}.{key}{nearest(key, known)} (fields of {cls})")
        return self


def load_profile(name: str | Path, overrides: dict | None = None, **parameters) -> Profile:
    """The profile `name` (lab, gpu1, paper, or the path of a YAML file) with changes, or `ProfileError`.

    `parameters` are the top-level choices of a notebook (`seed=1`, `regime="cold"`, `source="mgsm"`, `folder=...`,
    `model=...`); those that are None are ignored. `overrides` are dotted or nested and win over everything.

    >>> load_profile("lab", {"grpo.max_steps": 3}).grpo["max_steps"]
    3
    """
    raw = _read(name)
    short = {"source": "data.source", "folder": "data.folder", "model": "model.path"}
    chosen = {short.get(k, k): v for k, v in parameters.items() if v is not None and v != ""}
    overrides = chosen | _flatten(overrides or {})
    regimes, sources = raw.pop("regimes", {}), raw.pop("sources", {})
    source = overrides.get("data.source", raw.get("data", {}).get("source", "lab"))
    if source in sources:
        raw = _merge(raw, sources[source])
    regime = overrides.get("regime", raw.get("regime", "warm"))
    known = regimes or {raw.get("regime", "warm"): {}}
    if regime not in known:
        raise ProfileError(f"unknown regime {regime!r} in profile {name}{nearest(regime, known)}")
    raw = _merge(raw, known[regime])
    for key, value in overrides.items():
        section, _, field = key.partition(".")
        before = raw.get(section, {}).get(field) if section in TRL_SECTIONS else None  # pydantic checks the other sections
        if isinstance(value, str) and isinstance(before, int | float) and not _NUMBER.fullmatch(value):
            raise ProfileError(f"{key}: {value!r} is not a number (the profile has {before})")
        raw = _merge(raw, _nest(key, value))
    try:
        return Profile.model_validate(raw)
    except ValidationError as error:
        raise ProfileError(explain(error, name)) from None


def profile_names() -> list[str]:
    """The profiles in the repository."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def save_profile(profile: Profile, path: Path) -> Path:
    """Writes the resolved profile, so that another process runs exactly this one."""
    write_text(path, yaml.safe_dump(profile.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
    return path


@cache
def trl_fields(cls: str) -> frozenset[str]:
    """Field names of a TRL or peft config class, read from the source of the installed libraries.

    Importing TRL takes five seconds; a notebook that only checks a spelling should not wait for that.
    """
    trl, transformers, peft = (Path(find_spec(name).origin).parent for name in ("trl", "transformers", "peft"))
    places = {
        "SFTConfig": trl / "trainer" / "sft_config.py",
        "GRPOConfig": trl / "trainer" / "grpo_config.py",
        "DPOConfig": trl / "trainer" / "dpo_config.py",
        "_BaseConfig": trl / "trainer" / "base_config.py",
        "TrainingArguments": transformers / "training_args.py",
        "LoraConfig": peft / "tuners" / "lora" / "config.py",
        "PeftConfig": peft / "config.py",
    }
    for node in ast.parse(places[cls].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == cls:
            own = {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
            bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in places]
            return frozenset(own.union(*(trl_fields(base) for base in bases)))
    raise ProfileError(f"no class {cls} in {places[cls]}: this TRL is not the one that the constraints file pins")


def _read(name: str | Path) -> dict:
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise ProfileError(f"unknown profile {str(name)!r}{nearest(str(name), profile_names())}; or give a .yaml file")
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(raw, dict):
        raise ProfileError(f"{path} is not a mapping of sections")
    # Stages save resolved profiles in runs/<name>/profiles; any other copy would share runs/ and figures/ with the original.
    if path.parent.name != FOLDER.name and raw.get("name") in profile_names():
        raise ProfileError(
            f"{path}: `name: {raw['name']}` is the name of a shipped profile, whose runs/ and figures/ it would share; "
            "give it a name of its own"
        )
    return raw


def _merge(old: dict, new: dict) -> dict:
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _flatten(nested: dict, prefix: str = "") -> dict:
    flat = {}
    for key, value in nested.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _nest(dotted: str, value) -> dict:
    for part in reversed(dotted.split(".")):
        value = {part: value}
    return value


def explain(error: ValidationError, name) -> str:
    """All that is wrong with a profile, a line each, in its own words and with the nearest known ones."""
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"unknown key {where}{nearest(item['loc'][-1], _annotation(item['loc'][:-1]).model_fields)}")
        elif item["type"] == "literal_error":
            known = item["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            lines.append(f"{where}: unknown value {item['input']!r}{nearest(item['input'], known)}")
        elif wanted := _list_wanted(item):
            key = ".".join(part for part in item["loc"] if isinstance(part, str))
            lines.append(f"{key}: give {wanted}, not {_as_written(item['input'])}")
        else:
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"{where}: {message}" if where else message)
    return f"profile {name}: " + "\n  ".join(lines)


def _annotation(keys):
    """The type of a section or field of a profile."""
    found = Profile
    for part in keys:
        found = found.model_fields[part].annotation
    return found


def _list_wanted(item: dict) -> str | None:
    """What a list in a profile holds, with an example: `a list of two numbers, such as [0.15, 0.6]`. None for other errors."""
    too_few = item["type"] == "missing" and isinstance(item["loc"][-1], int)
    if not too_few and item["type"] not in ("tuple_type", "too_short", "too_long"):
        return None
    annotation = _annotation(part for part in item["loc"] if isinstance(part, str))
    kinds = [get_args(kind) for kind in (annotation, *get_args(annotation)) if get_origin(kind) is tuple]
    if not kinds:
        return None
    holds, given = kinds[0], item["input"]
    name = "number" if {int, float} & {holds[0], *get_args(holds[0])} else "name"
    if holds[-1] is not Ellipsis:  # prices are the only list of a fixed length
        return f"a list of two {name}s, such as [0.15, 0.6]"
    if isinstance(given, list | tuple):
        return f"a list of at least one {name}"
    return f"a list of {name}s" + (f", such as {_as_written([given])}" if isinstance(given, str | int | float) else "")


def _as_written(value) -> str:
    """A value as it stands in YAML."""
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).removesuffix("...\n").strip()
