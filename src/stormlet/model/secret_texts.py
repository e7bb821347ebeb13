"""The secret texts of an execution, and what masks them: the same for the API, the log and what is stored.

A secret parameter's value is secret wherever it stands: in parameters that were made of it, in output, in results, in errors.
What was made of a secret by computing (a hash, base64) cannot be known here.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from stormlet.foundation.secrets import MASK
from stormlet.model.execution import Execution

MIN_SECRET: Final = 4
"""Shorter secret values are not looked for: nearly every text has them in it."""
MIN_PART: Final = 8
"""Of a secret with several lines, or of one that is JSON, parts of this length are secret by themselves, too."""


def secret_values(execution: Execution) -> tuple[str, ...]:
    """Return the texts that must not be seen in what an execution was given, printed or returned; the longest first."""
    values = (execution.parameters.get(name) for name in execution.secret_parameters)
    return secret_texts([*values, *execution.secrets])


def secret_texts(values: Iterable[Any]) -> tuple[str, ...]:
    """Return the texts that such secret values are recognised by; the longest first."""
    found: set[str] = set()
    for whole in {text for value in values for text in _leaves(value)}:
        found.update(_forms(whole))
    return tuple(sorted((text for text in found if len(text) >= MIN_SECRET), key=lambda text: (-len(text), text)))


def mask_texts(value: Any, secrets: Collection[str]) -> Any:
    """Return a value with secret texts masked wherever they stand, also as keys and as numbers."""
    if not secrets:
        return value
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, Mapping):
        return {mask_texts(name, secrets): mask_texts(item, secrets) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_texts(item, secrets) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return MASK if repr(value) in secrets else value
    return value


def _forms(text: str) -> Iterable[str]:
    """Yield a secret as it may be seen: whole, within a JSON string, one line at a time, one value of its JSON at a time."""
    yield text
    yield msgspec.json.encode(text.encode("utf-8", "replace").decode()).decode()[1:-1]
    stripped = text.strip()
    if stripped != text:
        yield stripped
    lines = stripped.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= MIN_PART)
    if stripped[:1] in ("{", "["):
        try:
            parts = set(_leaves(msgspec.json.decode(stripped)))
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return
        yield from (part for part in parts if len(part) >= MIN_PART)


def _leaves(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for content in value.values():
            yield from _leaves(content)
    elif isinstance(value, list | tuple):
        for content in value:
            yield from _leaves(content)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield repr(value)
