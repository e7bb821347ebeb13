"""From the bytes of a genuine request to the events in it, without credentials.

After the signature, never before: only now it is worth unpacking and reading. What is stored is what was received, byte for
byte, unless a secret of the source stands in it.
"""

from typing import Any, Final

import msgspec

from stormlet.flow.verification.masking import Blotter, masked_document, masked_headers, masked_query
from stormlet.flow.verification.requests import Genuine, Part, Understood
from stormlet.foundation.bodies import JSON, PLAIN, decompress, is_deeper, parse, parse_json, split_content_type
from stormlet.foundation.errors import InvalidInputError, StormletError
from stormlet.foundation.headers import Pairs, first_value
from stormlet.foundation.settings import Limits
from stormlet.model.event import EventKind
from stormlet.signatures.cloudevents import (
    BATCH,
    STRUCTURED,
    as_document,
    batch_items,
    read_events,
    structured_event,
)
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.verification import Refusal

_ENCODING: Final = "content-encoding"


def understand(genuine: Genuine, blotter: Blotter, limits: Limits) -> Understood:
    """Return what the request says; never raises for what is in it.

    Args:
        genuine: the request, and its guard.
        blotter: knows the secrets that must not be kept.
        limits: of body and depth.
    """
    guard = genuine.live.guard
    query = masked_query(genuine.request.target.partition("?")[2], guard, blotter)
    headers = masked_headers(genuine.request.headers, guard, blotter)
    try:
        return Understood(_parts(genuine, headers, blotter, limits), query, blotter)
    except StormletError as error:
        return Understood((), query, blotter, error)
    except Refusal as refusal:
        return Understood((), query, blotter, InvalidInputError(f"Failed to parse request body: {refusal.detail}"))


def _parts(genuine: Genuine, headers: Pairs, blotter: Blotter, limits: Limits) -> tuple[Part, ...]:
    guard, raw = genuine.live.guard, genuine.request.body
    limit = min(limits.body_bytes, guard.source.max_body or limits.body_bytes)
    encoding = ",".join(value for name, value in headers if name.lower() == _ENCODING)
    plain = decompress(raw, encoding, limit)
    body = blotter.body(plain)
    if guard.cloudevents:
        return _cloud_events(headers, body, limits)
    content_type = _content_type(first_value(headers, "content-type"), guard.source.content_types)
    document = parse(body, content_type, max_depth=limits.json_depth)
    if (rewritten := masked_document(guard, document)) is not None:
        body, document = rewritten, parse_json(rewritten)
    if body is plain:
        return (Part(EventKind.CUSTOM, raw, content_type, headers, document),)
    return (Part(EventKind.CUSTOM, body, content_type, _unpacked(headers), document),)


def _content_type(given: str, read_as_json: tuple[str, ...]) -> str:
    """Return the content type to read the body by: a type that the source reads as JSON is JSON from now on."""
    kind, charset = split_content_type(given)
    if kind and kind in read_as_json:
        return f"{JSON}; charset={charset}" if charset else JSON
    return given


def _cloud_events(headers: Pairs, body: bytes, limits: Limits) -> tuple[Part, ...]:
    """Return one part for each event. What rules see is the structured form, in whichever mode an event came."""
    kind, _ = split_content_type(first_value(headers, "content-type"))
    headers = _unpacked(headers)
    if kind not in (BATCH, STRUCTURED):
        if is_deeper(body, limits.json_depth):
            raise InvalidInputError(f"Failed to parse request body: nested deeper than {limits.json_depth} levels")
        (event,) = read_events(SignedRequest(headers=headers, body=body))
        document = as_document(event)
        content_type = first_value(headers, "content-type")
        return (Part(EventKind.CLOUDEVENT, body, content_type, headers, document),)
    document = parse_json(body, max_depth=limits.json_depth)
    if kind == STRUCTURED:
        structured_event(document)
        return (Part(EventKind.CUSTOM, body, STRUCTURED, headers, document),)
    items: list[Any] = batch_items(document)
    slices = msgspec.json.decode(body, type=list[msgspec.Raw])
    parts = []
    for item, raw in zip(items, slices, strict=True):
        structured_event(item)
        parts.append(Part(EventKind.CUSTOM, bytes(raw), STRUCTURED, headers, item))
    return tuple(parts)


def _unpacked(headers: Pairs) -> Pairs:
    """Return headers that fit a body which is no longer compressed."""
    if all(name.lower() != _ENCODING or value.lower() in PLAIN for name, value in headers):
        return headers
    return tuple(pair for pair in headers if pair[0].lower() != _ENCODING)
