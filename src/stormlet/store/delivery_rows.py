"""Rows of messages, deliveries and attempts to model and back, as rows.py does for the way of the data."""

from typing import Any

import msgspec

from stormlet.foundation.clock import from_microseconds, to_microseconds
from stormlet.foundation.errors import StoreError
from stormlet.model.delivery import (
    KEPT_BODY_BYTES,
    Attempt,
    ClaimedDelivery,
    Delivery,
    DeliveryStatus,
    Planned,
    delivery_id,
)
from stormlet.model.endpoint import EndpointState
from stormlet.model.message import Message
from stormlet.store.encoding import Codec, without_lone_surrogates
from stormlet.store.rows import Parameters, Row, damage_aware


class MessageBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a message that is only read to send it."""

    tags: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    data: dict[str, Any] = {}


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of an attempt that may be long. MessagePack, because bodies are bytes and need not be text."""

    method: str = ""
    url: str = ""
    secrets: tuple[str, ...] = ()
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: bytes = b""
    request_size: int = 0
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer_body: bytes = b""
    answer_size: int = 0


def message_row(message: Message, codec: Codec) -> Parameters:
    return {
        "id": message.id,
        "type": message.type,
        "version": message.version,
        "occurred_at": to_microseconds(message.time),
        "subject": message.subject,
        "pack": message.pack,
        "caused_by": without_lone_surrogates(message.caused_by),
        "url": without_lone_surrogates(message.url),
        "trace_tag": without_lone_surrogates(message.trace_tag),
        "body": codec.pack(MessageBody(message.tags, message.chain, message.data)),
    }


@damage_aware
def read_message(row: Row, codec: Codec) -> Message:
    body = codec.unpack(row["body"], MessageBody)
    return Message(
        id=row["message_id"],
        type=row["type"],
        version=row["version"],
        time=from_microseconds(row["occurred_at"]),
        subject=row["subject"],
        ordinal=row["ordinal"],
        pack=row["pack"],
        tags=body.tags,
        caused_by=row["caused_by"],
        url=row["url"],
        trace_tag=row["trace_tag"],
        chain=body.chain,
        data=body.data,
    )


def delivery_row(planned: Planned, endpoint: str) -> Parameters:
    order_key = planned.order_keys.get(endpoint)
    return {
        "id": delivery_id(planned.message.id, endpoint),
        "message_id": planned.message.id,
        "endpoint": endpoint,
        "type": planned.message.type,
        "order_key": None if order_key is None else without_lone_surrogates(order_key),
        "created_at": to_microseconds(planned.message.time),
    }


@damage_aware
def read_delivery(row: Row) -> Delivery:
    next_attempt_at, ended_at = row["next_attempt_at"], row["ended_at"]
    return Delivery(
        id=row["id"],
        message_id=row["message_id"],
        endpoint=row["endpoint"],
        type=row["type"],
        status=DeliveryStatus(row["status"]),
        created_at=from_microseconds(row["created_at"]),
        attempt=row["attempt"],
        attempts_before_resend=row["attempts_before_resend"],
        next_attempt_at=None if next_attempt_at is None else from_microseconds(next_attempt_at),
        ended_at=None if ended_at is None else from_microseconds(ended_at),
        reason=row["reason"],
        order_key=row["order_key"],
    )


def read_claim(row: Row, message: Message, lease_until: int) -> ClaimedDelivery:
    """Make a claim of a row as it was before it was handed out."""
    delivery = msgspec.structs.replace(read_delivery(row), status=DeliveryStatus.DELIVERING, next_attempt_at=None)
    return ClaimedDelivery(
        delivery=delivery, message=message, token=row["token"] + 1, lease_until=from_microseconds(lease_until)
    )


def attempt_row(attempt: Attempt, codec: Codec) -> Parameters:
    """Return what is kept of an attempt. The store counts: its delivery and its number are not in here."""
    exchange = Exchange(
        method=attempt.method,
        url=without_lone_surrogates(attempt.url),
        secrets=attempt.secrets,
        request_headers=_storable(attempt.request_headers),
        request_body=attempt.request_body[:KEPT_BODY_BYTES],
        request_size=max(attempt.request_size, len(attempt.request_body)),
        answer_headers=_storable(attempt.answer_headers),
        answer_body=attempt.answer_body[:KEPT_BODY_BYTES],
        answer_size=max(attempt.answer_size, len(attempt.answer_body)),
    )
    return {
        "started_at": to_microseconds(attempt.started_at),
        "microseconds": round(max(attempt.seconds, 0.0) * 1_000_000),
        "status_code": attempt.status_code,
        "error": without_lone_surrogates(attempt.error),
        "exchange": codec.pack_bytes(msgspec.msgpack.encode(exchange)),
    }


def _storable(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((without_lone_surrogates(name), without_lone_surrogates(value)) for name, value in headers)


@damage_aware
def read_attempt(row: Row, delivery: str, codec: Codec) -> Attempt:
    try:
        exchange = msgspec.msgpack.decode(codec.unpack_bytes(row["exchange"]), type=Exchange)
    except msgspec.DecodeError as error:
        raise StoreError(f"a stored attempt is damaged: {error}", hint="restore a backup of the database") from None
    return Attempt(
        delivery_id=delivery,
        number=row["attempt"],
        started_at=from_microseconds(row["started_at"]),
        seconds=row["microseconds"] / 1_000_000,
        status_code=row["status_code"],
        error=row["error"],
        **msgspec.structs.asdict(exchange),
    )


_MOMENTS = ("verified_at", "disabled_at", "failing_since", "last_attempt_at", "last_success_at")


def endpoint_state_row(state: EndpointState) -> Parameters:
    row = msgspec.structs.asdict(state)
    for name in _MOMENTS:
        row[name] = None if row[name] is None else to_microseconds(row[name])
    return row


@damage_aware
def read_endpoint_state(row: Row) -> EndpointState:
    values = {name: row[name] for name in EndpointState.__struct_fields__}
    for name in _MOMENTS:
        values[name] = None if values[name] is None else from_microseconds(values[name])
    return EndpointState(**values)
