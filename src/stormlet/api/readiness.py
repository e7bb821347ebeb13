"""Readiness, asked by anybody as often as they like, costs at most one write a second.

Probes carry no credential, and the proof that the database takes writes is a write: a stranger must not be able to keep the
disk busy with it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import StormletError

FRESH_SECONDS = 1.0


class Readiness:
    """Remembers the last answer for a moment, and lets those who ask at the same time share one."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._at = float("-inf")
        self._error: StormletError | None = None

    async def check(self, clock: Clock, prove: Callable[[], Awaitable[None]]) -> None:
        """Raise what `prove` raised, now or within the last second."""
        async with self._lock:
            if clock.monotonic() - self._at >= FRESH_SECONDS:
                try:
                    await prove()
                    self._error = None
                except StormletError as error:
                    self._error = error
                self._at = clock.monotonic()
            if self._error is not None:
                raise self._error.with_traceback(None)
