"""What a user may publish: the one judgement of type, data and scope, for whoever asks and for whoever sends."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stormlet.foundation.errors import InvalidInputError
from stormlet.model.message import is_user_type

LARGEST_DATA: Final = 64 * 1024
"""Bytes of JSON."""
_MOST_TAGS: Final = 20


def check_published(kind: Any, data: Any, scope: Any) -> tuple[str, str, tuple[str, ...]]:
    """Return type, pack and tags of what `core.publish` was given.

    Raises:
        InvalidInputError: the type is not one that users may publish, or data or scope are not what they should be.
    """
    if not isinstance(kind, str) or not is_user_type(kind):
        hint = (
            "words of letters, digits and _ joined by dots, such as deploy.finished; the engine's own words are taken"
        )
        raise InvalidInputError(f"{kind!r} is not a type that can be published", hint=hint)
    if not isinstance(data, dict):
        raise InvalidInputError("`data` must be an object")
    if len(msgspec.json.encode(data)) > LARGEST_DATA:
        raise InvalidInputError(f"`data` is larger than {LARGEST_DATA} bytes", hint="send a link instead")
    scope = {} if scope is None else scope
    if not isinstance(scope, Mapping) or set(scope) - {"pack", "tags"}:
        raise InvalidInputError("`scope` may hold `pack` and `tags` only", hint="scope: {pack: web, tags: [team:web]}")
    pack, tags = scope.get("pack") or "", scope.get("tags") or []
    if not isinstance(pack, str) or not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInputError("`scope.pack` is a name and `scope.tags` a list of texts")
    return kind, pack, tuple(tags[:_MOST_TAGS])
