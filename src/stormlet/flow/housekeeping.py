"""What the engine does beside its work: forget what is old, and count what waits."""

from datetime import timedelta
from typing import Final

from stormlet.foundation.clock import Clock
from stormlet.foundation.settings import Settings
from stormlet.foundation.telemetry import Metrics
from stormlet.store.datastore import Datastore
from stormlet.store.interface import Store

_CHUNK: Final = 500


class Housekeeping:
    """Both may be interrupted at any moment, and are done again later."""

    def __init__(
        self, *, store: Store, datastore: Datastore, clock: Clock, settings: Settings, metrics: Metrics
    ) -> None:
        self._store = store
        self._datastore = datastore
        self._clock = clock
        self._settings = settings
        self._metrics = metrics

    async def purge(self) -> None:
        """Delete what is older than its retention, a few rows at a time, so that nobody waits for it."""
        now, settings = self._clock.now(), self._settings
        await self._store.purge_tokens(now)
        await self._datastore.purge()
        while await self._store.purge_deliveries(now, _CHUNK):
            await self._clock.sleep(0)
        if settings.delivery.retention_days:
            before = now - timedelta(days=settings.delivery.retention_days)
            while await self._store.purge_messages(before, _CHUNK):
                await self._clock.sleep(0)
        if settings.store.retention_days:
            before = now - timedelta(days=settings.store.retention_days)
            while await self._store.purge(before, _CHUNK):
                await self._clock.sleep(0)

    async def measure(self) -> None:
        """Set the gauges."""
        totals = await self._store.totals()
        self._metrics.pending_instances.set(totals.pending_instances)
        self._metrics.waiting_executions.set(totals.waiting_executions)
        self._metrics.running_executions.set(totals.running_executions)
        age = (self._clock.now() - totals.oldest_pending).total_seconds() if totals.oldest_pending else 0
        self._metrics.oldest_pending_seconds.set(max(age, 0))
        waiting = await self._store.waiting_deliveries()
        self._metrics.waiting_deliveries.set(sum(each.planned for each in waiting.values()))
