"""kill -9 of the engine: no child outlives it. A real process, real children, and a control that shows the test can fail."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ENGINE = """
import asyncio, os, sys
from stormlet.flow.execution.child import Children, Limits
from stormlet.flow.execution.halt import Halt
from stormlet.flow.execution.shielding import shield_process
from stormlet.flow.execution.spawning import Command
from stormlet.foundation.clock import SystemClock

async def main(number):
    shield_process()
    children = Children(SystemClock())
    command = Command(argv=("/bin/sh", "-c", sys.argv[2]), environment={"PATH": os.defpath})
    limits = Limits(timeout=600, output_bytes=100_000, kill_seconds=5)
    show = lambda kind, text: print(text, end="", flush=True)
    await asyncio.gather(
        *(children.run(command, limits=limits, halt=Halt(), sink=show) for _ in range(number))
    )

asyncio.run(main(int(sys.argv[1])))
"""
# A child, a grandchild in the background, and one of the fourth generation; each says its number.
FAMILY = "echo $$; sleep 600 & echo $!; sh -c 'sleep 600 & echo $!; wait' & wait"


class Engine:
    """A process that has children, and nothing else of an engine."""

    def __init__(self, number: int, command: str, *prefix: str) -> None:
        arguments = [*prefix, sys.executable, "-c", ENGINE, str(number), command]
        secret = {**os.environ, "STORMLET_ADMIN_PASSWORD": "hunter2"}
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=secret)
        self.pids: list[int] = []

    def read_lines(self, number: int) -> list[str]:
        assert self.process.stdout is not None
        return [self.process.stdout.readline().strip() for _ in range(number)]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def engines() -> Iterator[list[Engine]]:
    made: list[Engine] = []
    yield made
    for engine in made:
        engine.process.kill()
        engine.process.wait(10)
        if engine.process.stdout:
            engine.process.stdout.close()
        for pid in engine.pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def survivors(pids: list[int], deadline: float) -> list[int]:
    """Return who is alive when all are dead, or when the time is over."""
    end = time.monotonic() + deadline
    tick = threading.Event()
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < end:
        tick.wait(0.02)
    return left


def warden_of(engine: int) -> int:
    """Return the process that waits beside the engine."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == engine and "trap" in command:
            return int(entry.name)
    raise AssertionError("there is no warden")


def test_nothing_outlives_the_engine(engines: list[Engine]) -> None:
    """50 children that forked: 6 seconds after kill -9 of the engine not one of 200 processes is alive."""
    engine = Engine(50, FAMILY)
    engines.append(engine)
    engine.pids = [int(line) for line in engine.read_lines(150)]
    assert all(alive(pid) for pid in engine.pids)
    warden = warden_of(engine.process.pid)
    engine.kill()
    assert survivors(engine.pids, 6) == []
    assert survivors([warden], 6) == [], "nor does the one that saw to it"


def test_without_the_warden_they_would(engines: list[Engine]) -> None:
    """The control: with its warden gone, the same engine leaves its children behind."""
    engine = Engine(2, FAMILY)
    engines.append(engine)
    engine.pids = [int(line) for line in engine.read_lines(6)]
    os.kill(warden_of(engine.process.pid), signal.SIGKILL)
    engine.kill()
    assert survivors(engine.pids, 0.5) == engine.pids


GUARD_ONE_BY_ONE = """
import subprocess, sys
from stormlet.flow.execution.warden import Warden

warden = Warden()
for line in sys.stdin:
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    warden.guard(child.pid)
    print(child.pid, flush=True)
"""


def test_a_lost_warden_is_replaced() -> None:
    """Somebody kills the warden: with the next child there is a new one, which knows of those before, too."""
    program = [sys.executable, "-c", GUARD_ONE_BY_ONE]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as engine:
        assert engine.stdin
        assert engine.stdout
        engine.stdin.write("first\n")
        pids = [int(engine.stdout.readline())]
        os.kill(warden_of(engine.pid), signal.SIGKILL)
        engine.stdin.write("second\n")
        pids.append(int(engine.stdout.readline()))
        assert all(alive(pid) for pid in pids)
        engine.kill()
    assert survivors(pids, 6) == []


AS_PROCESS_ONE = """
import asyncio, os, pathlib
from stormlet.flow.execution.child import Children, Limits
from stormlet.flow.execution.halt import Halt
from stormlet.flow.execution.spawning import Command
from stormlet.foundation.clock import SystemClock

def zombies():
    found = [stat.read_text().rpartition(")")[2].split()[0] for stat in pathlib.Path("/proc").glob("[0-9]*/stat")]
    return found.count("Z")

async def main():
    clock = SystemClock()
    children = Children(clock)
    command = Command(argv=("/bin/sh", "-c", "sleep 600 & sleep 600 & true"), environment={"PATH": os.defpath})
    limits = Limits(timeout=600, output_bytes=1000, kill_seconds=5)
    for _ in range(20):
        await children.run(command, limits=limits, halt=Halt(), sink=print)
    async with asyncio.timeout(10):
        while zombies() < 40:
            await clock.sleep(0.01)
        before = zombies()
        while zombies():
            children.reap_orphans()
            await clock.sleep(0.01)
    ended = await children.run(command, limits=limits, halt=Halt(), sink=print)
    print(os.getpid(), before, ended.return_code)

asyncio.run(main())
"""


def test_as_process_1_of_a_container_the_engine_reaps_what_is_left_to_it() -> None:
    """Forks that lost their parent become the engine's own where it is process 1; they do not stay as zombies."""
    program = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", AS_PROCESS_ONE]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr:
        pytest.skip(f"no new process namespace to be had here: {done.stderr.strip()}")
    assert (done.stdout, done.stderr) == ("1 40 0\n", "")


def test_children_cannot_read_the_engine(engines: list[Engine]) -> None:
    """As another user than root: a child sees neither the environment nor the memory nor the files of the engine."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    look = "for what in environ mem maps fd/1; do head -c 1 /proc/$PPID/$what >/dev/null 2>&1 && echo read || echo refused; done"
    engine = Engine(1, look, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--")
    engines.append(engine)
    assert engine.read_lines(4) == ["refused"] * 4


def test_a_process_that_is_not_shielded_could_be_read() -> None:
    """The control: without the shield, the same child reads its parent's environment."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    look = "head -c 1 /proc/$PPID/environ >/dev/null 2>&1 && echo read || echo refused"
    parent: Any = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--",
        "sh",
        "-c",
        f"sh -c '{look}'; :",
    ]
    assert subprocess.run(parent, capture_output=True, text=True).stdout == "read\n"
