"""A damaged message fails its own deliveries, with the reason, and stands in nobody's way."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stormlet.foundation.errors import StoreError
from stormlet.foundation.identifiers import new_id
from stormlet.model.delivery import Attempt, DeliveryStatus, Planned, delivery_id
from stormlet.model.message import Message
from stormlet.store.sqlite.backend import SqliteStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
ROOM = {"p.one": 10, "p.two": 10}


@pytest.fixture
async def store(make_store: Callable[..., SqliteStore]) -> SqliteStore:
    made = make_store()
    await made.open()
    return made


def damage(path: Path, table: str, column: str, number: int) -> None:
    """Flip a byte of a stored body, as a failing disk would."""
    connection = sqlite3.connect(path, isolation_level=None)
    body = bytearray(connection.execute(f"SELECT {column} FROM {table} WHERE number = ?", (number,)).fetchone()[0])
    body[-1] ^= 0xFF
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE number = ?", (bytes(body), number))
    connection.close()


async def plan(store: SqliteStore, number: int, key: str | None) -> list[str]:
    ids = [new_id(NOW) for _ in range(number)]
    keys = {} if key is None else {"p.one": key, "p.two": key}
    messages = [Message(id=one, type="a.b", time=NOW, subject="execution:1", pack="p", data={"n": 1}) for one in ids]
    await store.plan([Planned(message=one, endpoints=("p.one", "p.two"), order_keys=keys) for one in messages])
    return ids


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_damaged_message_fails_and_the_others_are_sent(store: SqliteStore, path: Path, key: str | None) -> None:
    """Also where the others wait for it in their order."""
    ids = await plan(store, 3, key)
    damage(path, "messages", "body", 1)
    claimed = set()
    while claims := await store.claim_deliveries("w", 10, NOW, LATER, ROOM):
        for claim in claims:
            claimed.add(claim.message.id)
            attempt = Attempt(delivery_id=claim.delivery.id, started_at=NOW, seconds=0.0)
            await store.conclude_attempt(claim.delivery.id, claim.token, attempt, DeliveryStatus.DELIVERED)
    assert claimed == set(ids[1:])
    for endpoint in ROOM:
        failed = await store.delivery(delivery_id(ids[0], endpoint))
        assert failed is not None
        assert failed.status is DeliveryStatus.FAILED
        assert "damaged" in failed.reason
    with pytest.raises(StoreError, match="damaged"):
        await store.message(ids[0])


async def test_a_damaged_attempt_says_so(store: SqliteStore, path: Path) -> None:
    """The delivery itself can still be seen, and resent."""
    await plan(store, 1, None)
    claim = (await store.claim_deliveries("w", 1, NOW, LATER, ROOM))[0]
    attempt = Attempt(delivery_id=claim.delivery.id, started_at=NOW, seconds=0.0, answer_body=b"ok")
    await store.conclude_attempt(claim.delivery.id, claim.token, attempt, DeliveryStatus.DELIVERED)
    damage(path, "delivery_attempts", "exchange", 1)
    with pytest.raises(StoreError, match="damaged"):
        await store.attempts(claim.delivery.id)
    resent = await store.resend_delivery(claim.delivery.id, LATER)
    assert resent is not None
    assert resent.status is DeliveryStatus.PLANNED
