"""A writer over a real file, and whole stores."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

from stormlet.foundation.clock import SystemClock
from stormlet.foundation.settings import Storage
from stormlet.store.migrate import read_migrations
from stormlet.store.queries import Queries, read_queries
from stormlet.store.sqlite.backend import SqliteStore
from stormlet.store.sqlite.opening import Database, open_database
from stormlet.store.sqlite.writer import Writer, WriterOptions

SQL = files("stormlet.store.sqlite")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stormlet.db"


@pytest.fixture
def queries() -> Queries:
    return read_queries(SQL / "queries")


@pytest.fixture
def open_it(path: Path) -> Callable[[], Database]:
    """Open the database of `path` as the engine does."""
    return partial(open_database, path, 1.0, read_migrations(SQL / "migrations"))


@pytest.fixture
async def make_writer(
    path: Path, queries: Queries, open_it: Callable[[], Database]
) -> AsyncIterator[Callable[..., Writer]]:
    """Make writers that are not started; whatever was started is stopped in the end."""
    made: list[Writer] = []

    def make(queue_limit: int = 100, reserve_bytes: int = 0, lock_seconds: float = 1.0) -> Writer:
        options = WriterOptions(queue_limit=queue_limit, reserve_bytes=reserve_bytes, lock_seconds=lock_seconds)
        made.append(Writer(path, queries, SystemClock(), options))
        return made[-1]

    yield make
    for writer in made:
        await writer.stop()


@pytest.fixture
async def make_store(path: Path) -> AsyncIterator[Callable[..., SqliteStore]]:
    """Make stores that are not open; whatever was opened is closed in the end."""
    made: list[SqliteStore] = []

    def make(reserve_bytes: int = 0, lock_seconds: float = 1.0, queue_limit: int = 5000) -> SqliteStore:
        settings = Storage(reserve_bytes=reserve_bytes, lock_seconds=lock_seconds)
        made.append(SqliteStore(path, SystemClock(), settings, queue_limit))
        return made[-1]

    yield make
    for store in made:
        await store.close()
