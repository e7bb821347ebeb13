"""What SQLite's errors mean for the engine. The one place that knows its error codes (https://sqlite.org/rescode.html)."""

import sqlite3
from pathlib import Path

from stormlet.foundation.errors import (
    ConflictError,
    InvalidInputError,
    LockedError,
    OverloadedError,
    StoreError,
    StormletError,
    TooLargeError,
)

BUSY, LOCKED, READONLY, INTERRUPT, IOERR, CORRUPT = 5, 6, 8, 9, 10, 11
FULL, CANTOPEN, TOOBIG, CONSTRAINT, NOTADB = 13, 14, 18, 19, 26

DAMAGE_CURE = (
    "stop the engine and copy the file with its -wal and -shm away; then restore a backup, "
    "or save what can be read with the sqlite3 command `.recover`"
)


NO_ROOM_FOR_THE_INDEX = 4874
"""SQLITE_IOERR_SHMSIZE: the index of the log cannot grow. Nothing was written yet, so it is as harmless as a full disk."""


def primary_code(error: BaseException) -> int:
    """Return SQLite's primary result code; 0 where the error is not SQLite's."""
    code: int = getattr(error, "sqlite_errorcode", 0) if isinstance(error, sqlite3.Error) else 0
    return FULL if code == NO_ROOM_FOR_THE_INDEX else code & 0xFF


def is_full(error: BaseException) -> bool:
    """Tell whether the disk has no room for what was to be written."""
    return primary_code(error) == FULL or (isinstance(error, OverloadedError) and error.disk_full)


def is_locked(error: BaseException) -> bool:
    """Tell whether somebody else holds the database at the moment."""
    return primary_code(error) in (BUSY, LOCKED)


def is_fatal(error: BaseException) -> bool:
    """Tell whether the database must not be written to any more.

    After a failed fsync the kernel may have dropped what was to be written and say "ok" the next time, so to try again and
    acknowledge would be a lie; and damage spreads when it is written over.
    """
    return primary_code(error) == IOERR or is_damage(error)


def is_damage(error: BaseException) -> bool:
    """Tell whether the file holds what nobody has written into it."""
    if isinstance(error, sqlite3.Error):
        # Python finds text that is no UTF-8 itself, and has no code for it.
        return primary_code(error) in (CORRUPT, NOTADB) or str(error).startswith("Could not decode")
    return isinstance(error, UnicodeDecodeError)


def disk_full(why: str = "the disk is full") -> OverloadedError:
    return OverloadedError(
        f"{why}: no new event is taken until there is room",
        hint="free some space or shorten store.retention_days; stormlet goes on by itself",
        retry_after=30,
        disk_full=True,
    )


def translate(error: Exception, path: Path) -> Exception:
    """Return the error that callers may see. Errors that are not the database's come back as they are: they are bugs."""
    if isinstance(error, StormletError):
        return error
    if isinstance(error, UnicodeEncodeError):
        return InvalidInputError("a text holds a lone surrogate, which cannot be kept")
    if is_damage(error):
        return StoreError(f"{path} is damaged or is no database of stormlet: {error}", hint=DAMAGE_CURE)
    if not isinstance(error, sqlite3.Error):
        return error
    code = primary_code(error)
    if code == FULL:
        return disk_full()
    if code in (CONSTRAINT, TOOBIG):
        kind = ConflictError if code == CONSTRAINT else TooLargeError
        return kind(f"the database refuses this: {error}")
    return _unusable(error, code, path)


def _unusable(error: sqlite3.Error, code: int, path: Path) -> StoreError:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code in (BUSY, LOCKED):
        return LockedError(f"{path} is locked by another process", hint="end what holds it; stormlet goes on by itself")
    if code == READONLY:
        return StoreError(
            f"{path} cannot be written", hint="let the engine's user own the file and its directory, on a writable disk"
        )
    if code == IOERR:
        return StoreError(
            f"the disk under {path} failed: {error} ({name})", hint="mend the disk and restart the engine"
        )
    if code == CANTOPEN:
        return StoreError(
            f"{path} cannot be opened: {error}", hint="its directory must exist and be writable by the engine's user"
        )
    return StoreError(f"{path} cannot be used: {error} ({name})")
