"""Executions, enforcements, trigger instances, keys and credentials over HTTP."""

import base64
import gzip
from pathlib import Path
from typing import Any

import pytest

from .conftest import PASSWORD, RULE, Answer, Serve, Served

DONE = {"succeeded", "failed", "timeout", "canceled", "abandoned"}


async def run(served: Served, action: str = "core.local", **parameters: Any) -> dict[str, Any]:
    """Run an action to its end and return the execution."""
    answer = await served.post("/api/v1/executions", {"action": action, "parameters": parameters, "user": None})
    assert answer.status == 201, answer.json
    return await ended(served, answer.json["id"])


async def ended(served: Served, execution_id: str) -> dict[str, Any]:
    async def done() -> dict[str, Any] | None:
        found: dict[str, Any] = (await served.get(f"/api/v1/executions/{execution_id}")).json
        return found if found["status"] in DONE else None

    execution: dict[str, Any] = await served.until(done)
    return execution


async def test_an_execution_from_request_to_result(served: Served) -> None:
    """StackStorm's shape: times, action and runner whole, log, output, result and its parts."""
    execution = await run(served, cmd="echo out; echo err >&2")
    assert execution["status"] == "succeeded"
    assert execution["result"]["stdout"] == "out"
    assert execution["action"]["ref"] == "core.local"
    assert execution["runner"]["name"] == "local-shell-cmd"
    assert execution["context"]["user"] == "st2admin"
    assert execution["liveaction"]["id"] == execution["id"]
    assert [entry["status"] for entry in execution["log"]][-1] == "succeeded"
    assert execution["start_timestamp"] <= execution["end_timestamp"]
    assert execution["result_size"] > 0
    place = f"/api/v1/executions/{execution['id']}"
    assert (await served.get("/api/v1/executions/last")).json == execution
    assert (await served.get(f"{place}/output?output_type=stdout")).body == b"out\n"
    assert set((await served.get(f"{place}/output")).body.splitlines()) == {b"out", b"err"}
    assert (await served.get(f"{place}/output?output_type=x")).status == 400
    assert (await served.get(f"{place}/attribute/status")).json == "succeeded"
    assert (await served.get(f"{place}/attribute/nope")).status == 400
    assert (await served.get(f"{place}/children/?depth=-1")).json == []
    assert (await served.get(f"{place}/result")).json == execution["result"]
    packed = await served.get(f"{place}/result?download=1&compress=1&pretty_format=true")
    assert packed.headers["content-disposition"].endswith("_result.json.gz")
    assert b'\n  "' in gzip.decompress(packed.body)
    assert "result" not in (await served.get(f"{place}?max_result_size=1")).json
    cut = (await served.get(f"{place}?include_attributes=action.ref,log")).json
    assert set(cut) == {"id", "action", "log"}
    assert cut["action"] == {"ref": "core.local"}
    assert "result" not in (await served.get(f"{place}?exclude_attributes=result")).json
    assert (await served.get(f"{place}?include_attributes=nope")).status == 400


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"action": "no.such"}, 'Action "no.such" cannot be found.'),
        ({}, "'action' is a required property"),
        ({"action": "core.local"}, "'cmd' is a required property"),
        ({"action": "core.local", "parameters": {"cmd": "x", "y": 1}}, "('y' was unexpected)"),
        ({"action": "core.local", "parameters": []}, "is not of type 'object'"),
        ({"action": "core.local", "surprise": 1}, "('surprise' was unexpected)"),
        ({"action": "mypack.act", "parameters": {"cmd": "x"}}, "Override of immutable parameter(s) ['cmd']"),
        ({"action": "core.local", "parameters": {"cmd": "{{ nope }}"}}, "Dependency unsatisfied in variable"),
        ({"action": "core.local", "delay": -1, "parameters": {"cmd": "x"}}, "minimum"),
        ({"action": 5}, "is not of type 'string'"),
    ],
)
async def test_requests_that_cannot_be_run(served: Served, document: dict[str, Any], reason: str) -> None:
    """400 in StackStorm's words."""
    answer = await served.post("/api/v1/executions", document)
    assert answer.status == 400, answer.json
    assert reason in answer.json["faultstring"]


async def test_secret_parameters_are_masked_everywhere(served: Served) -> None:
    """In parameters, in what the action printed, in its result and in lists; `show_secrets` shows them."""
    execution = await run(served, "mypack.act", password="CANARY-word", note="plain")
    assert execution["status"] == "succeeded", execution
    assert execution["parameters"]["password"] == "********"
    assert execution["parameters"]["note"] == "plain"
    place = f"/api/v1/executions/{execution['id']}"
    for path in (place, f"{place}/output", f"{place}/result", "/api/v1/executions", f"{place}/attribute/result"):
        assert b"CANARY" not in (await served.get(path)).body, path
    clear = (await served.get(f"{place}?show_secrets=true")).json
    assert clear["parameters"]["password"] == "CANARY-word"


async def test_executions_are_filtered_ordered_and_paged(served: Served) -> None:
    """The newest first; totals in headers; a filter that nothing can fit finds nothing."""
    first = await run(served, cmd="true")
    second = await run(served, cmd="false")
    ids = [first["id"], second["id"]]
    for query, found in (
        ("", ids[::-1]),
        ("sort_asc=True", ids),
        ("sort=start_timestamp", ids),
        ("limit=1", ids[1:]),
        ("limit=1&offset=1", ids[:1]),
        ("status=failed", ids[1:]),
        ("status=nonsense", []),
        ("action=core.local&runner=local-shell-cmd&parent=null", ids[::-1]),
        (f"id={ids[0]}", ids[:1]),
        (f"timestamp_gt={first['start_timestamp']}", ids[1:]),
        (f"timestamp_lt={second['start_timestamp']}", ids[:1]),
        ("trigger=x", []),
    ):
        answer = await served.get(f"/api/v1/executions?{query}")
        assert [execution["id"] for execution in answer.json] == found, query
    assert (await served.get("/api/v1/executions?limit=1")).headers["x-total-count"] == "2"
    listed = (await served.get("/api/v1/executions?include_attributes=id,action.ref,context.user,status")).json
    assert [set(execution) for execution in listed] == [{"id", "action", "context", "status"}] * 2
    filters = (await served.get("/api/v1/executions/views/filters?types=status,runner")).json
    assert set(filters) == {"status", "runner"}
    assert (await served.get("/api/v1/executions?timestamp_gt=soon")).status == 400
    assert (await served.get("/api/v1/executions?timestamp=soon")).status == 400


async def test_cancel_and_run_again(served: Served) -> None:
    """What runs is ended; what is over is answered as StackStorm answers it, once 200 and once 400."""
    started = (
        await served.post("/api/v1/executions", {"action": "core.local", "parameters": {"cmd": "sleep 60"}})
    ).json
    canceled = await served.delete(f"/api/v1/executions/{started['id']}")
    assert canceled.status == 200
    assert canceled.json["status"] in {"canceling", "canceled"}
    assert (await ended(served, started["id"]))["status"] == "canceled"
    assert (await served.delete(f"/api/v1/executions/{started['id']}")).json["status"] == "canceled"
    execution = await run(served, cmd="echo first")
    over = await served.delete(f"/api/v1/executions/{execution['id']}")
    assert (over.status, over.json) == (200, {"faultstring": "Action cannot be canceled. State = succeeded."})
    refused = await served.put(f"/api/v1/executions/{execution['id']}", {"status": "pausing"})
    assert (refused.status, refused.json["faultstring"]) == (400, "Execution is already in completed state.")
    body = {"parameters": {"cmd": "echo second"}, "tasks": [], "reset": [], "delay": 0}
    again = await served.post(f"/api/v1/executions/{execution['id']}/re_run", body)
    assert again.status == 201, again.json
    assert again.json["context"]["re-run"] == {"ref": execution["id"]}
    assert (await ended(served, again.json["id"]))["result"]["stdout"] == "second"
    tasks = await served.post(f"/api/v1/executions/{execution['id']}/re_run", {"tasks": ["a"]})
    assert (tasks.status, tasks.json["faultstring"]) == (400, "Task option is only supported for Orquesta workflows.")


async def test_pausing_is_for_workflows(served: Served) -> None:
    """Refused while it runs, with the reason; `canceling` cancels."""
    started = (
        await served.post("/api/v1/executions", {"action": "core.local", "parameters": {"cmd": "sleep 60"}})
    ).json
    place = f"/api/v1/executions/{started['id']}"
    paused = await served.put(place, {"status": "pausing"})
    assert paused.status == 400
    assert paused.json["faultstring"].startswith("Failed updating execution. ")
    assert (await served.put(place, {"status": "succeeded"})).status == 400
    assert (await served.put(place, {"status": "canceling"})).status == 200
    assert (await ended(served, started["id"]))["status"] == "canceled"


async def test_unknown_executions(served: Served) -> None:
    """404 with the id, on every one of their routes."""
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("PUT", ""),
        ("POST", "/re_run"),
        ("GET", "/output"),
        ("GET", "/result"),
        ("GET", "/children"),
        ("GET", "/attribute/status"),
    ):
        answer = await served.request(method, f"/api/v1/executions/6b023ca7f29b696cc6012b8b{path}", {})
        assert answer.status == 404, (method, path)
        assert "6b023ca7f29b696cc6012b8b" in answer.json["faultstring"]
    assert (await served.get("/api/v1/executions/last")).status == 404


async def test_the_trace_and_the_callers_context_are_kept(served: Served) -> None:
    """A trace tag in the body; a parent in the header that StackStorm's own clients inside actions send."""
    document = {"action": "core.noop", "context": {"trace_context": {"trace_tag": "my-tag"}}}
    answer = await served.post(
        "/api/v1/executions", document, headers={"st2-context": '{"parent": {"execution_id": "abc"}}'}
    )
    assert answer.json["context"]["trace_context"]["trace_tag"] == "my-tag"
    assert answer.json["context"]["parent"] == {"execution_id": "abc"}
    for bad in ("[]", "{", "\xff"):
        refused = await served.post("/api/v1/executions", document, headers={"st2-context": bad})
        assert refused.status == 400


async def test_an_event_can_be_followed(served: Served) -> None:
    """Instance, enforcement, execution, why, and once more."""
    answer = await served.post("/api/v1/webhooks/st2", {"trigger": "mypack.typed", "payload": {"n": 1}})
    instance_id = answer.headers["location"].rpartition("/")[2]

    async def enforced() -> Any:
        return (await served.get(f"/api/v1/ruleenforcements?trigger_instance={instance_id}")).json

    enforcement = (await served.until(enforced))[0]
    assert enforcement["rule"]["ref"] == "mypack.packed"
    assert enforcement["rule"]["uid"] == "rule:mypack:packed"
    assert (await served.get(f"/api/v1/ruleenforcements/{enforcement['id']}")).json == enforcement
    view = (await served.get(f"/api/v1/ruleenforcements/views/{enforcement['id']}")).json
    assert view["trigger_instance"]["id"] == instance_id
    assert view["execution"]["id"] == enforcement["execution_id"]
    execution = await ended(served, enforcement["execution_id"])
    assert execution["rule"]["ref"] == "mypack.packed"
    assert execution["trigger_instance"] == {"id": instance_id}
    assert b"CANARY" not in (await served.get("/api/v1/ruleenforcements/views")).body
    why = (await served.get(f"/api/v1/triggerinstances/{instance_id}/why?rule=mypack.packed")).json
    assert why["trigger_instance"]["id"] == instance_id
    assert [(verdict["rule"], verdict["matched"]) for verdict in why["verdicts"]] == [("mypack.packed", True)]
    again = (await served.post(f"/api/v1/triggerinstances/{instance_id}/re_emit", b"null")).json
    assert again["message"] == f"Trigger instance {instance_id} succesfully re-sent."
    assert again["payload"]["__context"] == {"original_id": instance_id}
    assert again["payload"]["n"] == 1
    for query, count in (
        ("trigger=mypack.typed", 2),
        ("trigger_type=mypack.typed&limit=1", 1),
        ("status=nonsense", 0),
        ("timestamp_gt=2100-01-01T00:00:00Z", 0),
        ("trigger=core.st2.webhook", 0),
    ):
        assert len((await served.get(f"/api/v1/triggerinstances?{query}")).json) == count, query
    slim = (await served.get("/api/v1/triggerinstances?include_attributes=id,trigger,occurrence_time,status")).json
    assert [set(shown) for shown in slim] == [{"id", "trigger", "occurrence_time", "status"}] * 2
    for path in ("", "/why"):
        assert (await served.get(f"/api/v1/triggerinstances/6b023ca7f29b696cc6012b8b{path}")).status == 404
    assert (await served.post("/api/v1/triggerinstances/6b023ca7f29b696cc6012b8b/re_emit", b"null")).status == 404


async def test_hooks_are_found_by_their_trigger_type(served: Served) -> None:
    """Nobody knows the name of a hook's trigger; StackStorm finds nothing here."""
    await served.post("/api/v1/webhooks/in", {})
    assert len((await served.get("/api/v1/triggerinstances?trigger=core.st2.webhook")).json) == 1


async def test_keys(served: Served) -> None:
    """Set, read, listed, sealed, expiring, of a user, deleted; in StackStorm's shape."""
    made = await served.put("/api/v1/keys/k", {"name": "k", "value": "v", "scope": "system", "user": None})
    assert made.status == 200
    assert {name: made.json[name] for name in ("uid", "name", "value", "scope", "secret", "encrypted")} == {
        "uid": "key_value_pair:st2kv.system:k",
        "name": "k",
        "value": "v",
        "scope": "st2kv.system",
        "secret": False,
        "encrypted": False,
    }
    sealed = (await served.put("/api/v1/keys/s", {"name": "s", "value": "CANARY", "secret": True})).json
    assert sealed["encrypted"] is True
    assert "CANARY" not in str(sealed)
    assert (await served.get("/api/v1/keys/s?decrypt=true&scope=system")).json["value"] == "CANARY"
    loaded = await served.put("/api/v1/keys/t", {"value": sealed["value"], "encrypted": True})
    assert loaded.status == 200, loaded.json
    assert (await served.get("/api/v1/keys/t?decrypt=true")).json["value"] == "CANARY"
    assert (await served.put("/api/v1/keys/t", {"value": "nonsense", "encrypted": True})).status == 400
    await served.put("/api/v1/keys/mine", {"value": "u", "scope": "user"})
    assert (await served.get("/api/v1/keys/mine?scope=st2kv.user")).json["user"] == "st2admin"
    assert (await served.put("/api/v1/keys/e", {"value": "x", "ttl": 60})).json["expire_timestamp"]
    for query, names in (
        ("", ["e", "k", "s", "t"]),
        ("scope=all&decrypt=false&limit=50", ["e", "k", "s", "t", "mine"]),
        ("scope=user", ["mine"]),
        ("prefix=k", ["k"]),
        ("limit=1&offset=1", ["k"]),
        ("user=nobody", []),
    ):
        assert [item["name"] for item in (await served.get(f"/api/v1/keys?{query}")).json] == names, query
    assert (await served.delete("/api/v1/keys/k?scope=system")).status == 204
    gone = await served.get("/api/v1/keys/k")
    assert gone.status == 404
    assert gone.json["faultstring"] == "KeyValuePair with name: k and scope: st2kv.system not found in db."
    assert (await served.get("/api/v1/keys?scope=nope")).status == 400


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "'value' is a required property"),
        ({"value": 5}, "is not of type 'string'"),
        ({"value": "x", "ttl": 0}, "ttl"),
        ({"value": "x", "surprise": 1}, "surprise"),
        ({"value": "x", "scope": "nope"}, "Scope nope is not in allowed scopes list"),
    ],
)
async def test_keys_that_cannot_be(served: Served, document: dict[str, Any], reason: str) -> None:
    """400 with the reason."""
    answer = await served.put("/api/v1/keys/k", document)
    assert answer.status == 400
    assert reason in answer.json["faultstring"]


async def log_in(served: Served, password: str = PASSWORD, body: Any = None) -> Answer:
    basic = base64.b64encode(f"st2admin:{password}".encode()).decode()
    return await served.post("/auth/v1/tokens", body or {}, headers={"Authorization": f"Basic {basic}"}, key=None)


async def test_logging_in(served: Served) -> None:
    """A token as st2's client wants it, which says of itself who and how long; a wrong password is 401."""
    answer = await log_in(served, body={"ttl": 60})
    assert answer.status == 201
    assert len(answer.json["token"]) == 32
    assert answer.json["expiry"].endswith("Z")
    assert answer.headers["x-api-url"].startswith("http://127.0.0.1:")
    token = {"X-Auth-Token": answer.json["token"]}
    me = (await served.get("/api/v1/user", headers=token, key=None)).json
    assert me["username"] == "st2admin"
    assert me["authentication"] == {
        "method": "authentication token",
        "location": "header",
        "token_expire": answer.json["expiry"],
    }
    assert me["rbac"] == {"enabled": False, "roles": [], "is_admin": True}
    for given, valid in ((answer.json["token"], True), ("f" * 32, False)):
        said = await served.post("/auth/v1/tokens/validate", {"token": given})
        assert said.json == {"valid": valid}
    assert (await served.post("/auth/v1/tokens/validate", {})).status == 400
    wrong = await log_in(served, "wrong")
    assert (wrong.status, wrong.json["faultstring"]) == (401, "Invalid or missing credentials")
    long = await log_in(served, body={"ttl": 10**9})
    assert (long.status, long.json["faultstring"]) == (400, f"TTL specified {10**9} is greater than max allowed 86400.")
    other = await log_in(served, body={"user": "somebody"})
    assert other.status == 400


@pytest.mark.parametrize(
    "header", ["", "Bearer x", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode()]
)
async def test_logging_in_with_nonsense(served: Served, header: str) -> None:
    """401 in StackStorm's words."""
    answer = await served.post("/tokens", {}, headers={"Authorization": header} if header else {}, key=None)
    assert (answer.status, answer.json["faultstring"]) == (401, "Invalid or missing credentials")


async def test_guessing_passwords_is_slowed_down(served: Served) -> None:
    """429, and when to come back."""
    for _ in range(10):
        assert (await log_in(served, "wrong")).status == 401
    answer = await log_in(served)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0


async def test_api_keys(served: Served) -> None:
    """Made with its text shown once, listed masked, switched, deleted; refused from that moment on."""
    made = (await served.post("/api/v1/apikeys", {"metadata": {"used_by": "ci"}})).json
    key, place = made["key"], f"/api/v1/apikeys/{made['id']}"
    assert "key_hash" not in made
    assert (await served.get("/api/v1/user", key=key)).status == 200
    listed = (await served.get("/api/v1/apikeys?limit=50")).json
    assert {shown["key_hash"] for shown in listed} == {"********"}
    assert key not in str(listed)
    shown = (await served.get(place)).json
    assert (await served.get(f"/api/v1/apikeys/{key}")).json == shown
    assert (await served.put(place, {**shown, "enabled": False})).json["enabled"] is False
    off = await served.get("/api/v1/user", key=key)
    assert (off.status, off.json["faultstring"]) == (401, "Unauthorized - API key is disabled.")
    assert (await served.put(place, {**shown, "enabled": True})).status == 200
    assert (await served.get("/api/v1/user", key=key)).status == 200
    changed = await served.put(place, {**shown, "key_hash": "0" * 128})
    assert (changed.status, changed.json["faultstring"]) == (400, "Update of key_hash is not allowed.")
    assert (await served.delete(place)).status == 204
    assert (await served.get("/api/v1/user", key=key)).status == 401
    gone = await served.get(f"/api/v1/apikeys/{key}")
    assert gone.status == 404
    assert key not in gone.body.decode()


async def test_an_exported_key_is_imported(served: Served) -> None:
    """`st2 apikey load`: PUT, then POST where that is 404; the hash is the one that StackStorm exports."""
    made = (await served.post("/api/v1/apikeys", {})).json
    exported = (await served.get(f"/api/v1/apikeys/{made['id']}?show_secrets=true")).json
    await served.delete(f"/api/v1/apikeys/{made['id']}")
    assert (await served.put(f"/api/v1/apikeys/{made['id']}", exported)).status == 404
    imported = await served.post("/api/v1/apikeys", exported)
    assert (imported.status, imported.json["key"]) == (201, None)
    assert (await served.get("/api/v1/user", key=made["key"])).status == 200
    assert (await served.post("/api/v1/apikeys", exported)).status == 409
    assert (await served.post("/api/v1/apikeys", {"key_hash": "********"})).status == 400
    assert (await served.post("/api/v1/apikeys", {"key_hash": "short"})).status == 400


async def test_a_rule_whose_parameters_fail_is_told_in_the_log(
    content: Path, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning with the rule, the trigger instance and the reason."""
    rule = RULE.format(name="failing", url="fails") + '  parameters: {nope: "{{ trigger.body.missing }}"}\n'
    (content / "rules" / "failing.yaml").write_text(rule)
    caplog.set_level("WARNING")
    served = await serve()
    answer = await served.post("/api/v1/webhooks/fails", {})
    instance = answer.headers["location"].rpartition("/")[2]

    async def told() -> bool:
        return any(
            instance in line and "default.failing" in line and "missing" in line for line in caplog.text.splitlines()
        )

    assert answer.status == 202
    await served.until(told)
