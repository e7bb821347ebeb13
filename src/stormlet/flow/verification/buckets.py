"""Token buckets: so many requests a second on average, and so many at once."""

from stormlet.foundation.clock import Clock
from stormlet.model.source import Rate


class Bucket:
    """One bucket. It fills with monotonic time, and is full at the beginning."""

    __slots__ = ("_clock", "_filled_at", "_tokens", "rate")

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self.rate = rate
        self._clock = clock
        self._tokens = float(max(rate.burst, 1))
        self._filled_at = clock.monotonic()

    def wait(self) -> float:
        """Return in how many seconds there is a token; 0 where there is one."""
        now = self._clock.monotonic()
        grown = self._tokens + (now - self._filled_at) * self.rate.per_second
        self._tokens = min(grown, float(max(self.rate.burst, 1)))
        self._filled_at = now
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self.rate.per_second

    def take(self) -> bool:
        """Take a token. False where there is none."""
        if self.wait() > 0:
            return False
        self._tokens -= 1
        return True


class Buckets:
    """A bucket for each name. One whose rate was changed is a new one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def of(self, name: str, rate: Rate) -> Bucket:
        """Return the bucket of that name."""
        found = self._buckets.get(name)
        if found is None or found.rate != rate:
            found = self._buckets[name] = Bucket(rate, self._clock)
        return found
