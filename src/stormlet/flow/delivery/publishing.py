"""Who is told of what: each thing that happened becomes a message and a plan, to be written in its own transaction.

Nothing here writes or sends. Where no endpoint wants a type, no message is made of it and nothing is written, so that who has no
endpoints pays nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from stormlet.flow.delivery import messages
from stormlet.flow.delivery.endpoints import CompiledEndpoint, EndpointTable, ReadKey
from stormlet.flow.delivery.formats.envelope import envelope
from stormlet.flow.delivery.loop_guard import HEADER, LoopGuard
from stormlet.flow.delivery.messages import Surroundings, chain_of, labels
from stormlet.model.action import Action
from stormlet.model.arrival import Rejection
from stormlet.model.delivery import Planned
from stormlet.model.enforcement import Enforcement
from stormlet.model.event import Event
from stormlet.model.execution import Execution, ExecutionStatus, Outcome
from stormlet.model.message import Message
from stormlet.model.rule import Rule
from stormlet.model.trigger import TriggerInstance

PUBLISH: Final = "publish"
"""The runner of core.publish: its result is the message."""
_LONGEST_KEY: Final = 500
Plans = tuple[Planned, ...]
_PLACES: Final = {
    "trigger_instance": "/api/v1/triggerinstances/",
    "execution": "/api/v1/executions/",
    "endpoint": "/api/v1/endpoints/",
    "pack": "/api/v1/packs/",
    "source": "/api/v1/sources/",
}


class Content(Protocol):
    """What is asked of the current content (flow/ruleset: Compiled)."""

    @property
    def endpoints(self) -> EndpointTable: ...

    def rule(self, ref_or_id: str) -> Rule | None: ...

    def action(self, ref_or_id: str) -> Action | None: ...


class Publisher:
    """Plans messages. Every method is pure and may be called from any thread."""

    def __init__(
        self,
        *,
        content: Callable[[], Content],
        may_wait: Callable[[CompiledEndpoint], bool],
        guard: LoopGuard,
        base_url: Callable[[], str],
        read_system_key: ReadKey = lambda name: None,
    ) -> None:
        """Join the parts.

        Args:
            content: the current content.
            may_wait: whether messages are planned for an endpoint, as `EndpointBook.may_wait` says.
            guard: reads the chain that a request came with.
            base_url: where people reach this engine.
            read_system_key: reads the datastore, for filters.
        """
        self._content = content
        self._may_wait = may_wait
        self._guard = guard
        self._base_url = base_url
        self._read_system_key = read_system_key

    def hears(self, kind: str) -> bool:
        """Tell whether anybody wants a type of message, so that nothing has to be looked up for nobody."""
        return bool(self._hearing(kind))

    # Causes

    def received(
        self, instances: Iterable[TriggerInstance], event: Event | None = None, source: str | None = None
    ) -> Plans:
        """Plan `trigger.received` for instances that are about to be stored."""
        hearing = self._hearing("trigger.received")
        if not hearing:
            return ()
        chain = self.chain_of_event(event)
        plans: list[Planned] = []
        for instance in instances:
            pack = (source or instance.trigger_type).partition(".")[0]
            caused_by = source or (event.user if event is not None else "")
            around = Surroundings(pack=pack, caused_by=caused_by, trace_tag=instance.trace_tag, chain=chain)
            webhook = event.url if event is not None else None
            plans += self._plan(messages.trigger_received(instance, around, webhook, source), hearing)
        return tuple(plans)

    def decided(
        self,
        instance: TriggerInstance,
        enforcements: Sequence[Enforcement],
        executions: Sequence[Execution],
        chain: tuple[str, ...] = (),
    ) -> Plans:
        """Plan what a decision causes: rules that matched or failed, executions that were requested."""
        plans: list[Planned] = []
        content = self._content()
        for enforcement in enforcements:
            hearing = self._hearing("rule.failed" if enforcement.failure_reason else "rule.matched")
            if not hearing:
                continue
            rule = content.rule(enforcement.rule)
            around = Surroundings(
                pack=rule.pack if rule else enforcement.rule.partition(".")[0],
                tags=labels(rule.tags) if rule else (),
                caused_by=enforcement.rule,
                trace_tag=instance.trace_tag,
                chain=chain,
            )
            plans += self._plan(messages.rule_decided(enforcement, instance, rule, around), hearing)
        for execution in executions:
            plans += self.execution(execution, execution.ended_at or execution.requested_at)
        return tuple(plans)

    def execution(self, execution: Execution, time: datetime) -> Plans:
        """Plan `execution.<status>` for the status that it has now; one that waits for its time counts as requested."""
        if execution.status in (ExecutionStatus.DELAYED, ExecutionStatus.SCHEDULED):
            execution = msgspec.structs.replace(execution, status=ExecutionStatus.REQUESTED)
        hearing = self._hearing(f"execution.{execution.status.value}")
        if not hearing:
            return ()
        return self._plan(messages.execution_changed(execution, time, self._around(execution)), hearing)

    def concluded(self, execution: Execution, outcome: Outcome) -> Plans:
        """Plan what an execution's end causes, and the message that it published, if that is what it was for."""
        ended = msgspec.structs.replace(
            execution, status=outcome.status, result=outcome.result, ended_at=outcome.ended_at
        )
        return (*self.execution(ended, outcome.ended_at), *self._published(ended, outcome))

    def _published(self, execution: Execution, outcome: Outcome) -> Plans:
        if execution.runner_type != PUBLISH or outcome.status is not ExecutionStatus.SUCCEEDED:
            return ()
        message = messages.published(execution, outcome.result, outcome.ended_at, self._around(execution))
        return self._plan(message, self._hearing(message.type)) if message is not None else ()

    def rejected(self, rejection: Rejection) -> Plans:
        """Plan `source.rejected`."""
        hearing = self._hearing("source.rejected")
        pack = rejection.source.partition(".")[0]
        return self._plan(messages.source_rejected(rejection, pack), hearing) if hearing else ()

    def verified(self, source: str, webhook: str, now: datetime, *, secret: str = "", handshake: bool = False) -> Plans:
        """Plan `source.verified`."""
        hearing = self._hearing("source.verified")
        if not hearing:
            return ()
        pack = source.partition(".")[0]
        message = messages.source_verified(source, pack, webhook, now, secret=secret, handshake=handshake)
        return self._plan(message, hearing)

    def endpoint_disabled(
        self, endpoint: str, reason: str, now: datetime, failing_since: datetime | None = None, waiting: int = 0
    ) -> Plans:
        """Plan `endpoint.disabled`; not for the endpoint that it is about."""
        hearing = tuple(each for each in self._hearing("endpoint.disabled") if each.ref != endpoint)
        if not hearing:
            return ()
        pack = endpoint.partition(".")[0]
        return self._plan(messages.endpoint_disabled(endpoint, pack, reason, now, failing_since, waiting), hearing)

    def pack_registered(self, pack: str, version: str, previous: str | None, problems: int, now: datetime) -> Plans:
        """Plan `pack.registered`."""
        hearing = self._hearing("pack.registered")
        return self._plan(messages.pack_registered(pack, version, previous, problems, now), hearing) if hearing else ()

    # Chains

    def chain_of_event(self, event: Event | None) -> tuple[str, ...]:
        """Return what led to a request, as far as its header can be believed."""
        if event is None:
            return ()
        values = [value for name, value in event.headers if name.lower() == _HEADER]
        return self._guard.read(values).links if values else ()

    def carried(self, execution: Execution) -> dict[str, str]:
        """Return the header that requests of an execution carry; none where nothing led to it."""
        chain = chain_of(execution)
        return {HEADER: self._guard.written(chain)} if chain else {}

    # Planning

    def plan(self, message: Message) -> Plans:
        """Return who is told of a message, with its link; nothing where nobody wants it."""
        return self._plan(message, self._hearing(message.type))

    def _hearing(self, kind: str) -> tuple[CompiledEndpoint, ...]:
        return self._content().endpoints.hearing(kind)

    def _plan(self, message: Message, hearing: Sequence[CompiledEndpoint]) -> Plans:
        scoped = [
            each for each in hearing if each.endpoint.scope.covers(message.pack, message.tags) and self._may_wait(each)
        ]
        if not scoped:
            return ()
        message = msgspec.structs.replace(message, url=self._link(message.subject))
        document = envelope(message)
        wanted = [
            each for each in scoped if each.accepts is None or each.accepts(message, document, self._read_system_key)
        ]
        if not wanted:
            return ()
        keys = {each.ref: _key(each.order_key(document)) for each in wanted if each.order_key is not None}
        return (
            Planned(
                message=message,
                endpoints=tuple(each.ref for each in wanted),
                order_keys={ref: key for ref, key in keys.items() if key},
            ),
        )

    def _around(self, execution: Execution) -> Surroundings:
        content = self._content()
        rule = content.rule(execution.rule) if execution.rule else None
        action = content.action(execution.action)
        tags = (*(labels(rule.tags) if rule else ()), *(labels(action.tags) if action else ()))
        return Surroundings(
            pack=(execution.rule or execution.action).partition(".")[0],
            tags=tuple(dict.fromkeys(tags)),
            caused_by=execution.rule or str(execution.context.get("user") or ""),
            trace_tag=execution.trace_tag,
            chain=chain_of(execution),
        )

    def _link(self, subject: str) -> str:
        kind, _, identity = subject.partition(":")
        place = _PLACES.get(kind)
        return f"{self._base_url().rstrip('/')}{place}{identity}" if place else ""


_HEADER: Final = HEADER.lower()


def _key(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value, order="deterministic").decode()
    return text[:_LONGEST_KEY]
