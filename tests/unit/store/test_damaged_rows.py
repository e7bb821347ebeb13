"""One damaged body is that body's trouble: it is concluded with a reason, and stands in nobody's way."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stormlet.foundation.errors import StoreError
from stormlet.foundation.identifiers import new_id
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.sqlite.backend import SqliteStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)


@pytest.fixture
async def store(make_store: Callable[..., SqliteStore]) -> SqliteStore:
    made = make_store()
    await made.open()
    return made


def damage(path: Path, table: str, identity: str, owner: str) -> None:
    """Flip a byte of a stored body, as a failing disk would."""
    column = {"trigger_payloads": "payload", "execution_requests": "request"}[table]
    connection = sqlite3.connect(path, isolation_level=None)
    where = f"number = (SELECT number FROM {owner} WHERE id = ?)"
    body = bytearray(connection.execute(f"SELECT {column} FROM {table} WHERE {where}", (identity,)).fetchone()[0])
    body[-1] ^= 0xFF
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (bytes(body), identity))
    connection.close()


async def test_a_damaged_payload_is_concluded_and_the_others_are_decided(store: SqliteStore, path: Path) -> None:
    """With the reason in the instance."""
    instances = [
        TriggerInstance(id=new_id(NOW), trigger="a.b", trigger_type="a.b", occurrence_time=NOW, payload={"n": n})
        for n in range(3)
    ]
    await store.record(instances)
    damage(path, "trigger_payloads", instances[1].id, "trigger_instances")
    assert [one.instance for one in await store.pending_instances(10)] == [instances[0], instances[2]]
    assert [one.instance for one in await store.pending_instances(10)] == [instances[0], instances[2]]
    with pytest.raises(StoreError, match="damaged"):
        await store.trigger_instance(instances[1].id)
    connection = sqlite3.connect(path)
    row = connection.execute("SELECT status, failure_reason FROM trigger_instances WHERE number = 2").fetchone()
    connection.close()
    assert row[0] == TriggerInstanceStatus.PROCESSING_FAILED
    assert "damaged" in row[1]


async def request(store: SqliteStore, number: int) -> list[str]:
    ids = [new_id(NOW) for _ in range(number)]
    for identity in ids:
        await store.request_execution(
            Execution(
                id=identity,
                action="core.noop",
                runner_type="noop",
                status=ExecutionStatus.REQUESTED,
                requested_at=NOW,
                parameters={"a": 1},
            )
        )
    return ids


async def test_a_damaged_request_fails_and_the_others_are_claimed(store: SqliteStore, path: Path) -> None:
    """It never runs with half of its parameters."""
    ids = await request(store, 3)
    damage(path, "execution_requests", ids[0], "executions")
    claims = await store.claim_executions("w", 10, NOW, LATER)
    assert [claim.execution.id for claim in claims] == ids[1:]
    connection = sqlite3.connect(path)
    status = connection.execute("SELECT status FROM executions WHERE id = ?", (ids[0],)).fetchone()
    connection.close()
    assert status == (ExecutionStatus.FAILED,)


async def test_a_damaged_request_does_not_stop_rescue(store: SqliteStore, path: Path) -> None:
    """It is abandoned."""
    ids = await request(store, 2)
    await store.claim_executions("w", 10, NOW, LATER)
    damage(path, "execution_requests", ids[0], "executions")
    assert [claim.execution.id for claim in await store.expired_executions(LATER, 10)] == ids[1:]
    assert [claim.execution.id for claim in await store.expired_executions(LATER, 10)] == ids[1:]
