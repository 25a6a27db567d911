"""What all sections of a profile share: unknown fields are refused, and an error names the nearest known word."""

from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FOLDER = Path(__file__).parent


class ProfileError(ValueError):
    """A profile or an override that cannot be right; the message names the key and the nearest known one."""


def nearest(word: str, known) -> str:
    """The end of an error message: the known word nearest to `word`, or all of them."""
    near = get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.5)
    return f"; nearest known: {near[0]!r}" if near else f"; known: {', '.join(sorted(map(str, known)))}"


class Section(BaseModel):
    # Defaults too: a 0 where 0.0 is meant would be another key once the profile has been saved and read.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
