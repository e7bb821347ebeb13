"""What files held when they were last read, so that a reload reads again only what has changed.

A file counts as unchanged when its path, size, times and inode are. One that was changed in the second before it was read
is read again next time: file systems' clocks tick too slowly to tell two changes in one tick apart.
"""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from stormlet.foundation.clock import EPOCH

_SETTLED_AFTER = timedelta(seconds=1)
T = TypeVar("T")
_Stamp = tuple[int, int, int, int]


class _Entry(msgspec.Struct, frozen=True):
    stamp: _Stamp
    settled: bool
    value: Any


class FileCache:
    """Values made from files. One `begin`…`end` pair around each load forgets the files that are gone."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}
        self._used: set[Hashable] = set()
        self.reads = 0
        """How many files were really read, for measuring."""

    def get(self, path: Path, key: Hashable, now: datetime, make: Callable[[], T]) -> T:
        """Return what `make` returned for this file and key, calling it only where the file may have changed.

        `now` is the wall clock's time, in UTC. `make` must depend on the file and the key only.
        """
        full_key = (str(path), key)
        self._used.add(full_key)
        stamp = _stamp(path)
        entry = self._entries.get(full_key)
        if stamp is not None and entry is not None and entry.settled and entry.stamp == stamp:
            value: T = entry.value
            return value
        self.reads += 1
        value = make()
        if stamp is not None:
            settled = abs(now - _changed_at(stamp)) > _SETTLED_AFTER
            self._entries[full_key] = _Entry(stamp, settled, value)
        return value

    def begin(self) -> None:
        """Start a load."""
        self._used = set()

    def end(self) -> None:
        """End a load: forget what was not asked for since `begin`."""
        self._entries = {key: entry for key, entry in self._entries.items() if key in self._used}


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _changed_at(stamp: _Stamp) -> datetime:
    return EPOCH + timedelta(microseconds=max(stamp[0], stamp[1]) // 1000)
