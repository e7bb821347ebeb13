"""The dispatcher: claims what is due, lets attempts run side by side, and records each exactly once.

A claim is a lease with a fencing token, as with executions: whoever dies while sending leaves work that is sent again, under the
same message id. What each endpoint may have at a moment is arithmetic of lanes.py, so that a dead endpoint never delays another.
The dispatcher is woken where something was planned; looking every few seconds is the fall-back.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec

from stormlet.flow.delivery.attempt import Outcome, Sender, not_sent
from stormlet.flow.delivery.endpoints import CompiledEndpoint, EndpointBook, EndpointTable
from stormlet.flow.delivery.lanes import Lane
from stormlet.flow.delivery.publishing import Publisher
from stormlet.flow.delivery.schedule import Next, Schedule, Step, disabling_reason, next_step, resumed
from stormlet.foundation.clock import Clock
from stormlet.foundation.egress import EgressClient, EgressPolicy
from stormlet.foundation.errors import OverloadedError, StoreError
from stormlet.foundation.settings import Delivery as DeliverySettings
from stormlet.foundation.supervisor import Supervisor
from stormlet.foundation.telemetry import Metrics, one_line
from stormlet.model.delivery import Attempt, ClaimedDelivery, DeliveryStatus
from stormlet.store.delivery_interface import DeliveryStore

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 5.0
_SHORTEST_REST: Final = 0.05
_LEASE_MARGIN: Final = 30.0
_FIRST_RETRY_SECONDS: Final = 0.1
_LONGEST_RETRY_SECONDS: Final = 5.0
_TROUBLE: Final = (StoreError, OverloadedError)
_STATUSES: Final = {
    Step.DELIVERED: DeliveryStatus.DELIVERED,
    Step.RETRY: DeliveryStatus.PLANNED,
    Step.GIVE_UP: DeliveryStatus.FAILED,
    Step.DISABLE: DeliveryStatus.FAILED,
}
T = TypeVar("T")


def egress_policy(settings: DeliverySettings) -> EgressPolicy:
    """Return where endpoints may lie. Raises InvalidInputError at the first use of a CIDR block that is none."""
    return EgressPolicy(
        allow=tuple(settings.allow),
        ports=(*settings.ports, 80) if settings.http and 443 in settings.ports else settings.ports,
        schemes=("https", "http") if settings.http else ("https",),
        seconds=settings.timeout,
        connections=settings.attempts,
    )


@dataclass(slots=True, eq=False)
class _Held:
    """A delivery that is being attempted here."""

    claim: ClaimedDelivery
    compiled: CompiledEndpoint
    task: asyncio.Task[None] | None = None


class Dispatcher:
    """Sends up to `settings.attempts` deliveries at the same time. See `Service` for start and stop."""

    def __init__(
        self,
        *,
        store: DeliveryStore,
        clock: Clock,
        supervisor: Supervisor,
        settings: DeliverySettings,
        metrics: Metrics,
        table: Callable[[], EndpointTable],
        book: EndpointBook,
        client: EgressClient,
        sender: Sender,
        publisher: Publisher,
        chance: Callable[[], float] = random.random,
        worker_name: str = "engine",
    ) -> None:
        """Join the parts; nothing starts.

        Args:
            table: the endpoints there are now.
            book: what is known of them.
            client: is opened and closed here.
            chance: a number from 0 up to 1, for jitter.
            worker_name: whose leases these are; the same over restarts.
        """
        self.name = "dispatcher"
        self._store = store
        self._clock = clock
        self._supervisor = supervisor
        self._settings = settings
        self._metrics = metrics
        self._table = table
        self._book = book
        self._client = client
        self._sender = sender
        self._publisher = publisher
        self._chance = chance
        self._worker = worker_name
        self._schedule = Schedule(waits=settings.schedule, jitter=settings.jitter)
        self._lanes: dict[str, Lane] = {}
        self._held: dict[str, _Held] = {}
        self._woken = asyncio.Event()
        self._stopping = False
        self._claiming: asyncio.Task[None] | None = None
        self._as_of: datetime | None = None
        self._turn = 0

    # For others

    @property
    def sending(self) -> int:
        """How many attempts are under way."""
        return len(self._held)

    def wake(self) -> None:
        """Say that something may be due."""
        self._woken.set()

    # Service

    async def start(self) -> None:
        """Give back what a predecessor was sending when it died, then begin.

        Raises:
            StoreError: the database cannot be used.
        """
        if self._claiming is not None:
            return
        self._stopping = False
        await self._client.__aenter__()
        if released := await self._store.release_deliveries(self._clock.now()):
            log.info("%d deliveries were under way when the engine stopped; they are sent again", released)
        self._claiming = self._supervisor.spawn("dispatcher", self._claim_for_ever())

    async def stop(self, grace: float) -> None:
        """Claim nothing new; let attempts end within `grace` seconds; give back the rest."""
        if self._claiming is None:
            return
        self._stopping = True
        self._woken.set()
        await self._claiming
        self._claiming = None
        if tasks := [held.task for held in self._held.values() if held.task]:
            await asyncio.wait(tasks, timeout=grace)
        await self._supervisor.cancel(*(held.task for held in self._held.values() if held.task))
        with contextlib.suppress(*_TROUBLE):  # then their leases end by themselves
            await self._store.release_deliveries(self._clock.now(), self._worker)
        await self._client.__aexit__(None, None, None)

    # Claiming

    async def _claim_for_ever(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                if not await self._claim_some():
                    await self._rest()
            except _TROUBLE as error:
                log.warning("sending waits: %s", error)
                await self._wait(1.0)

    async def _claim_some(self) -> bool:
        """Claim what there is room for. True where there may be more."""
        free, table, now = self._settings.attempts - len(self._held), self._table(), self._clock.now()
        room = self._room(table, now) if free > 0 else {}
        if not room:
            return False
        longest = max(self._sender.seconds(table.endpoints[ref].endpoint) for ref in room)
        as_of, self._as_of = self._as_of or now, None
        claims = await self._store.claim_deliveries(
            self._worker, free, as_of, now + timedelta(seconds=longest + _LEASE_MARGIN), room
        )
        for claim in claims:
            self._take(claim, table.endpoints[claim.delivery.endpoint])
        return bool(claims)

    def _take(self, claim: ClaimedDelivery, compiled: CompiledEndpoint) -> None:
        held = self._held.get(claim.delivery.id)
        if held is not None:
            # The wall clock leapt over the lease of an attempt that is still under way: it is not made twice.
            held.claim = claim
            return
        held = self._held[claim.delivery.id] = _Held(claim, compiled)
        self._lane(compiled.ref).take(1, self._clock)
        held.task = self._supervisor.spawn(f"delivery {claim.delivery.id}", self._deliver(held), vital=False)

    def _room(self, table: EndpointTable, now: datetime) -> dict[str, int]:
        """Return how many deliveries each endpoint may take now; endpoints without room are not in it."""
        budget = self._settings.attempts // 2 - sum(
            lane.busy for lane in self._lanes.values() if lane.is_ill(self._clock)
        )
        room = {}
        compiled = [each for each in table.endpoints.values() if self._book.is_open(each)]
        self._turn += 1
        start = self._turn % len(compiled) if compiled else 0
        for each in compiled[start:] + compiled[:start]:
            lane = self._lane(each.ref)
            count = lane.room(
                each.endpoint.concurrency or self._settings.concurrency, each.endpoint.rate, now, self._clock
            )
            if count and lane.is_ill(self._clock):
                count = max(min(count, budget), 0)
                budget -= count
            if count:
                room[each.ref] = count
        return room

    def _lane(self, ref: str) -> Lane:
        lane = self._lanes.get(ref)
        if lane is None:
            lane = self._lanes[ref] = Lane()
            lane.failing = self._book.state(ref).failures > 0
        return lane

    async def _rest(self) -> None:
        """Wait until something is due, an attempt ends, or somebody wakes us."""
        now, table = self._clock.now(), self._table()
        room = self._room(table, now) if len(self._held) < self._settings.attempts else {}
        seconds = _LOOK_SECONDS
        for ref, compiled in table.endpoints.items():
            if ref not in room and self._book.is_open(compiled):
                wait = self._lane(ref).wait(compiled.endpoint.rate, now)
                seconds = min(seconds, wait or seconds)
        if room and (due := await self._store.next_delivery_at(list(room))) is not None:
            possible = resumed(self._schedule, due, now)
            if possible < due:
                # No wait is so long: the wall clock was set back. What is due first counts as due now.
                self._as_of, seconds = due, _SHORTEST_REST
            else:
                seconds = min(seconds, max((due - now).total_seconds(), _SHORTEST_REST))
        self._lanes = {ref: lane for ref, lane in self._lanes.items() if lane.busy or ref in table.endpoints}
        await self._wait(max(seconds, _SHORTEST_REST))

    async def _wait(self, seconds: float) -> None:
        if self._stopping:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    # One delivery

    async def _deliver(self, held: _Held) -> None:
        delivery = held.claim.delivery
        try:
            outcome = await self._sender.attempt(held.compiled, held.claim.message, delivery.tries + 1, delivery.id)
            await self._conclude(held, outcome)
        except (
            Exception
        ) as error:  # the border: whatever is wrong with one delivery, it waits its turn like any that failed
            log.exception("delivery %s could not be attempted", delivery.id)
            await self._conclude(held, not_sent(delivery.id, self._clock.now(), f"{type(error).__name__}: {error}"))
        finally:
            self._held.pop(delivery.id, None)
            self._lane(held.compiled.ref).leave(self._clock)
            self._woken.set()

    async def _conclude(self, held: _Held, outcome: Outcome) -> None:
        """Record what came of an attempt, and what follows for its endpoint."""
        delivery, ref = held.claim.delivery, held.compiled.ref
        now = self._clock.now()
        following = next_step(self._schedule, delivery.tries + 1, outcome.answer, now, self._chance, outcome.advice)
        delivered = following.step is Step.DELIVERED
        reason = "; ".join(filter(None, (following.reason, outcome.note)))
        attempt = msgspec.structs.replace(outcome.attempt, error="" if delivered else outcome.attempt.error or reason)
        lane = self._lane(ref)
        lane.failing = not delivered
        if following.hold_until is not None:
            lane.hold(following.hold_until)
        recorded = await self._patiently(
            delivery.id,
            lambda: self._store.conclude_attempt(
                delivery.id, held.claim.token, attempt, _STATUSES[following.step], following.at, reason=reason
            ),
        )
        if not recorded:
            log.warning("delivery %s was settled otherwise while it was sent", delivery.id)
            return
        self._tell(held, attempt, following, reason)
        await self._disable_where_due(held.compiled, following, attempt, delivered=delivered)

    def _tell(self, held: _Held, attempt: Attempt, following: Next, reason: str) -> None:
        self._metrics.deliveries.labels(following.step.value).inc()
        self._metrics.delivery_seconds.observe(attempt.seconds)
        if following.step is not Step.DELIVERED:
            delivery = held.claim.delivery
            log.info(
                "delivery %s of %s to %s, attempt %d: %s",
                delivery.id,
                delivery.type,
                delivery.endpoint,
                delivery.tries + 1,
                one_line(reason),
            )

    async def _disable_where_due(
        self, compiled: CompiledEndpoint, following: Next, attempt: Attempt, *, delivered: bool
    ) -> None:
        state = self._book.attempted(compiled.ref, attempt, delivered=delivered)
        reason = following.reason if following.step is Step.DISABLE else ""
        if not delivered and not reason:
            reason = disabling_reason(state.failing_since, attempt.ended_at, self._settings.disable_after_days)
        if reason and not state.disabled_reason:
            await self._patiently(compiled.ref, lambda: self._disable(compiled.ref, reason, state.failing_since))

    async def _disable(self, ref: str, reason: str, failing_since: datetime | None) -> None:
        now = self._clock.now()
        waiting = (await self._store.waiting_deliveries()).get(ref)
        planned = self._publisher.endpoint_disabled(
            ref, reason, now, failing_since, waiting.planned if waiting is not None else 0
        )
        if await self._store.disable_endpoint(ref, reason, now, planned):
            log.warning("endpoint %s is switched off: %s; what waits for it is kept", ref, one_line(reason))
        self._book.disabled(ref, reason, now)
        self._woken.set()

    async def _patiently(self, what: str, write: Callable[[], Awaitable[T]]) -> T:
        """Do `write` until the database takes it: what was sent is sent again where it is not recorded."""
        delay = _FIRST_RETRY_SECONDS
        while True:
            try:
                return await write()
            except _TROUBLE as error:
                log.warning("what came of %s waits: %s", what, error)
            await self._clock.sleep(delay)
            delay = min(delay * 2, _LONGEST_RETRY_SECONDS)
