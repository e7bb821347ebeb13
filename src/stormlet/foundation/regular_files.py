"""Files that others have put where we read: opened without waiting for anybody, and only where they are files.

A named pipe in a directory of rules would hold up its reader until somebody writes; `/dev/zero` never ends. Whoever reads what
a user may have put somewhere opens it here. It judges what a thing is, not whether it may be read.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotAFileError(OSError):
    """There is something of this name, and it is no regular file; the text says what it is."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, links followed; never waits.

    Raises:
        NotAFileError: a directory, a named pipe, a socket or a device.
        OSError: it cannot be opened.
        ValueError: the name holds a NUL.
    """
    _require_regular(path.stat().st_mode)  # opening alone does something to some devices
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _require_regular(os.fstat(descriptor).st_mode)  # it may have become another one since
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def reason_of(error: OSError | ValueError) -> str:
    """Return why a file could not be read, without its name."""
    return getattr(error, "strerror", None) or str(error)


def _require_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")
        raise NotAFileError(f"it is {kind}, not a file")
