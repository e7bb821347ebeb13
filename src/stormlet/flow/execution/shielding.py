"""What keeps the engine and its children apart, for the whole process. Called once, when the first worker starts."""

import contextlib
import ctypes
import logging
import os
from pathlib import Path

from stormlet.foundation.open_files import allow_open_files

log = logging.getLogger(__name__)

_PR_SET_DUMPABLE = 4
_OPEN_FILES = 16384


def shield_process() -> None:
    """Hide the engine's memory, environment and files from its children, and make room for their pipes.

    A process that is not dumpable cannot be read through /proc or a debugger by other processes of the same user, which is
    what actions are. It does not help against root.
    """
    _keep_files()
    try:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (OSError, AttributeError) as error:  # not Linux, or no C library to be found
        log.warning("actions can read the memory and environment of the engine: %s", error)
    allow_open_files(_OPEN_FILES)


def _keep_files() -> None:
    """What Python opens is closed in children; what whoever started the engine left open is not, unless it is marked so."""
    for entry in Path("/proc/self/fd").iterdir():
        if (fd := int(entry.name)) > 2:
            with contextlib.suppress(OSError):  # the directory that is being read
                os.set_inheritable(fd, False)
