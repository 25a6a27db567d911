"""The reference of settings: every field is in it, and docs/settings.md is what the sections say today."""

from pydantic import BaseModel

from sp3f_lib.profiles import Profile
from sp3f_lib.profiles.profile import TRL_SECTIONS
from sp3f_lib.profiles.reference import settings_reference

from ..toy import REPOSITORY


def test_the_page_is_current():
    assert (REPOSITORY / "docs" / "settings.md").read_text() == settings_reference(), "sp3f settings > docs/settings.md"


def test_every_field_stands_in_it():
    text = settings_reference()
    for name, field in Profile.model_fields.items():
        if name in TRL_SECTIONS:
            assert f"## {name}\n\nFields of `{TRL_SECTIONS[name]}`" in text
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            assert all(f"`{name}.{inner}" in text for inner in field.annotation.model_fields)
        else:
            assert f"| `{name}` |" in text
