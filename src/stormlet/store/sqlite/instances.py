"""Events, trigger instances and enforcements: the first two durable steps, accept and decide."""

import logging
from collections.abc import Sequence

from stormlet.foundation.errors import NotFoundError, StoreError
from stormlet.model.enforcement import Enforcement
from stormlet.model.event import Event
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.encoding import Codec
from stormlet.store.interface import Decision, EnforcementFilter, InstanceFilter, Page, StoredInstance
from stormlet.store.rows import (
    Row,
    enforcement_row,
    event_row,
    read_enforcement,
    read_stored_instance,
)
from stormlet.store.sqlite.inserts import insert_executions, insert_instances
from stormlet.store.sqlite.tables import Tables, conditions
from stormlet.store.sqlite.transaction import Transaction

log = logging.getLogger(__name__)


class InstanceTables(Tables):
    """The methods of `Store` about events, trigger instances and enforcements."""

    async def record(self, instances: Sequence[TriggerInstance], event: Event | None = None) -> None:
        weight = len(event.body) if event is not None else 0
        codec = self._codec
        await self._writer.run(
            lambda transaction: _record(transaction, instances, event, codec), new=True, weight=weight
        )

    async def pending_instances(self, limit: int) -> list[StoredInstance]:
        found = await self._readers.rows("pending_instances", {"limit": limit}, self._instance_or_reject)
        for rejected in [one for one in found if isinstance(one, Decision)]:
            log.error("trigger instance %s: %s", rejected.trigger_instance_id, rejected.failure_reason)
            await self.conclude_decision(rejected)
        return [one for one in found if isinstance(one, StoredInstance)]

    async def conclude_decision(self, decision: Decision) -> bool:
        codec = self._codec
        return await self._write(lambda transaction: _conclude(transaction, decision, codec))

    async def trigger_instance(self, instance_id: str) -> StoredInstance | None:
        return await self._readers.row("trigger_instance", {"id": instance_id}, self._read_instance)

    async def list_trigger_instances(self, wanted: InstanceFilter, page: Page) -> tuple[list[StoredInstance], int]:
        names = ("list_trigger_instances", "count_trigger_instances")
        return await self._page(*names, conditions(wanted), page, self._read_instance)

    async def enforcement(self, enforcement_id: str) -> Enforcement | None:
        return await self._readers.row("enforcement", {"id": enforcement_id}, read_enforcement)

    async def list_enforcements(self, wanted: EnforcementFilter, page: Page) -> tuple[list[Enforcement], int]:
        names = ("list_enforcements", "count_enforcements")
        return await self._page(*names, conditions(wanted), page, read_enforcement)

    def _read_instance(self, row: Row) -> StoredInstance:
        return read_stored_instance(row, self._codec)

    def _instance_or_reject(self, row: Row) -> StoredInstance | Decision:
        """Read an instance; one whose body is damaged is concluded, so that it does not stand in the way of the others."""
        try:
            return self._read_instance(row)
        except StoreError as error:
            failed = TriggerInstanceStatus.PROCESSING_FAILED
            return Decision(trigger_instance_id=row["id"], status=failed, failure_reason=str(error))


def _record(transaction: Transaction, instances: Sequence[TriggerInstance], event: Event | None, codec: Codec) -> None:
    if event is not None and any(one.event_id == event.id for one in instances):
        transaction.change("insert_event", event_row(event, codec))
    for older in {one.event_id for one in instances if one.event_id is not None} - {event.id if event else None}:
        if transaction.row("event_exists", {"id": older}) is None:
            raise NotFoundError(f"event {older} is not kept any more")
    insert_instances(transaction, instances, codec)


def _conclude(transaction: Transaction, decision: Decision, codec: Codec) -> bool:
    gate = {
        "id": decision.trigger_instance_id,
        "status": decision.status.value,
        "failure_reason": decision.failure_reason,
    }
    if not transaction.change("decide_instance", gate):
        return False
    transaction.change_each("insert_enforcement", [enforcement_row(one) for one in decision.enforcements])
    insert_executions(transaction, decision.executions, codec)
    return True
