"""Lanes: how much of the engine's sending each endpoint may have at this moment. Pure but for the clock.

Fairness is arithmetic. An endpoint that is well may have several attempts at once, one that fails has one, so that a dead
receiver holds one place and not all of its own. And those that fail or hang share half of all places: however many are dead, the
other half is for the living.
"""

from datetime import datetime

from stormlet.foundation.clock import Clock
from stormlet.model.source import Rate

HANGING_SECONDS = 3.0
"""Without any attempt that ended, from when on an endpoint counts as one that hangs."""


class Lane:
    """One endpoint's share."""

    __slots__ = ("_filled_at", "_rate", "_tokens", "busy", "failing", "held_until", "oldest")

    def __init__(self) -> None:
        self.busy = 0
        """Attempts under way, and what was claimed for it and waits for one."""
        self.failing = False
        """Whether its last attempt failed."""
        self.held_until: datetime | None = None
        """It asked to be left alone until then."""
        self.oldest = 0.0
        """Monotonic: since when its attempts under way have been so; 0 where there are none."""
        self._rate: Rate | None = None
        self._tokens = 0.0
        self._filled_at = 0.0

    def is_ill(self, clock: Clock) -> bool:
        """Tell whether the endpoint fails or hangs."""
        return self.failing or (self.busy > 0 and clock.monotonic() - self.oldest > HANGING_SECONDS)

    def room(self, most: int, rate: Rate | None, now: datetime, clock: Clock) -> int:
        """Return how many more deliveries may be taken now."""
        if self.held_until is not None:
            if now < self.held_until:
                return 0
            self.held_until = None
        free = (1 if self.failing else most) - self.busy
        return max(min(free, self._fill(rate, clock)), 0) if rate is not None else max(free, 0)

    def take(self, count: int, clock: Clock) -> None:
        """Note that so many were taken."""
        if not self.busy:
            self.oldest = clock.monotonic()
        self.busy += count
        self._tokens -= count

    def leave(self, clock: Clock) -> None:
        """Note that one has ended."""
        self.busy -= 1
        self.oldest = clock.monotonic() if self.busy else 0.0

    def hold(self, until: datetime) -> None:
        """Leave the endpoint alone until then; a longer hold that it asked for before stays."""
        self.held_until = until if self.held_until is None else max(self.held_until, until)

    def wait(self, rate: Rate | None, now: datetime) -> float:
        """Return in how many seconds there may be room, as far as hold and rate say so; 0: they do not hinder."""
        held = (self.held_until - now).total_seconds() if self.held_until is not None else 0.0
        refill = (1 - self._tokens) / rate.per_second if rate is not None and self._tokens < 1 else 0.0
        return max(held, refill, 0.0)

    def _fill(self, rate: Rate, clock: Clock) -> int:
        moment, most = clock.monotonic(), float(max(rate.burst, 1))
        if self._rate != rate:
            self._rate, self._tokens = rate, most
        else:
            self._tokens = min(self._tokens + (moment - self._filled_at) * rate.per_second, most)
        self._filled_at = moment
        return int(self._tokens)
