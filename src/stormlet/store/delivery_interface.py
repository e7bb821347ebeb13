"""What the engine asks of a database about messages on their way out; part of store/interface.py's `Store`.

Messages and their deliveries are written in the transaction of their cause: each call that causes something takes `planned`, and
`plan` is for what is caused by nothing that is stored. A message that is stored already is not planned again, so whoever was
interrupted may do it again with the same objects.

A delivery is *held* while it has a lease. Only the holder of its newest token may conclude it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from stormlet.model.delivery import Attempt, ClaimedDelivery, Delivery, DeliveryStatus, Planned
from stormlet.model.endpoint import EndpointState
from stormlet.model.message import Message
from stormlet.store.page import Page


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries are wanted; None means any. Bounds on time are exclusive, and about when the message came to be."""

    endpoint: str | None = None
    message_id: str | None = None
    type: str | None = None
    status: DeliveryStatus | None = None
    after: datetime | None = None
    before: datetime | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What one endpoint has still to get."""

    planned: int
    """With those that wait for their turn."""
    delivering: int
    oldest: datetime
    """When the oldest of them was planned."""
    next_attempt_at: datetime | None
    """When the next may be attempted; None where all that waits is under way, or waits for that."""


class DeliveryStore(Protocol):
    """The part of `Store` about messages, deliveries and endpoints."""

    # Planning

    async def plan(self, planned: Sequence[Planned]) -> None:
        """Store messages with their deliveries, in one transaction. Each message gets its subject's next ordinal."""
        ...

    # Sending

    async def claim_deliveries(
        self, worker: str, limit: int, now: datetime, lease_until: datetime, room: Mapping[str, int]
    ) -> list[ClaimedDelivery]:
        """Take up to `limit` deliveries that are due, dealt out evenly: no endpoint gets a second while another has none.

        `room` says which endpoints may be attempted now, and how many deliveries each may take; an endpoint that is not in it,
        or whose state has a `disabled_reason`, keeps what waits. Of an order key only the oldest is ever handed out. Deliveries
        whose lease has ended are planned again first.
        """
        ...

    async def conclude_attempt(
        self,
        delivery_id: str,
        token: int,
        attempt: Attempt,
        status: DeliveryStatus,
        next_attempt_at: datetime | None = None,
        *,
        reason: str = "",
        planned: Sequence[Planned] = (),
    ) -> bool:
        """Record an attempt and what becomes of its delivery, in one transaction, with what the endpoint's state learns of it.

        Args:
            delivery_id: the delivery that was claimed.
            token: of the claim.
            attempt: what was sent and answered. Bodies are cut to KEPT_BODY_BYTES.
            status: delivered, failed, or planned for another attempt.
            next_attempt_at: when, for planned.
            reason: why, in words for people; empty: the attempt's error.
            planned: messages that follow.

        Returns:
            Whether the delivery was still held by `token`. False, and nothing is written, where it was not; but the attempt at a
            delivery that was canceled meanwhile is kept, for it took place.

        Raises:
            InvalidInputError: a status that no attempt leads to, or a time without planned or planned without a time.
        """
        ...

    async def release_deliveries(self, now: datetime, worker: str | None = None) -> int:
        """Plan again at once what this worker holds, or with None whatever is held: at a start, all holders are dead. Returns
        how many."""
        ...

    async def next_delivery_at(self, endpoints: Sequence[str]) -> datetime | None:
        """Return when the first delivery of these endpoints is due, or the first lease of any ends; None where nothing waits."""
        ...

    # Looking, and stepping in

    async def message(self, message_id: str) -> Message | None: ...

    async def delivery(self, delivery_id: str) -> Delivery | None: ...

    async def list_deliveries(self, wanted: DeliveryFilter, page: Page) -> tuple[list[Delivery], int]:
        """Return one page, newest first unless asked otherwise, and how many there are in all."""
        ...

    async def attempts(self, delivery_id: str) -> list[Attempt]:
        """Return a delivery's attempts, the first one first."""
        ...

    async def waiting_deliveries(self) -> dict[str, Waiting]:
        """Return what waits for each endpoint that something waits for."""
        ...

    async def resend_delivery(self, delivery_id: str, now: datetime) -> Delivery | None:
        """Plan a delivery once more: the same id, due now, its schedule from the start. One that is planned becomes due now.
        None where it does not exist.

        Raises:
            ConflictError: it is being attempted at this moment.
        """
        ...

    async def resend_deliveries(self, wanted: DeliveryFilter, now: datetime, *, dry_run: bool = False) -> int:
        """Plan all that match once more, a few at a time; without a status wanted, those that have ended. Returns how many, or
        with `dry_run` how many there would be. Interrupted, it has done a part, and may be done again."""
        ...

    async def cancel_delivery(self, delivery_id: str, now: datetime, reason: str = "") -> Delivery | None:
        """Give up one that has not ended; one that has is returned unchanged. None where it does not exist. What is on the wire
        is not stopped, but it is not tried again."""
        ...

    async def cancel_deliveries(
        self, wanted: DeliveryFilter, now: datetime, reason: str = "", *, dry_run: bool = False
    ) -> int:
        """Give up all that match and have not ended, as `resend_deliveries` resends."""
        ...

    async def purge_messages(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` deliveries that ended before that moment, with their attempts, and messages with their last
        delivery. Returns how many deliveries went; 0 means done. What waits never goes."""
        ...

    # What the engine learns about endpoints

    async def endpoint_states(self) -> dict[str, EndpointState]:
        """Return what is known of each endpoint, by ref; nothing is known of one that was never used."""
        ...

    async def put_endpoint_state(self, state: EndpointState) -> None:
        """Create or replace what is known of an endpoint."""
        ...

    async def disable_endpoint(self, ref: str, reason: str, now: datetime, planned: Sequence[Planned] = ()) -> bool:
        """Stop sending to an endpoint, and plan the messages that say so. False, and nothing is written, where it is disabled
        already."""
        ...

    async def delete_endpoint_state(self, ref: str) -> bool:
        """Forget an endpoint, and when its secrets were used. Its deliveries stay."""
        ...

    async def endpoint_secret_uses(self, ref: str) -> dict[str, datetime]:
        """Return when each of an endpoint's secrets signed a request last, by the secret's name."""
        ...
