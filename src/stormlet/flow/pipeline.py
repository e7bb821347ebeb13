"""The way of the data, as a table of contents: accept, decide, carry out. Three durable steps, each safe to do again.

    accept     store the event, then answer                     (flow/intake, flow/authentication, flow/triggering)
    decide     ask the rules, write what follows, all at once   (flow/matching, flow/enforcement)
    carry out  run what is requested, conclude it once          (flow/execution)

What happens between two steps is always on disk: whoever is killed leaves work that the next one finds.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from stormlet.flow.delivery.messages import CHAIN
from stormlet.flow.delivery.publishing import Plans, Publisher
from stormlet.flow.enforcement.enforce import Enforcer
from stormlet.flow.enforcement.failures import FailureLog
from stormlet.flow.enforcement.request import Catalogue
from stormlet.flow.matching import MatchContext, match
from stormlet.flow.ruleset import Compiled, Ruleset
from stormlet.flow.triggering import payload_of
from stormlet.foundation.clock import Clock
from stormlet.foundation.deadlines import Allowance
from stormlet.foundation.settings import Limits
from stormlet.foundation.telemetry import Metrics
from stormlet.model.arrival import Arrival, Recorded
from stormlet.model.event import Event
from stormlet.model.execution import Execution
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.interface import Decision, Store, StoredInstance

log = logging.getLogger(__name__)
BATCH = 64
BRIEF_SECONDS = 0.05
"""What an event may take before the others are let past it."""
SLICE_SECONDS = 0.1
"""How long decisions may lie unwritten while others are made."""


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
        limits: Limits,
    ) -> None:
        self._store = store
        self._ruleset = ruleset
        self._enforcer = enforcer
        self._clock = clock
        self._metrics = metrics
        self._failures = FailureLog(clock.monotonic)
        self._read_system_key = read_system_key
        self.wake_workers = wake_workers
        self.publisher = publisher
        self.wake_dispatcher = wake_dispatcher
        self._limits = limits
        self._slow: set[str] = set()
        """Ids of instances that could not be decided briefly."""
        self._halting = False
        self.pending = asyncio.Event()
        """Set where something may wait to be decided."""

    async def accept(self, instances: Sequence[TriggerInstance], event: Event | None = None) -> None:
        """Store trigger instances, and the request that they came from; on disk when this returns."""
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
        """Decide the oldest instances that wait, each in one transaction. Returns how many waited.

        Each is tried briefly first; of those that take longer, one is decided after the others of each round, so that many
        slow events cannot hold the quick ones.
        """
        waiting = await self._store.pending_instances(BATCH + len(self._slow))
        self._slow &= {stored.instance.id for stored in waiting}
        slow = deque(stored for stored in waiting if stored.instance.id in self._slow)
        quick = deque(stored for stored in waiting if stored.instance.id not in self._slow)
        while quick and not self._halting:
            await self._decide_next(quick, brief=len(self._slow) < BATCH)
        if slow and not self._halting:
            await self._decide_next(slow, brief=False)
        return len(waiting)

    async def _decide_next(self, waiting: deque[StoredInstance], *, brief: bool) -> None:
        """Decide some of these and write the decisions side by side, so that they share a commit."""
        # In a thread, so that a slow template or pattern never delays a 202.
        decisions = await asyncio.to_thread(self._decide_some, waiting, brief=brief)
        written = await asyncio.gather(*(self._store.conclude_decision(decision) for decision in decisions))
        for decision in (made for made, new in zip(decisions, written, strict=True) if new):
            self._metrics.decisions.labels(decision.status.value).inc()
            self._failures.note(decision.enforcements)
            for enforcement in decision.enforcements:
                self._metrics.enforcements.labels(enforcement.status.value).inc()
            if decision.executions:
                self.wake_workers()
            if decision.planned:
                self.wake_dispatcher()

    def _decide_some(self, waiting: deque[StoredInstance], *, brief: bool) -> list[Decision]:
        """Take instances and decide them until the slice of time is over; put those aside that take more than briefly."""
        decisions: list[Decision] = []
        end = self._clock.monotonic() + SLICE_SECONDS
        while waiting and self._seconds() < end:
            stored = waiting.popleft()
            allowance = self.allowance(BRIEF_SECONDS if brief else math.inf)
            decision = self.decide(stored, self._ruleset.current, allowance)
            if self._halting:
                break  # it may have been cut off; it is on disk, and is decided after the next start
            if brief and allowance.overdue:
                self._slow.add(stored.instance.id)
            else:
                decisions.append(decision)
        return decisions

    def allowance(self, most: float = math.inf, *, while_halting: bool = False) -> Allowance:
        """Return what one event may take from now on: what the settings allow, but no more than `most` seconds; and nothing
        when the engine stops, unless `while_halting`."""
        return Allowance(
            rule_seconds=min(self._limits.rule_seconds, most),
            event_seconds=min(self._limits.event_seconds, most),
            monotonic=self._clock.monotonic if while_halting else self._seconds,
        )

    def _seconds(self) -> float:
        return math.inf if self._halting else self._clock.monotonic()

    def halt(self) -> None:
        """Decide nothing more, and end what is being decided: a thread cannot be stopped, but its time can be up."""
        self._halting = True

    def context(self, allowance: Allowance) -> MatchContext:
        """Return what rules may know at this moment."""
        return MatchContext(now=self._clock.now(), read_system_key=self._read_system_key, allowance=allowance)

    def decide(self, stored: StoredInstance, compiled: Compiled, allowance: Allowance) -> Decision:
        """Ask the rules; the same answer for the same instance, rules, keys and time, unless its time is up."""
        instance, context = stored.instance, self.context(allowance)
        try:
            payload = payload_of_stored(stored)
            verdicts = match(compiled.index.rules_for(instance.trigger), payload, instance.id, context)
            decision = self._enforcer.decide(
                instance, payload, verdicts, compiled.rules, catalogue_of(compiled), context.now, allowance
            )
            return self._announced(decision, stored)
        except Exception as error:  # the border: one event must not stop the others from being decided
            log.exception("trigger instance %s cannot be decided", instance.id)
            return Decision(
                trigger_instance_id=instance.id,
                status=TriggerInstanceStatus.PROCESSING_FAILED,
                failure_reason=f"{type(error).__name__}: {error}",
            )

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
