"""The model card beside each final checkpoint: `README.md` in the folder of its stage, next to `model/`.

It says what somebody who finds the model must know: data and languages, what was rewarded, which judge with which prompt and what
it cost, the settings, and the results with their intervals. Written when the training ends, and again with results when the
model has been evaluated. It is no output of the stage: money and dates differ between equal runs, the weights do not.
"""

from pathlib import Path

import pandas as pd
import yaml

from sp3f_lib.judges.ledger import Ledger, Spent
from sp3f_lib.judges.prompts import VERSION
from sp3f_lib.judges.recorded import run_label
from sp3f_lib.lab.shipped import RECIPE, SHIPPED
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import read_manifest, write_text
from sp3f_lib.stages import ARMS, iteration_of

CARD = "README.md"
_METHODS = {
    "base": "the base model",
    "sft": "supervised fine-tuning on translated English solutions (stage 1 of SP3F)",
    "rlvr": "GRPO with verifiable rewards alone (no judge)",
    "rlvr_without_fidelity": "GRPO with accuracy and format alone (no judge, no language term)",
    "judge_unprivileged": "GRPO with a pairwise judge that does not see the reference",
    "sp3f": "SP3F: GRPO with a privileged pairwise judge",
    "judge_only": "GRPO with the privileged pairwise judge alone",
    "sp3f_implicit": "GRPO with ICR's implicit reward as the pairwise judge",
    "dpo": "DPO on verified English answers: the model that ICR and LIDR start from",
    "lidr_sft": "supervised fine-tuning on the model's own translated English answers (LIDR's baseline)",
    "icr": "ICR: DPO + NLL on pairs chosen by the implicit reward, conditioned on the English prompt",
    "icr_m": "ICR with the reward conditioned on the prompt in the language",
    "icr_t": "ICR with the reward of the translated response",
    "lidr": "LIDR: DPO + NLL on self-translated English answers over own answers",
    "lidr_content": "LIDR on those pairs alone whose sides are in the same language",
    "lidr_language": "LIDR on pairs that differ in language alone",
}
_PAPERS = {"icr": "2503.04647", "lidr": "2410.08964"}


def write_card(
    stage: Path, profile: Profile, method: str, languages: dict[str, int], results: pd.DataFrame | None = None
) -> Path:
    """Writes the card of `method` into the folder of its stage; `languages` maps each to its number of training rows.

    `results` is `evaluation.evaluate.table(samples, ("lang",))`, or None before the evaluation.
    """
    path = stage / CARD
    write_text(path, card(stage, profile, method, languages, results))
    return path


def card(stage: Path, profile: Profile, method: str, languages: dict[str, int], results: pd.DataFrame | None) -> str:
    """The text of the card."""
    name, iteration = iteration_of(method) or (method, None)
    paper = _PAPERS.get(name.split("_")[0], "2601.18722")
    preferred = _section(method) in ("preference", "alignment")
    source = (preferred and profile.methods.prompts) or profile.data.source
    manifest, trained = read_manifest(stage) or {}, getattr(profile, _section(method))
    how_made = _METHODS.get(name, name) + (f", iteration {iteration}" if iteration else "")
    head = {
        "language": sorted(languages),
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["multilingual", "reasoning", method],
    }
    if profile.model.path not in (*SHIPPED, RECIPE):
        head["base_model"] = profile.model.path
    parts = [
        f"---\n{yaml.safe_dump(head, sort_keys=False).strip()}\n---\n",
        f"# {profile.name} / {method} / {profile.regime}, seed {profile.seed}\n",
        f"Made by {how_made} ([arXiv {paper}](https://arxiv.org/abs/{paper})), with sp3f-lib "
        f"at commit {manifest.get('git_commit') or 'unknown'}.\n",
        "## Data\n",
        f"Source: `{source}`. Training rows or pairs by language: "
        + ", ".join(f"{lang} {count}" for lang, count in sorted(languages.items()))
        + ".\n",
    ]
    if method in ARMS:
        weights = profile.rewards.model_dump()
        parts += ["## Rewards\n", ", ".join(f"{name} {value:g}" for name, value in weights.items()) + ".\n"]
        if profile.rewards.win_rate:
            parts += ["## Judge\n", _judge(stage, profile) + "\n"]
    how = {"lora": profile.lora} if profile.lora else {}
    how |= {"launch": profile.launch.model_dump(include={"accelerate", "processes"})}
    how |= {"methods": profile.methods.model_dump(exclude={"server", "engine", "regime"})} if preferred else {}
    settings = yaml.safe_dump(trained | how, sort_keys=False).strip()
    parts += ["## Settings\n", f"Base model: `{profile.model.path}`.\n\n```yaml\n{settings}\n```\n"]
    parts += ["## Results\n", _results(results) if results is not None else "Not evaluated yet.\n"]
    if versions := manifest.get("versions"):
        parts += ["## Made with\n", ", ".join(f"{name} {version}" for name, version in versions.items()) + ".\n"]
    return "\n".join(parts)


def _section(method: str) -> str:
    """The section of the profile that a method is trained with."""
    if method in ("base", "sft", "dpo"):
        return method
    return "grpo" if method in ARMS else "alignment" if method == "lidr_sft" else "preference"


def _judge(stage: Path, profile: Profile) -> str:
    judge = profile.judge
    said = f"`{judge.model or judge.name}`, shown: {judge.privilege}; schedule {judge.schedule}"
    if judge.name == "alignment":
        return said + ". Embedded, no prompt, no cost."
    if judge.name == "implicit":
        return f"{said}. Rewards of `{judge.model}` against `{judge.reference_model}`, no prompt, no cost."
    spent = Ledger(judge.ledger).spent(run_label(stage)) if Path(judge.ledger).is_file() else Spent()
    priced = f"{spent.usd:.2f} USD" + (f" and {spent.unpriced} calls of unknown price" if spent.unpriced else "")
    tokens = f"{spent.tokens_in:,} tokens in, {spent.tokens_out:,} out"
    calls = f"{spent.calls:,} calls, {spent.verdicts:,} of them with a verdict ({spent.failed:,} more failed)"
    return f"{said}; prompt {VERSION}. {calls}, {tokens}, {priced}."


def _results(results: pd.DataFrame) -> str:
    lines = ["| language | metric | % | 95 % interval | problems | answers |", "| --- | --- | --- | --- | --- | --- |"]
    for row in results.sort_values(["metric", "lang"]).itertuples():
        span = f"{100 * row.low:.1f} to {100 * row.high:.1f}"
        lines.append(f"| {row.lang} | {row.metric} | {100 * row.mean:.1f} | {span} | {row.problems} | {row.answers} |")
    return "\n".join(lines) + "\n\nIntervals are over problems; they do not cover what another training seed would change.\n"
