"""Asking a run to end before its time.

A run may have to end because somebody cancelled it, because the engine stops, or because its lease went to another worker.
Who asks does not know how the run is to be ended (a process group gets signals, an HTTP request is dropped), so it only
says why; the runner hangs up its own way of ending. This module starts and kills nothing itself.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


class HaltReason(StrEnum):
    """Why a run has to end."""

    CANCELED = "canceled"
    """Somebody cancelled the execution; it becomes `canceled`."""
    STOPPING = "stopping"
    """The engine stops; what becomes of the execution is decided by its `on_interruption`."""
    LEASE_LOST = "lease lost"
    """Another worker owns the execution now; nothing may be recorded."""


class Halt:
    """One run's bell. It rings once: the first reason counts."""

    def __init__(self) -> None:
        self.reason: HaltReason | None = None
        self.kill_seconds: float | None = None
        """How long what runs may take to end by itself; None: as the settings say."""
        self._callbacks: list[Callable[[], None]] = []

    def request(self, reason: HaltReason, kill_seconds: float | None = None) -> None:
        """Ask the run to end. Asking again changes nothing."""
        if self.reason is not None:
            return
        self.reason = reason
        self.kill_seconds = kill_seconds
        for callback in list(self._callbacks):
            callback()

    @contextlib.contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` when the run is asked to end, at once if it was asked already."""
        self._callbacks.append(callback)
        try:
            if self.reason is not None:
                callback()
            yield
        finally:
            self._callbacks.remove(callback)

    async def unless_halted(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Await `work`; None where the run was asked to end first, and `work` was cancelled."""
        task = asyncio.current_task()
        assert task is not None
        rang = False

        def ring() -> None:
            nonlocal rang
            rang = True
            task.cancel()

        try:
            with self.calling(ring):
                return await work
        except asyncio.CancelledError:
            # Only our own cancellation ends here; one from outside (the loop is closing) goes on, as in asyncio.timeout.
            if not rang or task.uncancel() > 0:
                raise
            return None
