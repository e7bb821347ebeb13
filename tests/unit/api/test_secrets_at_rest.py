"""Secrets of executions: what the API, the log and the database's files hold of them."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from .conftest import Serve, Served

DONE = {"succeeded", "failed", "timeout", "canceled", "abandoned"}
CANARY = "CANARY-4711-word"
RELAY = """
name: relay
runner_type: local-shell-cmd
description: An action that makes parameters of its secret
parameters:
  sec: {type: string, secret: true, default: ""}
  derived: {type: string, default: "Bearer {{ sec }}"}
  nested: {type: object}
  number: {type: integer, default: 1}
  cmd: {type: string, immutable: true, default: "printf '%s\\\\n' '{{ derived }}'; sleep 0.3; printf '%s' '{{ derived }}' >&2"}
"""


@pytest.fixture
async def relayed(content: Path, serve: Serve, caplog: pytest.LogCaptureFixture) -> Served:
    """An engine whose action `mypack.relay` prints its secret, and whose datastore has one."""
    caplog.set_level(logging.INFO)
    (content / "packs/mypack/actions/relay.yaml").write_text(RELAY)
    served = await serve()
    answer = await served.put("/api/v1/keys/hidden", {"name": "hidden", "value": CANARY, "secret": True})
    assert answer.status == 200
    return served


async def ended(served: Served, execution_id: str) -> dict[str, Any]:
    async def done() -> dict[str, Any] | None:
        found: dict[str, Any] = (await served.get(f"/api/v1/executions/{execution_id}")).json
        return found if found["status"] in DONE else None

    execution: dict[str, Any] = await served.until(done)
    return execution


async def run(served: Served, action: str, **parameters: Any) -> dict[str, Any]:
    answer = await served.post("/api/v1/executions", {"action": action, "parameters": parameters})
    assert answer.status == 201, answer.json
    assert b"CANARY" not in answer.body
    return await ended(served, answer.json["id"])


def stored(home: Path) -> Iterator[bytes]:
    """Yield all that the database holds: its files, and each value, unpacked where it is packed."""
    for path in home.rglob("*"):
        if path.is_file() and "stormlet.db" in path.name:
            yield path.read_bytes()
    with sqlite3.connect(f"file:{home / 'stormlet.db'}?mode=ro", uri=True) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f"SELECT * FROM {table}"):
                for value in row:
                    if isinstance(value, bytes) and value[:4] == b"\x28\xb5\x2f\xfd":
                        yield zstandard.ZstdDecompressor().decompress(value)
                    else:
                        yield value if isinstance(value, bytes) else str(value).encode()
    database.close()


async def assert_hidden(served: Served, caplog: pytest.LogCaptureFixture, execution: dict[str, Any]) -> None:
    """Fail where the API, the log or the database has the secret in clear."""
    place = f"/api/v1/executions/{execution['id']}"
    for path in (place, f"{place}/output", f"{place}/result", "/api/v1/executions", f"{place}/attribute/parameters"):
        assert b"CANARY" not in (await served.get(path)).body, path
    assert "CANARY" not in caplog.text
    held = list(stored(served.engine.home.path))
    assert any(execution["id"].encode() in value for value in held)
    assert not [value for value in held if b"CANARY" in value]


async def test_a_secret_parameter(relayed: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Neither it nor what was made of it is seen in API, log or database; the action got it, `show_secrets` shows it."""
    execution = await run(relayed, "mypack.relay", sec=CANARY, derived=f"given {CANARY}", nested={"a": ["x {{ sec }}"]})
    assert execution["status"] == "succeeded", execution
    assert execution["parameters"]["derived"] == "given ********"
    assert execution["parameters"]["nested"] == {"a": ["x ********"]}
    assert execution["result"]["stdout"] == "given ********"
    assert execution["result"]["stderr"] == "given ********"
    await assert_hidden(relayed, caplog, execution)
    shown = (await relayed.get(f"/api/v1/executions/{execution['id']}?show_secrets=true")).json["parameters"]
    assert (shown["sec"], shown["derived"]) == (CANARY, f"given {CANARY}")


async def test_an_opened_secret(relayed: Served, caplog: pytest.LogCaptureFixture) -> None:
    """What `decrypt_kv` opened for a parameter is masked like a secret parameter, also when the action is run again."""
    execution = await run(relayed, "core.local", cmd="echo got {{ st2kv.system.hidden | decrypt_kv }}")
    assert execution["parameters"]["cmd"] == "echo got ********"
    assert execution["result"]["stdout"] == "got ********"
    await assert_hidden(relayed, caplog, execution)
    again = (await relayed.post(f"/api/v1/executions/{execution['id']}/re_run", {})).json
    assert again["parameters"]["cmd"] == "echo got ********"
    repeated = await ended(relayed, again["id"])
    assert repeated["result"]["stdout"] == "got ********"
    await assert_hidden(relayed, caplog, repeated)


async def test_a_secret_in_a_refusal(relayed: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A parameter that breaks its schema is quoted without the secret in it."""
    for number in ("{{ sec }}", "{{ st2kv.system.hidden | decrypt_kv }}"):
        document = {"action": "mypack.relay", "parameters": {"sec": CANARY, "number": number}}
        answer = await relayed.post("/api/v1/executions", document)
        assert answer.status == 400
        assert b"CANARY" not in answer.body
    assert "CANARY" not in caplog.text


async def test_a_secret_of_a_rule(relayed: Served, caplog: pytest.LogCaptureFixture) -> None:
    """The execution that a rule asks for keeps its secrets sealed, too; what they are sealed with is not in the file."""
    answer = await relayed.post("/api/v1/webhooks/st2", {"trigger": "mypack.typed", "payload": {"n": 1}})
    instance = answer.headers["location"].rpartition("/")[2]

    async def enforced() -> Any:
        return (await relayed.get(f"/api/v1/ruleenforcements?trigger_instance={instance}")).json

    execution = await ended(relayed, (await relayed.until(enforced))[0]["execution_id"])
    assert re.fullmatch(r"\*+", execution["result"]["stdout"])
    await assert_hidden(relayed, caplog, execution)
