"""The way of the data, as a table of contents: accept, decide, carry out. Three durable steps, each safe to do again.

    accept     store the event, then answer                     (flow/intake, flow/authentication, flow/triggering)
    decide     ask the rules, write what follows, all at once   (flow/matching, flow/enforcement)
    carry out  run what is requested, conclude it once          (flow/execution)

What happens between two steps is always on disk: whoever is killed leaves work that the next one finds.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from stormlet.flow.delivery.messages import CHAIN
from stormlet.flow.delivery.publishing import Plans, Publisher
from stormlet.flow.enforcement.enforce import Enforcer
from stormlet.flow.enforcement.request import Catalogue
from stormlet.flow.matching import MatchContext, match
from stormlet.flow.enforcement.failures import FailureLog
from stormlet.flow.ruleset import Compiled, Ruleset
from stormlet.flow.triggering import payload_of
from stormlet.foundation.clock import Clock
from stormlet.foundation.telemetry import Metrics
from stormlet.model.arrival import Arrival, Recorded
from stormlet.model.event import Event
from stormlet.model.execution import Execution
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.interface import Decision, Store, StoredInstance

log = logging.getLogger(__name__)
BATCH = 64


class Pipeline:
    """Joins the stages. `wake_workers` reaches the worker, which carries out (flow/execution/worker.py)."""

    def __init__(
        self,
        *,
        store: Store,
        ruleset: Ruleset,
        enforcer: Enforcer,
        clock: Clock,
        metrics: Metrics,
        read_system_key: Callable[[str], str | None],
        wake_workers: Callable[[], None],
        publisher: Publisher,
        wake_dispatcher: Callable[[], None],
    ) -> None:
        self._store = store
        self._ruleset = ruleset
        self._enforcer = enforcer
        self._clock = clock
        self._metrics = metrics
        self._read_system_key = read_system_key
        self.wake_workers = wake_workers
        self.publisher = publisher
        self.wake_dispatcher = wake_dispatcher
        self.pending = asyncio.Event()
        """Set where something may wait to be decided."""

    async def accept(self, instances: Sequence[TriggerInstance], event: Event | None = None) -> None:
        """Store trigger instances, and the request that they came from; on disk when this returns."""
        self._failures = FailureLog(clock.monotonic)
        planned = self.publisher.received(instances, event)
        await self._store.record(instances, event, planned)
        self.pending.set()
        if planned:
            self.wake_dispatcher()

    async def admit(self, arrivals: Sequence[Arrival]) -> list[Recorded]:
        """Store the events of a guarded request, and settle what they claim; on disk when this returns."""
        recorded = await self._store.admit(arrivals)
        self.pending.set()
        if any(arrival.planned for arrival in arrivals):
            self.wake_dispatcher()
        return recorded

    async def verified(self, source: str, webhook: str, secret: str = "", *, handshake: bool = False) -> Plans:
        """Return who is told that a source has proved itself for the first time; of a handshake they are told at once."""
        if not self.publisher.hears("source.verified") or await self._store.secret_uses(source):
            return ()
        now = self._clock.now()
        planned = self.publisher.verified(source, webhook, now, secret=secret, handshake=handshake)
        if planned and handshake:
            await self._store.plan(planned)
            self.wake_dispatcher()
        return planned

    async def decide_pending(self) -> int:
        """Decide the oldest instances that wait, each in one transaction. Returns how many there were."""
        waiting = await self._store.pending_instances(BATCH)
        if not waiting:
            return 0
        # In a thread, so that a slow template or pattern never delays a 202.
        decisions = await asyncio.to_thread(lambda: [self.decide(stored, self._ruleset.current) for stored in waiting])
        # Side by side, so that they share a commit.
        written = await asyncio.gather(*(self._store.conclude_decision(decision) for decision in decisions))
        for decision in (made for made, new in zip(decisions, written, strict=True) if new):
            self._metrics.decisions.labels(decision.status.value).inc()
            for enforcement in decision.enforcements:
                self._metrics.enforcements.labels(enforcement.status.value).inc()
            if decision.executions:
                self.wake_workers()
            if decision.planned:
                self.wake_dispatcher()
        return len(waiting)

    def decide(self, stored: StoredInstance, compiled: Compiled) -> Decision:
        """Ask the rules; the same answer for the same instance, rules, keys and time."""
        instance, now = stored.instance, self._clock.now()
        try:
            payload = payload_of_stored(stored)
            asked = compiled.index.rules_for(instance.trigger)
            verdicts = match(asked, payload, instance.id, MatchContext(now=now, read_system_key=self._read_system_key))
            catalogue = catalogue_of(compiled)
            decision = self._enforcer.decide(instance, payload, verdicts, compiled.rules, catalogue, now)
            return self._announced(decision, stored)
        except Exception as error:  # the border: one event must not stop the others from being decided
            log.exception("trigger instance %s cannot be decided", instance.id)
            return Decision(
                trigger_instance_id=instance.id,
                status=TriggerInstanceStatus.PROCESSING_FAILED,
                failure_reason=f"{type(error).__name__}: {error}",
            )
            self._failures.note(decision.enforcements)

    def _announced(self, decision: Decision, stored: StoredInstance) -> Decision:
        """Return the decision with the messages that it causes, and executions that know what led to them."""
        if not decision.enforcements:
            return decision
        chain = self.publisher.chain_of_event(stored.event)
        executions = tuple(with_chain(execution, chain) for execution in decision.executions)
        planned = self.publisher.decided(stored.instance, decision.enforcements, executions, chain)
        return msgspec.structs.replace(decision, executions=executions, planned=planned)


def with_chain(execution: Execution, chain: tuple[str, ...]) -> Execution:
    """Return the execution with the chain of causes in its context, where there is one."""
    if not chain:
        return execution
    return msgspec.structs.replace(execution, context={**execution.context, CHAIN: list(chain)})


def payload_of_stored(stored: StoredInstance) -> Any:
    """Return what rules see as `trigger`."""
    return payload_of(stored.event) if stored.event is not None else stored.instance.payload


def catalogue_of(compiled: Compiled) -> Catalogue:
    """Return what an execution's request is checked against."""
    snapshot = compiled.snapshot
    return Catalogue(actions=snapshot.actions, runner_types=compiled.runner_types, configs=snapshot.configs)
