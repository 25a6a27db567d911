"""What a named model is: `sft`, `sp3f`, `icr_2`, ... each made of a start, of rows or pairs, and of a training.

Every method declares its models (sp3f.py, icr.py, lidr.py), models.py holds the table, and pipeline/ makes whatever stands in it
without knowing a name. A new arm or control is one entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sp3f_lib.profiles import Profile


@dataclass(frozen=True)
class Given:
    """What is there before the rows of a model are made: the model that it starts from, its reference, its iteration (from 1)."""

    policy: Path | str
    reference: Path | str | None = None
    iteration: int = 1


@dataclass(frozen=True)
class Work:
    """What is made before the training of one model, at most: numbers of responses, translations, scores and pairs (or rows).

    `alone`: one process makes the scores, whatever the profile trains with.
    """

    prompts: int
    languages: int
    responses: int = 0
    translations: int = 0
    scores: int = 0
    pairs: int = 0
    what: str = "pairs"
    alone: bool = False

    def __str__(self) -> str:
        parts = [
            f"{getattr(self, name):,} {name}" for name in ("responses", "translations", "scores") if getattr(self, name)
        ]
        where = f" in {self.languages} languages" if self.languages > 1 else ""
        return f"made before, at most: {self.prompts:,} prompts{where} -> {' -> '.join(parts)} -> {self.pairs:,} {self.what}"


@dataclass(frozen=True)
class Named:
    """One entry of the table.

    - `about`: how it is made, for people; `paper`: an arXiv number, or nothing.
    - `start`: the name of the model that it starts from, or the field of the profile that names one (`methods.start`). A family
      with `iterated` has models `<name>_1`, `<name>_2`, ...: the first starts from `start`, each other from the one before.
    - `section`: the section of the profile that it is trained with; None: nothing is trained, it is its start by another name.
    - `changes`: what it changes in the profile, dotted.
    - `steps(profile, given)`: the finished stages that its rows come from, by what they hold, in order; it is trained on the file
      `rows` of the last of them.
    - `reference`: another model that its steps need, named as `start` is.
    - `check(profile)`: raises `ProfileError` or `StageError` for what would stop it, before anything is made.
    - `work(profile)`: what its steps make, for the forecast; None where that is next to nothing.
    """

    about: str
    paper: str
    start: str
    section: str | None = None
    changes: Mapping[str, object] = field(default_factory=dict)
    steps: Callable[[Profile, Given], dict[str, Path]] | None = None
    rows: str = ""
    reference: str | None = None
    iterated: bool = False
    check: Callable[[Profile], None] | None = None
    work: Callable[[Profile], Work] | None = None
