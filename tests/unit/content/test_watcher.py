"""Saves are seen soon, whole, and whatever editors and deployments do."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from stormlet.content import watcher
from stormlet.content.watcher import watch

Next = Callable[[], "asyncio.Future[frozenset[Path]]"]


@asynccontextmanager
async def watching(*paths: Path, poll: bool = False) -> AsyncIterator[Next]:
    """Watch `paths`; the given function returns the next set of changes, within seconds or not at all."""
    stop = asyncio.Event()
    async with aclosing(watch(paths, stop, poll=poll)) as changes:

        def following() -> "asyncio.Future[frozenset[Path]]":
            return asyncio.ensure_future(asyncio.wait_for(anext(changes), 10))

        if any(path.exists() for path in paths):
            await following()  # the first set says that it watches now
        yield following
        stop.set()


@pytest.fixture(params=[False, True], ids=["notify", "poll"])
def poll(request: pytest.FixtureRequest) -> bool:
    """Every way of watching keeps every promise."""
    return bool(request.param)


async def test_the_first_set_names_the_directories(tmp_path: Path) -> None:
    """What changed between the first load and the watch would be lost otherwise."""
    stop = asyncio.Event()
    async with aclosing(watch([tmp_path, tmp_path / "missing"], stop)) as changes:
        assert await asyncio.wait_for(anext(changes), 10) == {tmp_path}
        stop.set()


async def test_a_save_is_seen_within_a_second(tmp_path: Path, poll: bool) -> None:
    """The file that was written is named."""
    path = tmp_path / "a.yaml"
    path.write_text("1")
    took = []
    async with watching(tmp_path, poll=poll) as following:
        for number in range(3):
            started = time.monotonic()
            path.write_text("x" * number)
            assert path in await following()
            took.append(time.monotonic() - started)
    assert min(took) < 1  # the quickest, because the machine may be busy with other tests


async def test_an_editors_way_of_saving_is_one_change(tmp_path: Path) -> None:
    """Vim writes a probe, moves the old file away, writes the new one and deletes the old: nobody sees half of it."""
    path = tmp_path / "a.yaml"
    path.write_text("1")
    async with watching(tmp_path) as following:
        (tmp_path / "4913").write_text("")
        (tmp_path / "4913").unlink()
        path.rename(tmp_path / "a.yaml~")
        path.write_text("2")
        (tmp_path / "a.yaml~").unlink()
        assert await following() == {path}


async def test_what_is_no_content_is_not_told(tmp_path: Path) -> None:
    """Swap files, caches and version control would cause reloads for nothing."""
    (tmp_path / ".git").mkdir()
    async with watching(tmp_path) as following:
        waiting = following()
        for name in (".a.yaml.swp", "a.yaml~", ".#a.yaml", "a.pyc", ".git/index"):
            (tmp_path / name).write_text("x")
        (tmp_path / "b.yaml").write_text("x")
        assert await waiting == {tmp_path / "b.yaml"}


async def test_deleted_and_new_files_are_seen(tmp_path: Path, poll: bool) -> None:
    """Also in directories that are made while it watches."""
    path = tmp_path / "a.yaml"
    path.write_text("1")
    async with watching(tmp_path, poll=poll) as following:
        path.unlink()
        assert path in await following()
        (tmp_path / "pack/rules").mkdir(parents=True)
        (tmp_path / "pack/rules/r.yaml").write_text("x")
        # The system may tell of the new directory only; whoever reads it sees all that is in it.
        assert {tmp_path / "pack", tmp_path / "pack/rules/r.yaml"} & await following()
        (tmp_path / "pack/rules/s.yaml").write_text("x")
        seen: set[Path] = set()
        while tmp_path / "pack/rules/s.yaml" not in seen:
            seen |= await following()


async def test_a_directory_that_does_not_exist_yet_is_seen_when_it_does(tmp_path: Path, poll: bool) -> None:
    """`serve --rules rules` may be started before there are rules; also beside directories that exist."""
    late = tmp_path / "late"
    async with watching(late, poll=poll) as following:
        waiting = following()
        late.mkdir()
        (late / "a.yaml").write_text("x")
        assert late in await waiting
        (late / "b.yaml").write_text("x")
        assert late / "b.yaml" in await following()
    there = tmp_path / "there"
    there.mkdir()
    other = tmp_path / "other"
    async with watching(there, other, poll=poll) as following:
        waiting = following()
        other.mkdir()
        assert other in await waiting


async def test_a_directory_that_is_deleted_and_made_again_is_watched_again(tmp_path: Path, poll: bool) -> None:
    """A `git checkout` may do that; the system's watch would stay with the deleted one."""
    root = tmp_path / "rules"
    root.mkdir()
    (root / "a.yaml").write_text("1")
    async with watching(root, poll=poll) as following:
        waiting = following()
        shutil.rmtree(root)
        root.mkdir()
        (root / "a.yaml").write_text("2")
        seen = set(await waiting)
        while not {root, root / "a.yaml"} & seen:
            seen |= await following()
        # What is written before the new watch stands is told as a change of the whole directory, so write until it stands.
        number = 0
        while root / f"b{number}.yaml" not in seen:
            number += 1
            (root / f"b{number}.yaml").write_text("x")
            seen = await following()


async def test_a_directory_behind_a_link_is_followed_when_the_link_is_swapped(tmp_path: Path) -> None:
    """Deployments put a new release in place by one rename of a link."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(name)
    link = tmp_path / "current"
    link.symlink_to("one")
    async with watching(link) as following:
        waiting = following()
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(link)
        assert link in await waiting
        (tmp_path / "two/a.yaml").write_text("changed")
        assert any(path.name == "a.yaml" for path in await following())


async def test_stopping_ends_the_watch(tmp_path: Path) -> None:
    """Within the time between two looks, whether anything exists or not."""
    for root in (tmp_path, tmp_path / "missing"):
        stop = asyncio.Event()
        changes = watch([root], stop)
        if root.exists():
            await anext(changes)
        waiting = asyncio.ensure_future(anext(changes, None))
        stop.set()
        assert await asyncio.wait_for(waiting, 5) is None


async def test_polling_takes_over_where_the_system_cannot_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit of watched files is reached on many machines; the engine says so and goes on."""

    def limited(*_paths: Path, **_options: object) -> object:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(watcher, "awatch", limited)
    async with watching(tmp_path) as following:
        (tmp_path / "a.yaml").write_text("x")
        assert tmp_path / "a.yaml" in await following()
    assert "files cannot be watched" in caplog.text
