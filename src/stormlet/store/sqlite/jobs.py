"""Callers' pieces of work on their way to the writer: a queue that is bounded in number and in bytes."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from stormlet.foundation.errors import OverloadedError, StoreError
from stormlet.store.sqlite.transaction import Transaction

BATCH = 512
"""Most callers in one commit: bounds how long the first of them waits for the last."""
QUEUED_BYTES = 64 * 1024 * 1024
"""Most bytes of bodies that may wait, however few callers bring them."""
BATCH_BYTES = 8 * 1024 * 1024
"""Bodies after which a commit takes no more callers."""
RETRY_AFTER = 1
"""Seconds after which a refused caller should come again: a full queue is written in less."""


class Job:
    """One caller's piece of work, and what came of it."""

    __slots__ = ("error", "future", "new", "queued_at", "result", "weight", "work")

    def __init__(
        self,
        work: Callable[[Transaction], Any],
        future: asyncio.Future[Any],
        *,
        new: bool,
        weight: int,
        queued_at: float,
    ) -> None:
        self.work = work
        self.future = future
        self.new = new
        """Whether it brings something new, which may be refused; what finishes something accepted may not."""
        self.weight = weight
        self.queued_at = queued_at
        self.result: Any = None
        self.error: Exception | None = None

    def settle(self) -> None:
        """Tell the caller, if it still waits. Runs in the caller's loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class JobQueue:
    """Filled by the loop's thread, emptied by the writer's."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: deque[Job] = deque()
        self._weight = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, job: Job) -> None:
        """Raises OverloadedError where a new job finds the queue full, StoreError where the queue is closed."""
        with self._changed:
            if self._closed:
                raise StoreError("the database is closed", hint="the engine is stopping")
            if job.new and self._jobs and self._is_full(job):
                raise OverloadedError("too many requests wait for the disk", retry_after=RETRY_AFTER)
            self._jobs.append(job)
            self._weight += job.weight
            self._changed.notify()

    def _is_full(self, job: Job) -> bool:
        return len(self._jobs) >= self._limit or self._weight + job.weight > QUEUED_BYTES

    def take(self, seconds: float | None) -> list[Job] | None:
        """Return all that waits, up to one batch; nothing after `seconds` in which nobody came; None when closed and empty."""
        with self._changed:
            if not self._jobs and not self._closed:
                self._changed.wait(seconds)
            if not self._jobs:
                return None if self._closed else []
            batch: list[Job] = []
            weight = 0
            while self._jobs and len(batch) < BATCH and weight < BATCH_BYTES:
                batch.append(self._jobs.popleft())
                weight += batch[-1].weight
            self._weight -= weight
            return batch

    def close(self) -> None:
        """Take nothing more; what waits is still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify()
