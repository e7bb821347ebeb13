"""Which content files have changed: sets of paths, as saves happen.

It watches directories that do not exist yet, and finds them again when they were deleted and made anew, or swapped by a
symbolic link (deployments and Kubernetes do that): the operating system's watch would go on watching what is gone. It reads
nothing, and what a change means is the loader's to find out.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

from watchfiles import Change, awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

log = logging.getLogger(__name__)

LOOK_MS = 200
"""How often it is asked whether a watched directory is still the same one, and how often polling looks at every file."""
_QUIET_MS = (
    100  # a save by an editor is a delete, a rename and a write; it counts as over when nothing follows for this long
)
_LONGEST_MS = 400  # but somebody who never stops writing is heard all the same
_IGNORED_ENDINGS = ("~", ".swp", ".swx", ".pyc", ".tmp")
_IGNORED_DIRECTORIES = frozenset({"__pycache__", ".git", ".hg", ".svn"})
_VIM_PROBE = "4913"

_Identity = tuple[int, ...] | None


async def watch(
    paths: Sequence[Path], stop: asyncio.Event, *, poll: bool = False
) -> AsyncGenerator[frozenset[Path], None]:
    """Yield the paths that changed, until `stop` is set.

    The first set names the directories that exist: what changed between their being read and now would be lost otherwise.

    Args:
        paths: directories, which need not exist.
        stop: ends the watch. A cancelled watch sets it, because its thread has to end.
        poll: look at every file every `LOOK_MS` instead of asking the operating system (network mounts tell nothing).
    """
    if not poll:
        try:
            async with contextlib.aclosing(_notified(paths, stop)) as changes:
                async for changed in changes:
                    yield changed
            return
        except (OSError, WatchfilesRustInternalError) as error:
            log.warning("files cannot be watched (%s); looking at them every %d ms instead", error, LOOK_MS)
    async with contextlib.aclosing(_polled(paths, stop)) as changes:
        async for changed in changes:
            yield changed


async def _notified(paths: Sequence[Path], stop: asyncio.Event) -> AsyncGenerator[frozenset[Path], None]:
    """Yield what the operating system tells, beginning anew whenever a directory came, went or became another one."""
    pending = _existing(paths)
    while not stop.is_set():
        before = {path: _identity(path) for path in paths}
        there = [path for path, identity in before.items() if identity is not None]
        if not there:
            await _look_again(stop)
            pending = _existing(paths)
            continue
        try:
            async with contextlib.aclosing(_batches(there, before, stop)) as batches:
                async for changed in batches:
                    if pending or changed:
                        yield changed | pending
                        pending = frozenset()
        except FileNotFoundError:  # it went between the look and the watch
            pending = frozenset(there)
            continue
        # Whoever came, went or moved is told with the first batch of the next watch: from then on nothing is missed.
        pending = frozenset(there) | _existing(paths)


async def _batches(
    there: Sequence[Path], before: Mapping[Path, _Identity], stop: asyncio.Event
) -> AsyncGenerator[frozenset[Path], None]:
    """Yield what changes (an empty set, at the latest every `LOOK_MS`) as long as the directories are the same ones."""
    changes = awatch(
        *there,
        watch_filter=_is_content,
        debounce=_LONGEST_MS,
        step=_QUIET_MS,
        stop_event=stop,
        rust_timeout=LOOK_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    roots = _spellings(there)
    async with contextlib.aclosing(changes):
        async for batch in changes:
            yield frozenset(Path(path) for _, path in batch)
            # A directory that is made again at once may get the inode of the deleted one, so both are asked.
            gone = any(change is Change.deleted and path in roots for change, path in batch)
            if gone or any(_identity(path) != identity for path, identity in before.items()):
                return


async def _polled(paths: Sequence[Path], stop: asyncio.Event) -> AsyncGenerator[frozenset[Path], None]:
    """Yield what differs between two looks at all files. (watchfiles polls too, but sees whole seconds only.)"""
    known = await asyncio.to_thread(_stamps, paths)
    if existing := _existing(paths):
        yield existing
    while not stop.is_set():
        await _look_again(stop)
        now = await asyncio.to_thread(_stamps, paths)
        if now == known:
            continue
        for _ in range(_LONGEST_MS // LOOK_MS):
            before, now = now, await _after_a_look(paths, stop)
            if now == before:
                break
        changed, known = _differences(known, now), now
        if changed:
            yield changed


async def _after_a_look(paths: Sequence[Path], stop: asyncio.Event) -> dict[Path, _Identity]:
    await _look_again(stop)
    return await asyncio.to_thread(_stamps, paths)


async def _look_again(stop: asyncio.Event) -> None:
    """Return after `LOOK_MS`, or at once when it is time to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), LOOK_MS / 1000)


def _spellings(paths: Sequence[Path]) -> frozenset[str]:
    """Return the names by which the operating system may call these directories."""
    return frozenset(name for path in paths for name in (str(path), os.path.realpath(path)))


def _existing(paths: Sequence[Path]) -> frozenset[Path]:
    return frozenset(path for path in paths if path.exists())


def _identity(path: Path) -> _Identity:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _stamps(paths: Sequence[Path]) -> dict[Path, _Identity]:
    """Return each directory and each file below it with what tells that it changed."""
    stamps: dict[Path, _Identity] = {path: _identity(path) for path in paths}
    for root in paths:
        for directory, directories, files in os.walk(root):
            directories[:] = [name for name in directories if name not in _IGNORED_DIRECTORIES]
            for name in files:
                path = Path(directory, name)
                if _is_content(Change.modified, str(path)):
                    stamps[path] = _file_stamp(path)
    return stamps


def _file_stamp(path: Path) -> _Identity:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _differences(before: Mapping[Path, _Identity], after: Mapping[Path, _Identity]) -> frozenset[Path]:
    return frozenset(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _is_content(_change: Change, path: str) -> bool:
    """Tell whether a change may concern content; what editors and Python leave beside it does not."""
    *directories, name = Path(path).parts
    if name.endswith(_IGNORED_ENDINGS) or name == _VIM_PROBE or name.startswith(".#"):
        return False
    return name not in _IGNORED_DIRECTORIES and _IGNORED_DIRECTORIES.isdisjoint(directories)
