"""What `stormlet doctor` finds, and the checks that need no server: settings, home, disk, clock, database.

Each check returns findings and never raises for what it looks at: a doctor that falls ill helps nobody.
"""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from stormlet.foundation.settings import Settings

CLOCK_TOLERANCE = timedelta(minutes=1)
LOW_DISK = 4
"""Times the reserve that should be free."""


class Health(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing, and nothing to mend."""
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """One thing that was looked at, and the cure where it needs one."""

    health: Health
    what: str
    text: str
    cure: str = ""


def check_home(settings: Settings) -> Iterator[Finding]:
    """Look at the home directory: is it there, ours, writable, and closed to others?"""
    home = Path(settings.home)
    try:
        status = home.stat()
    except FileNotFoundError:
        yield Finding(Health.NOTE, "home", f"{home} does not exist yet", "`stormlet serve` makes it at its first start")
        return
    except OSError as error:
        yield Finding(Health.PROBLEM, "home", f"cannot look at {home}: {error.strerror}", "mend its permissions")
        return
    if not stat.S_ISDIR(status.st_mode):
        yield Finding(Health.PROBLEM, "home", f"{home} is not a directory", "name another with --home")
    elif not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(Health.PROBLEM, "home", f"{home} cannot be written", f"chown it to the user who serves: {home}")
    elif exposed := [path for path in (home / "keys" / "data.key", home / "cli.json") if _open_to_others(path)]:
        names = " ".join(str(path) for path in exposed)
        yield Finding(Health.PROBLEM, "home", f"others can read {names}", f"chmod 600 {names}")
    elif status.st_mode & 0o027:
        yield Finding(Health.WARNING, "home", f"others can enter {home}", f"chmod 700 {home}")
    else:
        yield Finding(Health.OK, "home", str(home))


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Compare the free space with what is held back for outcomes."""
    place = next(path for path in (Path(settings.home), *Path(settings.home).resolve().parents) if path.exists())
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        yield Finding(Health.WARNING, "disk", f"cannot ask for free space: {error.strerror}")
        return
    text = f"{_size(free)} free, of which {_size(settings.store.reserve_bytes)} are held back for outcomes"
    if free < settings.store.reserve_bytes:
        yield Finding(Health.PROBLEM, "disk", f"{text}: events are refused", "make room, or lower store.retention_days")
    elif free < settings.store.reserve_bytes * LOW_DISK:
        yield Finding(Health.WARNING, "disk", text, "make room, or lower store.retention_days")
    else:
        yield Finding(Health.OK, "disk", text)


def check_clock(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Look for files of ours that were written after now: then the clock has stepped back."""
    newest = 0.0
    for path in Path(settings.home).glob("*"):
        try:
            newest = max(newest, path.stat().st_mtime)
        except OSError:
            continue
    ahead = timedelta(seconds=newest - now.timestamp())
    if newest and ahead > CLOCK_TOLERANCE:
        text = f"it is {ahead} behind the newest file in {settings.home}"
        yield Finding(Health.WARNING, "clock", text, "set the clock, or let NTP do it: `timedatectl set-ntp true`")
    else:
        yield Finding(Health.OK, "clock", now.strftime("%Y-%m-%dT%H:%M:%SZ"))


def check_database(settings: Settings) -> Iterator[Finding]:
    """Open the database for reading only, and let SQLite look for damage."""
    path = Path(settings.store.path) if settings.store.path else Path(settings.home) / "stormlet.db"
    if not path.exists():
        yield Finding(Health.NOTE, "database", f"{path} does not exist yet", "`stormlet serve` makes it")
        return
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as database:
            damage = [row[0] for row in database.execute("PRAGMA quick_check(3)") if row[0] != "ok"]
            version = database.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        yield Finding(
            Health.PROBLEM, "database", f"{path}: {error}", "restore it from a backup, or mend its permissions"
        )
        return
    if damage:
        yield Finding(Health.PROBLEM, "database", f"{path} is damaged: {damage[0]}", "restore it from a backup")
    else:
        size = _size(path.stat().st_size)
        yield Finding(Health.OK, "database", f"{path}, {size}, schema {version}, no damage")


def _open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


def _size(count: int) -> str:
    """Return a number of bytes in its largest sensible unit."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
