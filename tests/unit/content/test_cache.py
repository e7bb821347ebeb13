"""A reload reads again only what changed."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stormlet.content.cache import FileCache

LATER = datetime.now(UTC) + timedelta(hours=1)


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    """The second time, the value of the first comes back."""
    path = tmp_path / "a.yaml"
    path.write_text("1")
    cache = FileCache()
    first = cache.get(path, "k", LATER, lambda: [path.read_text()])
    assert cache.get(path, "k", LATER, lambda: [path.read_text()]) is first
    assert cache.reads == 1


def test_a_changed_or_replaced_file_is_read_again(tmp_path: Path) -> None:
    """Size, time and inode tell a change; so does another key."""
    path = tmp_path / "a.yaml"
    path.write_text("1")
    cache = FileCache()
    read = path.read_text
    assert cache.get(path, "k", LATER, read) == "1"
    path.write_text("22")
    assert cache.get(path, "k", LATER, read) == "22"
    before = path.stat()
    other = tmp_path / "b.yaml"
    other.write_text("33")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)
    assert cache.get(path, "k", LATER, read) == "33"
    assert cache.get(path, "other", LATER, lambda: "x") == "x"


def test_a_file_that_changed_just_now_is_not_trusted(tmp_path: Path) -> None:
    """Two changes in one tick of the file system's clock look like one."""
    path = tmp_path / "a.yaml"
    path.write_text("1")
    now = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    cache = FileCache()
    cache.get(path, "k", now, path.read_text)
    cache.get(path, "k", now, path.read_text)
    assert cache.reads == 2


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    """A file that a load did not ask for leaves the cache; a missing one is never kept."""
    path = tmp_path / "a.yaml"
    path.write_text("1")
    cache = FileCache()
    cache.begin()
    cache.get(path, "k", LATER, path.read_text)
    cache.end()
    cache.begin()
    cache.end()
    cache.get(path, "k", LATER, path.read_text)
    cache.get(tmp_path / "gone", "k", LATER, lambda: "")
    cache.get(tmp_path / "gone", "k", LATER, lambda: "")
    assert cache.reads == 4
