"""When the write-ahead log is moved into the database file.

SQLite's own automatic checkpoint runs inside a COMMIT and so inside somebody's 202; and before 3.51.3 two connections that
checkpoint and write at the same instant can corrupt the database (https://sqlite.org/wal.html, "The WAL-Reset Bug"). So the
writer does it on its own connection, between two batches, and nobody else ever does.

How full the log is, SQLite does not say. But `journal_size_limit` cuts the file back to the limit whenever the log starts
over, so a file longer than the limit is a log fuller than the limit.
"""

import logging
import sqlite3
from pathlib import Path

from stormlet.store.sqlite.failures import is_fatal, is_locked

log = logging.getLogger(__name__)

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""Measured with 10 KB events on an NVMe disk: 3.5 ms for one checkpoint; 16 MB take 10 ms, 1 MB costs 10 % of the rate."""
MOST_BYTES = 64 * 1024 * 1024
"""Beyond this the log is emptied even if readers must be waited for."""
READER_MILLISECONDS = 1000


class Checkpoints:
    """Watches the log of one database, from the writer's thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._wal = path.with_name(path.name + "-wal")
        self._due = CHECKPOINT_BYTES
        self._dirty = False

    @property
    def dirty(self) -> bool:
        """Whether something was written since the log was last moved whole."""
        return self._dirty

    def after_commit(self) -> None:
        """Move the log where it has grown long. Raises sqlite3.Error where the disk fails."""
        self._dirty = True
        size = self._size()
        if size <= CHECKPOINT_BYTES:
            self._due = CHECKPOINT_BYTES
        elif size > self._due:
            self._empty() if size > MOST_BYTES else self._move()
            # Where a reader holds the log back it only grows; then not every batch is to pay for another try.
            self._due = size + (MOST_BYTES if size > MOST_BYTES else CHECKPOINT_BYTES) // 4

    def in_a_quiet_moment(self) -> None:
        """Move the log while nobody waits."""
        if self._dirty:
            self._move()

    def _size(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0

    def _move(self) -> None:
        """Move what no reader still needs; readers are never waited for."""
        self._dirty = not self._checkpoint("PASSIVE")

    def _empty(self) -> None:
        """Move all and cut the file, waiting a little for readers: only what they hold back makes it this long."""
        waits = self._connection.execute("PRAGMA busy_timeout").fetchone()[0]
        self._connection.execute(f"PRAGMA busy_timeout = {READER_MILLISECONDS}")
        try:
            self._dirty = not self._checkpoint("TRUNCATE")
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {waits}")

    def _checkpoint(self, mode: str) -> bool:
        """Returns whether the whole log was moved."""
        try:
            busy, pages, moved = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.OperationalError as error:
            if is_fatal(error):
                raise
            # A full disk keeps the log from being moved; it stays valid where it is, and a later batch tries again.
            log.log(logging.DEBUG if is_locked(error) else logging.WARNING, "the log was not moved: %s", error)
            return False
        return bool(busy == 0 and pages == moved)
