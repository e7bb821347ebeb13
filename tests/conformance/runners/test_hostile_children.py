"""Children that misbehave: the run ends in time, memory stays bounded, and nothing is left behind."""

import asyncio
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from stormlet.flow.execution.halt import Halt, HaltReason
from stormlet.model.execution import ExecutionStatus, OutputKind


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def wait_until_dead(pid: int, seconds: float = 5) -> bool:
    """Wait on the process itself; a poll with a deadline where it is not ours."""
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        os.sched_yield()
    return not alive(pid)


async def test_a_flood_is_cut_and_counted(bench: Any) -> None:
    """A child that prints 1 GB is neither blocked nor killed: the head is kept, the rest counted, memory stays flat."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    got = await bench.shell("head -c 1000000000 /dev/zero | tr '\\0' x; echo the end >&2")
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert got.status is ExecutionStatus.SUCCEEDED
    kept = bench.settings.output_bytes
    assert got.result["stdout"] == "x" * kept + f"\n[truncated: {kept} bytes kept, {1_000_000_000 - kept} more dropped]"
    assert got.result["stderr"] == "the end"
    assert after - before < 64 * 1024, "KiB"
    assert sum(len(text) for _, text in bench.output) < kept + 200


async def test_flood_on_both_streams_is_cut(bench: Any) -> None:
    """Two floods at once cannot block each other."""
    got = await bench.shell("head -c 3000000 /dev/zero >&2 & head -c 3000000 /dev/zero; wait")
    assert "[truncated:" in got.result["stdout"]
    assert "[truncated:" in got.result["stderr"]


async def test_a_flood_leaves_the_loop_time(bench: Any) -> None:
    """While a child floods, the event loop goes on turning."""
    running = asyncio.ensure_future(bench.shell("head -c 500000000 /dev/zero"))
    longest = 0.0
    while not running.done():
        before = time.perf_counter()
        await bench.clock.sleep(0)
        longest = max(longest, time.perf_counter() - before)
    assert longest < 0.5, "seconds; a machine that does other things, too, is forgiven"
    await running


async def test_forks_die_with_their_parent(bench: Any) -> None:
    """What a command leaves in the background is killed when it ends, and does not hold the run up."""
    started = time.monotonic()
    got = await bench.shell("sleep 300 & echo $!")
    assert time.monotonic() - started < 5
    assert got.status is ExecutionStatus.SUCCEEDED
    assert wait_until_dead(int(got.result["stdout"]))


async def test_a_daemon_that_keeps_the_pipes_does_not_hang_the_run(bench: Any) -> None:
    """A grandchild in a session of its own lives on, as it asked to, but the run ends with the child."""
    started = time.monotonic()
    cmd = "mkfifo ready; setsid sh -c 'echo $$ >ready; exec sleep 300' & read daemon <ready; echo $daemon"
    got = await bench.shell(cmd, cwd=str(bench.pack))
    assert time.monotonic() - started < 5
    assert got.status is ExecutionStatus.SUCCEEDED
    daemon = int(got.result["stdout"])
    assert alive(daemon)
    os.kill(daemon, signal.SIGKILL)


async def test_a_daemon_that_floods_does_not_hang_the_run(bench: Any) -> None:
    """Not even a daemon that writes into the pipes for ever."""
    started = time.monotonic()
    cmd = "mkfifo ready; setsid sh -c 'echo $$ >ready; exec yes' & read daemon <ready; echo $daemon >&2"
    got = await bench.shell(cmd, cwd=str(bench.pack))
    assert time.monotonic() - started < 5
    os.kill(int(str(got.result["stderr"])), signal.SIGKILL)


async def test_sigterm_that_is_ignored_becomes_sigkill(bench: Any) -> None:
    """A child that ignores SIGTERM is killed kill_seconds later, with all that it forked."""
    started = time.monotonic()
    got = await bench.shell("trap '' TERM; sleep 300 & echo $!; wait; sleep 300", timeout=1)
    assert 1 <= time.monotonic() - started < 5
    assert got.status is ExecutionStatus.TIMEOUT
    assert wait_until_dead(int(got.result["stdout"]))


async def test_a_child_may_clean_up_on_sigterm(bench: Any) -> None:
    """A child that handles SIGTERM has kill_seconds to do so, and its last words are kept."""
    bench.settings = type(bench.settings)(kill_seconds=5)
    got = await bench.shell("trap 'echo cleaned; exit 0' TERM; echo ready; sleep 60 & wait", timeout=1)
    assert got.status is ExecutionStatus.TIMEOUT
    assert got.result["stdout"] == "ready\ncleaned"


async def test_a_stopped_child_is_ended(bench: Any) -> None:
    """A child that stopped itself (SIGSTOP) is ended in time like any other."""
    started = time.monotonic()
    got = await bench.shell("kill -STOP $$", timeout=1)
    assert time.monotonic() - started < 5
    assert got.status is ExecutionStatus.TIMEOUT


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
async def test_death_by_signal_is_said(bench: Any, number: signal.Signals) -> None:
    """A child that a signal ends has failed; the result says which signal it was."""
    got = await bench.shell(f"kill -{int(number)} $$")
    assert got.status is ExecutionStatus.FAILED
    assert got.result["return_code"] == -number
    assert got.result["error"] == f"ended by signal {int(number)} ({number.name})"


async def test_a_child_may_close_its_streams(bench: Any) -> None:
    """Closed stdout and stderr mean the end of output, not of the run."""
    got = await bench.shell("echo before; exec >&- 2>&-; exit 7")
    assert got.result["return_code"] == 7
    assert got.result["stdout"] == "before"


async def test_bytes_that_are_not_utf8_are_replaced(bench: Any) -> None:
    """Invalid UTF-8 becomes U+FFFD; valid text around it, also cut over two reads, stays."""
    got = await bench.shell("printf 'caf\\303'; sleep 0.05; printf '\\251 \\377\\376 end'")
    assert got.result["stdout"] == "café \ufffd\ufffd end"


async def test_output_comes_as_it_is_printed(bench: Any) -> None:
    """Output is handed on while the child runs, stream by stream."""
    halt = Halt()

    def stop_at_the_second_line(text: str) -> None:
        if "two" in text:
            halt.request(HaltReason.CANCELED)

    bench.on_output = stop_at_the_second_line
    got = await bench.shell("echo one; echo two >&2; sleep 300", halt)
    assert got.status is ExecutionStatus.CANCELED
    assert {kind for kind, _ in bench.output} == {OutputKind.STDOUT, OutputKind.STDERR}


async def test_cancel_ends_the_whole_group(bench: Any) -> None:
    """Cancelling ends the command and what it forked; the result keeps what was printed."""
    halt = Halt()
    bench.on_output = lambda text: halt.request(HaltReason.CANCELED)
    got = await bench.shell("sleep 300 & echo $!; wait", halt)
    assert got.status is ExecutionStatus.CANCELED
    assert got.result["error"] == "Execution canceled by user."
    assert wait_until_dead(int(got.result["stdout"]))


async def test_cancel_before_the_start_counts(bench: Any) -> None:
    """A run that was cancelled before its child started ends at once."""
    halt = Halt()
    halt.request(HaltReason.CANCELED)
    started = time.monotonic()
    got = await bench.shell("sleep 300", halt)
    assert got.status is ExecutionStatus.CANCELED
    assert time.monotonic() - started < 5


async def test_nothing_of_the_engine_is_inherited(bench: Any) -> None:
    """A child has no STORMLET_ variable, no secret of the engine's environment, and no open file but its three streams."""
    bench.variables |= {
        "STORMLET_ADMIN_PASSWORD": "hunter2",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "LD_PRELOAD": "",
        "PS4": "x",
    }
    os.environ["STORMLET_CANARY"] = "hunter2"
    try:
        got = await bench.shell("env; echo open: $(ls /proc/self/fd); cat /proc/self/environ | tr '\\0' '\\n'")
    finally:
        del os.environ["STORMLET_CANARY"]
    printed = got.result["stdout"]
    assert "hunter2" not in printed
    assert "STORMLET" not in printed
    assert "\nopen: 0 1 2 3\n" in printed, "stdin, stdout, stderr, and the directory that ls reads"


async def test_signals_have_their_default_meaning(bench: Any) -> None:
    """Python ignores SIGPIPE, its children do not: `yes | head -1` ends."""
    got = await bench.shell("yes | head -1; echo ${PIPESTATUS[0]}", timeout=10)
    assert got.result["stdout"] == "y\n141"


async def test_stdin_is_empty(bench: Any) -> None:
    """A command that reads stdin sees its end at once."""
    got = await bench.shell("cat; echo done", timeout=10)
    assert got.result["stdout"] == "done"


async def test_a_fork_bomb_in_one_group_is_ended(bench: Any) -> None:
    """A tree of forks is ended with the group, however deep."""
    cmd = "f() { if [ $1 -gt 0 ]; then f $(($1 - 1)) & f $(($1 - 1)) & fi; echo $BASHPID; sleep 300; }; f 5; wait"
    got = await bench.shell(cmd, timeout=2)
    assert got.status is ExecutionStatus.TIMEOUT
    pids = [int(line) for line in str(got.result["stdout"]).split()]
    assert len(pids) > 10
    assert all(wait_until_dead(pid) for pid in pids)


async def test_two_hundred_at_once(bench: Any) -> None:
    """200 commands at the same time all end with their own output, and leave no file open."""
    before = open_files()
    got = await asyncio.gather(*(bench.shell(f"echo {number}; cat", timeout=50) for number in range(200)))
    assert [each.result["stdout"] for each in got] == list(range(200))
    assert open_files() <= before + 1, "the warden's pipe"


async def test_no_room_for_another_process_is_waited_for_and_said(bench: Any) -> None:
    """Where the engine has no file descriptors left, the run waits; where that lasts, it fails with a cure."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files() + 1, hard))
    try:
        running = asyncio.ensure_future(bench.shell("echo made it"))
        await bench.clock.sleep(0)
        await bench.clock.sleep(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    got = await running
    assert got.result["stdout"] == "made it"


async def test_a_cancelled_task_leaves_no_child(bench: Any) -> None:
    """When the engine drops the task itself, the child is killed."""
    printed = asyncio.Event()
    bench.on_output = lambda text: printed.set()
    running = asyncio.ensure_future(bench.shell("echo $$; sleep 300"))
    await printed.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    pid = int(bench.output[0][1])
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        await bench.clock.sleep(0)
    assert not alive(pid)
