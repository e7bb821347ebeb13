"""Events over HTTP: what is taken, what is answered, what is stored."""

import asyncio
from typing import Any

import pytest

from .conftest import Answer, Served

HOOK = "/api/v1/webhooks/in"


async def last_instance(served: Served) -> Any:
    return (await served.get("/api/v1/triggerinstances?limit=1")).json[0]


async def test_an_event_is_echoed_stored_and_can_be_found(served: Served) -> None:
    """202 with what was understood, the event's id, and where its trigger instance is."""
    answer = await served.post(HOOK, {"a": [1, None], "big": 10**30}, headers={"X-GitHub-Event": "push"})
    assert (answer.status, answer.json) == (202, {"a": [1, None], "big": 10**30})
    instance = (await served.get(answer.headers["location"])).json
    assert instance["event_id"] == answer.headers["x-event-id"]
    assert instance["payload"]["body"] == {"a": [1, None], "big": 10**30}
    assert instance["payload"]["headers"]["X-Github-Event"] == "push"
    assert instance["payload"]["headers_lower"]["x-github-event"] == "push"
    assert instance["trace_tag"].startswith("webhook-in-")


@pytest.mark.parametrize("path", ["a/b", "/a/b/", "a//b", "%61/b", "a%2Fb", "a/b//"])
async def test_nested_hooks_and_slashes(served: Served, path: str) -> None:
    """Slashes at the ends and doubled ones are ignored; parts may be quoted."""
    assert (await served.post(f"/api/v1/webhooks/{path}", {})).status == 202
    assert (await served.get("/api/v1/webhooks/a/b")).json["parameters"] == {"url": "a/b"}


@pytest.mark.parametrize("path", ["A/b", "a", "a/b/c", "in.", "in%20"])
async def test_hooks_are_compared_exactly(served: Served, path: str) -> None:
    """404 in StackStorm's words."""
    answer = await served.post(f"/api/v1/webhooks/{path}", {})
    assert answer.status == 404
    assert answer.json["faultstring"].endswith("not registered with st2")
    assert (await served.get(f"/api/v1/webhooks/{path}")).status == 404


async def test_forms_and_arrays(served: Served) -> None:
    """Forms are lists of texts; arrays are taken on a rule's own URL."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await served.post(HOOK, b"a=1&a=2&b=%C3%A4", headers=form)).json == {"a": ["1", "2"], "b": ["ä"]}
    assert (await last_instance(served))["payload"]["body"] == {"a": ["1", "2"], "b": ["ä"]}
    assert (await served.post(HOOK, [1, {"a": 2}])).json == [1, {"a": 2}]
    assert (await last_instance(served))["payload"]["body"] == [1, {"a": 2}]


async def test_the_generic_webhook(served: Served) -> None:
    """The trigger that the body names gets the payload; the whole request is visible beside it."""
    body = {"trigger": "mypack.typed", "payload": {"n": 5}}
    answer = await served.post("/api/v1/webhooks/st2/", body, headers={"St2-Trace-Tag": "my-tag"})
    assert (answer.status, answer.json) == (202, body)
    instance = await last_instance(served)
    assert (instance["trigger"], instance["trace_tag"]) == ("mypack.typed", "my-tag")
    payload = instance["payload"]
    assert (payload["n"], payload["body"]) == (5, body)
    assert "St2-Trace-Tag" not in payload["headers"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "Webhook body needs to be an object, got: array"),
        ({}, "Trigger not specified."),
        ({"trigger": "no.such", "payload": {}}, 'Trigger type with reference "no.such" doesn\'t exist in the database'),
        ({"trigger": "mypack.typed", "payload": {"n": "x"}}, "'x' is not of type 'integer'"),
        ({"trigger": "mypack.typed", "payload": 5}, "5 is not of type 'object'"),
        ({"trigger": "core.st2.webhook", "payload": {}}, "takes parameters"),
    ],
)
async def test_the_generic_webhook_refuses(served: Served, body: Any, reason: str) -> None:
    """400 with the reason; nothing is stored."""
    answer = await served.post("/api/v1/webhooks/st2", body)
    assert answer.status == 400
    assert reason in answer.json["faultstring"]
    assert await served.count_instances() == 0


async def test_webhooks_are_listed_whole(served: Served) -> None:
    """Whatever attributes st2's client asks for, it shows `parameters.url`."""
    listed = (await served.get("/api/v1/webhooks?include_attributes=url,type,description")).json
    assert [hook["parameters"]["url"] for hook in listed] == ["a/b", "in"]
    assert {hook["type"] for hook in listed} == {"core.st2.webhook"}


async def test_a_rules_url_is_there_when_the_rule_is(served: Served) -> None:
    """Made, moved and removed without a moment in which it is not what the answer said (in StackStorm it takes a while)."""
    rule = {
        "name": "made",
        "trigger": {"type": "core.st2.webhook", "parameters": {"url": "/new/"}},
        "action": {"ref": "core.noop"},
        "enabled": False,
    }
    made = (await served.post("/api/v1/rules", rule)).json
    assert (await served.post("/api/v1/webhooks/new", {})).status == 202
    rule["trigger"]["parameters"]["url"] = "newer"  # type: ignore[index]
    assert (await served.put(f"/api/v1/rules/{made['id']}", rule)).status == 200
    assert (await served.post("/api/v1/webhooks/new", {})).status == 404
    assert (await served.post("/api/v1/webhooks/newer", {})).status == 202
    assert (await served.delete("/api/v1/rules/default.made")).status == 204
    assert (await served.post("/api/v1/webhooks/newer", {})).status == 404


async def test_a_full_disk_is_said_so(served: Served) -> None:
    """507 and when to come back; the same store that refuses goes on serving what it has."""
    from stormlet.foundation.errors import OverloadedError

    async def full(*_: object) -> None:
        raise OverloadedError("the disk is full", disk_full=True)

    served.engine.pipeline.accept = full  # type: ignore[method-assign, assignment]
    answer = await served.post(HOOK, {})
    assert (answer.status, answer.headers["retry-after"]) == (507, "5")
    assert "stormlet_events_total" in (await served.get("/metrics")).body.decode()


async def test_what_is_acknowledged_is_on_disk(served: Served) -> None:
    """Two hundred at once: each 202 names an instance that a second reader of the database finds."""
    answers: list[Answer] = await asyncio.gather(*(served.post(HOOK, {"n": n}) for n in range(200)))
    assert {answer.status for answer in answers} == {202}
    found = {instance["id"]: instance for instance in (await served.get("/api/v1/triggerinstances?limit=-1")).json}
    for n, answer in enumerate(answers):
        assert found[answer.headers["location"].rpartition("/")[2]]["payload"]["body"] == {"n": n}


async def test_json_sent_as_a_form_is_taken_and_told(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """As curl sends it without a content type: 202 as in StackStorm, a warning in the log, and the same words in `why`."""
    answer = await served.post(
        "/api/v1/webhooks/in", b'{"y": 1}', headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status, answer.json) == (202, {})
    hint = "did the sender mean Content-Type: application/json?"
    assert any(record.levelname == "WARNING" and hint in record.getMessage() for record in caplog.records)
    why = (await served.get(f"{answer.headers['location']}/why")).json
    assert hint in why["hint"]
    plain = await served.post("/api/v1/webhooks/in", {"y": 1})
    assert "hint" not in (await served.get(f"{plain.headers['location']}/why")).json
