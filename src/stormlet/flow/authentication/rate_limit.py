"""How often somebody may send a wrong password, and how many may be compared at the same time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import RateLimitedError

MAX_FAILURES = 10
FAILURE_SECONDS = 60.0
MAX_WAITING = 32
_KEEP = 10_000


class LoginLimit:
    """Counts failures by name and address, in memory: ten wrong passwords a minute from one place, for one name.

    By both, so that a stranger who guesses cannot lock the owner out.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], list[float]] = {}
        self._hashing = asyncio.Semaphore(2)  # each takes 16 MiB and a core for a moment
        self._waiting = 0

    def check(self, name: str, remote: str) -> None:
        """Raise RateLimitedError where this name failed too often from this address."""
        now = self._clock.monotonic()
        recent = [moment for moment in self._failures.get((name, remote), ()) if now - moment < FAILURE_SECONDS]
        if len(recent) >= MAX_FAILURES:
            wait = int(FAILURE_SECONDS - (now - recent[0])) + 1
            raise RateLimitedError("Too many wrong passwords.", hint=f"wait {wait} seconds", retry_after=wait)

    def failed(self, name: str, remote: str) -> None:
        """Note a wrong password."""
        now = self._clock.monotonic()
        if len(self._failures) >= _KEEP:  # names are free to invent: forget what is old, then the oldest half
            fresh = [(who, times) for who, times in self._failures.items() if now - times[-1] < FAILURE_SECONDS]
            self._failures = dict(fresh[-_KEEP // 2 :])
        earlier = self._failures.get((name, remote), [])
        self._failures[name, remote] = [*earlier[-MAX_FAILURES:], now]

    def succeeded(self, name: str, remote: str) -> None:
        """Forget earlier failures."""
        self._failures.pop((name, remote), None)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn to compare a password; raises RateLimitedError where too many wait already."""
        if self._waiting >= MAX_WAITING:
            raise RateLimitedError("Too many logins at the same time.", retry_after=2)
        self._waiting += 1
        try:
            async with self._hashing:
                yield
        finally:
            self._waiting -= 1
