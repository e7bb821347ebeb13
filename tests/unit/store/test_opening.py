"""Opening and closing: whose file it is, whether it is whole, which schema it has."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from stormlet.foundation.errors import StoreError
from stormlet.store.migrate import Migration, due, read_migrations
from stormlet.store.sqlite import opening
from stormlet.store.sqlite.backend import SQL, SqliteStore
from stormlet.store.sqlite.integrity import BackgroundCheck
from stormlet.store.sqlite.opening import Database, open_database

Open = Callable[[], Database]
MIGRATIONS = read_migrations(SQL / "migrations")
LAST = len(MIGRATIONS)
NEXT = LAST + 1


def raw(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


def leave_unclean(path: Path, open_it: Open) -> None:
    open_it().close(clean=False)
    assert path.exists()


def test_migrations_count_from_one(tmp_path: Path) -> None:
    """A gap, or a number twice, is a mistake of ours."""
    (tmp_path / "0001_a.sql").write_text("SELECT 1")
    (tmp_path / "notes.txt").write_text("no migration")
    assert [one.name for one in read_migrations(tmp_path)] == ["a"]
    (tmp_path / "0003_c.sql").write_text("SELECT 1")
    with pytest.raises(ValueError, match="count from 1"):
        read_migrations(tmp_path)


def test_only_what_was_not_run_is_due() -> None:
    """And a newer database is refused, with both numbers and a cure."""
    two = (Migration(number=1, name="first", sql=""), Migration(number=2, name="more", sql=""))
    assert due(two, 0, "db") == two
    assert due(two, 1, "db") == two[1:]
    assert due(two, 2, "db") == ()
    with pytest.raises(StoreError, match="newer stormlet: its schema is number 3, this one knows 2") as caught:
        due(two, 3, "db")
    assert "install the newer" in caught.value.hint


def test_a_migration_is_whole_or_not_at_all(path: Path, open_it: Open) -> None:
    """One that fails leaves the schema and the number as they were; the next start tries again."""
    open_it().close(clean=True)
    broken = Migration(number=NEXT, name="broken", sql="CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        open_database(path, 1.0, (*MIGRATIONS, broken))
    database = open_it()
    tables = {row[0] for row in database.connection.execute("SELECT name FROM sqlite_master")}
    assert "half" not in tables
    database.close(clean=True)
    mended = Migration(number=NEXT, name="mended", sql="CREATE TABLE whole (x);")
    database = open_database(path, 1.0, (*MIGRATIONS, mended))
    assert database.connection.execute("PRAGMA user_version").fetchone()[0] == NEXT
    database.close(clean=True)


def test_a_database_is_copied_before_its_schema_changes(path: Path, open_it: Open) -> None:
    """There is no other way back; a copy that was cut off earlier does not stand in the way."""
    database = open_it()
    database.connection.execute("INSERT INTO facts VALUES ('kept', 'yes')")
    database.close(clean=True)
    copy = path.with_name(f"stormlet.db.schema-{LAST}.backup")
    copy.with_name(copy.name + ".part").write_bytes(b"cut off")
    more = Migration(number=NEXT, name="more", sql="DELETE FROM facts;")
    open_database(path, 1.0, (*MIGRATIONS, more)).close(clean=True)
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT value FROM facts WHERE name = 'kept'").fetchone() == ("yes",)
    assert connection.execute("PRAGMA user_version").fetchone() == (LAST,)
    connection.close()
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_newer_database_is_refused_and_left_as_it_was(path: Path, open_it: Open) -> None:
    """Downgrades never guess."""
    open_it().close(clean=True)
    raw(path, "PRAGMA user_version = 7")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer stormlet"):
        open_it()
    assert path.read_bytes() == before


def test_two_engines_never_share_a_database(open_it: Open) -> None:
    """The second is refused; when the first has gone, it is welcome."""
    first = open_it()
    with pytest.raises(StoreError, match="another stormlet uses"):
        open_it()
    first.close(clean=True)
    open_it().close(clean=True)


def test_somebody_elses_database_is_not_touched(path: Path, open_it: Open) -> None:
    """Whether it has tables or a number."""
    for statement in ("PRAGMA user_version = 5", "CREATE TABLE theirs (x)"):
        raw(path, statement)
        before = path.read_bytes()
        with pytest.raises(StoreError, match="not one of stormlet"):
            open_it()
        assert path.read_bytes() == before
        path.unlink()


@pytest.mark.parametrize("content", [b"not a database at all, but longer than a header of a hundred bytes" * 40])
async def test_a_file_that_is_no_database_is_refused(
    path: Path, make_store: Callable[..., SqliteStore], content: bytes
) -> None:
    """And not overwritten."""
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is no database"):
        await make_store().open()
    assert path.read_bytes() == content


async def test_a_directory_that_is_not_there_is_named(tmp_path: Path, make_store: Callable[..., SqliteStore]) -> None:
    """With what to do."""
    store = make_store()
    store._path = tmp_path / "no" / "such" / "stormlet.db"
    with pytest.raises(StoreError, match="no/such cannot be written"):
        await store.open()


def damage(path: Path) -> None:
    """Break a page of an index in a way that SQLite can see."""
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        start = page * 4096
        if data[start] in (0x0A, 0x02):
            data[start : start + 200] = os.urandom(200)
            break
    path.write_bytes(bytes(data))


def test_a_database_that_was_not_closed_is_checked(path: Path, open_it: Open) -> None:
    """Damage is found before it spreads; the message says what to do."""
    leave_unclean(path, open_it)
    open_it().close(clean=False)
    damage(path)
    with pytest.raises(StoreError, match="damaged") as caught:
        open_it()
    assert "restore a backup" in caught.value.hint


def test_a_database_that_was_closed_is_not_checked(path: Path, open_it: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start after a proper stop reads no more than it needs."""
    checked: list[Path] = []
    monkeypatch.setattr(opening, "require_whole", lambda connection, where: checked.append(where))
    open_it().close(clean=True)
    open_it().close(clean=False)
    assert checked == []
    open_it().close(clean=True)
    assert checked == [path]


async def test_a_large_database_is_checked_while_the_engine_runs(
    path: Path, open_it: Open, make_store: Callable[..., SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens at once, and stops writing when the damage is found."""
    leave_unclean(path, open_it)
    open_it().close(clean=False)
    damage(path)
    monkeypatch.setattr(opening, "CHECKED_AT_OPEN_BYTES", 0)
    store = make_store()
    await store.open()
    assert store._check is not None
    store._check._thread.join(30)
    with pytest.raises(StoreError, match="damaged"):
        await store.check()


async def test_a_check_under_way_does_not_hold_up_the_end(
    path: Path, open_it: Open, make_store: Callable[..., SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole database passes, and closing is fine at any time."""
    leave_unclean(path, open_it)
    monkeypatch.setattr(opening, "CHECKED_AT_OPEN_BYTES", 0)
    store = make_store()
    await store.open()
    await store.check()
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.totals()


async def test_a_store_that_could_not_open_can_be_closed(
    path: Path, open_it: Open, make_store: Callable[..., SqliteStore]
) -> None:
    """And leaves nothing held."""
    held = open_it()
    store = make_store()
    with pytest.raises(StoreError, match="another stormlet"):
        await store.open()
    await store.close()
    held.close(clean=True)
    again = make_store()
    await again.open()
    await again.check()


def test_a_check_that_is_ended_early_is_no_damage(path: Path, open_it: Open) -> None:
    """A stop in the middle of it leaves no complaint behind."""
    database = open_it()
    database.connection.execute("CREATE TABLE t AS SELECT randomblob(20000000) AS x")
    for _ in range(5):
        complaints: list[StoreError] = []
        check = BackgroundCheck(path, complaints.append)
        check.start()
        check.stop()
        assert complaints == []
    database.close(clean=True)
