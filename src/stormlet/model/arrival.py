"""What a guarded request claims when it is recorded: its delivery id, its place in an order, the secret that proved it.

The claims are settled in the transaction that stores the event, so that two copies that race, or a crash in between, can
never make two events of one delivery.
"""

from datetime import datetime

import msgspec

from stormlet.model.delivery import Planned
from stormlet.model.event import Event
from stormlet.model.trigger import TriggerInstance

Version = int | float | str


class DeliveryClaim(msgspec.Struct, frozen=True, kw_only=True):
    """This delivery id of this source is taken until `expires_at`."""

    source: str
    delivery_id: str
    expires_at: datetime


class OrderClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Of this source and key, no version at or below this one is dispatched any more."""

    source: str
    key: str
    version: Version


class SecretUse(msgspec.Struct, frozen=True, kw_only=True):
    """A secret of a source verified a request at this moment."""

    source: str
    secret: str
    used_at: datetime


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One event with the instances it makes, and what it claims."""

    instances: tuple[TriggerInstance, ...]
    event: Event | None = None
    delivery: DeliveryClaim | None = None
    order: OrderClaim | None = None
    secret: SecretUse | None = None
    planned: tuple[Planned, ...] = ()
    """Messages that say so; none go out for a duplicate, or for what is stale."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an arrival.

    `duplicate_of` is the id of the event that took the delivery id first; then nothing was stored. `stale` means that a
    newer version of its key was there already: it is stored as processed, and never dispatched.
    """

    duplicate_of: str | None = None
    stale: bool = False


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A request that a source refused, kept so that a mended secret can be tried on it.

    `sealed` is the whole request (signatures/request.py: SignedRequest as JSON) under the data key. `reason` is one of
    signatures/verification.py's words.
    """

    id: str
    source: str
    url: str
    received_at: datetime
    reason: str
    detail: str
    remote: str
    size: int
    sealed: bytes


def is_newer(version: Version, known: Version) -> bool:
    """Tell whether a version comes after the known one: numbers as numbers (also written as text), all else as text."""
    left, right = _number(version), _number(known)
    if left is not None and right is not None:
        return left > right
    return str(version) > str(known)


def _number(version: Version) -> int | float | None:
    if isinstance(version, str):
        return int(version) if version.isascii() and version.isdecimal() and len(version) < 40 else None
    return version
