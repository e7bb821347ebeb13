"""From requests to trigger instances, and the payload that must come out the same for ever."""

import gzip
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from stormlet.flow.triggering import (
    PayloadSchemas,
    custom_triggers,
    generic_trigger,
    instances_of,
    payload_of,
    title_case,
)
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.model.event import Event, EventKind
from stormlet.model.trigger import Trigger, TriggerType

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "required": True}}}


def event(
    body: bytes, *, kind: EventKind = EventKind.CUSTOM, content_type: str = "application/json", **more: Any
) -> Event:
    headers = more.pop("headers", (("Content-Type", content_type), ("x-gitHub-event", "push")))
    return Event(
        id="e" * 24,
        kind=kind,
        url="in",
        received_at=NOW,
        body=body,
        content_type=content_type,
        headers=headers,
        **more,
    )


def types(*made: TriggerType) -> dict[str, TriggerType]:
    return {kind.ref: kind for kind in made}


def kind(name: str, **fields: Any) -> TriggerType:
    return TriggerType(id="a" * 24, pack="mypack", name=name, **fields)


def shadow(kind: TriggerType) -> dict[str, Trigger]:
    return {kind.ref: Trigger(id="b" * 24, pack=kind.pack, name=kind.name, type=kind.ref)}


def test_a_custom_payload_has_headers_in_both_spellings_and_the_body() -> None:
    """Title-Case as WSGI makes it, lower case beside it."""
    assert payload_of(event(b'{"a": [1]}')) == {
        "headers": {"Content-Type": "application/json", "X-Github-Event": "push"},
        "headers_lower": {"content-type": "application/json", "x-github-event": "push"},
        "body": {"a": [1]},
    }


def test_header_names_come_out_as_wsgi_makes_them() -> None:
    """Rules depend on it, also on how digits are followed; values of one name are joined by a comma."""
    headers = [("x-hub-signature-256", "a"), ("X-ABC1DEF", "b"), ("ETAG", "c"), ("via", "1"), ("Via", "2")]
    assert title_case(headers) == {"X-Hub-Signature-256": "a", "X-Abc1Def": "b", "Etag": "c", "Via": "1,2"}


def test_a_form_is_a_dict_of_lists_and_a_compressed_body_is_read() -> None:
    """The stored bytes are those that came; reading them undoes what the sender did."""
    form = event(b"a=1&a=2", content_type="application/x-www-form-urlencoded")
    assert payload_of(form)["body"] == {"a": ["1", "2"]}
    packed = event(gzip.compress(b'{"a": 1}'), headers=(("content-encoding", "gzip"),))
    assert payload_of(packed)["body"] == {"a": 1}


def test_the_generic_payload_shows_the_request_beside_its_own_keys() -> None:
    """`trigger.x` and `trigger.body.payload.x` both work; a payload's own `body` or `headers` wins."""
    payload = payload_of(event(b'{"trigger": "p.t", "payload": {"x": 1, "headers": 2}}', kind=EventKind.GENERIC))
    assert payload == {"x": 1, "headers": 2, "body": {"trigger": "p.t", "payload": {"x": 1, "headers": 2}}}
    without = payload_of(event(b'{"trigger": "p.t"}', kind=EventKind.GENERIC))
    assert without["body"] == {"trigger": "p.t"}
    assert without["headers"]["X-Github-Event"] == "push"
    assert payload_of(event(b'{"trigger": "p.t", "payload": [1]}', kind=EventKind.GENERIC)) == [1]


@pytest.mark.parametrize("body", [b'{"a": 1}', b'["x"]', b"", b'{"n": 123456789012345678901234567890}'])
def test_the_payload_is_the_same_after_it_was_stored(body: bytes) -> None:
    """What went through a store's encoding gives the same value as what came in."""
    fresh = event(body)
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(fresh), type=Event)
    assert payload_of(stored) == payload_of(fresh)


def test_one_instance_for_each_trigger() -> None:
    """All pending, with ids of their own, at the moment of the event, without a copy of the payload."""
    triggers = [Trigger(id=c * 24, pack="core", name=c, type="core.st2.webhook") for c in "ab"]
    made = instances_of(event(b"{}"), triggers, "tag")
    assert [(i.trigger, i.trigger_type, i.trace_tag) for i in made] == [
        ("core.a", "core.st2.webhook", "tag"),
        ("core.b", "core.st2.webhook", "tag"),
    ]
    assert len({i.id for i in made}) == 2
    assert {(i.occurrence_time, i.event_id, i.payload, i.status.value) for i in made} == {
        (NOW, "e" * 24, None, "pending")
    }


def test_an_unknown_hook_is_said_so_in_stackstorms_words() -> None:
    """The name is in it."""
    with pytest.raises(NotFoundError, match=r"^Webhook in/x not registered with st2$"):
        custom_triggers("in/x", {})


def test_a_trigger_is_named_by_its_type_or_by_itself() -> None:
    """A type without parameters has a trigger of its own name; another is named by its own ref."""
    plain = kind("plain")
    parametrised = Trigger(id="c" * 24, pack="mypack", name="6f1d", type="mypack.plain", parameters={"a": 1})
    triggers = {**shadow(plain), parametrised.ref: parametrised}
    for name in ("mypack.plain", "mypack.6f1d"):
        found = generic_trigger({"trigger": name, "payload": {}}, triggers, types(plain), PayloadSchemas())
        assert found.ref == name


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "Webhook body needs to be an object, got: array"),
        ("x", "Webhook body needs to be an object, got: string"),
        ({}, "Trigger not specified."),
        ({"trigger": ""}, "Trigger not specified."),
        ({"trigger": 5}, "is not of type 'string'"),
        ({"trigger": "no.such"}, 'Trigger type with reference "no.such" doesn\'t exist in the database'),
        ({"trigger": "mypack.strict", "payload": {}}, "'n' is a required property"),
        ({"trigger": "mypack.strict"}, "'n' is a required property"),
        ({"trigger": "mypack.strict", "payload": {"n": "x"}}, "'x' is not of type 'integer'"),
        ({"trigger": "mypack.strict", "payload": "x"}, "'x' is not of type 'object'"),
        ({"trigger": "mypack.loose", "payload": "x"}, "x is not of type 'object'"),
        ({"trigger": "mypack.loose", "payload": [1]}, "[1] is not of type 'object'"),
        ({"trigger": "mypack.timer", "payload": {}}, "takes parameters"),
    ],
)
def test_what_the_generic_webhook_refuses(body: Any, reason: str) -> None:
    """Each with StackStorm's sentence; where StackStorm fails (a payload that is no object), with a reason."""
    strict, loose = kind("strict", payload_schema=SCHEMA), kind("loose")
    timer = kind("timer", parameters_schema={"type": "object", "properties": {"unit": {}}})
    triggers = {**shadow(strict), **shadow(loose)}
    with pytest.raises(InvalidInputError) as caught:
        generic_trigger(body, triggers, types(strict, loose, timer), PayloadSchemas())
    assert reason in str(caught.value)


def test_a_long_payload_is_not_repeated_whole() -> None:
    """The refusal shows its beginning."""
    with pytest.raises(InvalidInputError) as caught:
        generic_trigger({"trigger": "no.such", "payload": {"a": "x" * 100_000}}, {}, {}, PayloadSchemas())
    assert len(str(caught.value)) < 2000


def test_a_changed_schema_counts_at_once() -> None:
    """The compiled schema is kept as long as the type is the same object."""
    schemas, strict = PayloadSchemas(), kind("strict", payload_schema=SCHEMA)
    for _ in range(2):
        with pytest.raises(InvalidInputError):
            schemas.check(strict, {})
    schemas.check(kind("strict", payload_schema={"type": "object"}), {})
