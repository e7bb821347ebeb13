"""Where a sender puts its delivery id and its event type: in a header, or somewhere in the JSON body.

As data, so that deduplication, the trigger mapping and the docs read the same lines. Says nothing about whether the
place is signed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One place; exactly one of the two is set."""

    header: str = ""
    path: tuple[str, ...] = ()
    """Keys, from the outside in. A number as text is a position in a list."""

    def __str__(self) -> str:
        """Return how the docs write it."""
        return f"header `{self.header}`" if self.header else f"body `{'.'.join(self.path)}`"


def in_header(name: str) -> Place:
    """Return the place that is a header."""
    return Place(header=name)


def in_body(path: str) -> Place:
    """Return the place that is a dotted path in the JSON body."""
    return Place(path=tuple(path.split(".")))


def first(places: Sequence[Place], headers: Sequence[tuple[str, str]], document: Any) -> str:
    """Return the text at the first of the places that has one; empty where none has."""
    return next((text for place in places if (text := read(place, headers, document))), "")


def read(place: Place, headers: Sequence[tuple[str, str]], document: Any) -> str:
    """Return the text at the place; empty where there is none, or something else than text or a whole number.

    `document` is the decoded body, or None where it is not JSON.
    """
    if place.header:
        wanted = place.header.lower()
        return next((value for name, value in headers if name.lower() == wanted), "")
    found = document
    for key in place.path:
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, Sequence) and not isinstance(found, str | bytes) and key.isdecimal():
            found = found[int(key)] if int(key) < len(found) else None
        else:
            return ""
    if isinstance(found, bool):
        return ""
    return found if isinstance(found, str) else str(found) if isinstance(found, int) else ""
