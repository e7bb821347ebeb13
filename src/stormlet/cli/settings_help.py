"""Every setting with its default, bounds and meaning, read from the one type that defines them."""

from collections.abc import Iterator
from typing import Any, NamedTuple, get_origin

import msgspec

from stormlet.foundation.settings import Settings

_SIGNS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


class SettingHelp(NamedTuple):
    """One setting."""

    section: str
    name: str
    default: Any
    bounds: str
    meaning: str


def sections() -> Iterator[tuple[str, str]]:
    """Yield each section's name and what it is about."""
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield field.name, (field.type.__doc__ or "").strip().splitlines()[0]


def settings() -> Iterator[SettingHelp]:
    """Yield all settings, section by section."""
    for section in msgspec.structs.fields(Settings):
        if not (isinstance(section.type, type) and issubclass(section.type, msgspec.Struct)):
            continue
        for field in msgspec.structs.fields(section.type):
            meta = _meta(field.type)
            yield SettingHelp(
                section.name, field.name, _default(field), _bounds(field.type, meta), str(meta.description)
            )


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default


def _meta(kind: Any) -> msgspec.Meta:
    return next(each for each in kind.__metadata__ if isinstance(each, msgspec.Meta))


def _bounds(kind: Any, meta: msgspec.Meta) -> str:
    bounds = [f"{sign} {value:g}" for name, sign in _SIGNS if (value := getattr(meta, name)) is not None]
    if meta.pattern:
        bounds.append(" or ".join(f"`{word}`" for word in meta.pattern.strip("^$()").split("|")))
    if get_origin(kind.__origin__) is list:
        bounds.append("a list")
    return ", ".join(bounds)
