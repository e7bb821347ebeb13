"""The home directory: made at the first start, private, and held by one engine at a time.

<home>/stormlet.toml   settings (optional)
<home>/stormlet.db     the database, with -wal and -shm beside it
<home>/configs/        configs of packs (optional)
<home>/sources/        sources that belong to no pack (optional)
<home>/keys/           data.key: what secrets in the database are sealed with
<home>/cli.json        URL and API key for the command line of the same user
<home>/lock            held while an engine runs
"""

import contextlib
import errno
import fcntl
import json
import logging
import os
import secrets
from pathlib import Path

from stormlet.foundation.errors import SettingsError

log = logging.getLogger(__name__)

KEY_BYTES = 32
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Home:
    """One home directory.

    Raises (all methods):
        SettingsError: the directory or a file in it cannot be made, read or written; says which, and why.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._lock: int | None = None

    @property
    def database(self) -> Path:
        return self.path / "stormlet.db"

    @property
    def configs(self) -> Path:
        return self.path / "configs"

    @property
    def sources(self) -> Path:
        return self.path / "sources"

    def prepare(self) -> None:
        """Make what is missing. An existing directory keeps its mode; what we make is readable by its owner only."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "keys").mkdir(mode=0o700, exist_ok=True)
            probe = self.path / f".write-{secrets.token_hex(4)}"
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as error:
            if error.errno in _FULL and self.database.exists():
                return  # an engine must start on a full disk: it may be what makes room there
            raise SettingsError(
                f"the home directory {self.path} cannot be used: {error.strerror or error}",
                hint="name another with --home, or mend its owner and permissions",
            ) from None

    def acquire(self) -> None:
        """Hold the home until `release`; a second engine on the same home is refused."""
        try:
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip() if self._lock is not None else ""
            self.release()
            raise SettingsError(
                f"another stormlet{f' (process {holder})' if holder else ''} runs on {self.path}",
                hint="stop it, or name another directory with --home",
            ) from None
        except OSError as error:
            raise SettingsError(f"cannot lock {self.path / 'lock'}: {error.strerror or error}") from None
        with contextlib.suppress(OSError):  # a full disk; the number only helps whoever starts a second engine
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go of the home. May be called twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def data_key(self) -> bytes:
        """Return the 32 bytes that secrets are sealed with; made at the first call."""
        path = self.path / "keys" / "data.key"
        try:
            if not path.exists():
                _write_private(path, secrets.token_hex(KEY_BYTES) + "\n")
            key = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except OSError as error:
            cure = "make room on the disk" if error.errno in _FULL else ""
            raise SettingsError(f"cannot read or make {path}: {error.strerror or error}", hint=cure) from None
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise SettingsError(
                f"{path} is not a key of {KEY_BYTES} bytes in hex",
                hint="restore it from a backup: without it, sealed secrets cannot be read",
            )
        return key

    def read_cli(self) -> dict[str, str]:
        """Return what `write_cli` wrote, or nothing."""
        try:
            found = json.loads((self.path / "cli.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_cli(self, **values: str) -> None:
        """Leave the server's URL (and, after it was generated, the API key) for the command line of the same user."""
        try:
            _write_private(self.path / "cli.json", json.dumps(values) + "\n")
        except OSError as error:
            raise SettingsError(f"cannot write {self.path / 'cli.json'}: {error.strerror or error}") from None


def leave_for_the_command_line(home: Home, url: str, api_key: str | None) -> None:
    """Tell the command line of the same user where the server is; None keeps the API key that is there."""
    known = {"url": url, "api_key": api_key or home.read_cli().get("api_key")}
    values = {name: value for name, value in known.items() if value}
    if values == home.read_cli():
        return
    try:
        home.write_cli(**values)
    except SettingsError as error:
        # The server serves already, and on a full disk it must go on: it is what makes room.
        log.warning("the command line will not find this server by itself: %s", error)


def _write_private(path: Path, text: str) -> None:
    """Write a file that is whole or absent, and readable by its owner only."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
