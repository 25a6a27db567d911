"""`sp3f settings`: every field of a profile, with its meaning."""

from sp3f_lib.commands.app import LOOK, verb
from sp3f_lib.profiles.reference import settings_reference


@verb(LOOK)
def settings() -> None:
    """Every field of a profile, its default and its meaning (docs/settings.md)."""
    print(settings_reference(), end="")
