"""The reference of all settings, as Markdown, made from the sections: `sp3f settings` prints it, docs/settings.md holds it."""

import inspect
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from sp3f_lib.profiles.profile import TRL_SECTIONS, Profile

_HEAD = """# Settings

Every field of a profile (`sp3f_lib/profiles/*.yaml`), made by `sp3f settings` from the classes that check it. Change one by
`--set section.field=value`, or write a profile of your own: `--profile my.yaml`. A misspelt name is refused.
"""


def settings_reference() -> str:
    """One table a section: field, type, default, meaning."""
    parts = [_HEAD, "## Top level\n", _table("", Profile, lambda name, field: not _is_section(field.annotation))]
    for name, field in Profile.model_fields.items():
        if name in TRL_SECTIONS:
            about = f" ({field.description})" if field.description else ""
            parts.append(f"## {name}\n\nFields of `{TRL_SECTIONS[name]}`{about}, under their own names.\n")
        elif _is_section(field.annotation):
            parts.append(f"## {name}\n\n{inspect.cleandoc(field.annotation.__doc__)}\n")
            parts.append(_table(f"{name}.", field.annotation))
    return "\n".join(parts).rstrip() + "\n"


def _is_section(annotation) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _table(prefix: str, section: type[BaseModel], wanted=lambda name, field: True) -> str:
    lines = ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
    shared = set(section.model_fields) - set(section.__annotations__)  # with other sections: what is its own stands first
    for name, field in sorted(section.model_fields.items(), key=lambda item: item[0] in shared):
        if name in TRL_SECTIONS or not wanted(name, field):
            continue
        if _is_section(field.annotation):
            lines += _table(f"{prefix}{name}.", field.annotation).splitlines()[2:]
            continue
        meaning = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{prefix}{name}` | {_type(field.annotation)} | {_default(field)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _type(annotation) -> str:
    """A type in words.

    >>> _type(tuple[str, ...] | None), _type(Literal["a", "b"]), _type(dict[str, float])
    ('list of text, or null', '`a`, `b`', 'mapping of number')
    """
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        kinds = [_type(kind) for kind in inside if kind is not type(None)]
        return " or ".join(kinds) + (", or null" if type(None) in inside else "")
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin is tuple:
        return "list of " + _type(inside[0])
    if origin is dict:
        return "mapping" if inside[1:] == () or "Any" in str(inside[1]) else "mapping of " + _type(inside[1])
    if hasattr(annotation, "__metadata__"):
        return _type(inside[0])
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(annotation, "value")


def _default(field) -> str:
    if field.default_factory is not None:
        return "empty"
    value = field.default
    if value is PydanticUndefined:
        return "must be given"
    if isinstance(value, tuple):
        return f"`[{', '.join('null' if one is None else str(one) for one in value)}]`"
    return "`null`" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"
