"""Where requests to webhooks are received: the first of the three durable steps, from the request line to the answer.

    guarded    a source guards the URL: its gate is asked, then the event is stored with what it claims   (flow/verification)
    unguarded  StackStorm's way: an API key or token, then the event is stored

What is answered 2xx is on disk, or was a handshake. Who the HTTP side is, this module does not know.
"""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from stormlet.flow.intake.mistaken_forms import MistakenForms
from stormlet.flow.intake.webhooks import check_body, make_event
from stormlet.flow.pipeline import Pipeline
from stormlet.flow.ruleset import Compiled, Ruleset
from stormlet.flow.triggering import (
    GENERIC,
    PayloadSchemas,
    body_of,
    custom_triggers,
    generic_trigger,
    instances_of,
)
from stormlet.flow.verification.answers import Answer, answer_to, found_at, handshake_answer
from stormlet.flow.verification.claims import SecretUses, delivery_claim, order_claim
from stormlet.flow.verification.gate import Gate
from stormlet.flow.verification.requests import Genuine, HookRequest, Live, Part, Sender, TurnedAway, Understood
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import (
    InvalidInputError,
    NotFoundError,
    OverloadedError,
    RateLimitedError,
    StoreError,
    StormletError,
)
from stormlet.foundation.headers import Pairs
from stormlet.foundation.settings import Limits
from stormlet.foundation.telemetry import Metrics
from stormlet.model.arrival import Arrival
from stormlet.model.event import Event, EventKind
from stormlet.model.trigger import Trigger, TriggerInstance

log = logging.getLogger(__name__)

NOT_FOUND = "The resource could not be found."
CLOSED_SECONDS = 60
"""When the sender to a URL whose source is broken may come again. It is not told why; `stormlet check` tells."""
_JSON = ("Content-Type", "application/json")


class Visit(Protocol):
    """A request at the door, its body still unread."""

    @property
    def hook(self) -> str:
        """The webhook's URL, normalised."""
        ...

    @property
    def method(self) -> str: ...

    @property
    def target(self) -> str:
        """Path and query, as sent."""
        ...

    @property
    def headers(self) -> Pairs: ...

    @property
    def remote(self) -> str: ...

    async def body(self, limit: int | None = None) -> bytes:
        """Read the body as it was sent; a larger one than `limit` is refused."""
        ...

    async def identify(self) -> Sender:
        """Return whose API key or token came with the request. Raises UnauthorizedError."""
        ...


class Reception:
    """Receives requests to webhooks."""

    def __init__(
        self, *, ruleset: Ruleset, pipeline: Pipeline, gate: Gate, clock: Clock, limits: Limits, metrics: Metrics
    ) -> None:
        self._ruleset = ruleset
        self._pipeline = pipeline
        self._gate = gate
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._schemas = PayloadSchemas()
        self._uses = SecretUses(clock)
        self._mistaken = MistakenForms(clock.monotonic)

    async def receive(self, visit: Visit) -> Answer:
        """Take an event, or refuse it by an error that says no more than its sender may know.

        Where a URL has no source that is on, it is StackStorm's: an API key lets in. Where it has one that is broken, nobody
        is let in: a typo must not open a door that was meant to be guarded.
        """
        content = self._ruleset.current
        if lives := self._gate.live(content.guards.get(visit.hook, ())):
            return await self._guarded(visit, lives, content)
        if visit.hook in content.closed:
            raise OverloadedError("This webhook cannot be used at the moment.", retry_after=CLOSED_SECONDS)
        return await self._unguarded(visit, content)

    def consent(self, visit: Visit) -> Answer | None:
        """Answer an OPTIONS request that asks whether it may send; None where it is another, or nobody may say so."""
        lives = self._gate.live(self._ruleset.current.guards.get(visit.hook, ()))
        reply = self._gate.answer_unsigned(lives, _request(visit, self._clock))
        return handshake_answer(reply) if reply is not None else None

    # StackStorm's way

    async def _unguarded(self, visit: Visit, content: Compiled) -> Answer:
        sender = await visit.identify()
        if visit.method != "POST":
            raise NotFoundError(NOT_FOUND)
        kind = EventKind.GENERIC if visit.hook == GENERIC else EventKind.CUSTOM
        if kind is EventKind.CUSTOM:
            custom_triggers(visit.hook, content.hooks)  # an unknown hook is refused before its body is read
        raw = await visit.body()
        started = self._clock.monotonic()
        event, tag = make_event(
            kind=kind,
            url=visit.hook,
            body=raw,
            headers=visit.headers,
            query=visit.target.partition("?")[2],
            remote=visit.remote,
            user=sender.user,
            credential=sender.credential,
            now=self._clock.now(),
        )
        document = body_of(event, limit=self._limits.body_bytes, max_depth=self._limits.json_depth)
        if kind is EventKind.CUSTOM:
            check_body(document)
        instances = instances_of(event, self._triggers(event.kind, visit.hook, document, content), tag)
        await self._pipeline.accept(instances, event)
        self._mistaken.note(event)
        self._metrics.accept_seconds.observe(self._clock.monotonic() - started)
        headers = (_JSON, *found_at(event.id, instances[0].id))
        return Answer(outcome="accepted", headers=headers, body=msgspec.json.encode(document), events=(event.id,))

    def _triggers(self, kind: EventKind, hook: str, document: Any, content: Compiled) -> list[Trigger]:
        if kind is EventKind.GENERIC:
            return [generic_trigger(document, content.triggers, content.snapshot.trigger_types, self._schemas)]
        return custom_triggers(hook, content.hooks)

    # Guarded

    async def _guarded(self, visit: Visit, lives: Sequence[Live], content: Compiled) -> Answer:
        gate, request, name = self._gate, _request(visit, self._clock), lives[0].guard.source.ref
        try:
            if not any(live.guard.takes(visit.method) for live in lives):
                await visit.identify()  # as for a URL that nobody knows
                raise NotFoundError(NOT_FOUND)
            lives = await gate.admit_sender(lives, request)
            if (reply := gate.answer_unsigned(lives, request)) is not None:
                return self._counted(handshake_answer(reply), name)
            if all(live.guard.wants_key for live in lives):
                await visit.identify()
            body = await visit.body(gate.body_limit(lives))
            started = self._clock.monotonic()
            request = msgspec.structs.replace(request, body=body)
            verdict = await gate.judge(lives, request, visit.identify)
            name = verdict.live.guard.source.ref
            if isinstance(verdict, TurnedAway):
                raise await gate.turn_away(verdict, request)
            gate.take_turn(verdict)
            answer = await self.take_in(verdict, content)
        except StormletError as error:
            self._metrics.source_requests.labels(name, _refused_as(error)).inc()
            raise
        self._metrics.accept_seconds.observe(self._clock.monotonic() - started)
        return self._counted(answer, name)

    def _counted(self, answer: Answer, source: str) -> Answer:
        self._metrics.source_requests.labels(source, answer.outcome).inc()
        return answer

    async def take_in(self, genuine: Genuine, content: Compiled, *, again: bool = False) -> Answer:
        """Answer a genuine request's handshake, or store its events; on disk when this returns.

        Args:
            genuine: what the gate let in.
            content: what it was asked of.
            again: it was refused before, and is kept already.

        Raises:
            InvalidInputError: what it says cannot be understood.
            NotFoundError: neither a rule nor the source's mapping knows the URL.
            OverloadedError: what a handshake asks for could not be done.
        """
        understood = self._gate.understand(genuine)
        reply = await self._gate.answer_signed(genuine, understood.document)
        if reply is not None:
            await self._pipeline.verified(genuine.live.guard.source.ref, genuine.request.hook, handshake=True)
            return handshake_answer(reply)
        try:
            _check(understood)
            arrivals = await self._arrivals(genuine, understood, content)
        except InvalidInputError as error:
            if not again:
                await self._gate.unreadable(genuine, error)
            raise
        recorded = await self._pipeline.admit(arrivals) if arrivals else []
        for arrival in arrivals:
            if arrival.event is not None:
                self._mistaken.note(arrival.event)
        if arrivals and (use := arrivals[0].secret) is not None and recorded[0].duplicate_of is None:
            self._uses.noted(use)
        return answer_to(genuine, understood, arrivals, recorded)

    async def _arrivals(self, genuine: Genuine, understood: Understood, content: Compiled) -> list[Arrival]:
        use = self._uses.due(genuine, genuine.request.received_at)
        told = await self._pipeline.verified(use.source, genuine.request.hook, use.secret) if use is not None else ()
        arrivals: list[Arrival] = []
        for part in understood.parts:
            arrival = self._arrival(genuine, part, understood, content)
            if not arrivals:
                arrival = msgspec.structs.replace(arrival, secret=use, planned=(*told, *arrival.planned))
            arrivals.append(arrival)
        return arrivals

    def _arrival(self, genuine: Genuine, part: Part, understood: Understood, content: Compiled) -> Arrival:
        guard, request = genuine.live.guard, genuine.request
        event, tag = make_event(
            kind=part.kind,
            url=request.hook,
            body=part.body,
            headers=part.headers,
            query=understood.query,
            remote=request.remote,
            user=genuine.sender.user,
            credential=genuine.sender.credential,
            now=request.received_at,
        )
        event = msgspec.structs.replace(event, content_type=part.content_type)
        mapped = guard.triggers_for(part.headers, part.document)
        try:
            listening = custom_triggers(request.hook, content.hooks, guard.source.ref)
        except NotFoundError:
            if not guard.types:
                raise
            listening = []
        instances = _instances(event, [*listening, *mapped], tag)
        return Arrival(
            event=event,
            instances=instances,
            planned=self._pipeline.publisher.received(instances, event, guard.source.ref),
            delivery=delivery_claim(genuine, part, request.received_at),
            order=order_claim(guard, part),
        )


def _request(visit: Visit, clock: Clock) -> HookRequest:
    return HookRequest(
        hook=visit.hook,
        method=visit.method,
        target=visit.target,
        headers=visit.headers,
        remote=visit.remote,
        received_at=clock.now(),
    )


def _refused_as(error: StormletError) -> str:
    if isinstance(error, RateLimitedError):
        return "limited"
    return "overloaded" if isinstance(error, OverloadedError | StoreError) else "refused"


def _check(understood: Understood) -> None:
    if understood.error is not None:
        raise understood.error
    for part in understood.parts:
        check_body(part.document)


def _instances(event: Event, triggers: Sequence[Trigger], tag: str) -> tuple[TriggerInstance, ...]:
    """The first instance has the event's own id, so that the answer to a copy can name it without looking it up."""
    made = instances_of(event, list({trigger.ref: trigger for trigger in triggers}.values()), tag)
    return tuple(msgspec.structs.replace(one, id=event.id) if one is made[0] else one for one in made)
