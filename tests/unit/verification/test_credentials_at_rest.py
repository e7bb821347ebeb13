"""What is kept of a guarded request holds no credential: not where its sender put it, and not where it strayed to."""

import base64
import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import zstandard

from stormlet.signatures.secret import Secret

from .conftest import KEY, Door, Serve

TOKEN = "CANARY/to+ken=with&signs"
RULES = {"listens": "in"}
VARIABLES = {"S": TOKEN}


def stored(tmp_path: Path) -> bytes:
    """Return everything that the database holds, unpacked."""
    database = sqlite3.connect(next((tmp_path / "home").glob("*.db")))
    found = bytearray()
    tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for row in database.execute(f"SELECT * FROM {table}"):
            for value in row:
                raw = value if isinstance(value, bytes) else str(value).encode()
                found += raw
                if raw[:4] == b"\x28\xb5\x2f\xfd":
                    found += zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    database.close()
    for file in (tmp_path / "home").rglob("*"):
        if file.is_file() and file.name != "cli.json":
            found += file.read_bytes()
    return bytes(found)


async def everything(door: Door, tmp_path: Path) -> bytes:
    """Return all that is stored, and all that the API shows of events."""
    await door.until(lambda: decided(door))
    shown = json.dumps(await door.instances(), ensure_ascii=False).encode()
    shown += (await door.api("GET", "/api/v1/executions?limit=-1")).body
    shown += (await door.api("GET", "/metrics")).body
    return stored(tmp_path) + shown


async def decided(door: Door) -> bool:
    return all(one["status"] != "pending" for one in await door.instances())


@pytest.mark.parametrize(
    ("scheme", "more", "headers", "query"),
    [
        ("gitlab-token", {}, {"X-Gitlab-Token": TOKEN}, ""),
        ("datadog", {}, {"X-Webhook-Token": TOKEN}, ""),
        ("alertmanager", {}, {"Authorization": f"Bearer {TOKEN}"}, ""),
        ("dockerhub", {}, {}, f"token={quote(TOKEN, safe='')}"),
        ("credentials", {"kind": "header", "key_id": "X-Mine"}, {"X-Mine": TOKEN}, ""),
        ("credentials", {"kind": "query", "key_id": "mine"}, {}, f"a=1&mine={quote(TOKEN, safe='')}&b=2"),
        (
            "alertmanager",
            {"kind": "basic", "username": "me"},
            {"Authorization": "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()},
            "",
        ),
    ],
)
async def test_credentials_of_senders_that_do_not_sign(
    serve: Serve, tmp_path: Path, scheme: str, more: dict[str, str], headers: dict[str, str], query: str
) -> None:
    """In a header, in the URL, as a password; also where a proxy repeats the URL in a header of its own, and in the body."""
    source = {"url": "in", "scheme": scheme, "secrets": [{"from": "env:S", **more}]}
    door = await serve({"guarded": source}, RULES, variables=VARIABLES)
    strayed = {"X-Original-Url": f"/x?token={quote(TOKEN, safe='')}&t={TOKEN}", **headers}
    body = f'{{"echo": "{TOKEN}", "escaped": "{TOKEN.replace("/", chr(92) + "/")}"}}'.encode()
    for data, extra in ((body, {}), (gzip.compress(body), {"Content-Encoding": "gzip"})):
        answer = await door.send("in", data, {**strayed, **extra}, query=query)
        assert answer.status == 202, answer.body
        assert b"CANARY" not in answer.body
    wrong = {name: "wrong" if name in headers else value for name, value in strayed.items()}
    assert (await door.send("in", body, wrong, query="token=wrong&mine=wrong")).status == 401
    found = await everything(door, tmp_path)
    for form in (TOKEN, quote(TOKEN, safe=""), base64.b64encode(f"me:{TOKEN}".encode()).decode(), "CANARY"):
        assert form.encode() not in found
    (first, *_) = await door.instances()
    assert first["payload"]["body"]["echo"] == "********"


async def test_the_state_in_a_body(serve: Serve, tmp_path: Path) -> None:
    """Microsoft Graph repeats the clientState in each notification, and may write it in any way that JSON has."""
    state = "CANARYclientState1"
    door = await serve(
        {"guarded": {"url": "in", "scheme": "msgraph", "secret": "env:S"}}, RULES, variables={"S": state}
    )
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in state)
    body = b'{"value": [{"id": "1", "clientState": "%s"}, {"id": "2", "clientState": "%s"}]}'
    answer = await door.send("in", body % (escaped.encode(), state.encode()))
    assert answer.status == 202
    assert answer.json["value"][0] == {"id": "1", "clientState": "********"}
    found = await everything(door, tmp_path)
    assert b"CANARY" not in found
    assert escaped.encode() not in found


@pytest.mark.parametrize("place", ["env:S", "st2kv:plain", "st2kv:secret", "file:SECRET"])
async def test_secrets_of_senders_that_sign(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """Wherever the secret is: not in the database (but where an operator put it there in clear), the logs, the answers."""
    (tmp_path / "secret").write_text(f"{TOKEN}\n")
    place = place.replace("SECRET", str(tmp_path / "secret"))
    variables = VARIABLES if place == "env:S" else {}
    door = await serve({"guarded": {"url": "in", "scheme": "github", "secret": place}}, RULES, variables=variables)
    if place.startswith("st2kv:"):
        await door.engine.datastore.put(place[6:], TOKEN, secret=place == "st2kv:secret")
    assert (await door.signed("in", "github", TOKEN, b'{"a": 1}')).status == 202
    assert (await door.signed("in", "github", "wrong", b'{"a": 1}')).status == 401
    assert "CANARY" not in repr(await door.engine.guarding.explain("default.guarded"))
    assert "CANARY" not in repr(await door.engine.guarding.secrets_of("default.guarded"))
    assert (b"CANARY" in await everything(door, tmp_path)) == (place == "st2kv:plain")
    assert "CANARY" not in caplog.text


async def test_the_api_key_beside_a_signature(serve: Serve, tmp_path: Path) -> None:
    """Where both are asked for, the key is as little kept as it is everywhere."""
    source = {"url": "in", "scheme": "github", "secret": "env:S", "auth": "both"}
    door = await serve({"guarded": source}, RULES, variables=VARIABLES)
    answer = await door.signed(
        "in", "github", TOKEN, query=f"st2-api-key={KEY}", headers={"X-Seen": f"?st2-api-key={KEY}"}
    )
    assert answer.status == 202
    assert (await door.signed("in", "github", "wrong", query=f"st2-api-key={KEY}")).status == 401
    assert KEY.encode() not in await everything(door, tmp_path)


async def test_signatures_stay(serve: Serve) -> None:
    """They are no credentials: who reads them can do nothing, and may want to verify again."""
    door = await serve({"guarded": {"url": "in", "scheme": "slack", "secret": "env:S"}}, RULES, variables=VARIABLES)
    assert (await door.signed("in", "slack", Secret(value=TOKEN), b'{"type": "x"}')).status == 202
    (instance,) = await door.instances()
    assert instance["payload"]["headers"]["X-Slack-Signature"].startswith("v0=")


async def test_what_merely_looks_like_one_stays(serve: Serve) -> None:
    """A body without secrets is kept byte for byte, compressed where it was."""
    door = await serve({"guarded": {"url": "in", "scheme": "github", "secret": "env:S"}}, RULES, variables=VARIABLES)
    body: Any = gzip.compress(b'{"password": "hunter2", "token": "abc"}')
    assert (await door.signed("in", "github", TOKEN, body, {"Content-Encoding": "gzip"})).status == 202
    (instance,) = await door.instances()
    assert instance["payload"]["body"] == {"password": "hunter2", "token": "abc"}
    found = await door.engine.store.trigger_instance(instance["id"])
    assert found is not None
    assert found.event is not None
    assert found.event.body == body
