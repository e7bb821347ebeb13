"""A little of the disk that is kept occupied, and given back when nothing else is left.

SQLite needs room even to open a database in WAL mode, and a log to delete rows with. On a disk that others have filled to the
last byte an engine could therefore neither start nor forget what is old. It must not touch the database file itself.
"""

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stormlet.foundation.errors import StoreError
from stormlet.store.sqlite.failures import is_full

T = TypeVar("T")
log = logging.getLogger(__name__)

PART = 16
"""Of the reserve: 4 MiB of 64, which holds the index of a log and as much log as is written before it is moved."""


class Spare:
    """The file `<database>.spare`. No method raises for the disk: what cannot be kept is not kept."""

    def __init__(self, database: Path, reserve_bytes: int) -> None:
        self.path = database.with_name(f"{database.name}.spare")
        self._reserve = reserve_bytes
        self._size = reserve_bytes // PART

    def keep(self) -> None:
        """Occupy the room, where it is not occupied already and more than the reserve is free."""
        if not self._size or not hasattr(os, "posix_fallocate"):
            return
        try:
            disk = os.statvfs(self.path.parent)
            if disk.f_bavail * disk.f_frsize < self._reserve + self._size or self.path.exists():
                return
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
            finally:
                os.close(descriptor)
        except OSError as error:
            log.debug("no room is kept in %s: %s", self.path, error)
            self.release()

    def release(self) -> bool:
        """Give the room back. Returns whether there was any."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True

    def open(self, open_database: Callable[[], T]) -> T:
        """Open with what is free, else with what was kept as well.

        Raises:
            StoreError: the disk is so full that the database cannot even be opened.
            whatever `open_database` raises.
        """
        try:
            return open_database()
        except sqlite3.Error as error:
            if not is_full(error):
                raise
        try:
            if self.release():
                log.warning("the disk is full: %s was deleted to open the database", self.path)
                return open_database()
        except sqlite3.Error as error:
            if not is_full(error):
                raise
        raise StoreError(
            f"{self.path.parent} is on a disk that is full: the database cannot be opened",
            hint="free a few MiB there and start again",
        )
