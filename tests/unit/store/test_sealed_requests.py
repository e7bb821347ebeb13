"""Executions whose request is sealed, and a key that is lost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stormlet.foundation.clock import SystemClock
from stormlet.foundation.errors import StoreError
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.secrets import SecretBox
from stormlet.foundation.settings import Storage
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.store.interface import ExecutionFilter, Page
from stormlet.store.sqlite.backend import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def execution(**parameters: str) -> Execution:
    return Execution(
        id=new_id(NOW),
        action="core.local",
        runner_type="local-shell-cmd",
        status=ExecutionStatus.REQUESTED,
        requested_at=NOW,
        parameters=parameters,
        secret_parameters=("password",),
    )


async def opened(path: Path, key: bytes | None) -> SqliteStore:
    box = SecretBox(key) if key is not None else None
    store = SqliteStore(path, SystemClock(), Storage(reserve_bytes=0), box=box)
    await store.open()
    return store


@pytest.mark.parametrize("other", [b"2" * 32, None])
async def test_a_lost_key_hides_only_what_it_sealed(tmp_path: Path, other: bytes | None) -> None:
    """Lists go on; what cannot be opened is neither shown nor run, but concluded with the reason."""
    path = tmp_path / "s.db"
    secret, plain = execution(password="CANARY-1", cmd="x CANARY-1"), execution(cmd="plain")
    store = await opened(path, b"1" * 32)
    await store.request_execution(secret)
    await store.request_execution(plain)
    assert await store.execution(secret.id) is not None
    await store.close()
    store = await opened(path, other)
    try:
        found, _ = await store.list_executions(ExecutionFilter(), Page(limit=None))
        shown = {each.id: each.parameters for each in found}
        assert shown == {secret.id: {}, plain.id: {"cmd": "plain"}}
        with pytest.raises(StoreError):
            await store.execution(secret.id)
        claims = await store.claim_executions("w", 9, NOW, NOW + timedelta(seconds=9))
        assert [claim.execution.id for claim in claims] == [plain.id]
        found, _ = await store.list_executions(ExecutionFilter(ids=(secret.id,)), Page(limit=None))
        assert found[0].completed
    finally:
        await store.close()
