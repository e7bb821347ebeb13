"""The writer: shared commits, separate fates, bounded queue."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stormlet.foundation.errors import ConflictError, OverloadedError, StoreError
from stormlet.store.sqlite.opening import Database
from stormlet.store.sqlite.transaction import Transaction
from stormlet.store.sqlite.writer import Writer

Make = Callable[..., Writer]
Open = Callable[[], Database]


def put(name: str, value: str = "x") -> Callable[[Transaction], int]:
    return lambda transaction: transaction.change("put_fact", {"name": name, "value": value})


def facts(path: Path) -> set[str]:
    """Read as another process would: only what is committed."""
    with sqlite3.connect(path) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM facts")}
    connection.close()
    return names - {"closed"}


class Gate:
    """Work that holds the writer until it is told to go on, so that others queue up behind it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, transaction: Transaction) -> None:
        self.entered.set()
        assert self.go_on.wait(30)


async def hold(writer: Writer) -> tuple[Gate, "asyncio.Task[None]"]:
    gate = Gate()
    held = asyncio.ensure_future(writer.run(gate))
    await asyncio.to_thread(gate.entered.wait, 30)
    return gate, held


async def test_a_result_comes_after_the_commit(make_writer: Make, open_it: Open, path: Path) -> None:
    """What was answered is there for everybody."""
    writer = make_writer()
    await writer.start(open_it)
    assert await writer.run(put("a")) == 1
    assert facts(path) == {"a"}


async def test_whoever_waits_shares_one_commit(make_writer: Make, open_it: Open, path: Path) -> None:
    """And nobody is answered before it."""
    writer = make_writer()
    await writer.start(open_it)
    gate, held = await hold(writer)
    seen: list[set[str]] = []

    def look(transaction: Transaction) -> None:
        seen.append(facts(path))

    waiting = [asyncio.ensure_future(writer.run(put(f"n{n}"))) for n in range(50)]
    last = asyncio.ensure_future(writer.run(look))
    await asyncio.gather(*(asyncio.ensure_future(asyncio.shield(asyncio.to_thread(lambda: None))) for _ in range(2)))
    assert not any(task.done() for task in waiting)
    gate.go_on.set()
    await asyncio.gather(held, last, *waiting)
    assert seen == [set()], "the 50 before it in the same commit are not visible yet"
    assert len(facts(path)) == 50


async def test_one_callers_failure_undoes_its_own_work_only(make_writer: Make, open_it: Open, path: Path) -> None:
    """Its error is its own, of whatever kind."""
    writer = make_writer()
    await writer.start(open_it)

    def fail(error: Exception) -> Callable[[Transaction], None]:
        def work(transaction: Transaction) -> None:
            put("undone")(transaction)
            raise error

        return work

    def breach(transaction: Transaction) -> None:
        put("undone")(transaction)
        transaction.change("put_fact", {"name": "x", "value": None})

    gate, held = await hold(writer)
    works: list[Callable[[Transaction], Any]] = [
        put("first"),
        fail(ConflictError("mine")),
        breach,
        fail(KeyError("bug")),
        put("last"),
    ]
    tasks = [asyncio.ensure_future(writer.run(work)) for work in works]
    gate.go_on.set()
    await held
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, ConflictError, ConflictError, KeyError, int]
    assert facts(path) == {"first", "last"}


async def test_a_transaction_that_is_lost_as_a_whole_is_made_again_one_by_one(
    make_writer: Make, open_it: Open, path: Path
) -> None:
    """As SQLite does it on some full disks: the innocent lose nothing."""
    writer = make_writer()
    await writer.start(open_it)

    def ruin(transaction: Transaction) -> None:
        put("ruined")(transaction)
        transaction._connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    gate, held = await hold(writer)
    tasks = [asyncio.ensure_future(writer.run(work)) for work in (put("a"), ruin, put("b"))]
    gate.go_on.set()
    await held
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[0] == answers[2] == 1
    assert isinstance(answers[1], StoreError)
    assert facts(path) == {"a", "b"}


async def test_a_full_queue_refuses_what_is_new_and_only_that(make_writer: Make, open_it: Open, path: Path) -> None:
    """With a time to come back; outcomes of what was accepted are always taken."""
    writer = make_writer(queue_limit=3)
    await writer.start(open_it)
    gate, held = await hold(writer)
    waiting = [asyncio.ensure_future(writer.run(put(f"n{n}"), new=True)) for n in range(3)]
    await asyncio.to_thread(lambda: None)
    with pytest.raises(OverloadedError) as caught:
        await writer.run(put("refused"), new=True)
    assert caught.value.retry_after > 0
    assert not caught.value.disk_full
    outcome = asyncio.ensure_future(writer.run(put("outcome")))
    gate.go_on.set()
    await asyncio.gather(held, outcome, *waiting)
    assert await writer.run(put("later"), new=True) == 1
    assert facts(path) == {"n0", "n1", "n2", "outcome", "later"}


async def test_a_queue_is_full_by_bytes_too(make_writer: Make, open_it: Open) -> None:
    """But one large body, however large, is taken when nobody else waits."""
    writer = make_writer()
    await writer.start(open_it)
    gate, held = await hold(writer)
    large = asyncio.ensure_future(writer.run(put("large"), new=True, weight=2**40))
    await asyncio.to_thread(lambda: None)
    with pytest.raises(OverloadedError):
        await writer.run(put("small"), new=True, weight=1)
    gate.go_on.set()
    await asyncio.gather(held, large)
    await writer.run(put("small"), new=True, weight=1)


async def test_a_caller_that_gives_up_harms_nobody(make_writer: Make, open_it: Open, path: Path) -> None:
    """Its work may still be done; nobody else waits longer."""
    writer = make_writer()
    await writer.start(open_it)
    gate, held = await hold(writer)
    gone = asyncio.ensure_future(writer.run(put("gone")))
    stays = asyncio.ensure_future(writer.run(put("stays")))
    await asyncio.to_thread(lambda: None)
    gone.cancel()
    gate.go_on.set()
    await asyncio.gather(held, stays)
    assert gone.cancelled()
    assert "stays" in facts(path)


async def test_what_waits_is_written_before_the_end(make_writer: Make, open_it: Open, path: Path) -> None:
    """And nothing is taken after it."""
    writer = make_writer()
    await writer.start(open_it)
    gate, held = await hold(writer)
    waiting = [asyncio.ensure_future(writer.run(put(f"n{n}"))) for n in range(5)]
    await asyncio.to_thread(lambda: None)
    stopping = asyncio.ensure_future(writer.stop())
    gate.go_on.set()
    await asyncio.gather(held, stopping, *waiting)
    assert len(facts(path)) == 5
    with pytest.raises(StoreError, match="closed"):
        await writer.run(put("late"))
    await writer.stop()


async def test_stopping_what_never_started_is_fine(make_writer: Make) -> None:
    """Twice."""
    writer = make_writer()
    await writer.stop()
    await writer.stop()


async def test_a_lock_of_another_process_is_waited_for(make_writer: Make, open_it: Open, path: Path) -> None:
    """As long as the setting says; then callers hear of it; then it recovers by itself."""
    writer = make_writer(lock_seconds=1.0)
    await writer.start(open_it)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    waiting = asyncio.ensure_future(writer.run(put("patient")))
    await asyncio.to_thread(lambda: None)
    assert not waiting.done()
    other.execute("ROLLBACK")
    assert await waiting == 1
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked by another process"):
        await writer.run(put("in vain"))
    other.execute("ROLLBACK")
    other.close()
    assert await writer.run(put("again")) == 1
    assert facts(path) == {"patient", "again"}


async def test_everybody_waits_for_a_lock_from_the_moment_he_came(make_writer: Make, open_it: Open, path: Path) -> None:
    """Who came while others waited does not wait for as long again."""
    writer = make_writer(lock_seconds=2.0)
    await writer.start(open_it)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    first = asyncio.ensure_future(writer.run(put("first")))
    await asyncio.to_thread(lambda: None)
    while writer._queue._jobs:
        await asyncio.to_thread(lambda: None)
    second = asyncio.ensure_future(writer.run(put("second")))
    for answer in await asyncio.gather(first, second, return_exceptions=True):
        assert isinstance(answer, StoreError)
    assert 2.0 <= time.monotonic() - begun < 3.8
    other.close()


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_a_database_that_was_taken_away_is_noticed(
    make_writer: Make, open_it: Open, path: Path, suffix: str
) -> None:
    """What went into a deleted file would be lost, so it is not acknowledged."""
    writer = make_writer()
    await writer.start(open_it)
    await writer.run(put("a"))
    (path.parent / (path.name + suffix)).unlink()
    for _ in range(2):
        with pytest.raises(StoreError, match="moved, replaced or deleted"):
            await writer.run(put("b"))


async def test_damage_found_by_a_reader_stops_the_writer(make_writer: Make, open_it: Open) -> None:
    """It is not written over."""
    writer = make_writer()
    await writer.start(open_it)
    writer.fail(StoreError("stormlet.db is damaged"))
    with pytest.raises(StoreError, match="damaged"):
        await writer.run(put("a"))


async def test_a_damaged_database_is_not_marked_as_closed(make_writer: Make, open_it: Open, path: Path) -> None:
    """So the next start looks it over, even if nobody came in between."""
    writer = make_writer()
    await writer.start(open_it)
    writer.fail(StoreError("stormlet.db is damaged"))
    await writer.stop()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT value FROM facts WHERE name = 'closed'").fetchone() == ("no",)
    connection.close()
