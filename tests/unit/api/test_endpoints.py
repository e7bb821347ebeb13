"""Endpoints and deliveries over HTTP: made, verified, changed, rotated, looked at, sent again."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stormlet.foundation.settings import Delivery, Settings

API = "/api/v1/endpoints"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
LOCAL = Settings(
    delivery=Delivery(allow=["127.0.0.0/8"], http=True, ports=(0,), schedule=(0.0, 3600.0), jitter=0.0, timeout=5.0)
)


class Receiver:
    """Takes requests, and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        return server

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append((headers, body))
                writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 4\r\n\r\nsaid".encode())
                await writer.drain()
        writer.close()

    def sent(self, kind: str) -> list[tuple[dict[str, str], dict[str, Any]]]:
        found = [(headers, json.loads(body)) for headers, body in self.requests]
        return [(headers, body) for headers, body in found if body["type"] == kind]


def signatures(secret: str, headers: dict[str, str], body: bytes) -> str:
    """Return what Standard Webhooks says the signature is."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await made.start()
    yield made
    server.close()


@pytest.fixture
async def local(serve: Any) -> Any:
    """An engine that may send to this machine."""
    return await serve(settings=LOCAL)


async def test_an_endpoint_is_made_verified_and_shown_with_its_secret_once(local: Any, receiver: Receiver) -> None:
    """The secret has 32 bytes, signs the verification, and is in no later answer."""
    made = await local.post(API, {"name": "chat", "url": receiver.url})
    assert made.status == 201, made.body
    secret = made.json["generated_secret"]
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert (made.json["enabled"], made.json["state"]) == (True, "active")
    assert made.json["verification"]["ok"] is True
    [(headers, raw)] = receiver.requests
    assert json.loads(raw)["type"] == "endpoint.verification"
    assert signatures(secret, headers, raw) in headers["webhook-signature"].split()
    for path in (API, f"{API}/default.chat", f"{API}/default.chat?show_secrets=true", f"{API}/default.chat/secrets"):
        assert secret.encode() not in (await local.get(path)).body


@pytest.mark.parametrize("status", [404, 500, 302])
async def test_one_that_does_not_say_2xx_stays_off_and_the_error_is_shown(
    local: Any, receiver: Receiver, status: int
) -> None:
    """Only 2xx enables; enabling later asks again, with another id."""
    receiver.status = status
    made = await local.post(API, {"name": "chat", "url": receiver.url})
    assert made.status == 201
    assert (made.json["enabled"], made.json["state"]) == (False, "off")
    assert str(status) in made.json["verification"]["error"]
    assert str(status) in (await local.get(f"{API}/default.chat")).json["status"]["verification_error"]
    receiver.status = 202
    enabled = await local.put(f"{API}/default.chat", {**made.json, "enabled": True})
    assert (enabled.json["enabled"], enabled.json["state"]) == (True, "active")
    ids = [body["id"] for _, body in receiver.sent("endpoint.verification")]
    assert len(ids) == len(set(ids)) == 2


async def test_put_may_be_said_again_and_again(local: Any, receiver: Receiver) -> None:
    """As infrastructure tools do: the first makes it, the others change nothing and ask nobody."""
    wanted = {"url": receiver.url, "types": ["execution.*"], "secret": {"value": SECRET}}
    first = await local.put(f"{API}/web.chat", wanted)
    assert (first.status, first.json["ref"]) == (201, "web.chat")
    again = [await local.put(f"{API}/web.chat", document) for document in (wanted, first.json, wanted)]
    assert [answer.status for answer in again] == [200, 200, 200]
    assert all(answer.json["secrets"] == first.json["secrets"] for answer in again)
    assert len(receiver.requests) == 1


async def test_another_url_is_verified_and_the_endpoint_shut_until_it_says_2xx(local: Any, receiver: Receiver) -> None:
    """What worked before proves nothing about the new place."""
    made = await local.post(API, {"name": "chat", "url": receiver.url})
    receiver.status = 500
    moved = await local.put(f"{API}/default.chat", {**made.json, "url": f"{receiver.url}/other"})
    assert (moved.json["enabled"], moved.json["state"]) == (False, "unverified")
    receiver.status = 200
    assert (await local.post(f"{API}/default.chat/verify")).json["ok"] is True
    assert (await local.get(f"{API}/default.chat")).json["enabled"] is True


async def test_names_and_urls_are_there_once(local: Any, receiver: Receiver) -> None:
    """A second of the name, or of the URL in the same scope, is a conflict; in another scope it is not."""
    body = {"name": "a", "url": receiver.url, "enabled": False}
    assert (await local.post(API, body)).status == 201
    twin = await local.post(API, body)
    assert twin.status == 409
    assert "exists already" in twin.json["faultstring"]
    same_url = await local.post(API, {**body, "name": "b"})
    assert same_url.status == 409
    assert "default.a" in same_url.json["faultstring"]
    assert (await local.post(API, {**body, "name": "b", "scope": {"packs": ["web"]}})).status == 201


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"url": "example.org/hook"}, "scheme"),
        ({"url": "https://me:pw@example.org/"}, "user or password"),
        ({"url": "https://10.0.0.1/"}, "not a public address"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "not a public address"),
        ({}, "neither `url` nor `action`"),
        ({"url": "https://example.org/", "types": ["source.rejected"], "scope": {"tags": ["a"]}}, "no sense"),
        ({"url": "https://example.org/", "format": "slak"}, "slack"),
        ({"url": "https://example.org/", "options": {"colour": 1}}, "colour"),
        ({"url": "https://example.org/", "secret": {"value": "whsec_YQ=="}}, "1 bytes"),
        ({"url": "https://example.org/", "filter": {"trigger.type": {"type": "equal", "pattern": "a"}}}, "equals"),
        ({"url": "https://example.org/", "headers": {"Host": "a"}}, "Host"),
        ({"url": "https://example.org/", "headers": {"X-A": "a\r\nX-B: c"}}, "X-A"),
        ({"url": "https://example.org/", "secrets": []}, "needs a secret"),
        ({"url": "https://example.org/", "secret": {"from": "sealed:00"}}, "belongs to"),
    ],
)
async def test_what_cannot_work_is_refused_with_its_cure(local: Any, document: dict[str, Any], said: str) -> None:
    """Nothing of it is stored."""
    refused = await local.post(API, {"name": "bad", **document})
    assert refused.status == 400, refused.body
    assert said in json.dumps(refused.json)
    assert (await local.get(f"{API}/default.bad")).status == 404


async def test_a_rotation_keeps_the_old_secret_signing_and_says_until_when(local: Any, receiver: Receiver) -> None:
    """Both signatures stand in one header."""
    old = (await local.post(API, {"name": "chat", "url": receiver.url})).json["generated_secret"]
    rotated = await local.post(f"{API}/default.chat/rotate", {"overlap": "2h"})
    assert rotated.status == 200, rotated.body
    new = rotated.json["value"]
    assert "signs until" in rotated.json["endings"][0]
    assert rotated.json["verification"]["ok"] is True
    headers, raw = receiver.requests[-1]
    assert headers["webhook-signature"].split() == [signatures(each, headers, raw) for each in (new, old)]
    known = (await local.get(f"{API}/default.chat/secrets")).json
    assert [(each["name"], each["signs"], "value" in each) for each in known] == [
        ("2", True, False),
        ("1", True, False),
    ]
    ended = await local.post(f"{API}/default.chat/rotate", {"overlap": 0})
    assert ended.json["endings"] == []
    assert len(receiver.requests[-1][0]["webhook-signature"].split()) == 1


async def test_secrets_can_be_read_only_where_that_was_said_when_they_were_written(
    local: Any, receiver: Receiver
) -> None:
    """A secret that was never to be shown does not become readable by a switch."""
    body = {"name": "open", "url": receiver.url, "secrets_viewable": True}
    secret = (await local.post(API, body)).json["generated_secret"]
    assert (await local.get(f"{API}/default.open/secrets")).json[0]["value"] == secret
    closed = await local.post(API, {"name": "closed", "url": f"{receiver.url}/2"})
    refused = await local.put(f"{API}/default.closed", {**closed.json, "secrets_viewable": True})
    assert refused.status == 400
    assert "never shown" in refused.json["faultstring"]


async def test_credentials_in_headers_and_urls_of_chats_are_masked_and_survive_being_sent_back(
    local: Any, receiver: Receiver
) -> None:
    """What is shown masked and put again stays what it was."""
    headers = {"Authorization": "Bearer CANARY", "X-Team": "web"}
    url = "https://127.0.0.1/services/T000/B000/CANARYcanary0123456789"
    body = {"name": "slack", "url": url, "format": "slack", "headers": headers, "enabled": False}
    made = await local.post(API, body)
    assert b"CANARY" not in made.body
    assert (await local.put(f"{API}/default.slack", made.json)).status == 200
    clear = (await local.get(f"{API}/default.slack?show_secrets=true")).json
    assert (clear["url"], clear["headers"]) == (url, headers)


async def test_a_file_is_read_only_but_for_the_switch(serve: Any, content: Path, receiver: Receiver) -> None:
    """The message names the file; the switch outlives a reload."""
    directory = content / "packs" / "mypack" / "endpoints"
    directory.mkdir()
    secret = content / "secret"
    secret.write_text(SECRET)
    (directory / "chat.yaml").write_text(f"url: {receiver.url}\nenabled: false\nsecret: file:{secret}\n")
    local = await serve(settings=LOCAL)
    shown = (await local.get(f"{API}/mypack.chat")).json
    assert (shown["enabled"], shown["origin"]) == (False, "file")
    refused = await local.put(f"{API}/mypack.chat", {**shown, "url": "https://example.org/"})
    assert refused.status == 400
    assert "url cannot be changed here" in refused.json["faultstring"]
    assert "chat.yaml" in json.dumps(refused.json)
    assert (await local.delete(f"{API}/mypack.chat")).status == 400
    assert (await local.post(f"{API}/mypack.chat/rotate", {})).status == 400
    receiver.status = 500
    assert (await local.put(f"{API}/mypack.chat", {**shown, "enabled": True})).json["state"] == "off"
    receiver.status = 200
    assert (await local.put(f"{API}/mypack.chat", {**shown, "enabled": True})).json["state"] == "active"
    await local.engine.ruleset.reload()
    assert (await local.get(f"{API}/mypack.chat")).json["state"] == "active"


async def delivered(local: Any, **query: str) -> list[dict[str, Any]]:
    """Return the deliveries that match, once there are some and all have ended."""

    async def ended() -> Any:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        found = (await local.get(f"/api/v1/deliveries?{text}")).json
        return found if found and all(each["ended_at"] or each["attempts"] for each in found) else None

    found: list[dict[str, Any]] = await local.until(ended)
    return found


async def test_a_delivery_is_seen_with_its_attempts_and_sent_again_under_the_same_id(
    local: Any, receiver: Receiver
) -> None:
    """Headers are masked, the answer is kept, and the second time is signed anew."""
    headers = {"Authorization": "Bearer CANARY"}
    await local.post(API, {"name": "all", "url": receiver.url, "types": ["trigger.received"], "headers": headers})
    assert (await local.post("/api/v1/webhooks/in", {"a": 1})).status == 202
    [one] = await delivered(local, endpoint="default.all", status="delivered")
    whole = (await local.get(f"/api/v1/deliveries/{one['id']}")).json
    [attempt] = whole["attempt_list"]
    assert (attempt["status_code"], attempt["answer_body"]) == (200, "said")
    assert ["Authorization", "********"] in attempt["request_headers"]
    assert json.loads(attempt["request_body"])["type"] == whole["type"] == "trigger.received"
    again = await local.post(f"/api/v1/deliveries/{one['id']}/resend")
    assert again.status == 202

    async def twice() -> bool:
        return len(receiver.sent("trigger.received")) == 2

    await local.until(twice)
    (first, _), (second, _) = receiver.sent("trigger.received")
    assert first["webhook-id"] == second["webhook-id"]
    missing = await local.post("/api/v1/deliveries/000000000000000000000000/resend")
    assert missing.status == 404


async def test_deliveries_are_found_counted_sent_again_and_canceled_by_filter(local: Any, receiver: Receiver) -> None:
    """A dry run changes nothing; nothing at all is not taken for everything."""
    await local.post(API, {"name": "all", "url": receiver.url, "types": ["trigger.received"]})
    receiver.status = 500
    for number in range(3):
        await local.post("/api/v1/webhooks/in", {"n": number})

    async def attempted() -> bool:
        return len(receiver.sent("trigger.received")) == 3

    await local.until(attempted)
    listed = await local.get("/api/v1/deliveries?type=trigger.received&limit=2")
    assert (listed.headers["x-total-count"], len(listed.json)) == ("3", 2)
    assert (await local.get("/api/v1/deliveries?timestamp_lt=2000-01-01T00:00:00Z")).json == []
    assert (await local.get("/api/v1/deliveries?status=lost")).status == 400
    assert (await local.post("/api/v1/deliveries/resend", {})).status == 400
    which = {"endpoint": "default.all", "status": "planned"}
    dry = await local.post("/api/v1/deliveries/cancel", {**which, "dry_run": True})
    assert (dry.json["dry_run"], len(receiver.sent("trigger.received"))) == (True, 3)

    async def canceled() -> bool:
        await local.post("/api/v1/deliveries/cancel", which)
        return int((await local.get("/api/v1/deliveries?status=canceled")).headers["x-total-count"]) == 3

    await local.until(canceled)
    receiver.status = 200
    many = await local.post("/api/v1/deliveries/resend", {"endpoint": "default.all", "status": "canceled"})
    assert (many.status, many.json["count"]) == (202, 3)
    assert len(await delivered(local, status="delivered")) == 3


async def test_a_switched_off_endpoint_gets_nothing_and_keeps_what_waits(local: Any, receiver: Receiver) -> None:
    """Switched on again, it gets what waited."""
    made = await local.post(API, {"name": "all", "url": receiver.url, "types": ["trigger.received"]})
    receiver.status = 500
    await local.post("/api/v1/webhooks/in", {"n": 1})
    [one] = await delivered(local, endpoint="default.all")
    off = await local.put(f"{API}/default.all", {**made.json, "enabled": False})
    assert off.json["state"] == "off"
    again = await local.post(f"/api/v1/deliveries/{one['id']}/resend")
    assert "is off" in again.json["note"]
    assert (await local.get(f"{API}/default.all")).json["status"]["waiting"] == 1
    receiver.status = 200
    await local.put(f"{API}/default.all", {**made.json, "enabled": True})
    assert await delivered(local, status="delivered")


async def test_what_there_is_to_choose_from_can_be_asked(local: Any) -> None:
    """Types with their schemas, formats with their options."""
    types = {each["name"]: each for each in (await local.get("/api/v1/messagetypes")).json}
    assert types["execution.failed"]["schema"]["type"] == "object"
    formats = {each["name"] for each in (await local.get("/api/v1/formats")).json}
    assert {"standard", "scalr", "pulumi", "hcp", "spacelift", "slack"} <= formats


async def test_an_endpoint_runs_an_action_instead_of_a_request(local: Any) -> None:
    """Its parameters are templates over the message; what came of it is a delivery like any other."""
    document = {
        "name": "next",
        "action": "core.local",
        "parameters": {"cmd": "echo {{ data.trigger_instance.trigger_type }} {{ message.type }}"},
        "types": ["trigger.received"],
    }
    made = await local.post(API, document)
    assert (made.status, made.json["state"]) == (201, "active"), made.body
    assert "generated_secret" not in made.json
    await local.post("/api/v1/webhooks/in", {})
    assert await delivered(local, endpoint="default.next", status="delivered")

    async def printed() -> bool:
        found = (await local.get("/api/v1/executions?action=core.local&status=succeeded")).json
        return bool(found) and found[0]["result"]["stdout"] == "core.st2.webhook trigger.received"

    await local.until(printed)
