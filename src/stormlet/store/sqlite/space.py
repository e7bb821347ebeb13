"""Whether the disk has room for new events.

On a full disk even a DELETE fails, so retention could not free room any more, and what actions came to could not be written. So
new events stop while there is a reserve left, and everything else may use it up.
"""

import os
import sqlite3
from pathlib import Path

from stormlet.foundation.errors import OverloadedError
from stormlet.store.sqlite.failures import disk_full

MIB = 1024 * 1024


class Space:
    """The disk of one database."""

    def __init__(self, path: Path, reserve_bytes: int) -> None:
        self._directory = path.parent
        self._reserve = reserve_bytes

    def has_room(self, connection: sqlite3.Connection) -> bool:
        """Tell whether a new event may be taken.

        Pages that retention has emptied stay in the file and are written again, so they count as room; but half of the
        reserve must be free on the disk itself, for the log and for what else writes there.
        """
        free = self.free_bytes()
        if free >= self._reserve:
            return True
        if free < self._reserve // 2:
            return False
        pages: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
        size: int = connection.execute("PRAGMA page_size").fetchone()[0]
        return pages * size >= self._reserve

    def refusal(self) -> OverloadedError:
        """Return what a new event is answered with. Senders read it, so it names no directory."""
        return disk_full(f"less than {self._limit} free on the disk of the database (setting store.reserve_bytes)")

    def describe(self) -> str:
        """Return how much is free, and where, for the log."""
        try:
            free = f"{self.free_bytes() / MIB:.1f} MiB"
        except OSError as error:
            free = f"an unknown part ({error.strerror})"
        return f"{free} free on {self._directory} (setting store.reserve_bytes is {self._limit})"

    @property
    def _limit(self) -> str:
        return f"{self._reserve / MIB:g} MiB" if self._reserve >= MIB else f"{self._reserve} bytes"

    def free_bytes(self) -> int:
        """Return what the engine's user may still write."""
        disk = os.statvfs(self._directory)
        return disk.f_bavail * disk.f_frsize
