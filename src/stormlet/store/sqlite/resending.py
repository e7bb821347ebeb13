"""Stepping in: deliveries resent and canceled, one by one or all that match, and forgotten when they are old.

All that match may be a million, so they are walked a few at a time, each few in a transaction of its own: nothing is collected in
memory, and no event waits for a mass of changes. What is planned while a walk is on its way is not part of it.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from stormlet.foundation.clock import to_microseconds
from stormlet.foundation.errors import ConflictError
from stormlet.model.delivery import ENDED, Delivery, DeliveryStatus
from stormlet.model.message import PASSING_SUBJECTS
from stormlet.store.delivery_interface import DeliveryFilter
from stormlet.store.delivery_rows import read_delivery
from stormlet.store.encoding import without_lone_surrogates
from stormlet.store.rows import Parameters, Row
from stormlet.store.sqlite.order_keys import settle_order
from stormlet.store.sqlite.tables import Tables, conditions, read_total
from stormlet.store.sqlite.transaction import Transaction

PIECE = 200
"""Deliveries changed in one transaction."""
PURGED_PIECE = 50
"""Deliveries deleted in one transaction; each takes its attempts with their bodies along."""

Change = Callable[[Transaction, Row], bool]


class ResendingTables(Tables):
    """The methods of `Store` that step in."""

    async def resend_delivery(self, delivery_id: str, now: datetime) -> Delivery | None:
        return await self._change_one(delivery_id, partial(_resend, now=to_microseconds(now)), "resent")

    async def resend_deliveries(self, wanted: DeliveryFilter, now: datetime, *, dry_run: bool = False) -> int:
        asked = conditions(wanted)
        if wanted.status is None:
            asked["ended"] = True
        return await self._change_all(asked, partial(_resend, now=to_microseconds(now)), dry_run)

    async def cancel_delivery(self, delivery_id: str, now: datetime, reason: str = "") -> Delivery | None:
        return await self._change_one(delivery_id, _canceling(now, reason))

    async def cancel_deliveries(
        self, wanted: DeliveryFilter, now: datetime, reason: str = "", *, dry_run: bool = False
    ) -> int:
        return await self._change_all({**conditions(wanted), "unended": True}, _canceling(now, reason), dry_run)

    async def purge_messages(self, before: datetime, limit: int) -> int:
        gone = 0
        while gone < limit:
            asked = {"before": to_microseconds(before), "limit": min(PURGED_PIECE, limit - gone)}
            purged = await self._write(partial(_purge, asked=asked))
            gone += purged
            if purged == 0:
                break
        return gone

    async def _change_one(self, delivery_id: str, change: Change, must_be: str = "") -> Delivery | None:
        """Change one delivery. Raises ConflictError where it `must_be` changed, and was not because it is held."""

        def work(transaction: Transaction) -> Delivery | None:
            row = transaction.row("delivery_to_change", {"id": delivery_id})
            if row is None:
                return None
            if not change(transaction, row) and must_be:
                raise ConflictError(
                    f"delivery {delivery_id} is being attempted and cannot be {must_be} now",
                    hint="wait until the attempt has ended",
                )
            found = transaction.row("delivery", {"id": delivery_id})
            return None if found is None else read_delivery(found)

        return await self._write(work)

    async def _change_all(self, asked: Parameters, change: Change, dry_run: bool) -> int:
        if dry_run:
            return (await self._readers.rows("count_deliveries", asked, read_total, set(asked)))[0]
        newest = (await self._readers.rows("newest_delivery", {}, lambda row: row["number"]))[0]
        walk = {**asked, "newest": newest, "limit": PIECE, "walked_at": -(1 << 62), "walked_number": 0}
        changed = 0
        while some := await self._readers.rows("walk_deliveries", walk, _read_place, set(asked)):
            changed += await self._write(partial(_change_each, ids=[place[0] for place in some], change=change))
            _, walk["walked_at"], walk["walked_number"] = some[-1]
        return changed


def _read_place(row: Row) -> tuple[str, int, int]:
    return row["id"], row["created_at"], row["number"]


def _change_each(transaction: Transaction, ids: list[str], change: Change) -> int:
    changed = 0
    for delivery_id in ids:
        row = transaction.row("delivery_to_change", {"id": delivery_id})
        # Between the look and the change somebody may have purged it.
        changed += row is not None and change(transaction, row)
    return changed


def _resend(transaction: Transaction, row: Row, now: int) -> bool:
    status = DeliveryStatus(row["status"])
    if status is DeliveryStatus.DELIVERING:
        return False
    if status in ENDED:
        transaction.change("resend_delivery", {"number": row["number"], "now": now})
        settle_order(transaction, row, now)
    else:
        transaction.change("attempt_delivery_now", {"number": row["number"], "now": now})
    return True


def _canceling(now: datetime, reason: str) -> Change:
    return partial(_cancel, change={"now": to_microseconds(now), "reason": without_lone_surrogates(reason)})


def _cancel(transaction: Transaction, row: Row, change: Parameters) -> bool:
    if DeliveryStatus(row["status"]) in ENDED:
        return False
    transaction.change("cancel_delivery", {**change, "number": row["number"]})
    settle_order(transaction, row, change["now"])
    return True


def _purge(transaction: Transaction, asked: Parameters) -> int:
    rows = transaction.rows("purgeable_deliveries", asked)
    transaction.change_each("delete_delivery", [{"number": row["number"]} for row in rows])
    messages = {row["message_number"]: row["subject"] for row in rows}
    transaction.change_each("delete_message", [{"message_number": number} for number in messages])
    over = {subject for subject in messages.values() if subject.partition(":")[0] in PASSING_SUBJECTS}
    transaction.change_each("delete_ordinal", [{"subject": subject} for subject in sorted(over)])
    return len(rows)
