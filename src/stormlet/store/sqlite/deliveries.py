"""Deliveries: planned with their cause, claimed fairly under a lease with a fencing token, attempts recorded exactly once.

How resending, canceling and forgetting go is in resending.py; what is learned about endpoints is in endpoints.py.
"""

import logging
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from stormlet.foundation.clock import from_microseconds, to_microseconds
from stormlet.foundation.errors import InvalidInputError, StoreError
from stormlet.model.delivery import Attempt, ClaimedDelivery, Delivery, DeliveryStatus, Planned
from stormlet.model.message import Message
from stormlet.store.delivery_interface import DeliveryFilter, Waiting
from stormlet.store.delivery_rows import attempt_row, read_attempt, read_claim, read_delivery, read_message
from stormlet.store.encoding import Codec, to_json, without_lone_surrogates
from stormlet.store.page import Page
from stormlet.store.rows import Parameters, Row
from stormlet.store.sqlite.endpoints import learn
from stormlet.store.sqlite.inserts import insert_planned
from stormlet.store.sqlite.order_keys import settle_order
from stormlet.store.sqlite.tables import Tables, conditions
from stormlet.store.sqlite.transaction import Transaction

log = logging.getLogger(__name__)

CONCLUSIONS = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.PLANNED})


class DeliveryTables(Tables):
    """The methods of `Store` that plan and send, and those that look."""

    _served_last = ""
    """The endpoint with which the last claim ended; where a claim has fewer places than endpoints, it begins behind it."""

    async def plan(self, planned: Sequence[Planned]) -> None:
        await self._write(lambda transaction: insert_planned(transaction, planned, self._codec))

    async def claim_deliveries(
        self, worker: str, limit: int, now: datetime, lease_until: datetime, room: Mapping[str, int]
    ) -> list[ClaimedDelivery]:
        lease = {"worker": worker, "now": to_microseconds(now), "lease_until": to_microseconds(lease_until)}
        turns = _Turns(room=room, limit=limit, after=self._served_last)
        claims = await self._write(lambda transaction: _claim(transaction, turns, lease, self._codec))
        if claims:
            self._served_last = claims[-1].delivery.endpoint
        return claims

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
        if status not in CONCLUSIONS:
            raise InvalidInputError(f"no attempt makes a delivery {status.value}")
        if (status is DeliveryStatus.PLANNED) != (next_attempt_at is not None):
            raise InvalidInputError("a delivery that is planned again, and no other, needs a moment for it")
        ended_at = to_microseconds(attempt.ended_at)
        change = {
            "status": status.value,
            "next_attempt_at": None if next_attempt_at is None else to_microseconds(next_attempt_at),
            "ended_at": ended_at if next_attempt_at is None else None,
            "reason": without_lone_surrogates(reason or attempt.error),
        }
        row = attempt_row(attempt, self._codec)

        def conclude(transaction: Transaction) -> bool:
            concluded = _conclude(transaction, {"id": delivery_id, "token": token}, change, row, attempt)
            if concluded:
                insert_planned(transaction, planned, self._codec)
            return concluded

        return await self._write(conclude)

    async def release_deliveries(self, now: datetime, worker: str | None = None) -> int:
        asked = {"worker": worker, "now": to_microseconds(now)}
        return await self._write(lambda transaction: _release(transaction, asked))

    async def next_delivery_at(self, endpoints: Sequence[str]) -> datetime | None:
        asked = {"endpoints": to_json(list(endpoints)).decode()}
        found = await self._readers.rows("next_delivery_at", asked, lambda row: row["moment"])
        moment: int | None = found[0]
        return None if moment is None else from_microseconds(moment)

    async def message(self, message_id: str) -> Message | None:
        return await self._readers.row("message", {"id": message_id}, lambda row: read_message(row, self._codec))

    async def delivery(self, delivery_id: str) -> Delivery | None:
        return await self._readers.row("delivery", {"id": delivery_id}, read_delivery)

    async def list_deliveries(self, wanted: DeliveryFilter, page: Page) -> tuple[list[Delivery], int]:
        return await self._page("list_deliveries", "count_deliveries", conditions(wanted), page, read_delivery)

    async def attempts(self, delivery_id: str) -> list[Attempt]:
        return await self._readers.rows(
            "attempts", {"id": delivery_id}, lambda row: read_attempt(row, delivery_id, self._codec)
        )

    async def waiting_deliveries(self) -> dict[str, Waiting]:
        held = dict(
            await self._readers.rows("delivering_by_endpoint", {}, lambda row: (row["endpoint"], row["delivering"]))
        )

        def read(row: Row) -> tuple[str, Waiting]:
            # Two questions, two moments: what ended in between must not make a count negative.
            delivering = min(held.get(row["endpoint"], 0), row["unended"])
            next_attempt_at = row["next_attempt_at"]
            return row["endpoint"], Waiting(
                planned=row["unended"] - delivering,
                delivering=delivering,
                oldest=from_microseconds(row["oldest"]),
                next_attempt_at=None if next_attempt_at is None else from_microseconds(next_attempt_at),
            )

        return dict(await self._readers.rows("waiting_deliveries", {}, read))


class _Turns(NamedTuple):
    """How a claim is dealt out."""

    room: Mapping[str, int]
    limit: int
    after: str
    """Endpoints that sort behind this one come first."""

    def deal(self, due: Sequence[str], limit: int) -> Iterator[tuple[str, int]]:
        """Share `limit` out among endpoints in the order of their names: the same to each, but at least one."""
        start = bisect_right(due, self.after)
        share = max(1, limit // len(due))
        for endpoint in [*due[start:], *due[:start]][:limit]:
            yield endpoint, share


def _claim(transaction: Transaction, turns: _Turns, lease: Parameters, codec: Codec) -> list[ClaimedDelivery]:
    now: int = lease["now"]
    for row in transaction.rows("expired_deliveries", {"now": now, "limit": turns.limit}):
        _replan(transaction, row, now)
    due_endpoints = [row["endpoint"] for row in transaction.rows("due_endpoints", {"now": now})]
    left = {endpoint: turns.room.get(endpoint, 0) for endpoint in due_endpoints}
    messages: dict[int, Message | StoreError] = {}
    claims: list[ClaimedDelivery] = []
    while len(claims) < turns.limit and (due := [endpoint for endpoint, most in left.items() if most > 0]):
        for endpoint, share in turns.deal(due, turns.limit - len(claims)):
            most = min(share, left[endpoint])
            rows = transaction.rows("claimable_deliveries", {"endpoint": endpoint, "now": now, "limit": most})
            handed_out = _hand_out(transaction, rows, lease, messages, codec)
            claims += handed_out
            # Behind one that could not be read, another of its order key may have become due.
            more = len(rows) == most or len(handed_out) < len(rows)
            left[endpoint] = left[endpoint] - len(handed_out) if more else 0
    return claims


def _hand_out(
    transaction: Transaction,
    rows: Sequence[Row],
    lease: Parameters,
    messages: dict[int, Message | StoreError],
    codec: Codec,
) -> list[ClaimedDelivery]:
    claims = []
    for row in rows:
        number: int = row["message_number"]
        if number not in messages:
            messages[number] = _message_or_error(row, codec)
        message = messages[number]
        if isinstance(message, Message):
            transaction.change("claim_delivery", {**lease, "number": row["number"]})
            claims.append(read_claim(row, message, lease["lease_until"]))
        else:
            log.error("message %s cannot be read: %s", row["message_id"], message)
            failed = {"number": row["number"], "now": lease["now"], "reason": str(message)}
            transaction.change("fail_delivery", failed)
            settle_order(transaction, row, lease["now"])
    return claims


def _message_or_error(row: Row, codec: Codec) -> Message | StoreError:
    try:
        return read_message(row, codec)
    except StoreError as error:
        return error


def _conclude(
    transaction: Transaction, claim: Parameters, change: Parameters, row: Parameters, attempt: Attempt
) -> bool:
    found = transaction.row("delivery_to_conclude", claim)
    if found is None or found["token"] != claim["token"]:
        return False
    held = bool(found["status"] == DeliveryStatus.DELIVERING)
    if held:
        transaction.change("conclude_delivery", {**change, "number": found["number"]})
    elif found["status"] == DeliveryStatus.CANCELED:
        transaction.change("count_late_attempt", {"number": found["number"]})
    else:
        return False
    transaction.change("insert_attempt", {**row, "delivery_number": found["number"], "attempt": found["attempt"] + 1})
    learn(transaction, found["endpoint"], attempt)
    settle_order(transaction, found, to_microseconds(attempt.ended_at))
    return held


def _release(transaction: Transaction, asked: Parameters) -> int:
    given = {"worker"} if asked["worker"] is not None else set()
    held = transaction.rows("held_deliveries", asked, given)
    for row in held:
        _replan(transaction, row, asked["now"])
    return len(held)


def _replan(transaction: Transaction, row: Row, now: int) -> None:
    transaction.change("replan_delivery", {"number": row["number"], "now": now})
    settle_order(transaction, row, now)
