"""What a template prints is a text; a parameter's declared type says what to make of it. The rules are StackStorm's."""

import ast
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.templates import NONE_MARKER

_SHOWN = 100


def cast(name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    """Return the value as the type that `schema` declares; a list of types, or none, leaves it as it is.

    Raises:
        InvalidInputError: it cannot be understood as that type. The value of a secret parameter is not shown.
    """
    if isinstance(value, str) and value == NONE_MARKER:
        return None
    kind = schema.get("type")
    caster = _CASTERS.get(kind) if isinstance(kind, str) else None
    if value is None or caster is None:
        return value
    try:
        return caster(value)
    except (ValueError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError):
        hint = f"parameter `{name}` is of type {kind}"
        raise InvalidInputError(_sentence(value, str(kind), secret=bool(schema.get("secret"))), hint=hint) from None


def _sentence(value: Any, kind: str, *, secret: bool) -> str:
    text = str(value)
    shown = "********" if secret else text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    if kind == "string":
        return f'Value "{shown}" must either be a string or None. Got "{type(value).__name__}".'
    return f'Value "{shown}" cannot be read as {"an" if kind[0] in "aio" else "a"} {kind}.'


def _structure(value: Any) -> Any:
    """Read JSON, or what Python prints for a value: `{{ trigger }}` prints that."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return _plain(ast.literal_eval(value.strip()))


def _plain(value: Any) -> Any:
    """Return the value with lists for tuples; what JSON does not have is refused."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ValueError(type(value).__name__)


def _boolean(value: Any) -> Any:
    return _plain(ast.literal_eval(value.capitalize())) if isinstance(value, str) else value


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)  # neither JSON nor any runner could take it on
    return number


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return str(value)


_CASTERS: Mapping[str, Callable[[Any], Any]] = {
    "array": _structure,
    "object": _structure,
    "boolean": _boolean,
    "integer": int,
    "number": _number,
    "string": _string,
}
