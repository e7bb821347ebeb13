"""What sources remember, and the first durable step with the claims of a guarded request settled in it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from stormlet.foundation.clock import from_microseconds, to_microseconds
from stormlet.foundation.errors import NotFoundError
from stormlet.model.arrival import Arrival, DeliveryClaim, OrderClaim, Recorded, Rejection, Version, is_newer
from stormlet.model.delivery import Planned
from stormlet.model.event import Event
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.encoding import Codec, from_json, to_json
from stormlet.store.rows import Row, damage_aware, event_row
from stormlet.store.sqlite.inserts import insert_instances, insert_planned
from stormlet.store.sqlite.tables import Tables
from stormlet.store.sqlite.transaction import Transaction

STALE = "stale: a newer version was received already"


class SourceTables(Tables):
    """The methods of `Store` about arrivals, and what sources remember."""

    async def record(
        self, instances: Sequence[TriggerInstance], event: Event | None = None, planned: Sequence[Planned] = ()
    ) -> None:
        await self.admit([Arrival(instances=tuple(instances), event=event, planned=tuple(planned))])

    async def admit(self, arrivals: Sequence[Arrival]) -> list[Recorded]:
        weight = sum(len(arrival.event.body) for arrival in arrivals if arrival.event is not None)
        codec = self._codec
        return await self._writer.run(
            lambda transaction: [_admit(transaction, arrival, codec) for arrival in arrivals], new=True, weight=weight
        )

    async def purge_deliveries(self, now: datetime, limit: int) -> int:
        return await self._change("purge_deliveries", {"now": to_microseconds(now), "limit": limit})

    async def put_rejection(self, rejection: Rejection, keep: int, planned: Sequence[Planned] = ()) -> None:
        def put(transaction: Transaction) -> None:
            _put_rejection(transaction, rejection, keep)
            insert_planned(transaction, planned, self._codec)

        await self._writer.run(put, new=True)

    async def rejections(self, source: str, limit: int) -> list[Rejection]:
        return await self._readers.rows("rejections", {"source": source, "limit": limit}, read_rejection)

    async def rejection(self, rejection_id: str) -> Rejection | None:
        return await self._readers.row("rejection", {"id": rejection_id}, read_rejection)

    async def delete_rejection(self, rejection_id: str) -> bool:
        return await self._change("delete_rejection", {"id": rejection_id}) > 0

    async def secret_uses(self, source: str) -> dict[str, datetime]:
        uses = await self._readers.rows(
            "secret_uses", {"source": source}, lambda row: (row["secret"], from_microseconds(row["used_at"]))
        )
        return dict(uses)


@damage_aware
def read_rejection(row: Row) -> Rejection:
    """Read a refused request."""
    return Rejection(
        id=row["id"],
        source=row["source"],
        url=row["url"],
        received_at=from_microseconds(row["received_at"]),
        reason=row["reason"],
        detail=row["detail"],
        remote=row["remote"],
        size=row["size"],
        sealed=row["sealed"],
    )


def _admit(transaction: Transaction, arrival: Arrival, codec: Codec) -> Recorded:
    event, instances = arrival.event, arrival.instances
    if event is not None and arrival.delivery is not None:
        first = _take_delivery(transaction, arrival.delivery, event)
        if first is not None:
            return Recorded(duplicate_of=first)
    stale = arrival.order is not None and not _take_version(transaction, arrival.order)
    if stale:
        decided = TriggerInstanceStatus.PROCESSED
        instances = tuple(msgspec.structs.replace(one, status=decided, failure_reason=STALE) for one in instances)
    _insert(transaction, instances, event, codec)
    if not stale:
        insert_planned(transaction, arrival.planned, codec)
    if arrival.secret is not None:
        use = arrival.secret
        noted = {"source": use.source, "secret": use.secret, "used_at": to_microseconds(use.used_at)}
        transaction.change("put_secret_use", noted)
    return Recorded(stale=stale)


def _insert(transaction: Transaction, instances: Sequence[TriggerInstance], event: Event | None, codec: Codec) -> None:
    if event is not None and any(one.event_id == event.id for one in instances):
        transaction.change("insert_event", event_row(event, codec))
    for older in {one.event_id for one in instances if one.event_id is not None} - {event.id if event else None}:
        if transaction.row("event_exists", {"id": older}) is None:
            raise NotFoundError(f"event {older} is not kept any more")
    insert_instances(transaction, instances, codec)


def _take_delivery(transaction: Transaction, claim: DeliveryClaim, event: Event) -> str | None:
    """Take the delivery id. Returns the event that has it already, where one has (the same event again may go on)."""
    key = {"source": claim.source, "delivery_id": claim.delivery_id}
    taken = transaction.row("delivery_received", {**key, "now": to_microseconds(event.received_at)})
    if taken is not None:
        return None if taken["event_id"] == event.id else str(taken["event_id"])
    transaction.change("take_delivery", {**key, "event_id": event.id, "expires_at": to_microseconds(claim.expires_at)})
    return None


def _take_version(transaction: Transaction, claim: OrderClaim) -> bool:
    key = {"source": claim.source, "key": claim.key}
    known = transaction.row("version_received", key)
    if known is not None and not is_newer(claim.version, from_json(known["version"], Version)):  # type: ignore[arg-type]  # a union is a type to msgspec
        return False
    transaction.change("take_version", {**key, "version": to_json(claim.version).decode()})
    return True


def _put_rejection(transaction: Transaction, rejection: Rejection, keep: int) -> None:
    row = msgspec.structs.asdict(rejection)
    transaction.change("put_rejection", {**row, "received_at": to_microseconds(rejection.received_at)})
    transaction.change("trim_rejections", {"source": rejection.source, "keep": keep})
