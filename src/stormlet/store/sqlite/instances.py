"""Trigger instances and enforcements: the second durable step, decide. (The first is in sources.py.)"""

import logging

from stormlet.foundation.errors import StoreError
from stormlet.model.enforcement import Enforcement
from stormlet.model.trigger import TriggerInstanceStatus
from stormlet.store.encoding import Codec
from stormlet.store.interface import Decision, EnforcementFilter, InstanceFilter, Page, StoredInstance
from stormlet.store.rows import (
    Row,
    enforcement_row,
    read_enforcement,
    read_stored_instance,
)
from stormlet.store.sqlite.inserts import insert_executions, insert_planned
from stormlet.store.sqlite.tables import Tables, conditions
from stormlet.store.sqlite.transaction import Transaction

log = logging.getLogger(__name__)


class InstanceTables(Tables):
    """The methods of `Store` about trigger instances and enforcements."""

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
    insert_planned(transaction, decision.planned, codec)
    return True
