"""Readers cannot write; new events stop before the disk is full."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stormlet.foundation.errors import OverloadedError, StoreError
from stormlet.foundation.identifiers import new_id
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.model.trigger import TriggerInstance
from stormlet.store.interface import InstanceFilter, Page
from stormlet.store.queries import Queries
from stormlet.store.sqlite import readers
from stormlet.store.sqlite.backend import SqliteStore
from stormlet.store.sqlite.opening import Database
from stormlet.store.sqlite.readers import Readers
from stormlet.store.sqlite.space import Space

MakeStore = Callable[..., SqliteStore]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def instance() -> TriggerInstance:
    return TriggerInstance(id=new_id(NOW), trigger="a.b", trigger_type="a.b", occurrence_time=NOW, payload={"n": 1})


async def test_readers_cannot_write_and_never_move_the_log(make_store: MakeStore) -> None:
    """Two connections that move the log can corrupt it."""
    store = make_store()
    await store.open()
    for connection in store._readers._idle._queue:  # type: ignore[attr-defined]
        assert list(await connection.execute_fetchall("PRAGMA wal_autocheckpoint")) == [(0,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await connection.execute_fetchall("DELETE FROM facts")


async def test_many_readers_share_few_connections(make_store: MakeStore) -> None:
    """Also when some of them give up."""
    store = make_store()
    await store.open()
    await store.record([instance() for _ in range(10)])
    asking = [asyncio.ensure_future(store.list_trigger_instances(InstanceFilter(), Page())) for _ in range(50)]
    await asyncio.to_thread(lambda: None)
    for task in asking[::5]:
        task.cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) or one[1] == 10 for one in answers)  # type: ignore[index]
    assert (await store.list_trigger_instances(InstanceFilter(), Page(limit=3)))[1] == 10


async def test_closing_answers_those_who_have_asked(make_store: MakeStore) -> None:
    """And refuses those who come later."""
    store = make_store()
    await store.open()
    asking = [asyncio.ensure_future(store.totals()) for _ in range(20)]
    await asyncio.to_thread(lambda: None)
    await store.close()
    assert {(await task).pending_instances for task in asking} == {0}
    with pytest.raises(StoreError, match="closed"):
        await store.totals()


async def test_an_endless_question_is_ended(
    path: Path, open_it: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader holds the log back; and the connection is good for the next question."""
    monkeypatch.setattr(readers, "READ_SECONDS", 0.2)
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) AS n FROM c"
    database = open_it()
    asked = Readers(Queries({"endless": (endless,), "one": ("SELECT 1 AS n",)}), lambda _: None)
    await asked.open(path, 1.0)
    try:
        for _ in range(readers.CONNECTIONS + 1):
            with pytest.raises(StoreError, match="too long"):
                await asked.rows("endless", {}, lambda row: row["n"])
        assert await asked.row("one", {}, lambda row: row["n"]) == 1
    finally:
        await asked.close()
        database.close(clean=True)


class Disk(Space):
    """A disk of which a test says how much is free."""

    free = 0

    def free_bytes(self) -> int:
        return self.free


def test_room_is_what_is_free_or_was_emptied(path: Path, open_it: Callable[[], Database]) -> None:
    """Pages that retention emptied count, as long as half of the reserve is really free."""
    database = open_it()
    disk = Disk(path, 1_000_000)
    for free, room in ((1_000_000, True), (999_999, False), (0, False)):
        disk.free = free
        assert disk.has_room(database.connection) is room
    database.connection.execute("CREATE TABLE t AS SELECT randomblob(1100000) AS x")
    database.connection.execute("DROP TABLE t")
    for free, room in ((999_999, True), (500_000, True), (499_999, False)):
        disk.free = free
        assert disk.has_room(database.connection) is room
    database.close(clean=True)


async def test_below_the_reserve_new_work_is_refused_and_the_rest_is_written(make_store: MakeStore, path: Path) -> None:
    """What is accepted is decided and concluded to the end."""
    store = make_store()
    await store.open()
    waiting = instance()
    await store.record([waiting])
    await store.close()
    short = make_store(reserve_bytes=2**60)
    await short.open()
    execution = Execution(
        id=new_id(NOW), action="a.b", runner_type="noop", status=ExecutionStatus.REQUESTED, requested_at=NOW
    )
    for refused in (short.record([instance()]), short.request_execution(execution), short.check()):
        with pytest.raises(OverloadedError) as caught:
            await refused
        assert caught.value.disk_full
        assert caught.value.retry_after > 0
    assert [one.instance.id for one in await short.pending_instances(10)] == [waiting.id]
    await short.set_enabled_override("rule", "a.b", False)
    assert await short.purge(NOW, 10) == 0


async def test_a_refusal_names_the_setting_and_the_log_tells_each_change_once(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """WARNING when events begin to be refused, INFO when they are taken again; nothing for those between."""
    caplog.set_level(logging.INFO, logger="stormlet.store.sqlite.committer")
    store = make_store(reserve_bytes=64 * 1024 * 1024)
    await store.open()
    monkeypatch.setattr(Space, "free_bytes", lambda _: 1024 * 1024)
    for _ in range(3):
        with pytest.raises(OverloadedError) as caught:
            await store.record([instance()])
        assert "less than 64 MiB free on the disk" in str(caught.value)
        assert "setting store.reserve_bytes" in str(caught.value)
    monkeypatch.setattr(Space, "free_bytes", lambda _: 2**40)
    for _ in range(3):
        await store.record([instance()])
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in told] == ["WARNING", "INFO"]
    assert "no new event is taken" in told[0][1]
    assert "1.0 MiB free on" in told[0][1]
    assert "taken again" in told[1][1]
