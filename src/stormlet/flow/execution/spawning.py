"""Starting one process: pipes, environment, session. It waits for nothing and reads nothing; child.py does.

`os.posix_spawn` and not `asyncio.create_subprocess_exec`: asyncio's is half as fast again and uvloop's three to four times
slower (bench/), and neither gives the pidfd that makes signals to a process free of races.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from stormlet.foundation.errors import InvalidInputError

RESULT_FD = 3
"""Where a child that was promised one finds the pipe for its result; what it prints cannot be mistaken for it."""

_LOWEST_OWN_FD = 10  # our ends must not be among the numbers that the child's ends are moved to
_CHANGE_DIRECTORY = 'cd -- "$1" || exit 126; shift; exec "$@"'
# Python ignores these for itself, and what is ignored stays ignored over exec: `yes | head -1` would never end.
_DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_CURES: Mapping[int, str] = {
    errno.ENOENT: "it does not exist, or the interpreter that its first line names does not",
    errno.EACCES: "it is not executable (`chmod +x` makes it so), or a directory on its path cannot be entered",
    errno.EPERM: "the operation is not permitted",
    errno.ENOEXEC: "it is neither a program of this machine nor a script with a `#!` line",
    errno.ENOTDIR: "a part of its path is not a directory",
    errno.EISDIR: "it is a directory",
    errno.E2BIG: "its arguments and environment are longer than the kernel takes (128 KiB for one, about 2 MiB in all); "
    "pass large values through a file or stdin",
    errno.ETXTBSY: "the file is being written to",
    errno.ELOOP: "too many symbolic links on its path",
    errno.ENAMETOOLONG: "its name is too long",
}


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What to start. `argv[0]` is looked for on the PATH of `environment`, unless it has a slash."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """All of it: nothing of the engine's own environment is added."""
    cwd: str | None = None
    """None: the directory the engine runs in."""
    stdin: bytes = b""
    wants_result: bool = False
    """Whether the child gets a pipe for its result, as RESULT_FD."""


class Spawned(msgspec.Struct, frozen=True, kw_only=True):
    """A process that runs, and our ends of its pipes, not blocking. -1: there is no such pipe."""

    pid: int
    pidfd: int
    stdin: int
    stdout: int
    stderr: int
    result: int


class _Pipes:
    """The pipes of one child while it is being started."""

    def __init__(self) -> None:
        self._theirs: list[int] = []
        self._ours: list[int] = []
        self.actions: list[tuple[Any, ...]] = []

    def from_child(self, target: int) -> int:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        return self._keep(read_end, write_end, target)

    def to_child(self, target: int) -> int:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        return self._keep(write_end, read_end, target)

    def _keep(self, our_end: int, their_end: int, target: int) -> int:
        self._ours.append(our_end)
        self._theirs.append(their_end)
        if their_end < _LOWEST_OWN_FD:
            their_end = fcntl.fcntl(their_end, fcntl.F_DUPFD_CLOEXEC, _LOWEST_OWN_FD)
            self._theirs.append(their_end)
        os.set_blocking(our_end, False)
        self.actions.append((os.POSIX_SPAWN_DUP2, their_end, target))
        return our_end

    def close_theirs(self) -> None:
        for fd in self._theirs:
            os.close(fd)

    def close_ours(self) -> None:
        for fd in self._ours:
            os.close(fd)


def spawn(command: Command) -> Spawned:
    """Start a process as the leader of a session and process group of its own.

    Raises:
        InvalidInputError: it cannot be started: program or directory missing, no permission, arguments too long.
        OSError: the machine has no room for it now (processes, memory, file descriptors); trying again may help.
    """
    argv = _argv(command)
    pipes = _Pipes()
    try:
        stdin = pipes.to_child(0) if command.stdin else -1
        if stdin < 0:
            pipes.actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
        stdout, stderr = pipes.from_child(1), pipes.from_child(2)
        result = pipes.from_child(RESULT_FD) if command.wants_result else -1
        pid = _start(argv, command, pipes.actions)
    except BaseException:
        pipes.close_ours()
        raise
    finally:
        pipes.close_theirs()
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        pipes.close_ours()
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        raise
    return Spawned(pid=pid, pidfd=pidfd, stdin=stdin, stdout=stdout, stderr=stderr, result=result)


def _start(argv: list[str], command: Command, actions: list[tuple[Any, ...]]) -> int:
    try:
        return os.posix_spawn(
            argv[0],
            argv,
            dict(command.environment),
            file_actions=actions,
            setsid=True,
            setsigmask=[],
            setsigdef=_DEFAULT_SIGNALS,
        )
    except ValueError as error:  # a NUL, a lone surrogate, a `=` in a name
        raise InvalidInputError(f"cannot start {command.argv[0]}: {error}") from None
    except OSError as error:
        if cure := _CURES.get(error.errno or 0):
            raise InvalidInputError(f"cannot start {command.argv[0]}: {cure}") from None
        raise


def _argv(command: Command) -> list[str]:
    """Return the arguments with the program's full path, led by a change of directory where one is asked for."""
    program = command.argv[0]
    path = command.environment.get("PATH", os.defpath)
    found = program if "/" in program else shutil.which(program, path=path)
    if found is None:
        raise InvalidInputError(f"cannot start {program}: there is no such program on the PATH ({path})")
    argv = [found, *command.argv[1:]]
    if command.cwd is None:
        return argv
    if not Path(command.cwd).is_dir():
        raise InvalidInputError(f"the working directory {command.cwd} does not exist or is not a directory")
    if "/" in program:
        argv[0] = str(Path(program).absolute())  # it was meant from where we are, not from where we go
    # posix_spawn cannot change directory; a shell that replaces itself can.
    return ["/bin/sh", "-c", _CHANGE_DIRECTORY, "sh", str(Path(command.cwd).absolute()), *argv]
