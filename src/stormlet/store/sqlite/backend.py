"""The durable memory of one engine in one SQLite file: one writer with group commit, readers beside it.

    stormlet.db        the database          stormlet.db-wal, -shm   SQLite's log and its index
    stormlet.db.lock   held by the engine that uses it               stormlet.db.spare        room to start on a full disk

What each method does is said in store/interface.py; the methods themselves are in the groups below, one file each. How it all
holds together: docs/explanation/storage.md.
"""

import asyncio
from functools import partial
from importlib.resources import files
from pathlib import Path

from stormlet.foundation.clock import Clock, from_microseconds
from stormlet.foundation.errors import StoreError
from stormlet.foundation.secrets import SecretBox
from stormlet.foundation.settings import Storage
from stormlet.store.encoding import Codec
from stormlet.store.interface import Store, Totals
from stormlet.store.migrate import read_migrations
from stormlet.store.queries import read_queries
from stormlet.store.rows import Row
from stormlet.store.sqlite.credentials import CredentialTables
from stormlet.store.sqlite.deliveries import DeliveryTables
from stormlet.store.sqlite.documents import DocumentTables
from stormlet.store.sqlite.endpoints import EndpointTables
from stormlet.store.sqlite.executions import ExecutionTables
from stormlet.store.sqlite.instances import InstanceTables
from stormlet.store.sqlite.integrity import BackgroundCheck
from stormlet.store.sqlite.opening import open_database
from stormlet.store.sqlite.readers import Readers
from stormlet.store.sqlite.resending import ResendingTables
from stormlet.store.sqlite.retention import RetentionTables
from stormlet.store.sqlite.sources import SourceTables
from stormlet.store.sqlite.spare import Spare
from stormlet.store.sqlite.transaction import Transaction
from stormlet.store.sqlite.writer import Writer, WriterOptions

SQL = files("stormlet.store.sqlite")


class SqliteStore(
    SourceTables,
    InstanceTables,
    ExecutionTables,
    DeliveryTables,
    ResendingTables,
    EndpointTables,
    DocumentTables,
    CredentialTables,
    RetentionTables,
    Store,
):
    """A `Store` over one file. Used from one event loop, from `open` to `close`."""

    def __init__(
        self, path: Path, clock: Clock, settings: Storage, queue_limit: int = 5000, box: SecretBox | None = None
    ) -> None:
        """
        Args:
            path: the database file; its directory must exist.
            clock: only its monotonic time is used, to tell how long a caller has waited for a lock.
            settings: the section `store`.
            queue_limit: callers with something new that may wait for the disk.
            box: seals what holds secrets; without it, they are stored in clear.
        """
        self._path = path
        self._settings = settings
        self._codec = Codec(box)
        queries = read_queries(SQL / "queries")
        options = WriterOptions(
            queue_limit=queue_limit, reserve_bytes=settings.reserve_bytes, lock_seconds=settings.lock_seconds
        )
        self._writer = Writer(path, queries, clock, options)
        self._readers = Readers(queries, self._writer.fail)
        self._check: BackgroundCheck | None = None

    async def open(self) -> None:
        migrations = read_migrations(SQL / "migrations")
        open_it = partial(open_database, self._path, self._settings.lock_seconds, migrations)
        spare = Spare(self._path, self._settings.reserve_bytes)
        database = await self._writer.start(lambda: spare.open(open_it))
        try:
            await self._readers.open(self._path, self._settings.lock_seconds)
            if database.unchecked:
                self._check = BackgroundCheck(self._path, self._writer.fail)
                self._check.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        # The writer last: SQLite moves the log when the last connection closes, and only the writer's may do that.
        if self._check is not None:
            await asyncio.to_thread(self._check.stop)
            self._check = None
        await self._readers.close()
        await self._writer.stop()

    async def check(self) -> None:
        await self._writer.run(_touch, new=True)

    async def totals(self) -> Totals:
        found = await self._readers.row("totals", {}, self._read_totals)
        if found is None:
            raise StoreError(f"{self._path} gives no answer")
        return found

    def _read_totals(self, row: Row) -> Totals:
        oldest_pending, oldest_waiting = row["oldest_pending"], row["oldest_waiting"]
        return Totals(
            pending_instances=row["pending_instances"],
            oldest_pending=None if oldest_pending is None else from_microseconds(oldest_pending),
            waiting_executions=row["waiting_executions"],
            running_executions=row["running_executions"],
            oldest_waiting=None if oldest_waiting is None else from_microseconds(oldest_waiting),
            size_bytes=sum(part.stat().st_size for part in self._files() if part.exists()),
        )

    def _files(self) -> list[Path]:
        return [self._path, self._path.with_name(self._path.name + "-wal")]


def _touch(transaction: Transaction) -> None:
    """Write something: only what was written shows that writing works."""
    transaction.change("put_fact", {"name": "checked", "value": "yes"})
