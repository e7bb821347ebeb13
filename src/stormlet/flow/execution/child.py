"""One child process from its start to its end: output is read and bounded, time is limited, nothing of it is left behind.

A child ends when its own process does. What it forked and left in its process group is killed then; what made itself a
session of its own (a daemon) lives on, but cannot hold the run up by keeping the pipes open.

Everything here is callbacks of the event loop on pipes and on the pidfd: no thread, no task, no SIGCHLD.
"""

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Callable
from enum import StrEnum

import msgspec

from stormlet.flow.execution.captured import Captured
from stormlet.flow.execution.halt import Halt
from stormlet.flow.execution.spawning import Command, Spawned, spawn
from stormlet.flow.execution.warden import Warden
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import OverloadedError
from stormlet.model.execution import OutputKind

Sink = Callable[[OutputKind, str], None]
"""Takes each piece of output as it is printed. It must not block and must not raise."""

_READ = 64 * 1024
_LAST_READS = 32  # what a pipe can still hold when its writers are dead (1 MiB at most), with room
_GIVE_UP_SECONDS = 10.0  # a process that SIGKILL does not end hangs in the kernel, or belongs to another user
_RESULT_BYTES = 16 * 1024 * 1024
_BUSY = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_BUSY_TRIES = 20
_BUSY_SECONDS = 0.25


class EndedBy(StrEnum):
    """Why a child is no more."""

    ITSELF = "itself"
    TIMEOUT = "timeout"
    HALT = "halt"


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a child."""

    return_code: int
    """Its exit code; -N where signal N ended it."""
    stdout: str
    stderr: str
    result: bytes | None
    """What it wrote to its result pipe. None: more than 16 MiB, so it was dropped."""
    ended_by: EndedBy
    unkillable: bool = False
    """True where it outlived SIGKILL, and was given up."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a child may cost. Seconds and bytes."""

    timeout: float
    output_bytes: int
    """Kept of each stream."""
    kill_seconds: float
    """Between SIGTERM and SIGKILL."""


class Children:
    """Starts the engine's children, one at a time, and watches over them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._warden = Warden()
        self._alive: set[int] = set()
        # posix_spawn holds the loop for most of a millisecond. Waiting for this lock lets the loop turn between two.
        self._turn = asyncio.Lock()

    async def run(self, command: Command, *, limits: Limits, halt: Halt, sink: Sink) -> Ended:
        """Start a process and return when it has ended, by itself or because it had to.

        Raises:
            InvalidInputError: it cannot be started; the text says what is wrong.
            OverloadedError: the machine has no room for another process.
        """
        async with self._turn:
            spawned = await self._spawn(command)
            self._warden.guard(spawned.pid)
            self._alive.add(spawned.pid)
        child = _Child(spawned, command.stdin, limits, sink, self._reaped)
        with halt.calling(lambda: child.stop(EndedBy.HALT, halt.kill_seconds)):
            try:
                return await child.ended
            finally:
                child.kill()  # only where this task was cancelled is there anything left to kill

    async def _spawn(self, command: Command) -> Spawned:
        for _ in range(_BUSY_TRIES):
            try:
                return spawn(command)
            except OSError as error:
                if error.errno not in _BUSY:
                    raise
                reason = error.strerror
            await self._clock.sleep(_BUSY_SECONDS)
        raise OverloadedError(
            f"cannot start {command.argv[0]}: {reason}",
            hint="raise the limits on processes and open files (ulimit -u, -n)",
        )

    def _reaped(self, pid: int) -> None:
        self._alive.discard(pid)
        self._warden.release(pid)

    def reap_orphans(self) -> None:
        """Clear away dead processes that nobody else will; to be called now and then.

        In a container the engine may be process 1, which inherits whoever lost its parent: what children forked and was
        killed with their group. Unless somebody reaps them, they fill the table of processes.
        """
        with contextlib.suppress(ChildProcessError):  # there is no child at all
            while os.getpid() == 1:
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if dead is None or dead.si_pid in self._alive or dead.si_pid == self._warden.pid:
                    return
                os.waitpid(dead.si_pid, 0)

    def close(self) -> None:
        """End the warden. Children that still run are killed."""
        self._warden.close()


class _Child:
    """A running process. `ended` is done when it is dead, reaped, and its pipes are closed."""

    def __init__(
        self, spawned: Spawned, stdin: bytes, limits: Limits, sink: Sink, reaped: Callable[[int], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Ended] = self._loop.create_future()
        self._process = spawned
        self._limits = limits
        self._reaped = reaped
        self._ended_by = EndedBy.ITSELF
        self._result: bytearray | None = bytearray()
        self._stdin = memoryview(stdin)
        self._stdout = Captured(limits.output_bytes, lambda text: sink(OutputKind.STDOUT, text))
        self._stderr = Captured(limits.output_bytes, lambda text: sink(OutputKind.STDERR, text))
        self._readers: dict[int, Callable[[bytes], None]] = {
            spawned.stdout: self._stdout.add,
            spawned.stderr: self._stderr.add,
        }
        if spawned.result >= 0:
            self._readers[spawned.result] = self._add_result
        for fd in self._readers:
            self._loop.add_reader(fd, self._readable, fd)
        self._writing = spawned.stdin >= 0
        if self._writing:
            self._loop.add_writer(spawned.stdin, self._writable)
        self._loop.add_reader(spawned.pidfd, self._exited)
        self._alive = True
        self._timer = self._loop.call_later(limits.timeout, self.stop, EndedBy.TIMEOUT)

    # Ending it

    def stop(self, why: EndedBy, kill_seconds: float | None = None) -> None:
        """Ask the whole group to end (SIGTERM), and make it end (SIGKILL) when its time is over."""
        if not self._alive or self._ended_by is not EndedBy.ITSELF:
            return
        self._ended_by = why
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a stopped process does not see SIGTERM
        self._timer.cancel()
        wait = self._limits.kill_seconds if kill_seconds is None else kill_seconds
        self._timer = self._loop.call_later(wait, self.kill)

    def kill(self) -> None:
        """End the whole group now."""
        if not self._alive:
            return
        if self._ended_by is EndedBy.ITSELF:
            self._ended_by = EndedBy.HALT
        self._signal(signal.SIGKILL)
        self._timer.cancel()
        self._timer = self._loop.call_later(_GIVE_UP_SECONDS, self._give_up)

    def _signal(self, number: signal.Signals) -> None:
        # The leader is our child and not reaped, so nobody else can have its number. EPERM: all of it runs as another user.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _give_up(self) -> None:
        """Let the run end although the process has not. Should it die one day, it is still reaped."""
        self._finish(return_code=-int(signal.SIGKILL), unkillable=True)

    # Its pipes

    def _readable(self, fd: int) -> bool:
        """Read once, so that a flood leaves the loop time for others. False where nothing is to be had."""
        try:
            data = os.read(fd, _READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._drop_reader(fd)
            return False
        self._readers[fd](data)
        return True

    def _drop_reader(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        del self._readers[fd]
        os.close(fd)

    def _writable(self) -> None:
        try:
            self._stdin = self._stdin[os.write(self._process.stdin, self._stdin[:_READ]) :]
        except BlockingIOError:
            return
        except OSError:
            self._stdin = memoryview(b"")  # it does not want to read all of it; that is its right
        if not self._stdin:
            self._close_stdin()

    def _close_stdin(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._process.stdin)
            os.close(self._process.stdin)

    def _add_result(self, data: bytes) -> None:
        if self._result is not None:
            self._result += data
            if len(self._result) > _RESULT_BYTES:
                self._result = None

    # Its end

    def _exited(self) -> None:
        """The leader is dead. While it is not reaped its number is ours, so its group can be killed without a race."""
        self._signal(signal.SIGKILL)
        self._loop.remove_reader(self._process.pidfd)
        _, status = os.waitpid(self._process.pid, 0)
        self._reaped(self._process.pid)
        os.close(self._process.pidfd)
        self._alive = False
        self._finish(return_code=os.waitstatus_to_exitcode(status))

    def _finish(self, *, return_code: int, unkillable: bool = False) -> None:
        self._timer.cancel()
        self._close_stdin()
        for fd in list(self._readers):
            # All that the dead wrote is in the pipe already. Waiting for its end would wait for daemons that hold it open.
            for _ in range(_LAST_READS):
                if not self._readable(fd):
                    break
            if fd in self._readers:
                self._drop_reader(fd)
        if self.ended.done():
            return
        self._stdout.finish()
        self._stderr.finish()
        self.ended.set_result(
            Ended(
                return_code=return_code,
                stdout=self._stdout.text,
                stderr=self._stderr.text,
                result=None if self._result is None else bytes(self._result),
                ended_by=self._ended_by,
                unkillable=unkillable,
            )
        )
