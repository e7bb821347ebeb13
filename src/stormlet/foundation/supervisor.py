"""Long-running tasks: named, watched, and stopped in stages.

A task that ends by an exception is never lost: the supervisor records it and asks the whole process to stop, because an
engine whose decider is dead but which still answers 202 is worse than one that is down.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

log = logging.getLogger(__name__)


class Service(Protocol):
    """Something that runs from `start` to `stop`. Both may be called twice, and `stop` without `start`."""

    name: str

    async def start(self) -> None:
        """Return when the service does its work."""
        ...

    async def stop(self, grace: float) -> None:
        """Take nothing new, finish what runs within `grace` seconds, then give up what is left."""
        ...


class Supervisor:
    """Owns the tasks of one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.failed: asyncio.Event = asyncio.Event()
        self.failure: BaseException | None = None

    def spawn(self, name: str, work: Coroutine[Any, Any, Any], *, vital: bool = True) -> asyncio.Task[Any]:
        """Run `work` as a task. When a vital one ends by an exception, `failed` is set and `failure` says why."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finished(done, vital))
        return task

    def _finished(self, task: asyncio.Task[Any], vital: bool) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("task %s failed: %s", task.get_name(), error, exc_info=error)
        if vital:
            self.failure = self.failure or error
            self.failed.set()

    async def cancel(self, *tasks: asyncio.Task[Any]) -> None:
        """Cancel these tasks and wait until they have ended."""
        for task in tasks:
            task.cancel()
        for task in tasks:
            # What the task ended by was reported by _finished already.
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def close(self) -> None:
        """Cancel whatever is left."""
        await self.cancel(*list(self._tasks))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest event loop there is; None means asyncio's own."""
    try:
        import uvloop
    except ImportError:  # not on every platform
        return None
    return uvloop.new_event_loop


async def stop_services(services: list[Service], grace: float) -> list[str]:
    """Stop services in the given order and return the names of those that did not stop within their grace."""
    late = []
    for service in services:
        try:
            await asyncio.wait_for(service.stop(grace), grace + 5)
        except TimeoutError:
            late.append(service.name)
            log.warning("%s did not stop within %.0f seconds", service.name, grace + 5)
    return late
