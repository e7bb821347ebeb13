"""CloudEvents at the door: three modes, one shape; each event of a batch counts by itself."""

import json
from typing import Any

import pytest

from .conftest import Door, Serve

SECRET = "correct horse battery staple"
SOURCE = {"url": "in", "scheme": "github", "secret": "env:S", "cloudevents": True}
EVENT = {"specversion": "1.0", "id": "1", "source": "/hosts/db-3", "type": "com.acme.disk.full", "data": {"used": 97}}
HEADERS = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/hosts/db-3", "ce-type": "com.acme.disk.full"}
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=UTF-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


async def served(serve: Serve, **more: Any) -> Door:
    return await serve({"guarded": {**SOURCE, **more}}, {"listens": "in"}, variables={"S": SECRET})


async def bodies(door: Door) -> list[Any]:
    return [one["payload"]["body"] for one in await door.instances()]


async def test_the_mode_makes_no_difference_to_a_rule(serve: Serve) -> None:
    """Structured, binary and batched: `trigger.body` is the event as structured mode has it, and one copy is one too many."""
    door = await served(serve)
    assert (await door.signed("in", "github", SECRET, b'{"used": 97}', HEADERS)).status == 202
    second = {**EVENT, "id": "2"}
    assert (await door.signed("in", "github", SECRET, json.dumps(second).encode(), STRUCTURED)).status == 202
    third = [EVENT, second, {**EVENT, "id": "3"}, {**EVENT, "id": "3"}]
    assert (await door.signed("in", "github", SECRET, json.dumps(third).encode(), BATCH)).status == 202
    found = await bodies(door)
    assert found == [{**EVENT, "datacontenttype": "application/json"}, second, third[2]]


async def test_mapping_by_type(serve: Serve) -> None:
    """The type needs no place of its own: it is known where CloudEvents have it."""
    door = await served(serve, triggers={"types": {"com.acme.disk.*": "acme.disk", "com.acme.cpu.*": "acme.cpu"}})
    batch = [{**EVENT, "id": "a"}, {**EVENT, "id": "b", "type": "com.acme.cpu.hot"}]
    assert (await door.signed("in", "github", SECRET, json.dumps(batch).encode(), BATCH)).status == 202
    types = sorted(one["trigger_type"] for one in await door.instances())
    assert types == ["acme.cpu", "acme.disk", "core.st2.webhook", "core.st2.webhook"]


@pytest.mark.parametrize(
    ("kind", "body", "member", "value"),
    [
        ("text/plain", b"h\xc3\xa9", "data", "hé"),
        ("application/octet-stream", b"\x00\xff", "data_base64", "AP8="),
        ("application/vnd.acme+json", b"[1]", "data", [1]),
        (None, b"", None, None),
    ],
)
async def test_data_of_any_kind(serve: Serve, kind: str | None, body: bytes, member: str | None, value: Any) -> None:
    """JSON is a value, text a text, bytes base64; nothing is nothing. The same when it is looked at later."""
    door = await served(serve)
    headers = {**HEADERS, "Content-Type": kind or "application/json"}
    assert (await door.signed("in", "github", SECRET, body, headers)).status == 202
    (found,) = await bodies(door)
    assert found.get(member or "data") == value


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"{}"),
        ({**HEADERS, "ce-id": ""}, b"{}"),
        ({**HEADERS, "ce-type": "%C0%A0"}, b"{}"),
        ({**HEADERS, "ce-datacontenttype": "text/plain"}, b"{}"),
        ({**HEADERS, "ce-specversion": "0.3"}, b"{}"),
        (HEADERS, b"{"),
        (HEADERS, b"[" * 200 + b"]" * 200),
        (STRUCTURED, b'{"specversion": "1.0"}'),
        (STRUCTURED, b"[]"),
        (BATCH, json.dumps([EVENT, {}]).encode()),
        (BATCH, b"{}"),
        ({"Content-Type": "application/cloudevents+xml"}, b"<a/>"),
    ],
)
async def test_what_is_no_cloudevent(serve: Serve, headers: dict[str, str], body: bytes) -> None:
    """400 for a sender that is known; nothing is recorded, of a batch neither."""
    door = await served(serve)
    assert (await door.signed("in", "github", SECRET, body, headers)).status == 400
    assert (await door.send("in", body, headers)).status == 401
    assert await door.instances() == []


async def test_an_empty_batch(serve: Serve) -> None:
    """Taken; there is nothing in it."""
    door = await served(serve)
    assert (await door.signed("in", "github", SECRET, b"[]", BATCH)).status == 202
    assert await door.instances() == []


async def test_a_bearer_token_in_the_url(serve: Serve) -> None:
    """The scheme `cloudevents`: the token is compared, and is gone from what is stored."""
    door = await serve(
        {"guarded": {"url": "in", "scheme": "cloudevents", "secret": "env:S"}},
        {"listens": "in"},
        variables={"S": "CANARYtoken"},
    )
    answer = await door.send("in", json.dumps(EVENT).encode(), STRUCTURED, query="access_token=CANARYtoken&x=1")
    assert answer.status == 202
    assert (await door.send("in", json.dumps(EVENT).encode(), STRUCTURED, query="access_token=wrong")).status == 401
    assert "CANARY" not in json.dumps(await door.instances())
