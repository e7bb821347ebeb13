"""The one writer: a thread with one connection that puts whatever callers wait for into one commit.

    caller ── work(transaction) ─► queue ─► BEGIN IMMEDIATE · SAVEPOINT work RELEASE · SAVEPOINT … · COMMIT (fsync)
    caller ◄───────────────── result, after the commit ──────────────────┘

An fsync costs the same for one transaction as for a hundred, so the rate grows with the load, and nobody waits for others to come
(no delay is added). A thread of our own, because through aiosqlite each statement would cross threads. SQLite allows one writer
at a time anyway; two would only wait for each other.

Work may be run more than once before its caller hears of it (where another's failure took the whole transaction with it), so it
must change nothing but the database. This module must not know any table.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import StoreError
from stormlet.store.queries import Queries
from stormlet.store.sqlite.committer import Committer
from stormlet.store.sqlite.failures import translate
from stormlet.store.sqlite.jobs import Job, JobQueue
from stormlet.store.sqlite.opening import Database
from stormlet.store.sqlite.transaction import Transaction

T = TypeVar("T")

QUIET_SECONDS = 0.5
"""How long nobody must have come for the log to be moved."""


class WriterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the writer may use. `lock_seconds` is how long a caller waits for a database that somebody else holds."""

    queue_limit: int
    reserve_bytes: int
    lock_seconds: float


class Writer:
    """Runs callers' work in shared transactions. `start` once; then `run` from the same loop; then `stop`."""

    def __init__(self, path: Path, queries: Queries, clock: Clock, options: WriterOptions) -> None:
        self._path = path
        self._queries = queries
        self._clock = clock
        self._options = options
        self._queue = JobQueue(options.queue_limit)
        self._found: StoreError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[None] | None = None

    async def start(self, open_database: Callable[[], Database]) -> Database:
        """Open the database in the writer's thread, and serve. Raises what `open_database` raises, translated."""
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        opened: asyncio.Future[Database] = self._loop.create_future()
        # A daemon: a loop that died without closing the store must not keep the process alive.
        threading.Thread(target=self._live, args=(open_database, opened), name="stormlet-writer", daemon=True).start()
        return await opened

    async def run(self, work: Callable[[Transaction], T], *, new: bool = False, weight: int = 0) -> T:
        """Return what `work` returned, once it is on the disk.

        Args:
            work: changes the database through the transaction and nothing else.
            new: brings something that may be refused where the queue or the disk is full.
            weight: bytes of the bodies it holds in memory while it waits.

        Raises:
            OverloadedError: the queue or the disk is full.
            StoreError: locked for too long, or nothing can be written any more.
            whatever `work` raised: then nothing of it was written.
        """
        future = asyncio.get_running_loop().create_future()
        self._queue.put(Job(work, future, new=new, weight=weight, queued_at=self._clock.monotonic()))
        return cast(T, await future)

    def fail(self, error: StoreError) -> None:
        """Write nothing any more: somebody else found damage. May be called from any thread."""
        self._found = error

    async def stop(self) -> None:
        """Finish what waits and close the database. May be called twice, and without `start`."""
        self._queue.close()
        if self._ended is not None:
            await asyncio.shield(self._ended)

    def _live(self, open_database: Callable[[], Database], opened: asyncio.Future[Database]) -> None:
        assert self._ended is not None
        try:
            database = open_database()
        except Exception as error:  # noqa: BLE001 - the border to the caller in the other thread
            seen = translate(error, self._path)
            self._post(lambda: None if opened.done() else opened.set_exception(seen))
        else:
            self._post(lambda: None if opened.done() else opened.set_result(database))
            self._serve(database)
        ended = self._ended
        self._post(lambda: None if ended.done() else ended.set_result(None))

    def _serve(self, database: Database) -> None:
        committer = self._committer(database)
        try:
            while (batch := self._queue.take(QUIET_SECONDS if committer.unmoved else None)) is not None:
                if self._found is not None:
                    committer.fail(self._found)
                if batch:
                    committer.carry_out(batch)
                    committer.tell_of_room(batch)
                    self._post(partial(_settle, batch))
                    committer.after_commit()
                else:
                    committer.in_a_quiet_moment()
        finally:
            database.close(clean=committer.failure is None and self._found is None)

    def _committer(self, database: Database) -> Committer:
        return Committer(
            database,
            Transaction(database.connection, self._queries),
            reserve_bytes=self._options.reserve_bytes,
            lock_seconds=self._options.lock_seconds,
            monotonic=self._clock.monotonic,
        )

    def _post(self, tell: Callable[[], Any]) -> None:
        """Run `tell` in the loop's thread. A loop that is gone has nobody left to be told."""
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell)


def _settle(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.settle()
