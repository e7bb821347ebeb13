"""The store under kill -9, a full disk, a failing disk, a lock, missing permissions, damage: nothing acknowledged is lost."""

import os
import random
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("store_crash_child.py")
KILLS = 15


def command(database: Path, mode: str) -> list[str]:
    return [sys.executable, str(CHILD), str(database), mode]


def run(database: Path, mode: str, prefix: tuple[str, ...] = ()) -> list[list[str]]:
    """Run the child to its end. Returns what it said, in words."""
    done = subprocess.run([*prefix, *command(database, mode)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return [line.split(" ") for line in done.stdout.splitlines()]


def said(lines: list[list[str]], word: str) -> list[str]:
    return [words[1] for words in lines if words[0] == word]


def run_and_kill(database: Path, mode: str, after: int) -> list[list[str]]:
    """Run the child, kill it -9 when it has said `after` lines, and return all it said until it was dead."""
    with subprocess.Popen(command(database, mode), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line)
            if len(lines) == after:
                child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL, f"the child ended by itself after {len(lines)} lines"
    # The last line may be cut off by death; then nothing was said.
    return [line.split() for line in lines if line.endswith("\n")]


def query(database: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def drill(database: Path, mode: str, kills: int) -> dict[str, list[str]]:
    """Kill the child again and again on one database. Returns what it promised over all of its lives."""
    chance = random.Random(os.urandom(8))
    promised: dict[str, list[str]] = {"recorded": [], "decided": [], "concluded": []}
    for n in range(kills):
        # Some in the first moments of recovery, most in the middle of work.
        after = chance.randrange(1, 60) if n % 4 == 3 else chance.randrange(500, 4000)
        lines = run_and_kill(database, mode, after)
        for word, kept in promised.items():
            kept += said(lines, word)
    return promised


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    """15 kills on one database: every acknowledged id is there, each instance decided once, each execution concluded once."""
    database = tmp_path / "stormlet.db"
    promised = drill(database, "record", KILLS)
    assert len(promised["recorded"]) > 500
    after = run(database, "settle")
    assert query(database, "PRAGMA integrity_check") == [("ok",)]
    assert query(database, "PRAGMA foreign_key_check") == []
    stored = {row[0] for row in query(database, "SELECT id FROM trigger_instances")}
    assert set(promised["recorded"]) <= stored
    decided = promised["decided"] + said(after, "decided")
    assert len(decided) == len(set(decided))
    concluded = promised["concluded"] + said(after, "concluded")
    assert len(concluded) == len(set(concluded))
    undone = "SELECT count(*) FROM trigger_instances WHERE status <> 'processed'"
    assert query(database, undone) == [(0,)]
    not_once = (
        "SELECT t.id, count(e.id) FROM trigger_instances t LEFT JOIN executions e ON e.trigger_instance_id = t.id "
        "GROUP BY t.id HAVING count(e.id) <> 1"
    )
    assert query(database, not_once) == []
    assert query(database, "SELECT count(*) FROM executions WHERE status <> 'succeeded'") == [(0,)]
    ends = "SELECT count(*) FROM executions WHERE length(log) - length(replace(log, 'succeeded', '')) <> 9"
    assert query(database, ends) == [(0,)]
    orphans = "SELECT count(*) FROM events WHERE id NOT IN (SELECT event_id FROM trigger_instances)"
    assert query(database, orphans) == [(0,)]


@pytest.mark.slow
def test_a_first_start_that_is_killed_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """At whatever moment between the first byte of the file and the last table: the next start finishes it."""
    chance = random.Random(os.urandom(8))
    for n in range(12):
        database = tmp_path / f"new{n}.db"
        with subprocess.Popen(command(database, "once"), stdout=subprocess.PIPE, text=True) as child:
            log, size = Path(f"{database}-wal"), chance.randrange(0, 150_000)
            while child.poll() is None and not (log.exists() and log.stat().st_size >= size):
                pass
            child.kill()
        assert len(said(run(database, "once"), "recorded")) == 1
        assert query(database, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.slow
def test_the_drill_finds_a_writer_that_answers_before_the_commit(tmp_path: Path) -> None:
    """The same drill with a writer that is broken on purpose loses acknowledged ids; otherwise the drill would prove nothing."""
    for attempt in range(10):
        database = tmp_path / f"hasty{attempt}.db"
        promised = drill(database, "hasty", 2)
        run(database, "settle")
        stored = {row[0] for row in query(database, "SELECT id FROM trigger_instances")}
        if set(promised["recorded"]) - stored:
            return
    pytest.fail("a writer that acknowledges before the commit was not caught")


@pytest.fixture
def small_disk(tmp_path: Path) -> tuple[str, ...]:
    """What to put before a command so that `tmp_path` is a disk of 8 MB for it."""
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    prefix = (
        str(unshare),
        *("--user", "--map-root-user", "--mount", "sh", "-c"),
        f'mount -t tmpfs -o size=8m none "{tmp_path}" && exec "$@"',
        "sh",
    )
    if not unshare or not mount or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    return prefix


@pytest.mark.parametrize("mode", ["full", "reserve"])
def test_a_full_disk_refuses_cleanly_and_recovers_by_itself(
    tmp_path: Path, small_disk: tuple[str, ...], mode: str
) -> None:
    """With a reserve, what was accepted is carried out to the end; without one, SQLite's own refusal is as clean."""
    check = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "print('whole', c.execute('PRAGMA integrity_check').fetchone()[0]); "
        "print(*['stored ' + r[0] for r in c.execute('SELECT id FROM trigger_instances')], sep='\\n')"
    )
    database = tmp_path / "stormlet.db"
    both = ("sh", "-c", f'"$@" && "{sys.executable}" -c "$0" "{database}"', check)
    lines = run(database, mode, (*small_disk, *both))
    refused = next(words for words in lines if words[0] == "refused")
    assert refused[1:3] == ["OverloadedError", "True"]
    assert said(lines, "room") == ["3"]
    assert said(lines, "whole") == ["ok"]
    recorded = said(lines, "recorded")
    assert len(recorded) > 20
    assert set(recorded) <= set(said(lines, "stored"))
    if mode == "reserve":
        assert len(said(lines, "decided")) == len(said(lines, "concluded")) == 20


def test_after_a_failed_write_nothing_is_acknowledged_until_a_restart(tmp_path: Path) -> None:
    """The kernel cannot be trusted to have kept what it failed to write; after a restart all that was acknowledged is there."""
    database = tmp_path / "stormlet.db"
    lines = run(database, "io-error")
    refusals = [words for words in lines if words[0] == "refused"]
    assert [words[1] for words in refusals] == ["StoreError", "StoreError"]
    assert all("restart the engine" in " ".join(words) for words in refusals)
    assert said(lines, "check") == ["StoreError"]
    again = run(database, "once")
    assert query(database, "PRAGMA integrity_check") == [("ok",)]
    stored = {row[0] for row in query(database, "SELECT id FROM trigger_instances")}
    assert set(said(lines, "recorded") + said(again, "recorded")) <= stored


def test_a_locked_database_is_named_and_recovers(tmp_path: Path) -> None:
    """Also where it is locked from the start."""
    database = tmp_path / "stormlet.db"
    run(database, "once")
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    (failed,) = run(database, "once")
    assert failed[:2] == ["failed", "LockedError"]
    assert "locked by another process" in " ".join(failed)
    other.execute("ROLLBACK")
    other.close()
    assert len(said(run(database, "once"), "recorded")) == 1


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that any user can reach."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


@pytest.mark.parametrize(
    ("lock", "says"),
    [
        (lambda database: database.parent.chmod(0o555), "cannot be written"),
        (lambda database: database.chmod(0o444), "cannot be written"),
        (lambda database: database.chmod(0o000), "cannot be opened"),
    ],
)
def test_missing_permissions_are_named(open_place: Path, lock: Callable[[Path], None], says: str) -> None:
    """With the path and what to do; nothing is changed."""
    place = open_place / "home"
    place.mkdir()
    place.chmod(0o777)
    database = place / "stormlet.db"
    run(database, "as-nobody")
    before = database.stat().st_mtime_ns
    lock(database)
    (failed,) = run(database, "as-nobody")
    text = " ".join(failed)
    assert failed[:2] == ["failed", "StoreError"]
    assert says in text
    assert str(place) in text
    assert "user" in text
    assert database.stat().st_mtime_ns == before
    place.chmod(stat.S_IRWXU)


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """A downgrade says what to do."""
    database = tmp_path / "stormlet.db"
    run(database, "once")
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    (failed,) = run(database, "once")
    assert "newer stormlet" in " ".join(failed)
    assert "install the newer" in " ".join(failed)


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A database that was worked on, with the SHA-256 of each body in it."""
    database = tmp_path / "stormlet.db"
    lines = run_and_kill(database, "record", 400)
    bodies = {words[1]: words[2] for words in lines if words[0] == "recorded"}
    assert len(bodies) > 20
    run(database, "settle")
    return database, bodies


def replace(database: Path, content: bytes) -> None:
    for file in database.parent.iterdir():
        file.unlink()
    database.write_bytes(content)


@pytest.mark.slow
def test_a_damaged_database_that_was_not_closed_never_gives_wrong_bodies(
    written: tuple[Path, dict[str, str]],
) -> None:
    """Wherever 20 bytes flip: the check at the start refuses it, or each body is as it was or reported as damaged."""
    database, bodies = written
    connection = sqlite3.connect(database)
    connection.execute("UPDATE facts SET value = 'no' WHERE name = 'closed'")
    connection.commit()
    connection.close()
    whole = database.read_bytes()
    chance = random.Random(os.urandom(8))
    refused = 0
    for _ in range(8):
        damaged = bytearray(whole)
        for _ in range(20):
            damaged[chance.randrange(len(damaged))] ^= chance.randrange(1, 256)
        replace(database, bytes(damaged))
        lines = run(database, "read")
        refused += lines[0][:2] == ["failed", "StoreError"]
        assert all(words[2] == bodies.get(words[1], words[2]) for words in lines if words[0] == "body")
    assert refused > 0


@pytest.mark.slow
def test_a_damaged_body_is_never_handed_on(written: tuple[Path, dict[str, str]]) -> None:
    """It is reported as damaged; the others are as they were written."""
    database, bodies = written
    whole = database.read_bytes()
    frames = [found.end() for found in re.finditer(rb"\x28\xb5\x2f\xfd", whole)]
    chance = random.Random(os.urandom(8))
    damaged = bytearray(whole)
    for place in chance.sample(frames, len(frames) // 4):
        damaged[place + chance.randrange(8)] ^= chance.randrange(1, 256)
    replace(database, bytes(damaged))
    lines = run(database, "read")
    found = {words[1]: words[2] for words in lines if words[0] == "body"}
    assert len(found) > len(bodies) / 4
    assert {words[2] for words in lines if words[0] == "unreadable"} == {"StoreError"}
    assert {identity: found[identity] for identity in bodies if identity in found}.items() <= bodies.items()
