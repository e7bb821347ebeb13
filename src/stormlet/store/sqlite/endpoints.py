"""What the engine learns about endpoints: verified, failing since, disabled, and when which secret signed."""

from collections.abc import Sequence
from datetime import datetime

from stormlet.foundation.clock import from_microseconds, to_microseconds
from stormlet.model.delivery import Attempt, Planned
from stormlet.model.endpoint import EndpointState
from stormlet.store.delivery_rows import endpoint_state_row, read_endpoint_state
from stormlet.store.encoding import without_lone_surrogates
from stormlet.store.sqlite.inserts import insert_planned
from stormlet.store.sqlite.tables import Tables
from stormlet.store.sqlite.transaction import Transaction


class EndpointTables(Tables):
    """The methods of `Store` about the state of endpoints."""

    async def endpoint_states(self) -> dict[str, EndpointState]:
        found = await self._readers.rows("endpoint_states", {}, read_endpoint_state)
        return {state.ref: state for state in found}

    async def put_endpoint_state(self, state: EndpointState) -> None:
        await self._change("put_endpoint_state", endpoint_state_row(state))

    async def disable_endpoint(self, ref: str, reason: str, now: datetime, planned: Sequence[Planned] = ()) -> bool:
        change = {"ref": ref, "reason": without_lone_surrogates(reason), "now": to_microseconds(now)}

        def disable(transaction: Transaction) -> bool:
            disabled = transaction.change("disable_endpoint", change) > 0
            if disabled:
                insert_planned(transaction, planned, self._codec)
            return disabled

        return await self._write(disable)

    async def delete_endpoint_state(self, ref: str) -> bool:
        def forget(transaction: Transaction) -> bool:
            transaction.change("delete_endpoint_secret_uses", {"endpoint": ref})
            return transaction.change("delete_endpoint_state", {"ref": ref}) > 0

        return await self._write(forget)

    async def endpoint_secret_uses(self, ref: str) -> dict[str, datetime]:
        uses = await self._readers.rows(
            "endpoint_secret_uses",
            {"endpoint": ref},
            lambda row: (row["secret"], from_microseconds(row["used_at"])),
        )
        return dict(uses)


def learn(transaction: Transaction, endpoint: str, attempt: Attempt) -> None:
    """Note what an attempt says about its endpoint, in the transaction that records it."""
    now = to_microseconds(attempt.ended_at)
    seen = {"ref": endpoint, "now": now, "status_code": attempt.status_code}
    if attempt.error:
        transaction.change("learn_of_failure", {**seen, "error": without_lone_surrogates(attempt.error)})
    else:
        transaction.change("learn_of_success", seen)
    for secret in attempt.secrets:
        transaction.change("put_endpoint_secret_use", {"endpoint": endpoint, "secret": secret, "used_at": now})
