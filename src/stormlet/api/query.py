"""Parameters of a URL, read as StackStorm's router reads them, with its sentences for those that cannot be."""

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from stormlet.foundation.clock import from_iso
from stormlet.foundation.errors import InvalidInputError

MAX_FIELDS = 200
MAX_OFFSET = 2**31
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_TRUE = frozenset({"true", "1", "yes", "y"})
_FALSE = frozenset({"false", "0", "no", "n"})


def parse_query(query: str) -> dict[str, list[str]]:
    """Return all parameters. Raises InvalidInputError where there are more than MAX_FIELDS."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidInputError(f"The URL has more than {MAX_FIELDS} parameters.") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def single_values(given: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the last value of each parameter, names in lower case: where credentials are looked for."""
    return {name.lower(): values[-1] for name, values in given.items()}


class Query:
    """The parameters that one route has declared; others are ignored, as in StackStorm.

    Asking for one that the route has not declared is a mistake in a handler: so what /openapi.json says stays true.
    """

    def __init__(self, given: Mapping[str, list[str]], declared: frozenset[str]) -> None:
        self.given = given
        self._declared = declared

    def text(self, name: str) -> str | None:
        """Return the last value, or None where there is none, or an empty one."""
        if name not in self._declared:
            raise LookupError(f"the route does not declare ?{name}")
        values = self.given.get(name)
        return values[-1] or None if values else None

    def texts(self, name: str) -> list[str]:
        """Return all values; commas separate as well."""
        self.text(name)
        return [part for value in self.given.get(name, ()) for part in value.split(",") if part]

    def boolean(self, name: str) -> bool | None:
        """Return a boolean, or None where it is not given."""
        text = self.text(name)
        if text is None:
            return None
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise InvalidInputError(f'Parameter "{name}" is not of type boolean')

    def integer(self, name: str) -> int | None:
        """Return a whole number, or None where it is not given."""
        text = self.text(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text):
            raise InvalidInputError(f'Parameter "{name}" is not of type integer')
        return int(text)

    def moment(self, name: str) -> datetime | None:
        """Return a moment, or None where it is not given."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return from_iso(text.replace(" ", "+") if "+" not in text and text.count(" ") and "T" in text else text)
        except ValueError:
            hint = "such as 2026-01-02T03:04:05Z"
            raise InvalidInputError(f'Parameter "{name}" is not a moment in ISO 8601', hint=hint) from None
