"""The model card beside each final checkpoint: `README.md` in the folder of its stage, next to `model/`.

It says what somebody who finds the model must know: data and languages, what was rewarded, which judge with which prompt and what
it cost, the settings, and the results with their intervals. Written when the training ends, and again with results when the
model has been evaluated. It is no output of the stage: money and dates differ between equal runs, the weights do not.
"""

from collections import Counter
from pathlib import Path

import pandas as pd
import yaml

from sp3f_lib.data.schema import read_json_lines, read_rows
from sp3f_lib.evaluation.score import read_samples, table
from sp3f_lib.judges.asks import version_of
from sp3f_lib.judges.ledger import Ledger, Spent
from sp3f_lib.judges.recorded import run_label
from sp3f_lib.lab.shipped import OURS, SMOLLM2
from sp3f_lib.methods.models import find
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import read_manifest, write_text

CARD = "README.md"


def write_card(
    stage: Path, profile: Profile, method: str, languages: dict[str, int], results: pd.DataFrame | None = None
) -> Path:
    """Writes the card of `method` into the folder of its stage; `languages` maps each to its number of training rows.

    `results` is `evaluation.score.table(samples, ("lang",))`, or None before the evaluation.
    """
    path = stage / CARD
    write_text(path, card(stage, profile, method, languages, results))
    return path


def add_card(stage: Path, profile: Profile, method: str, rows_path: Path, evaluated: Path | None = None) -> None:
    """The model card beside a model; without an `evaluated` stage it is left as it is if it is there."""
    if evaluated is None and (stage / CARD).is_file():
        return
    if rows_path.suffix == ".parquet":
        languages = Counter(row["extra_info"]["lang"] for row in read_rows(rows_path))
    else:
        languages = Counter(pair["lang"] for pair in read_json_lines(rows_path))
    results = table(read_samples({"": evaluated}), ("lang",)) if evaluated else None
    write_card(stage, profile, method, dict(languages), results)


def card(stage: Path, profile: Profile, method: str, languages: dict[str, int], results: pd.DataFrame | None) -> str:
    """The text of the card."""
    found = find(method)
    entry, section = found.entry, found.entry.section
    paper = f" ([arXiv {entry.paper}](https://arxiv.org/abs/{entry.paper}))" if entry.paper else ""
    preferred = entry.work is not None  # made of its own answers
    source = (preferred and section != "sft" and profile.methods.prompts) or profile.data.source
    manifest, trained = read_manifest(stage) or {}, getattr(profile, section or "base")
    how_made = entry.about + (f", iteration {found.iteration}" if entry.iterated else "")
    head = {
        "language": sorted(languages),
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["multilingual", "reasoning", method],
    }
    if profile.model.path == SMOLLM2:
        head |= {"base_model": "HuggingFaceTB/SmolLM2-135M-Instruct", "license": "apache-2.0"}
    elif profile.model.path not in OURS:
        head["base_model"] = profile.model.path
    parts = [
        f"---\n{yaml.safe_dump(head, sort_keys=False).strip()}\n---\n",
        f"# {profile.name} / {method} / {profile.regime}, seed {profile.seed}\n",
        f"Made by {how_made}{paper}, with sp3f-lib at commit {manifest.get('git_commit') or 'unknown'}.\n",
        "## Data\n",
        f"Source: `{source}`. Training rows or pairs by language: "
        + ", ".join(f"{lang} {count}" for lang, count in sorted(languages.items()))
        + ".\n",
    ]
    if section == "grpo":
        rewards = profile.rewards
        weights = rewards.model_dump(exclude={"more", "language_shape", "language_bonus"}) | rewards.more
        listed = [f"{name} {value:g}" for name, value in weights.items()]
        if rewards.language_shape != "add":
            listed.append(f"language {rewards.language_shape} (rewards/shapes.py)")
        parts += ["## Rewards\n", ", ".join(listed) + ".\n"]
        if profile.rewards.win_rate:
            parts += ["## Judge\n", _judge(stage, profile) + "\n"]
    how = {"lora": profile.lora} if profile.lora else {}
    how |= {"launch": profile.launch.model_dump(include={"accelerate", "processes"})}
    if section == "grpo":
        how |= {name: part.model_dump() for name in ("hint", "teacher") if (part := getattr(profile, name)).use}
    how |= {"methods": profile.methods.model_dump(exclude={"server", "engine", "regime"})} if preferred else {}
    how |= {"self_translation": profile.self_translation.model_dump()} if preferred and section == "sft" else {}
    settings = yaml.safe_dump(trained | how, sort_keys=False).strip()
    parts += ["## Settings\n", f"Base model: `{profile.model.path}`.\n\n```yaml\n{settings}\n```\n"]
    parts += ["## Results\n", _results(results) if results is not None else "Not evaluated yet.\n"]
    if versions := manifest.get("versions"):
        parts += ["## Made with\n", ", ".join(f"{name} {version}" for name, version in versions.items()) + ".\n"]
    return "\n".join(parts)


def _judge(stage: Path, profile: Profile) -> str:
    judge = profile.judge
    who = judge.name if judge.name == "alignment" else judge.model
    said = f"`{who}`, shown: {judge.privilege}; schedule {judge.schedule}"
    said += f", {judge.calls} calls a group" if judge.calls else ""
    said += f", reward {judge.reward}" if judge.reward != "win_rate" else ""
    if judge.name == "alignment":
        noise = {name: getattr(judge, name) for name in ("accuracy", "slot_bias", "missing")}
        spoilt = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in noise.items())
        exact = tuple(noise.values()) == (1.0, 0.0, 0.0)
        return said + ". Embedded, no prompt, no cost." + ("" if exact else f" Spoilt on purpose: {spoilt}.")
    if judge.name == "implicit":
        return f"{said}. Rewards of `{judge.model}` against `{judge.reference_model}`, no prompt, no cost."
    spent = Ledger(judge.ledger).spent(run_label(stage)) if Path(judge.ledger).is_file() else Spent()
    priced = f"{spent.usd:.2f} USD" + (f" and {spent.unpriced} calls of unknown price" if spent.unpriced else "")
    tokens = f"{spent.tokens_in:,} tokens in, {spent.tokens_out:,} out"
    calls = f"{spent.calls:,} calls, {spent.verdicts:,} of them with a verdict ({spent.failed:,} more failed)"
    return f"{said}; prompt {version_of(judge.schedule)}. {calls}, {tokens}, {priced}."


def _results(results: pd.DataFrame) -> str:
    lines = ["| language | metric | % | 95 % interval | problems | answers |", "| --- | --- | --- | --- | --- | --- |"]
    for row in results.sort_values(["metric", "lang"]).itertuples():
        span = f"{100 * row.low:.1f} to {100 * row.high:.1f}"
        lines.append(f"| {row.lang} | {row.metric} | {100 * row.mean:.1f} | {span} | {row.problems} | {row.answers} |")
    return "\n".join(lines) + "\n\nIntervals are over problems; they do not cover what another training seed would change.\n"
