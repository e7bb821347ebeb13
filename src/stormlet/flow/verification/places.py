"""Where a source finds something in a request: `header:NAME`, or a JSONPath into the body. Compiled when it is loaded."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from stormlet.foundation.headers import Pairs, first_value
from stormlet.foundation.paths import PathError, compile_path
from stormlet.signatures.places import Place
from stormlet.signatures.places import read as read_place

Reader = Callable[[Pairs, Any], Any]
"""From headers and the decoded body to what stands at the place; None where nothing does."""

HEADER: Final = "header:"
_LONGEST: Final = 200
"""Longer texts are told apart by their hash: an id is a key in the database, and a stranger should not choose its size."""


def compile_place(text: str) -> Reader:
    """Return the function that reads a place.

    Raises:
        PathError: the text names no place.
    """
    if text.startswith(HEADER):
        name = text.removeprefix(HEADER).strip().lower()
        if not name:
            raise PathError("`header:` needs the name of a header")
        return lambda headers, document: first_value(headers, name) or None
    if not text.startswith("$"):
        raise PathError("a place is `header:NAME`, or a JSONPath that begins with `$`")
    look_up = compile_path(text)
    try:
        look_up({})
    except Exception as error:  # noqa: BLE001 - a border: what jsonpath-ng parses but does not implement, it says when asked
        raise PathError(str(error) or "this kind of path is not implemented") from None
    return lambda headers, document: look_up(document)


def reader_of(place: Place) -> Reader:
    """Return the function that reads a place that a scheme names by itself."""
    return lambda headers, document: read_place(place, headers, document) or None


def as_text(value: Any) -> str:
    """Return what stands at a place as a text; empty for nothing, and for what is no single value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def joined(readers: Sequence[Reader], headers: Pairs, document: Any) -> str:
    """Return the texts at several places as one that tells them apart; empty where one of them is missing."""
    texts = [as_text(reader(headers, document)) for reader in readers]
    if not texts or not all(texts):
        return ""
    return bounded(texts[0] if len(texts) == 1 else msgspec.json.encode(texts).decode())


def bounded(text: str) -> str:
    """Return the text, or a hash of it where it is longer than a key should be."""
    if len(text) <= _LONGEST:
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
