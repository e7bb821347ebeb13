"""Opening and closing the database file: whose it is, whether it is whole, which schema it has.

Everything here runs in the writer's thread, before the first and after the last transaction. Nothing may open the database file
by other means than SQLite: to close such a descriptor would drop SQLite's locks (https://sqlite.org/howtocorrupt.html, 2.2).
"""

import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from stormlet.foundation.errors import StoreError
from stormlet.store.migrate import Migration, due
from stormlet.store.sqlite.checkpoints import CHECKPOINT_BYTES
from stormlet.store.sqlite.failures import DAMAGE_CURE, is_damage, translate

log = logging.getLogger(__name__)

APPLICATION_ID = 0x53744C74
"""`StLt`: tells our files from those of other programs (`file stormlet.db` shows it)."""
OLDEST_SQLITE = (3, 24, 0)
"""The first with upserts."""
CHECKED_AT_OPEN_BYTES = 256 * 1024 * 1024
"""A check reads the whole file: 0.3 s for this much from the page cache. Larger files are checked while the engine runs."""


class Database:
    """An open database: the writer's connection, and what is known of the file."""

    def __init__(self, path: Path, connection: sqlite3.Connection, owner: int, *, unchecked: bool) -> None:
        self.path = path
        self.connection = connection
        self.unchecked = unchecked
        """Whether the last engine did not close it and it is too large to be checked at once."""
        self._owner = owner
        self._identity = self._identities()

    def require_in_place(self) -> None:
        """Raise StoreError where somebody moved, replaced or deleted the file: what is written now would be lost."""
        if self._identities() != self._identity:
            raise StoreError(
                f"{self.path} was moved, replaced or deleted while the engine runs", hint="restart the engine"
            )

    def _identities(self) -> tuple[object, object]:
        """Return what the names of database and log stand for; the log is there since the first write."""
        return _identity(self.path), _identity(self.path.with_name(self.path.name + "-wal"))

    def close(self, *, clean: bool) -> None:
        """Close; `clean` moves the log and leaves the mark that lets the next start skip the check."""
        try:
            if clean:
                self.connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES ('closed', 'yes')")
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            log.warning("%s is closed without its log being moved: %s", self.path, error)
        finally:
            self.connection.close()
            os.close(self._owner)


def open_database(path: Path, lock_seconds: float, migrations: Sequence[Migration]) -> Database:
    """Open or create the database, check it where it was not closed properly, and bring its schema up to date.

    Raises:
        StoreError: another engine has it, it is damaged, not ours, or of a newer stormlet.
        sqlite3.Error: SQLite cannot use it.
    """
    owner = _own(path)
    connection = None
    try:
        _create_private(path)
        connection = connect(path, lock_seconds)
        version = _recognise(connection, path)
        _configure(connection, path)
        closed = version == 0 or _was_closed(connection)
        small = path.stat().st_size <= CHECKED_AT_OPEN_BYTES
        if not closed and small:
            require_whole(connection, path)
        _migrate(connection, path, due(migrations, version, str(path)), version)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES ('closed', 'no')")
        return Database(path, connection, owner, unchecked=not closed and not small)
    except BaseException:
        if connection is not None:
            connection.close()
        os.close(owner)
        raise


def address(path: Path) -> str:
    """Return the URI that opens an existing file and never makes one."""
    return f"{path.absolute().as_uri()}?mode=rw"


def connect(path: Path, lock_seconds: float, *, check_same_thread: bool = True) -> sqlite3.Connection:
    """Connect in autocommit mode, never checkpointing by itself."""
    connection = sqlite3.connect(
        address(path),
        uri=True,
        timeout=lock_seconds,
        isolation_level=None,
        cached_statements=256,
        check_same_thread=check_same_thread,
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def require_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError where SQLite finds the file damaged. Reads all of it.

    Not quick_check: that takes 0.6 of the time, but does not compare rows with their indexes, and so believes a flipped id.
    """
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        # Where a page that holds the schema is hit, the check itself cannot go on. An interrupt or a lock is no damage.
        if is_damage(error):
            raise translate(error, path) from None
        raise
    if found != ["ok"]:
        raise StoreError(f"{path} is damaged: {'; '.join(found)}", hint=DAMAGE_CURE)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _own(path: Path) -> int:
    """Hold the file beside the database that says whose it is. Two engines on one database could corrupt it."""
    beside = path.with_name(path.name + ".lock")
    try:
        owner = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"{path.parent} cannot be written: {error.strerror}",
            hint="the directory must exist, on a writable disk, and belong to the engine's user",
        ) from None
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(owner)
        raise StoreError(f"another stormlet uses {path}", hint="stop it, or set another store.path") from None
    return owner


def _create_private(path: Path) -> None:
    """Make the file readable by its owner only; SQLite gives -wal and -shm the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(f"{path} cannot be created: {error.strerror}", hint="set another store.path") from None


def _recognise(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema's number; 0 for an empty file. Raises StoreError for somebody else's database."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old", hint="3.24 or later is needed")
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application == APPLICATION_ID or (application == version == tables == 0):
        return version
    raise StoreError(f"{path} is a database, but not one of stormlet", hint="set another store.path")


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"{path} lies on a disk where SQLite's log does not work (journal mode {mode})",
            hint="put the database on a local disk",
        )
    # FULL: a commit is on the disk before it returns. NORMAL survives kill -9, but not a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    # macOS needs more than fsync; elsewhere this does nothing.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute(f"PRAGMA journal_size_limit = {CHECKPOINT_BYTES}")
    # What a SAVEPOINT may have to undo needs no disk.
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16000")
    # Deleted rows are overwritten where that costs no extra write.
    connection.execute("PRAGMA secure_delete = FAST")


def _was_closed(connection: sqlite3.Connection) -> bool:
    row = connection.execute("SELECT value FROM facts WHERE name = 'closed'").fetchone()
    return row is not None and row[0] == "yes"


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration], version: int) -> None:
    if version and migrations:
        _back_up(connection, path.with_name(f"{path.name}.schema-{version}.backup"))
    for migration in migrations:
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{migration.sql}\nPRAGMA application_id = {APPLICATION_ID};\n"
                f"PRAGMA user_version = {migration.number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        log.info("%s has schema %d (%s) now", path, migration.number, migration.name)
    if migrations:
        # A schema is hundreds of pages: the log begins short.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _back_up(connection: sqlite3.Connection, target: Path) -> None:
    """Copy the database as it is, whole or not at all, before its schema changes: there is no way back but this."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with contextlib.closing(os.fdopen(descriptor, "rb")) as copy:
        connection.execute("VACUUM INTO ?", (str(part),))
        os.fsync(copy.fileno())
    part.replace(target)
