"""Which content files have changed: sets of paths, as saves happen.

It watches directories that do not exist yet, and finds them again when they were deleted and made anew, or swapped by a
symbolic link (deployments and Kubernetes do that): the operating system's watch would go on watching what is gone. It reads
nothing, and what a change means is the loader's to find out.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from watchfiles import Change, awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

log = logging.getLogger(__name__)

LOOK_MS = 200
"""How often it is asked whether a watched directory is still the same one; also the interval of polling."""
_QUIET_MS = (
    100  # a save by an editor is a delete, a rename and a write; it counts as over when nothing follows for this long
)
_LONGEST_MS = 400  # but somebody who never stops writing is heard all the same
_IGNORED_ENDINGS = ("~", ".swp", ".swx", ".pyc", ".tmp")
_IGNORED_DIRECTORIES = frozenset({"__pycache__", ".git", ".hg", ".svn"})
_VIM_PROBE = "4913"

_Identity = tuple[int, int] | None


async def watch(
    paths: Sequence[Path], stop: asyncio.Event, *, poll: bool = False
) -> AsyncGenerator[frozenset[Path], None]:
    """Yield the paths that changed, until `stop` is set.

    The first set names all directories: what changed between their being read and now would be lost otherwise.

    Args:
        paths: directories, which need not exist.
        stop: ends the watch. A cancelled watch sets it, because its thread has to end.
        poll: look at every file every `LOOK_MS` instead of asking the operating system (network mounts tell nothing).
    """
    pending = frozenset(path for path in paths if path.exists())
    while not stop.is_set():
        before = {path: _identity(path) for path in paths}
        there = [path for path, identity in before.items() if identity is not None]
        if not there:
            pending |= await _until_one_exists(paths, stop)
            if not pending:
                return
            continue
        try:
            async with contextlib.aclosing(_changes(there, before, stop, poll)) as batches:
                async for changed in batches:
                    if pending or changed:
                        yield changed | pending
                        pending = frozenset()
            pending = _moved(before)
        except FileNotFoundError:
            pending = frozenset(there)  # it went between the look and the watch; look again
        except (OSError, WatchfilesRustInternalError) as error:
            if poll:
                raise
            log.warning("files cannot be watched (%s); looking at them every %d ms instead", error, LOOK_MS)
            poll = True


async def _changes(
    there: list[Path], before: dict[Path, _Identity], stop: asyncio.Event, poll: bool
) -> AsyncGenerator[frozenset[Path], None]:
    """Yield what changes (an empty set, at the latest every `LOOK_MS`) as long as the directories are the same ones."""
    batches = awatch(
        *there,
        watch_filter=_is_content,
        debounce=_LONGEST_MS,
        step=_QUIET_MS,
        stop_event=stop,
        rust_timeout=LOOK_MS,
        yield_on_timeout=True,
        force_polling=poll,
        poll_delay_ms=LOOK_MS,
        ignore_permission_denied=True,
    )
    async with contextlib.aclosing(batches):
        async for batch in batches:
            yield frozenset(Path(path) for _, path in batch)
            if _moved(before):
                return


async def _until_one_exists(paths: Sequence[Path], stop: asyncio.Event) -> frozenset[Path]:
    while not stop.is_set():
        if found := frozenset(path for path in paths if path.exists()):
            return found
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_MS / 1000)
    return frozenset()


def _moved(before: dict[Path, _Identity]) -> frozenset[Path]:
    """Return the directories that came, went, or are others than they were."""
    return frozenset(path for path, identity in before.items() if _identity(path) != identity)


def _identity(path: Path) -> _Identity:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _is_content(_change: Change, path: str) -> bool:
    """Tell whether a change may concern content; what editors and Python leave beside it does not."""
    *directories, name = Path(path).parts
    if name.endswith(_IGNORED_ENDINGS) or name == _VIM_PROBE or name.startswith(".#"):
        return False
    return name not in _IGNORED_DIRECTORIES and _IGNORED_DIRECTORIES.isdisjoint(directories)
