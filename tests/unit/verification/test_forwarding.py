"""Middleware mode: the sender gets its answer, and a translated payload goes on, as an execution like any other."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Door, Serve
from .test_credentials_at_rest import everything

SECRET = "correct horse battery staple"
VARIABLES = {"S": SECRET}


class Receiver:
    """A service that wants other fields than the sender sends."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(({**headers, "": head[0]}, body))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


async def forwarded(door: Door, receiver: Receiver, count: int = 1) -> list[tuple[dict[str, str], bytes]]:
    async def enough() -> bool:
        return len(receiver.requests) >= count

    await door.until(enough)
    return receiver.requests


def source(receiver: Receiver, **forward: Any) -> dict[str, dict[str, Any]]:
    base = {"url": "in", "scheme": "hcp", "secret": "env:S", "reply": {"status": 200, "body": {}}}
    return {"guarded": {**base, "forward": {"url": f"http://127.0.0.1:{receiver.port}/rooms", **forward}}}


async def test_a_translated_payload(serve: Serve, receiver: Receiver) -> None:
    """JSON whatever the event's texts hold; headers with the receiver's credential out of the datastore."""
    body = {
        "title": "{{ trigger.body.event_description }}",
        "nested": [{"text": "{{ trigger.body.a }}: {{ trigger.body.b }}", "plain": "a {# b }", "n": 1, "none": None}],
    }
    headers = {"Authorization": "Bearer {{ st2kv.system.chat | decrypt_kv }}"}
    door = await serve(source(receiver, body=body, headers=headers, method="PUT"), variables=VARIABLES)
    await door.engine.datastore.put("chat", "chat-credential", secret=True)
    event = {"event_description": 'quote " and \\ and\nline {{ 7 * 7 }}', "a": "é", "b": [1]}
    answer = await door.signed("in", "hcp", SECRET, json.dumps(event).encode())
    assert (answer.status, answer.json) == (200, {})
    ((received, content),) = await forwarded(door, receiver)
    assert received[""] == "PUT /rooms HTTP/1.1"
    assert (received["authorization"], received["content-type"]) == ("Bearer chat-credential", "application/json")
    assert json.loads(content) == {
        "title": event["event_description"],
        "nested": [{"text": "é: [1]", "plain": "a {# b }", "n": 1, "none": None}],
    }


async def test_the_receivers_credential_is_shown_nowhere(serve: Serve, receiver: Receiver, tmp_path: Path) -> None:
    """It is sent, and neither the execution nor the database shows it."""
    headers = {"Authorization": "Bearer {{ st2kv.system.chat | decrypt_kv }}"}
    door = await serve(source(receiver, headers=headers), variables=VARIABLES)
    await door.engine.datastore.put("chat", "CANARY-chat-credential", secret=True)
    await door.signed("in", "hcp", SECRET, b"{}")
    ((received, _),) = await forwarded(door, receiver)
    assert received["authorization"] == "Bearer CANARY-chat-credential"

    async def done() -> bool:
        found = (await door.api("GET", "/api/v1/executions?action=core.http")).json
        return bool(found) and all(one["status"] == "succeeded" for one in found)

    await door.until(done)
    assert b"CANARY" not in (await door.api("GET", "/api/v1/executions?limit=-1")).body
    assert b"CANARY" not in await everything(door, tmp_path)


async def test_the_body_as_it_came(serve: Serve, receiver: Receiver) -> None:
    """Without `body` the event itself; with a text, whatever it renders to."""
    door = await serve(source(receiver), variables=VARIABLES)
    await door.signed("in", "hcp", SECRET, b'{"a": [1, null, "x"]}')
    ((_, content),) = await forwarded(door, receiver)
    assert json.loads(content) == {"a": [1, None, "x"]}


async def test_it_is_a_rule_like_any_other(serve: Serve, receiver: Receiver) -> None:
    """Listed, explained, and switched off like one; a handshake is not forwarded, a copy neither."""
    door = await serve(source(receiver, body="{{ trigger.body.event_id }}"), variables=VARIABLES)
    assert (await door.signed("in", "hcp", SECRET, b'{"event_action": "test"}')).status == 200
    for _ in range(2):
        await door.signed("in", "hcp", SECRET, b'{"event_id": "e-1"}')
    await forwarded(door, receiver)
    executions = (await door.api("GET", "/api/v1/executions?action=core.http")).json
    assert [(one["rule"]["ref"]) for one in executions] == ["default.guarded.forward"]
    rule = (await door.api("GET", "/api/v1/rules/default.guarded.forward")).json
    assert rule["enabled"] is True
    await door.engine.ruleset.set_enabled("rule", "default.guarded.forward", False)
    assert (await door.signed("in", "hcp", SECRET, b'{"event_id": "e-2"}')).status == 200

    async def decided() -> bool:
        return all(one["status"] == "processed" for one in await door.instances())

    await door.until(decided)
    assert [content for _, content in receiver.requests] == [b"e-1"]


async def test_only_its_own_source_is_forwarded(serve: Serve, receiver: Receiver) -> None:
    """Two accounts on one URL: the other one's events stay here."""
    sources = source(receiver)
    sources["other"] = {"url": "in", "scheme": "hcp", "secret": "env:OTHER", "triggers": {"types": {"*": "my.type"}}}
    door = await serve(sources, variables={**VARIABLES, "OTHER": "the other secret"})
    assert (await door.signed("in", "hcp", "the other secret", b'{"whose": "other"}')).status == 202
    assert (await door.signed("in", "hcp", SECRET, b'{"whose": "ours"}')).status == 200
    ((_, content),) = await forwarded(door, receiver)
    assert json.loads(content) == {"whose": "ours"}
    types = sorted(one["trigger_type"] for one in await door.instances())
    assert types == ["core.st2.webhook", "my.type"]
