"""No orphans: when the engine dies, even by kill -9, its children die with it.

A dead engine cannot kill anything, so a small shell process waits beside it. It is told of each process group that starts
and ends; when its input ends without the engine saying goodbye, it kills the groups that are left. A parent-death signal
would not do: it reaches the child only, not what the child forked.

Not covered: a child that made itself a session of its own (a daemon) is no longer in its group and lives on, as it asked
to; and the few microseconds between the start of a child and the line that names it.
"""

import contextlib
import logging
import os
import signal

log = logging.getLogger(__name__)

_SCRIPT = """
trap '' HUP INT TERM
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
"""


class Warden:
    """Started with the first child. Calls never block and never raise: a lost warden is replaced."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self.pid = 0
        self._pipe = -1

    def guard(self, group: int) -> None:
        """Kill this process group if the engine dies."""
        self._groups.add(group)
        self._tell(f"+ {group}\n")

    def release(self, group: int) -> None:
        """Forget a process group that has ended; its number may soon belong to somebody else."""
        self._groups.discard(group)
        self._tell(f"- {group}\n")

    def close(self) -> None:
        """Kill the groups that are left, and end the warden. May be called twice."""
        for group in self._groups:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        self._groups.clear()
        self._end()

    def _tell(self, line: str) -> None:
        if self.pid and self._write(line):
            return
        # It was not started yet, or somebody killed or stopped it: its successor is told of every group at once.
        self._end()
        try:
            self._start()
        except OSError as error:
            log.warning("children will outlive a kill -9 of the engine: cannot start their warden: %s", error)
        else:
            self._write("".join(f"+ {group}\n" for group in sorted(self._groups)))

    def _write(self, text: str) -> bool:
        try:
            os.write(self._pipe, text.encode())
        except OSError:
            return False
        return True

    def _end(self) -> None:
        """End the warden without letting it kill anything."""
        if self.pid:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            os.close(self._pipe)
            self.pid = 0

    def _start(self) -> None:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        try:
            self.pid = os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", _SCRIPT],
                {"PATH": os.defpath},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, read_end, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                setsid=True,  # what is sent to the engine's group (Ctrl-C) must not reach it
                setsigdef=[signal.SIGPIPE],
            )
        except OSError:
            os.close(write_end)
            raise
        finally:
            os.close(read_end)
        os.set_blocking(write_end, False)
        self._pipe = write_end
