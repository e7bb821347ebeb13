"""Executions: the third durable step. Claims under a lease with a fencing token, outcomes recorded exactly once, output.

An execution is *held* while it has a lease. Only the holder of its newest token may conclude it or prolong the lease; to claim it
makes a new token, so a worker that was thought dead and comes back cannot overwrite what its successor did.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from stormlet.foundation.clock import to_microseconds
from stormlet.foundation.errors import InvalidInputError, StoreError
from stormlet.model.delivery import Planned
from stormlet.model.execution import COMPLETED, Claim, Execution, ExecutionStatus, Outcome, OutputChunk, OutputKind
from stormlet.model.trigger import TriggerInstance
from stormlet.store.encoding import Codec, to_json
from stormlet.store.interface import ExecutionFilter, Page
from stormlet.store.rows import Parameters, Row, output_row, read_claim, read_execution, read_output
from stormlet.store.sqlite.inserts import insert_executions, insert_instances, insert_planned, insert_result
from stormlet.store.sqlite.tables import Tables, conditions
from stormlet.store.sqlite.transaction import Transaction

log = logging.getLogger(__name__)

OUTPUT_ROWS = 200
"""Most pieces of output in one transaction."""


class ExecutionTables(Tables):
    """The methods of `Store` about executions."""

    async def request_execution(self, execution: Execution, planned: Sequence[Planned] = ()) -> None:
        def request(transaction: Transaction) -> None:
            insert_executions(transaction, [execution], self._codec)
            insert_planned(transaction, planned, self._codec)

        await self._writer.run(request, new=True)

    async def claim_executions(self, worker: str, limit: int, now: datetime, lease_until: datetime) -> list[Claim]:
        lease = {"worker": worker, "now": to_microseconds(now), "lease_until": to_microseconds(lease_until)}
        return await self._write(lambda transaction: _claim(transaction, limit, lease, self._codec))

    async def extend_leases(self, worker: str, claims: Sequence[tuple[str, int]], lease_until: datetime) -> list[str]:
        until = to_microseconds(lease_until)
        return await self._write(lambda transaction: _extend(transaction, worker, claims, until))

    async def append_output(self, chunks: Sequence[OutputChunk]) -> None:
        rows = [output_row(chunk) for chunk in chunks]
        for start in range(0, len(rows), OUTPUT_ROWS):
            some = rows[start : start + OUTPUT_ROWS]
            await self._write(partial(_append, rows=some))

    async def conclude_execution(
        self, outcome: Outcome, instances: Sequence[TriggerInstance] = (), planned: Sequence[Planned] = ()
    ) -> bool:
        if outcome.status not in COMPLETED:
            raise InvalidInputError(f"an execution cannot end as {outcome.status.value}")
        return await self._write(lambda transaction: _conclude(transaction, outcome, instances, planned, self._codec))

    async def expired_executions(self, now: datetime, limit: int) -> list[Claim]:
        parameters = {"now": to_microseconds(now), "limit": limit}
        found = await self._readers.rows("expired_executions", parameters, lambda row: self._claim_or_reject(row, now))
        for rejected in [one for one in found if isinstance(one, Outcome)]:
            log.error("execution %s cannot be read: %s", rejected.execution_id, rejected.result)
            await self.conclude_execution(rejected)
        return [one for one in found if isinstance(one, Claim)]

    async def requeue_execution(self, execution_id: str, token: int, now: datetime) -> bool:
        parameters = {"id": execution_id, "token": token, "now": to_microseconds(now)}
        return await self._change("requeue_execution", parameters) > 0

    async def request_cancel(
        self, execution_id: str, now: datetime, planned: Sequence[Planned] = ()
    ) -> Execution | None:
        parameters = {"id": execution_id, "now": to_microseconds(now)}
        return await self._write(lambda transaction: _cancel(transaction, parameters, planned, self._codec))

    async def release_leases(self, worker: str, now: datetime) -> int:
        return await self._change("release_leases", {"worker": worker, "now": to_microseconds(now)})

    async def execution(self, execution_id: str) -> Execution | None:
        return await self._readers.row("execution", {"id": execution_id}, self._read_execution)

    async def last_execution(self) -> Execution | None:
        return await self._readers.row("last_execution", {}, self._read_execution)

    async def list_executions(self, wanted: ExecutionFilter, page: Page) -> tuple[list[Execution], int]:
        parameters = conditions(wanted)
        if parameters.get("parent") == "null":
            del parameters["parent"]
            parameters["without_parent"] = True
        if wanted.ids is not None:
            parameters["ids"] = to_json(wanted.ids).decode()
        return await self._page("list_executions", "count_executions", parameters, page, self._show_execution)

    async def output(self, execution_id: str, kind: OutputKind | None = None) -> list[OutputChunk]:
        parameters = {"execution_id": execution_id, "kind": None if kind is None else kind.value}
        return await self._readers.rows("output", parameters, read_output, {"kind"} if kind is not None else set())

    def _read_execution(self, row: Row) -> Execution:
        return read_execution(row, self._codec)

    def _show_execution(self, row: Row) -> Execution:
        """Read one of many: that the key of some is lost must not hide the others."""
        return read_execution(row, self._codec, keyless=True)

    def _claim_or_reject(self, row: Row, now: datetime) -> Claim | Outcome:
        """Read a claim; one whose bodies are damaged is concluded, so that it does not stand in the way of the others."""
        try:
            return read_claim(row, self._codec)
        except StoreError as error:
            return Outcome(
                execution_id=row["id"],
                token=row["token"],
                status=ExecutionStatus.ABANDONED,
                result={"error": str(error)},
                ended_at=now,
            )


def _append(transaction: Transaction, rows: list[Parameters]) -> None:
    transaction.change_each("insert_output", rows)


def _claim(transaction: Transaction, limit: int, lease: Parameters, codec: Codec) -> list[Claim]:
    claims = []
    for row in transaction.rows("claimable_executions", {"now": lease["now"], "limit": limit}):
        one = {"number": row["number"], "now": lease["now"]}
        transaction.change("claim_execution", {**lease, **one})
        claimed = transaction.row("claimed_execution", one)
        assert claimed is not None
        try:
            claims.append(read_claim(claimed, codec))
        except StoreError as error:
            log.error("execution %s cannot be read: %s", claimed["id"], error)
            transaction.change("fail_unreadable_execution", one)
            insert_result(transaction, claimed["id"], {"error": str(error)}, codec)
    return claims


def _extend(transaction: Transaction, worker: str, claims: Sequence[tuple[str, int]], until: int) -> list[str]:
    lost = []
    for execution_id, token in claims:
        lease = {"id": execution_id, "token": token, "worker": worker, "lease_until": until}
        if not transaction.change("extend_lease", lease):
            lost.append(execution_id)
    return lost


def _conclude(
    transaction: Transaction,
    outcome: Outcome,
    instances: Sequence[TriggerInstance],
    planned: Sequence[Planned],
    codec: Codec,
) -> bool:
    gate = {
        "id": outcome.execution_id,
        "token": outcome.token,
        "status": outcome.status.value,
        "ended_at": to_microseconds(outcome.ended_at),
    }
    if not transaction.change("conclude_execution", gate):
        return False
    if outcome.result is not None:
        insert_result(transaction, outcome.execution_id, outcome.result, codec)
    insert_instances(transaction, instances, codec)
    insert_planned(transaction, planned, codec)
    return True


def _cancel(
    transaction: Transaction, parameters: Parameters, planned: Sequence[Planned], codec: Codec
) -> Execution | None:
    if transaction.change("cancel_waiting_execution", parameters):
        insert_planned(transaction, planned, codec)
    else:
        transaction.change("cancel_running_execution", parameters)
    row = transaction.row("execution", parameters)
    return None if row is None else read_execution(row, codec)
