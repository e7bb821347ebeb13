"""Deliveries: one message on its way to one endpoint, and the one table that says how its status may change.

An attempt is one request of a delivery. Everything here is what is remembered; how it is sent is flow/delivery's business.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from stormlet.foundation.identifiers import derived_id
from stormlet.model.message import Message


class DeliveryStatus(StrEnum):
    """How far a delivery is."""

    PLANNED = "planned"
    """Waits: for its first attempt, its next one, or its turn."""
    DELIVERING = "delivering"
    """An attempt is under way, under a lease."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up: the schedule is used up, or trying again is senseless."""
    CANCELED = "canceled"


_S = DeliveryStatus

ENDED: frozenset[DeliveryStatus] = frozenset({_S.DELIVERED, _S.FAILED, _S.CANCELED})

TRANSITIONS: Mapping[DeliveryStatus, frozenset[DeliveryStatus]] = {
    _S.PLANNED: frozenset({_S.DELIVERING, _S.CANCELED, _S.FAILED}),
    # DELIVERING → PLANNED is a retry, or the worker is gone and nobody knows whether the request arrived.
    _S.DELIVERING: frozenset({_S.DELIVERED, _S.FAILED, _S.PLANNED, _S.CANCELED}),
    # What has ended may be sent once more; it stays the same delivery.
    _S.DELIVERED: frozenset({_S.PLANNED}),
    _S.FAILED: frozenset({_S.PLANNED}),
    _S.CANCELED: frozenset({_S.PLANNED}),
}

KEPT_BODY_BYTES = 64 * 1024
"""Of each body, what was sent and what was answered, the first so many bytes are kept."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A message and the endpoints that want it, to be written in the transaction of its cause.

    Without endpoints nothing is written. `order_keys` holds, of those endpoints that keep an order, the value of their key in
    this message.
    """

    message: Message
    endpoints: tuple[str, ...]
    order_keys: dict[str, str] = {}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way to one endpoint."""

    id: str
    message_id: str
    endpoint: str
    """The endpoint's ref."""
    type: str
    """The message's type."""
    status: DeliveryStatus
    created_at: datetime
    attempt: int = 0
    """Attempts that have ended, over all times it was sent."""
    attempts_before_resend: int = 0
    """How many of them belong to earlier times: a delivery that is resent starts its schedule anew."""
    next_attempt_at: datetime | None = None
    """None with status planned: it waits for an older one of its order key."""
    ended_at: datetime | None = None
    reason: str = ""
    """Why it is as it is: what the last attempt came to, or who canceled it."""
    order_key: str | None = None
    """None: its endpoint keeps no order."""

    @property
    def tries(self) -> int:
        """Attempts since it was sent the last time: the place in the schedule."""
        return self.attempt - self.attempts_before_resend


class ClaimedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that one worker may attempt until `lease_until`. Only the holder of the newest `token` may conclude it."""

    delivery: Delivery
    message: Message
    token: int
    lease_until: datetime


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a delivery, and what came back.

    Whoever makes it masks what is secret in headers and URL. Bodies are the first KEPT_BODY_BYTES of what went over the wire;
    the sizes are those of the whole.
    """

    delivery_id: str
    started_at: datetime
    seconds: float
    number: int = 0
    """Counts from 1 within its delivery; the store counts."""
    status_code: int | None = None
    """None where no answer came."""
    error: str = ""
    """Empty where it went well."""
    method: str = ""
    url: str = ""
    secrets: tuple[str, ...] = ()
    """Names of the secrets that signed it."""
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: bytes = b""
    request_size: int = 0
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer_body: bytes = b""
    answer_size: int = 0
    """Bytes that were read; a receiver that sends on and on is cut off."""

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=max(self.seconds, 0.0))


def delivery_id(message_id: str, endpoint: str) -> str:
    """Return the id of a message's delivery to an endpoint: the same every time, and sorting by the message's time."""
    return message_id[:8] + derived_id(f"delivery {message_id} {endpoint}")[8:]
