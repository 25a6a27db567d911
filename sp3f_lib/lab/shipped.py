"""The base model that comes with the package, as users get every pretrained model: weights, tokenizer, card.

- `model.path: lab`: the shipped one, from which all regimes start;
- `model.path: recipe`: one that is trained here by the profile's sections `lab` and `base` (`make base`).
"""

import json
from pathlib import Path

from sp3f_lib.runs import StageError, sha256_file

SHIPPED = {"lab": "base-0"}
RECIPE = "recipe"
CARD = "lab_base.json"


def shipped_base(name: str) -> Path:
    """The model directory of a shipped base; `StageError` if its weights are not those that its card names."""
    folder = Path(__file__).parent / SHIPPED[name]
    weights = folder / "model" / "model.safetensors"
    if not weights.is_file():
        raise StageError(f"{weights} is missing: the checkout is incomplete; `git checkout -- {folder}`, or install again")
    if sha256_file(weights) != read_card(folder)["sha256"]:
        raise StageError(f"{weights} is not the shipped file (its hash differs from {CARD}): `git checkout -- {folder}`")
    return weights.parent


def read_card(folder: Path) -> dict:
    """What the card beside a base model says: `seed`, `recipe`, `sha256` of the weights, `abilities`, `curve`, `machine`.

    It stands in the folder above the model, so that another word in it is no other model.
    """
    return json.loads((Path(folder) / CARD).read_text(encoding="utf-8"))
