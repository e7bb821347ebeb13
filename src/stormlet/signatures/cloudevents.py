"""CloudEvents 1.0 over HTTP: binary, structured and batched, read from a request; and the scheme that asks for them.

Everything that the specification says MUST be rejected is refused here, so that what passes has `id`, `source`, `type`
and nothing ambiguous. Only JSON is read; other formats are refused by their content type.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from stormlet.signatures.credentials import AUTHORIZATION, KINDS, Carrier, CredentialScheme
from stormlet.signatures.places import in_body, in_header
from stormlet.signatures.request import Folded, SignedRequest, fold, media_type
from stormlet.signatures.scheme import About, Example, Options
from stormlet.signatures.secret import Secret, decode_base64
from stormlet.signatures.verification import Reason, Refusal, Verification

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
_PREFIX: Final = "ce-"
_NAME: Final = re.compile(r"[a-z0-9]+", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_MAX_EVENTS: Final = 10_000


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `attributes` holds all context attributes by name, extensions included."""

    attributes: Mapping[str, Any]
    data: Any = None
    """The `data` member; in binary mode the body's bytes."""
    data_base64: str | None = None

    @property
    def id(self) -> str:
        """Return the id; with `source` it names the event for deduplication."""
        return str(self.attributes["id"])

    @property
    def source(self) -> str:
        """Return who sent it, as a URI reference."""
        return str(self.attributes["source"])

    @property
    def type(self) -> str:
        """Return what happened."""
        return str(self.attributes["type"])


def read_events(request: SignedRequest) -> tuple[CloudEvent, ...]:
    """Return the events of a request; a batch may be empty.

    Raises:
        Refusal: it is not a CloudEvents message.
    """
    headers = fold(request.headers)
    content_type = media_type(headers)
    # The batch type first: it starts with the other one's letters.
    if content_type.startswith("application/cloudevents-batch"):
        if content_type != BATCH:
            raise Refusal(Reason.MALFORMED_BODY, f"the event format {content_type} is not read; send {BATCH}")
        return tuple(structured_event(item) for item in batch_items(_decoded(request.body)))
    if content_type.startswith("application/cloudevents"):
        if content_type != STRUCTURED:
            raise Refusal(Reason.MALFORMED_BODY, f"the event format {content_type} is not read; send {STRUCTURED}")
        return (structured_event(_decoded(request.body)),)
    return (_binary(headers, request.body),)


def batch_items(document: Any) -> list[Any]:
    """Return the events of a decoded batch, each still to be read by `structured_event`.

    Raises:
        Refusal: it is no batch, or one with more events than anybody sends.
    """
    if not isinstance(document, list):
        raise Refusal(Reason.MALFORMED_BODY, "a batch is a JSON array of events")
    if len(document) > _MAX_EVENTS:
        raise Refusal(Reason.MALFORMED_BODY, f"more than {_MAX_EVENTS} events in a batch")
    return document


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Reason.MALFORMED_BODY, "the body is not JSON") from error


def structured_event(document: Any) -> CloudEvent:
    """Return the event that a decoded JSON object is.

    Raises:
        Refusal: it is none.
    """
    if not isinstance(document, dict):
        raise Refusal(Reason.MALFORMED_BODY, "an event is a JSON object")
    members = {name: value for name, value in document.items() if value is not None}
    data, encoded = members.pop("data", None), members.pop("data_base64", None)
    if data is not None and encoded is not None:
        raise Refusal(Reason.MALFORMED_BODY, "an event has data or data_base64, not both", subject="data_base64")
    if encoded is not None and (not isinstance(encoded, str) or decode_base64(encoded) is None):
        raise Refusal(Reason.MALFORMED_BODY, "data_base64 is not base64", subject="data_base64")
    return CloudEvent(attributes=_checked(members), data=data, data_base64=encoded)


def _binary(headers: Folded, body: bytes) -> CloudEvent:
    attributes: dict[str, Any] = {}
    for name, values in headers.items():
        if not name.startswith(_PREFIX):
            continue
        if len(values) > 1:
            raise Refusal(Reason.DUPLICATE_HEADER, f"the header {name} stands there twice", subject=name)
        attributes[name.removeprefix(_PREFIX)] = header_text(values[0])
    if "datacontenttype" in attributes:
        words = "in binary mode the content type is Content-Type, never ce-datacontenttype"
        raise Refusal(Reason.MALFORMED_BODY, words, subject="ce-datacontenttype")
    if not attributes:
        raise Refusal(Reason.MALFORMED_BODY, "neither ce- headers nor a CloudEvents content type")
    if "content-type" in headers:
        attributes["datacontenttype"] = headers["content-type"][0]
    return CloudEvent(attributes=_checked(attributes), data=body)


def as_document(event: CloudEvent) -> dict[str, Any]:
    """Return an event of binary mode as it would be in structured mode, so that nobody need care in which it came.

    JSON becomes a value, other text stays text, and bytes become `data_base64`.
    """
    document = dict(event.attributes)
    if not isinstance(event.data, bytes):
        data = {"data": event.data, "data_base64": event.data_base64}
        return document | {name: value for name, value in data.items() if value is not None}
    if not event.data:
        return document
    kind = str(document.get("datacontenttype", "application/json")).partition(";")[0].strip().lower()
    if kind in ("application/json", "text/json") or kind.endswith("+json"):
        return document | {"data": _decoded(event.data)}
    try:
        return document | {"data": event.data.decode()}
    except UnicodeDecodeError:
        return document | {"data_base64": base64.b64encode(event.data).decode()}


def header_text(value: str) -> str:
    """Return what a `ce-` header says: unquoted, then percent-decoded once, as HTTP binding 3.1.3.2 wants it.

    Raises:
        Refusal: the bytes are not UTF-8, such as `%C0%A0`.
    """
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value.encode("utf-8")).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise Refusal(Reason.MALFORMED_BODY, "a ce- header is not UTF-8 after percent-decoding") from error


def _checked(attributes: dict[str, Any]) -> dict[str, Any]:
    if attributes.get("specversion") != "1.0":
        raise Refusal(Reason.MALFORMED_BODY, "specversion is not 1.0", subject="specversion")
    for name in ("id", "source", "type"):
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            raise Refusal(Reason.MALFORMED_BODY, f"the attribute {name} is missing or empty", subject=name)
    for name in ("subject", "datacontenttype", "dataschema"):
        if name in attributes and (not isinstance(attributes[name], str) or not attributes[name]):
            raise Refusal(Reason.MALFORMED_BODY, f"the attribute {name} is empty or not text", subject=name)
    time = attributes.get("time")
    if time is not None and (not isinstance(time, str) or not _TIME.fullmatch(time)):
        raise Refusal(Reason.MALFORMED_BODY, "the attribute time is not RFC 3339", subject="time")
    for name, value in attributes.items():
        if not _NAME.fullmatch(name) or not isinstance(value, str | int):
            words = f"the attribute {name[:40]!r} has a name or type that CloudEvents does not know"
            raise Refusal(Reason.MALFORMED_BODY, words, subject=name[:40])
    return attributes


class CloudEventsScheme(CredentialScheme):
    """A bearer token in `Authorization` or `?access_token=`, and a body or headers that are CloudEvents."""

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        verification = super().verify(request, secrets, now, options)
        try:
            events = read_events(request)
        except Refusal as refusal:
            # The sender is known, so that it may be told what is wrong with its event (400 instead of 401).
            raise Refusal(refusal.reason, refusal.detail, subject=refusal.subject, secret=verification.secret) from None
        delivery = f"{events[0].source}#{events[0].id}" if len(events) == 1 else ""
        return msgspec.structs.replace(verification, delivery_id=delivery)


CLOUDEVENTS: Final = CloudEventsScheme(
    About(
        name="cloudevents",
        title="CloudEvents (HTTP webhook)",
        headers=("Authorization",),
        signs="nothing: a bearer token, in `Authorization` or as `?access_token=`, is compared; "
        "the message must be a CloudEvent",
        configure="The token.",
        proves="That the sender knows the token.",
        unproved="That the event is unchanged: nothing is signed. `id` with `source` names it for deduplication.",
        delivery_id=(in_header("ce-id"),),
        event_type=(in_header("ce-type"), in_body("type")),
        handshake="`OPTIONS` with `WebHook-Request-Origin` is answered for the origins that are allowed. "
        "`WebHook-Request-Callback` is never called.",
        example=Example(
            request=SignedRequest(
                url="https://hooks.example.org/api/v1/webhooks/demo",
                headers=(("Content-Type", STRUCTURED),),
                body=b'{"specversion": "1.0", "id": "1", "source": "/hosts/db-3", "type": "com.acme.disk.full"}',
            ),
            secret=Secret(value="s3cr3t"),
        ),
    ),
    kind="bearer",
    carriers={**KINDS, "bearer": Carrier(header=AUTHORIZATION, query="access_token")},
)
