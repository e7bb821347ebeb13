"""Forgetting what is over, in pieces so small that no event waits behind a deletion for long."""

from datetime import datetime
from functools import partial

from stormlet.foundation.clock import to_microseconds
from stormlet.store.sqlite.tables import Tables
from stormlet.store.sqlite.transaction import Transaction

PIECE = 50
"""Rows deleted in one transaction; each takes its body, its index entries and what belongs to it along."""


class RetentionTables(Tables):
    """The method of `Store` that forgets."""

    async def purge(self, before: datetime, limit: int) -> int:
        gone = 0
        while gone < limit:
            asked = {"before": to_microseconds(before), "limit": min(PIECE, limit - gone)}
            purged = await self._write(partial(_purge, asked=asked))
            gone += purged
            if purged == 0:
                break
        return gone


def _purge(transaction: Transaction, asked: dict[str, int]) -> int:
    """Delete one piece: executions first, for they keep their instances."""
    executions = transaction.rows("purgeable_executions", asked)
    transaction.change_each("delete_execution", [{"number": row["number"]} for row in executions])
    if executions:
        return len(executions)
    instances = transaction.rows("purgeable_instances", asked)
    transaction.change_each("delete_trigger_instance", [{"number": row["number"]} for row in instances])
    events = {row["event_id"] for row in instances if row["event_id"] is not None}
    transaction.change_each("delete_event", [{"id": event_id} for event_id in sorted(events)])
    return len(instances)
