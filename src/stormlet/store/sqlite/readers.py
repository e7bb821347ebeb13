"""Reading beside the writer: a few aiosqlite connections that cannot write and never checkpoint.

Each answers one question at a time, in one hop to its thread, where rows also become model objects: to unpack a page of bodies
in the event loop would delay everybody else's 202.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Set
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from stormlet.foundation.errors import StoreError
from stormlet.store.queries import NOTHING, Queries
from stormlet.store.rows import Row
from stormlet.store.sqlite.failures import is_damage, translate
from stormlet.store.sqlite.opening import address

T = TypeVar("T")

CONNECTIONS = 3
READ_SECONDS = 30.0
"""A reader keeps the log from being emptied, so no question may take longer."""


class Readers:
    """Answers questions by named queries. `on_damage` is told where SQLite finds the file damaged."""

    def __init__(self, queries: Queries, on_damage: Callable[[StoreError], None]) -> None:
        self._queries = queries
        self._on_damage = on_damage
        self._path = Path()
        self._idle: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._open = False
        self._asking = 0
        self._silent = asyncio.Event()

    async def open(self, path: Path, lock_seconds: float) -> None:
        """Connect. The writer must be connected already, so that recovery of the log is its business."""
        self._path = path
        for _ in range(CONNECTIONS):
            connection = await aiosqlite.connect(address(path), uri=True, timeout=lock_seconds, isolation_level=None)
            self._idle.put_nowait(connection)
            await connection.execute_fetchall("PRAGMA wal_autocheckpoint = 0")
            await connection.execute_fetchall("PRAGMA query_only = ON")
        self._open = True

    async def close(self) -> None:
        """Answer those who have asked, and close. May be called twice."""
        self._open = False
        while self._asking:
            self._silent.clear()
            await self._silent.wait()
        while not self._idle.empty():
            await self._idle.get_nowait().close()

    async def rows(
        self, query: str, parameters: Mapping[str, Any], make: Callable[[Row], T], given: Set[str] = NOTHING
    ) -> list[T]:
        """Return one object per row.

        Raises:
            StoreError: the database cannot be read, or the answer takes too long.
        """
        sql = self._queries.text(query, given)
        async with self._lease() as connection:
            connection.row_factory = lambda cursor, row: make(sqlite3.Row(cursor, row))  # type: ignore[assignment]
            try:
                async with asyncio.timeout(READ_SECONDS):
                    rows = await connection.execute_fetchall(sql, parameters)
                    return cast(list[T], rows)
            except TimeoutError:
                await connection.interrupt()
                raise StoreError("the database took too long to answer", hint="ask for a smaller part") from None
            except (sqlite3.Error, UnicodeDecodeError) as error:
                seen = translate(error, self._path)
                if is_damage(error) and isinstance(seen, StoreError):
                    self._on_damage(seen)
                raise seen from None

    async def row(self, query: str, parameters: Mapping[str, Any], make: Callable[[Row], T]) -> T | None:
        """Return the first row's object, or None."""
        found = await self.rows(query, parameters, make)
        return found[0] if found else None

    @asynccontextmanager
    async def _lease(self) -> AsyncIterator[aiosqlite.Connection]:
        if not self._open:
            raise StoreError("the database is closed", hint="the engine is stopping")
        self._asking += 1
        try:
            connection = await self._idle.get()
            try:
                yield connection
            finally:
                self._idle.put_nowait(connection)
        finally:
            self._asking -= 1
            self._silent.set()
