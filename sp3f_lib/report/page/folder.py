"""The stages of a run folder: which method, regime and seed each finished one belongs to.

A manifest names its inputs by the hashes of their contents. So the seed of an evaluation is that of the model whose files have
the hash it names, the pairs of a method are the file that its training names, and a method's origin is the model it started
from. Of several finished stages of one name and seed (old settings beside new ones) the newest counts; or only those count that
were made with settings that are asked for (chosen.py).
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sp3f_lib.plots.theme import METHOD_NAMES
from sp3f_lib.profiles import nearest
from sp3f_lib.runs import MANIFEST, StageError, content_hash

NO_SEED = -1  # of a model that no training in this folder made: the base model, one from a hub
_EVALUATION = re.compile(r"evaluation-([^-]+)-(.+)")
_PAIRS = re.compile(r"(icr|icr_content|lidr)-pairs-(\d+)-(.+)|(dpo|dpo_graded|dpo_reference)-pairs-(.+)")
_TRAINING = re.compile(r"([^-]+)-(.+)")
# What ICR's pairs are called after, by the reward that chose them.
_REWARDS = {"R_m": "icr_m", "R_t": "icr_t"}


@dataclass(frozen=True)
class Stage:
    """A finished stage; `kind` is evaluation, training, pairs, data or other. Only the first three have method and regime."""

    name: str
    path: Path
    manifest: dict
    kind: str
    method: str = ""
    regime: str = ""
    seed: int = NO_SEED

    @property
    def inputs(self) -> dict:
        return self.manifest["inputs"]

    @property
    def outputs(self) -> dict[str, str]:
        """Content hash of each file that later stages read."""
        return {name: entry["sha256"] for name, entry in self.manifest["outputs"].items()}

    @property
    def judge(self) -> dict | None:
        """The settings of the judge that it was trained with."""
        return self.manifest["settings"].get("judge")

    @property
    def model_hash(self) -> str:
        """What a stage that reads the trained model names as its input; see `runs.outputs_hash` of a folder."""
        return content_hash({n.removeprefix("model/"): h for n, h in self.outputs.items() if n.startswith("model/")})


@dataclass(frozen=True)
class Run:
    """What is in a run folder. `pairs` are (method, regime, seed, file); `origins` maps (regime, method) to a method.

    `notes` are sentences about what was left out, and why.
    """

    folder: Path
    stages: list[Stage]
    pairs: list[tuple[str, str, int, Path]]
    origins: dict[tuple[str, str], str]
    notes: list[str]

    def of(self, kind: str) -> list[Stage]:
        return [stage for stage in self.stages if stage.kind == kind]

    @property
    def regimes(self) -> list[str]:
        """Of all evaluations, trainings and pairs, in the order in which they were first made."""
        return list(dict.fromkeys(stage.regime for stage in self.stages if stage.regime))


def read_run(folder: Path, regime: str | None = None, chosen: Callable[[Sequence[Stage]], set[Path]] | None = None) -> Run:
    """The stages below `folder`, of one regime or of all; `StageError` if there is no such folder, or nothing of that regime.

    `chosen` says of the stages that have a regime which ones count, by their paths; None: all.
    """
    if not folder.is_dir():
        raise StageError(f"there is no run at {folder}: give the folder of a profile, such as runs/lab")
    found = [_stage(path) for path in folder.glob(f"*/*/{MANIFEST}")]
    found.sort(key=_finished)
    seeds = {stage.model_hash: stage.seed for stage in found if stage.kind == "training"}
    models = {stage.model_hash: stage for stage in found if stage.kind == "training"}
    found = [
        replace(stage, seed=seeds.get(stage.inputs["model"], NO_SEED)) if stage.kind == "evaluation" else stage
        for stage in found
    ]
    if regime is not None:
        regimes = dict.fromkeys(stage.regime for stage in found if stage.regime)
        if regime not in regimes:
            raise StageError(
                f"{folder}: nothing is finished of regime {regime!r}{nearest(regime, regimes) if regimes else ''}"
            )
        found = [stage for stage in found if stage.regime in ("", regime)]
    if chosen:
        paths = chosen(found)
        found = [stage for stage in found if not stage.regime or stage.path in paths]
    stages = [stage for stage in found if stage.kind == "data"] + _newest(found)
    return Run(folder, stages, _pairs(stages, found), _origins(stages, models), _notes(folder, stages, models))


def method_order(method: str) -> tuple:
    """Sorts methods as everywhere: those of the theme first, in its order, then the others by name."""
    known = list(METHOD_NAMES)
    return (0, known.index(method), "") if method in known else (1, 0, method)


def _stage(path: Path) -> Stage:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    name, directory = manifest["stage"], path.parent
    if found := _EVALUATION.fullmatch(name):
        return Stage(name, directory, manifest, "evaluation", found[1], found[2])
    if found := _PAIRS.fullmatch(name):
        family = found[4] or _REWARDS.get(manifest["settings"].get("reward"), found[1])
        method = family if found[4] else f"{family}_{found[2]}"
        return Stage(name, directory, manifest, "pairs", method, found[5] or found[3])
    if name == "data":
        return Stage(name, directory, manifest, "data")
    trained = any(file.startswith("model/") for file in manifest["outputs"])
    if trained and (found := _TRAINING.fullmatch(name)):
        seed = manifest["settings"].get("seed")
        return Stage(name, directory, manifest, "training", found[1], found[2], NO_SEED if seed is None else int(seed))
    return Stage(name, directory, manifest, "other")


def _finished(stage: Stage) -> tuple[str, int, str, str]:
    """When: manifests say the second, and stages of toy size take less."""
    return stage.manifest["finished"], (stage.path / MANIFEST).stat().st_mtime_ns, stage.name, stage.path.name


def _newest(found: list[Stage]) -> list[Stage]:
    """Of each stage and seed the one that was finished last, in the order of methods; `found` is in the order of time."""
    last = {(s.name, s.method, s.seed): s for s in found if s.kind in ("evaluation", "training", "pairs")}
    first_seen = {regime: k for k, regime in reversed(list(enumerate(stage.regime for stage in found)))}
    return sorted(last.values(), key=lambda s: (s.kind, first_seen[s.regime], method_order(s.method), s.seed))


def _pairs(stages: list[Stage], found: list[Stage]) -> list[tuple[str, str, int, Path]]:
    """The file of pairs of each preference method: the one that its training names, or one that no training used yet."""
    sources = [stage for stage in found if stage.kind == "pairs"]
    files = {
        digest: stage.path / name for stage in sources for name, digest in stage.outputs.items() if name.endswith("jsonl")
    }
    trained = [s for s in stages if s.kind == "training" and s.inputs.get("pairs") in files]
    named = [(s.method, s.regime, s.seed, files[s.inputs["pairs"]]) for s in trained if s.method != "lidr_sft"]
    used = {path.parent for *_, path in named}
    rest = [s for s in stages if s.kind == "pairs" and s.path not in used]
    named += [(s.method, s.regime, s.seed, s.path / "pairs.jsonl") for s in rest if "pairs.jsonl" in s.outputs]
    return [entry for entry in named if entry[-1].is_file()]


def _origins(stages: list[Stage], models: dict[str, Stage]) -> dict[tuple[str, str], str]:
    """The method that each one was trained from, where that was evaluated in the same regime."""
    scored = {(s.regime, s.method): s.inputs["model"] for s in stages if s.kind == "evaluation"}
    named = {(regime, digest): method for (regime, method), digest in scored.items() if method != "start"}
    origins = {}
    for stage in stages:
        if stage.kind != "training":
            continue
        start = stage.inputs.get("start") or stage.inputs.get("base")
        before = models[start].method if start in models else named.get((stage.regime, start))
        if before and (stage.regime, before) in scored:
            origins[stage.regime, stage.method] = before
    return origins


def _notes(folder: Path, stages: list[Stage], models: dict[str, Stage]) -> list[str]:
    """What of the folder is not in the page, or not what one may think."""
    notes = []
    newest = {stage.path for stage in stages}
    for stage in stages:
        trained = models.get(stage.inputs.get("model")) if stage.kind == "evaluation" else None
        if trained and trained.path not in newest:
            notes.append(f"{stage.name}, seed {stage.seed}: the scores are those of an older model than the learning curve.")
    open_ones = [path for path in folder.glob("*/*/") if not (path / MANIFEST).is_file()]
    for path in sorted(open_ones):
        step = last_step(path / "metrics.jsonl")
        if step is not None:
            notes.append(f"{path.parent.name}/{path.name} is not finished (at step {step}): it is not shown.")
    return notes


def last_step(path: Path) -> int | None:
    """The last step in the `metrics.jsonl` of a stage that may be at work; None if nothing was logged."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []
    return json.loads(lines[-1]).get("step") if lines else None
