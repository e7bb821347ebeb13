"""From an event to trigger instances: which triggers it is for, and what rules see of it as `trigger`.

A payload is never stored: it is made of the stored request, by the same function when an event is accepted, when it is decided
(perhaps after a crash), and when somebody asks why. So that function must give the same value for the same bytes for ever.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from stormlet.foundation.bodies import decompress, parse
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.schema_validation import Validator, compile_schema
from stormlet.model.event import Event, EventKind
from stormlet.model.trigger import Trigger, TriggerInstance, TriggerType
from stormlet.signatures.cloudevents import as_document, read_events
from stormlet.signatures.request import SignedRequest

GENERIC = "st2"
"""The URL of StackStorm's generic webhook."""
_SHOWN = 300


class PayloadSchemas:
    """Payload schemas of trigger types, compiled at first use and kept until the type changes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[TriggerType, Validator]] = {}

    def check(self, kind: TriggerType, payload: Any) -> None:
        """Raise InvalidInputError where the payload breaks the type's schema. A type without one takes any object."""
        if not kind.payload_schema:
            if not isinstance(payload, dict):
                raise InvalidInputError(f"{_shown(payload)} is not of type 'object'")
            return
        known = self._known.get(kind.ref)
        if known is None or known[0] is not kind:
            known = (kind, compile_schema(kind.payload_schema))
            self._known[kind.ref] = known
        errors = known[1].errors(payload)
        if errors:
            raise InvalidInputError(errors[0].text)


SOURCE: Final = "source"
"""A parameter of a webhook's trigger: only events that came through this source."""


def custom_triggers(hook: str, hooks: Mapping[str, tuple[Trigger, ...]], source: str = "") -> list[Trigger]:
    """Return the triggers that rules have registered for a URL.

    Args:
        hook: the URL, normalised.
        hooks: all triggers by URL.
        source: the ref of the source that a request was found genuine by; empty where there is none.

    Raises:
        NotFoundError: there are none.
    """
    found = [trigger for trigger in hooks.get(hook, ()) if trigger.parameters.get(SOURCE, source) == source]
    if not found:
        raise NotFoundError(f"Webhook {hook} not registered with st2")
    return found


def generic_trigger(
    body: Any, triggers: Mapping[str, Trigger], types: Mapping[str, TriggerType], schemas: PayloadSchemas
) -> Trigger:
    """Return the trigger that the generic webhook's body names.

    Args:
        body: the parsed body, `{"trigger": <ref of a trigger type or trigger>, "payload": {…}}`.
        triggers: all triggers by ref.
        types: all trigger types by ref.
        schemas: what payloads are checked against.

    Raises:
        InvalidInputError: there is no such trigger, or the payload breaks its schema; StackStorm's sentences.
    """
    if not isinstance(body, dict):
        raise InvalidInputError(f"Webhook body needs to be an object, got: {json_type(body)}")
    name = body.get("trigger")
    if not name:
        raise InvalidInputError("Trigger not specified.", hint='send {"trigger": "pack.name", "payload": {…}}')
    payload = body.get("payload")
    if not isinstance(name, str):
        raise _refusal(name, payload, f"{_shown(name)} is not of type 'string'")
    trigger = triggers.get(name)
    kind = types.get(trigger.type if trigger else name)
    if kind is None:
        raise _refusal(name, payload, f'Trigger type with reference "{name}" doesn\'t exist in the database')
    if trigger is None:
        ours = [known.ref for known in triggers.values() if known.type == name]
        some = f": {', '.join(ours[:5])}" if ours else ", and no rule has made one"
        raise _refusal(name, payload, f"Trigger type takes parameters, so an event is for one of its triggers{some}")
    try:
        schemas.check(kind, {} if payload is None else payload)
    except InvalidInputError as error:
        raise _refusal(name, payload, error.text) from None
    return trigger


def instances_of(event: Event, triggers: Sequence[Trigger], trace_tag: str) -> list[TriggerInstance]:
    """Return one pending instance for each trigger. Their payload is the event's (`payload_of`)."""
    return [
        TriggerInstance(
            id=new_id(event.received_at),
            trigger=trigger.ref,
            trigger_type=trigger.type,
            occurrence_time=event.received_at,
            trace_tag=trace_tag,
            event_id=event.id,
        )
        for trigger in triggers
    ]


def body_of(event: Event, *, limit: int | None = None, max_depth: int | None = None) -> Any:
    """Return what the event's body says.

    Args:
        event: as it arrived.
        limit: bytes that the body may have when decompressed; None (also for depth) where the event was accepted already.
        max_depth: levels of nesting that it may have.

    Raises:
        InvalidInputError, TooLargeError: as foundation/bodies.py says.
    """
    if event.kind is EventKind.CLOUDEVENT:
        (found,) = read_events(SignedRequest(headers=event.headers, body=event.body))
        return as_document(found)
    encoding = ",".join(value for name, value in event.headers if name.lower() == "content-encoding")
    return parse(decompress(event.body, encoding, limit), event.content_type, max_depth=max_depth)


def payload_of(event: Event) -> Any:
    """Return what rules see as `trigger`.

    Of a rule's own URL: `{headers, headers_lower, body}`. Of the generic webhook: the body's `payload`; beside its keys, the
    whole request is visible as `body` and `headers` where the payload has no such key (StackStorm's page on webhooks matches
    on `trigger.body.payload.x`, its users write `trigger.x`).
    """
    headers, body = title_case(event.headers), body_of(event)
    if event.kind is not EventKind.GENERIC:
        lower = {name.lower(): value for name, value in headers.items()}
        return {"headers": headers, "headers_lower": lower, "body": body}
    payload = body.get("payload") if isinstance(body, dict) else None
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        return payload
    return {**payload, **{name: value for name, value in (("body", body), ("headers", headers)) if name not in payload}}


def title_case(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return headers as rules know them: `X-Github-Event`, whatever the sender wrote; the values of one name joined by commas.

    StackStorm gets them through WSGI, which forgets the case and joins; rules are written for what comes out of that.
    """
    joined: dict[str, str] = {}
    for name, value in headers:
        name = name.title()
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def json_type(value: Any) -> str:
    """Return what JSON calls the type of a value."""
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), type(value).__name__)


def _refusal(name: Any, payload: Any, reason: str) -> InvalidInputError:
    return InvalidInputError(
        "Trigger payload validation failed and validation is enabled, not dispatching a trigger "
        f'"{_shown(name)}" ({_shown(payload)}): {reason}'
    )


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
