"""Documents in the bodies of API calls: read, bounded, and checked against what the call takes."""

from typing import Any

from stormlet.api.call import Call
from stormlet.foundation.bodies import decompress, parse
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.schema_validation import Validator


async def read_value(call: Call) -> Any:
    """Return what the body says: any JSON value, or a form.

    Raises:
        InvalidInputError, TooLargeError, HttpError: the body cannot be read, or is over a limit.
    """
    limits = call.services.settings.limits
    raw = await call.incoming.body()
    plain = decompress(raw, call.headers.get("Content-Encoding", ""), limits.body_bytes)
    return parse(plain, call.headers.get("Content-Type", ""), max_depth=limits.json_depth)


async def read_document(call: Call, schema: Validator | None = None) -> dict[str, Any]:
    """Return the body, which must be an object (`null` counts as an empty one: st2's client sends it) and fit `schema`."""
    value = await read_value(call)
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise InvalidInputError(f"{str(value)[:100]} is not of type 'object'")
    if schema is not None and (errors := schema.errors(value)):
        where = f"{errors[0].dotted}: " if errors[0].path else ""
        raise InvalidInputError(f"{where}{errors[0].text}")
    return value
