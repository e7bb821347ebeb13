"""Time, handed in, so that a test can own it.

`now()` is the wall clock in UTC: it is shown and stored, and may step. `monotonic()` is for deadlines and leases: it never
goes back. Nothing outside this module may read a clock of its own (ruff's banned-api holds that).
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """The time as one part of the engine sees it."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of monotonic time."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def to_microseconds(moment: datetime) -> int:
    """Return whole microseconds since 1970 in UTC; this is how the database keeps a moment."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """Return the aware UTC moment that `to_microseconds` made `value` from."""
    return EPOCH + timedelta(microseconds=value)


def to_iso(moment: datetime) -> str:
    """Return st2's form of a moment: `2026-01-02T03:04:05.678901Z`, always with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Read an ISO 8601 moment; one without an offset is UTC.

    Raises:
        ValueError: the text is not ISO 8601.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
