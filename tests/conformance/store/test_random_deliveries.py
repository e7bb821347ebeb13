"""Whatever is done in whatever order, deliveries follow their table of transitions, and of an order key one is under way."""

import asyncio
import itertools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormlet.foundation.clock import SystemClock
from stormlet.foundation.errors import ConflictError
from stormlet.foundation.settings import Storage
from stormlet.model.delivery import ENDED, TRANSITIONS, Attempt, DeliveryStatus, Planned
from stormlet.model.message import Message
from stormlet.store.delivery_interface import DeliveryFilter
from stormlet.store.interface import Page, Store
from stormlet.store.sqlite.backend import SqliteStore

S = DeliveryStatus
START = datetime(2026, 1, 1, tzinfo=UTC)
MAKERS: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda home: SqliteStore(home / "s.db", SystemClock(), Storage(reserve_bytes=0))
}
ENDPOINTS = ("p.free", "p.ordered")
WHO = st.integers(0, 5)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("plan"), st.integers(0, 1)),
        st.tuples(st.just("claim"), st.integers(1, 4)),
        st.tuples(st.just("conclude"), WHO, st.integers(-1, 0), st.sampled_from([S.DELIVERED, S.FAILED, S.PLANNED])),
        st.tuples(st.just("resend"), WHO),
        st.tuples(st.just("cancel"), WHO),
        st.tuples(st.just("resend_all"), st.sampled_from([None, S.FAILED, S.CANCELED, S.PLANNED])),
        st.tuples(st.just("cancel_all"), st.integers(0, 1)),
        st.tuples(st.just("release")),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("purge"), st.integers(0, 60)),
    ),
    max_size=40,
)


class Scenario:
    """Runs operations, and holds the store to what it promises after each."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self.tick = itertools.count(1)
        self.seen: dict[str, DeliveryStatus] = {}
        self.keys: dict[str, tuple[str, int]] = {}
        self.tokens: dict[str, int] = {}
        self.attempts: dict[str, int] = {}

    def _who(self, n: int) -> str | None:
        ids = list(self.seen)
        return ids[n % len(ids)] if ids else None

    async def plan(self, key: int) -> None:
        identity = f"{next(self.tick):024x}"
        message = Message(id=identity, type="a.b", time=self.now, subject=f"execution:{key}", pack="p")
        keys = {"p.ordered": f"k{key}"}
        await self.store.plan([Planned(message=message, endpoints=ENDPOINTS, order_keys=keys)])

    async def claim(self, limit: int) -> None:
        room = dict.fromkeys(ENDPOINTS, 3)
        lease_until = self.now + timedelta(seconds=20)
        for claim in await self.store.claim_deliveries("w", limit, self.now, lease_until, room):
            identity = claim.delivery.id
            assert claim.token > self.tokens.get(identity, 0)
            self.tokens[identity] = claim.token

    async def conclude(self, n: int, age: int, status: DeliveryStatus) -> None:
        if (identity := self._who(n)) is None:
            return
        token = self.tokens.get(identity, 0) + age
        before = self.seen[identity]
        error = "" if status is S.DELIVERED else "500"
        attempt = Attempt(delivery_id=identity, started_at=self.now, seconds=0.0, error=error)
        next_at = self.now + timedelta(seconds=10) if status is S.PLANNED else None
        if await self.store.conclude_attempt(identity, token, attempt, status, next_at):
            assert before is S.DELIVERING
            assert age == 0
        kept = len(await self.store.attempts(identity))
        assert kept - self.attempts.get(identity, 0) in (0, 1)
        self.attempts[identity] = kept

    async def resend(self, n: int) -> None:
        if (identity := self._who(n)) is None:
            return
        if self.seen[identity] is S.DELIVERING:
            with pytest.raises(ConflictError):
                await self.store.resend_delivery(identity, self.now)
        else:
            assert await self.store.resend_delivery(identity, self.now) is not None

    async def cancel(self, n: int) -> None:
        if (identity := self._who(n)) is not None:
            canceled = await self.store.cancel_delivery(identity, self.now)
            assert canceled is not None
            assert canceled.status in ENDED

    async def resend_all(self, status: DeliveryStatus | None) -> None:
        wanted = DeliveryFilter(status=status)
        count = await self.store.resend_deliveries(wanted, self.now, dry_run=True)
        assert await self.store.resend_deliveries(wanted, self.now) == count

    async def cancel_all(self, which: int) -> None:
        wanted = DeliveryFilter(endpoint=ENDPOINTS[which])
        count = await self.store.cancel_deliveries(wanted, self.now, dry_run=True)
        assert await self.store.cancel_deliveries(wanted, self.now) == count

    async def release(self) -> None:
        held = sum(status is S.DELIVERING for status in self.seen.values())
        assert await self.store.release_deliveries(self.now) == held

    async def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    async def purge(self, age: int) -> None:
        await self.store.purge_messages(self.now - timedelta(seconds=age), 2)

    async def check(self) -> None:
        """Statuses changed by the table, one of a key has its turn, the oldest of those that are planned."""
        found, _ = await self.store.list_deliveries(DeliveryFilter(), Page(limit=None, ascending=True))
        turns: dict[str, list[Any]] = {}
        for delivery in found:
            before = self.seen.get(delivery.id)
            # A claim that found a lease ended, or resending what had just ended, makes two steps at once.
            assert before in (None, delivery.status) or _within_two(before, delivery.status)
            if delivery.order_key is not None and delivery.status not in ENDED:
                turns.setdefault(delivery.order_key, []).append(delivery)
        self.seen = {delivery.id: delivery.status for delivery in found}
        for waiting in turns.values():
            under_way = [one for one in waiting if one.status is S.DELIVERING]
            ready = [one for one in waiting if one.next_attempt_at is not None]
            assert len(under_way) + len(ready) == 1
            assert under_way or ready == waiting[:1]


def _within_two(before: DeliveryStatus | None, after: DeliveryStatus) -> bool:
    assert before is not None
    return after in TRANSITIONS[before] or any(after in TRANSITIONS[between] for between in TRANSITIONS[before])


@pytest.mark.parametrize("backend", sorted(MAKERS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations=OPERATIONS)
def test_random_sequences_keep_the_promises(backend: str, operations: list[tuple[Any, ...]]) -> None:
    """Plan, claim, conclude, resend, cancel, release, wait and purge, in any order."""

    async def run(home: Path) -> None:
        store = MAKERS[backend](home)
        await store.open()
        try:
            scenario = Scenario(store)
            for name, *arguments in operations:
                await getattr(scenario, name)(*arguments)
                await scenario.check()
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as home:
        asyncio.run(run(Path(home)))
