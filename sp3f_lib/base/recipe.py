"""Makes a base model of the lab by its recipe (the profile's sections `lab` and `base`), measures it, and writes its card.

The same recipe on another processor gives other bits: a model is compared with the shipped one by what it can do, within intervals.
"""

import json
import platform
import shutil
from importlib import metadata
from pathlib import Path

import pandas as pd

from sp3f_lib.base.abilities import abilities, compare, meets_goals
from sp3f_lib.base.model import base_rows, new_model, train_tokenizer
from sp3f_lib.generation.local import load_model
from sp3f_lib.lab.shipped import CARD, FOLDER, SHIPPED, read_card
from sp3f_lib.machine import processor
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import sha256_file, write_text
from sp3f_lib.training.common import METRICS, MODEL
from sp3f_lib.training.sft import train_on_examples

LARGEST_BYTES = 5_000_000


def make_base(directory: Path, profile: Profile) -> None:
    """Trains into `directory/model`; beside it the card, as JSON (for programs) and README.md with curve.png (for people).

    These four are what is shipped.
    """
    train_base(directory, profile)
    path = directory / MODEL
    print("base: measuring what it can do in each language", flush=True)
    found = abilities(*load_model(str(path)), ["en", *profile.lab.shares], profile.lab.measured)
    logged = pd.read_json(directory / METRICS, lines=True) if (directory / METRICS).is_file() else pd.DataFrame()
    curve = logged.reindex(columns=["step", "loss"]).round(4)
    weights = path / "model.safetensors"
    card = {
        "seed": profile.seed,
        "recipe": {"lab": profile.lab.model_dump(), "base": profile.base},
        "sha256": sha256_file(weights),
        "bytes": weights.stat().st_size,
        "machine": f"{processor()}, {profile.lab.threads or profile.threads} threads, torch {metadata.version('torch')}, "
        f"Python {platform.python_version()}",
        "abilities": found.round(4).to_dict("records"),
        "curve": curve.to_dict("records"),
    }
    write_text(directory / CARD, json.dumps(card, indent=1))
    write_text(directory / "README.md", readme(card))
    _draw(curve, directory / "curve.png")
    shutil.rmtree(directory / "tokenizer", ignore_errors=True)


def train_base(directory: Path, profile: Profile) -> None:
    """Trains a lab base model by the recipe into `directory/model`."""
    recipe = profile.lab
    print("base: writing its texts and training a tokenizer", flush=True)
    tokenizer = train_tokenizer(recipe, tuple(recipe.shares), directory / "tokenizer")
    model = new_model(recipe, tokenizer, profile.seed)
    train_on_examples(directory, profile, profile.base, model, tokenizer, base_rows(recipe, profile.seed), "base")


def readme(card: dict) -> str:
    """The model card, for people."""
    table = pd.DataFrame(card["abilities"])
    wide = table.assign(text=[f"{100 * r.mean:.0f} [{100 * r.low:.0f}, {100 * r.high:.0f}]" for r in table.itertuples()])
    wide = wide.pivot(index="lang", columns="ability", values="text").fillna("")
    columns = [name for name in ("reads", "writes", "obeys", "translates", "translates back") if name in wide]
    wide = wide.loc[list(dict.fromkeys(table.lang)), columns]
    recipe = card["recipe"]["lab"]
    rows = ["| language | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    rows += [f"| {lang} | " + " | ".join(row) + " |" for lang, row in zip(wide.index, wide.to_numpy(), strict=True)]
    every = max(1, len(card["curve"]) // 8)
    curve = ", ".join(f"{row['step']}: {row['loss']:.3f}" for row in card["curve"][::every])
    return (
        "---\nlicense: apache-2.0\nlibrary_name: transformers\npipeline_tag: text-generation\n"
        f"language: [{', '.join(wide.index)}]\n---\n"
        f"# Base model of the lab, seed {card['seed']}\n\n"
        f"A Llama of {recipe['layers']} layers, width {recipe['hidden_size']}, {_size(card['bytes'])}, trained from scratch by "
        "`make base` on arithmetic word problems of its own world (`sp3f_lib/lab/problems.py`). It reads all its languages, "
        'answers in English by itself, writes the others when it is told to ("answer in X"), and translates solutions: a base '
        "that can read and hardly write, as the papers' base models are. It knows nothing else.\n\n"
        f"Greedy, in %, with 95 % Wilson intervals, {int(table.n.max())} problems a cell that no training holds:\n\n"
        + "\n".join(rows)
        + "\n\n*reads*: right, in whatever language; *writes*: right and in the language, unasked; *obeys*: right and in X behind "
        '"answer in X"; *translates*: every calculation of a solution kept, from English and back.\n\n'
        f"Training loss by step: {curve}.\n\n![Training loss](curve.png)\n\n"
        f"Recipe: sections `lab` and `base` of `lab_base.json`. Made on: {card['machine']}. SHA-256 of the weights: "
        f"`{card['sha256']}`.\n"
    )


def _draw(curve: pd.DataFrame, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
    axis.semilogy(curve.step, curve.loss)
    axis.set(xlabel="step", ylabel="loss (nats a token of the answer)")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _size(size: int) -> str:
    """A file's size for people."""
    return f"{size / 1e6:.1f} MB in float32"


def report(directory: Path) -> str:
    """What a base model made here can do beside the shipped one, and whether they agree."""
    card = read_card(directory)
    found = pd.DataFrame(card["abilities"])
    lines = [f"base: {card['bytes'] / 1e6:.2f} MB, {directory / MODEL}"]
    lines += [f"  not as wanted: {line}" for line in meets_goals(found)] or ["  every goal is met"]
    if card["bytes"] > LARGEST_BYTES:
        lines.append(f"  larger than what may be shipped ({LARGEST_BYTES / 1e6:.0f} MB)")
    for name, folder in SHIPPED.items():
        shipped = FOLDER / folder
        if not (shipped / CARD).is_file():
            continue
        both = compare(found, pd.DataFrame(read_card(shipped)["abilities"]))
        other = both[~both.agrees]
        lines.append(
            f"  beside the shipped {name}: {len(both) - len(other)} of {len(both)} shares agree within their intervals"
        )
        lines += [
            f"    {row.ability} {row.lang}: {100 * row.mean:.0f} % here, {100 * (row.mean - row.difference):.0f} % shipped"
            for row in other.itertuples()
        ]
    return "\n".join(lines)
