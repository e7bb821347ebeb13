"""What the doctor finds without a server."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from stormlet.cli.findings import Finding, Health, check_clock, check_database, check_disk, check_home
from stormlet.foundation.home import Home
from stormlet.foundation.settings import Settings, Storage


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a home that a server has prepared."""
    home = Home(str(tmp_path / "home"))
    home.prepare()
    home.data_key()
    home.write_cli(url="http://127.0.0.1:9101", api_key="k")
    return Settings(home=str(tmp_path / "home"))


def one(findings: object) -> Finding:
    (finding,) = findings  # type: ignore[misc]
    return finding


def test_a_prepared_home_is_well(settings: Settings) -> None:
    """What `serve` makes is what the doctor wants."""
    assert one(check_home(settings)).health is Health.OK


def test_a_home_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    """Before the first start there is none."""
    assert one(check_home(Settings(home=str(tmp_path / "absent")))).health is Health.NOTE


@pytest.mark.parametrize("name", ["keys/data.key", "cli.json"])
def test_keys_that_others_can_read(settings: Settings, name: str) -> None:
    """The cure is a command that can be pasted."""
    path = Path(settings.home) / name
    path.chmod(0o644)
    finding = one(check_home(settings))
    assert (finding.health, finding.cure) == (Health.PROBLEM, f"chmod 600 {path}")


def test_a_home_that_others_can_enter(settings: Settings) -> None:
    """A warning: the files in it are closed still."""
    Path(settings.home).chmod(0o755)
    assert one(check_home(settings)).health is Health.WARNING


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    """Told, not raised."""
    (tmp_path / "home").touch()
    assert one(check_home(Settings(home=str(tmp_path / "home")))).health is Health.PROBLEM


def test_little_space_is_told_before_it_is_none(settings: Settings) -> None:
    """Below four times the reserve it warns; below the reserve events are refused."""
    assert one(check_disk(settings)).health is Health.OK
    full = msgspec.structs.replace(settings, store=Storage(reserve_bytes=1 << 60))
    finding = one(check_disk(full))
    assert (finding.health, "refused" in finding.text) == (Health.PROBLEM, True)


def test_a_clock_behind_our_own_files(settings: Settings) -> None:
    """Then it has stepped back."""
    now = datetime.now(UTC)
    assert one(check_clock(settings, now + timedelta(seconds=5))).health is Health.OK
    assert one(check_clock(settings, now - timedelta(hours=1))).health is Health.WARNING


def test_a_database_is_looked_over(settings: Settings) -> None:
    """Absent, well, damaged, and no database at all; nothing is ever written."""
    path = Path(settings.home) / "stormlet.db"
    assert one(check_database(settings)).health is Health.NOTE
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (x)")
        database.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 100)
    database.close()
    assert one(check_database(settings)).health is Health.OK
    damaged = bytearray(path.read_bytes())
    damaged[4096:8192] = b"\xff" * 4096
    path.write_bytes(damaged)
    before = path.read_bytes()
    assert one(check_database(settings)).health is Health.PROBLEM
    assert path.read_bytes() == before
    path.write_bytes(b"no database at all, by any means" * 200)
    assert one(check_database(settings)).health is Health.PROBLEM
