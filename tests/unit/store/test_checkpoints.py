"""The log is moved between batches, by the writer only, and stays short."""

import asyncio
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stormlet.store.sqlite import checkpoints, opening
from stormlet.store.sqlite.opening import Database
from stormlet.store.sqlite.transaction import Transaction
from stormlet.store.sqlite.writer import Writer

Make = Callable[..., Writer]
Open = Callable[[], Database]
LIMIT = 256 * 1024
MOST = 4 * LIMIT


@pytest.fixture(autouse=True)
def small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules with small numbers."""
    for module in (checkpoints, opening):
        monkeypatch.setattr(module, "CHECKPOINT_BYTES", LIMIT)
    monkeypatch.setattr(checkpoints, "MOST_BYTES", MOST)


def fill(name: str, size: int = 20_000) -> Callable[[Transaction], int]:
    return lambda transaction: transaction.change("put_fact", {"name": name, "value": os.urandom(size // 2).hex()})


def log_size(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


async def test_the_log_stays_short_under_load(make_writer: Make, open_it: Open, path: Path) -> None:
    """Whatever is written: a limit, and one batch beyond it."""
    writer = make_writer()
    await writer.start(open_it)
    largest = 0
    for n in range(300):
        await writer.run(fill(f"n{n}"))
        largest = max(largest, log_size(path))
    assert LIMIT < largest < LIMIT + 100_000
    assert path.stat().st_size > 300 * 20_000 - LIMIT - 100_000


async def test_a_log_that_a_reader_holds_back_is_cut_when_it_leaves(
    make_writer: Make, open_it: Open, path: Path
) -> None:
    """Until then it grows, and the writer goes on."""
    writer = make_writer()
    await writer.start(open_it)
    await writer.run(fill("first"))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM facts").fetchall()
    n = 0
    while log_size(path) < MOST - LIMIT:
        n += 1
        await writer.run(fill(f"n{n}"))
    assert reader.execute("SELECT count(*) FROM facts").fetchone()[0] < n
    reader.execute("COMMIT")
    reader.close()
    for n in range(200):
        await writer.run(fill(f"m{n}"))
        if log_size(path) <= LIMIT + 100_000:
            return
    pytest.fail("the log was not cut")


async def test_a_log_beyond_all_bounds_is_emptied(make_writer: Make, open_it: Open, path: Path) -> None:
    """One batch may be larger than the bound; the next moment it is gone."""
    writer = make_writer()
    await writer.start(open_it)
    await writer.run(fill("huge", 2 * MOST))
    await writer.run(fill("small", 10))
    assert log_size(path) < LIMIT


async def test_the_log_is_moved_in_a_quiet_moment(make_writer: Make, open_it: Open, path: Path) -> None:
    """Then the next start has nothing to recover, and the next burst begins with an empty log."""
    writer = make_writer()
    await writer.start(open_it)
    value = "needle-" * 20

    def put(transaction: Transaction) -> None:
        transaction.change("put_fact", {"name": "quiet", "value": value})

    await writer.run(put)
    deadline = time.monotonic() + 10
    while value.encode() not in await asyncio.to_thread(contents, path):
        assert time.monotonic() < deadline


def contents(path: Path) -> bytes:
    """Read the file from another process: to close it in this one would drop SQLite's locks."""
    return subprocess.run(["cat", str(path)], capture_output=True, check=True).stdout
