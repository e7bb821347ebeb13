"""Rules, triggers, actions, runners, packs: read, made, changed, refused."""

from typing import Any
from urllib.parse import quote

import pytest

from .conftest import Served

RULE: dict[str, Any] = {
    "name": "made",
    "pack": "default",
    "description": "of a test",
    "enabled": True,
    "trigger": {"type": "mypack.typed", "parameters": {}},
    "criteria": {"trigger.n": {"type": "gt", "pattern": 1}},
    "action": {"ref": "mypack.act", "parameters": {"note": "n", "password": "hunter3-CANARY"}},
    "tags": [{"name": "a", "value": "b"}],
}


async def test_a_rule_is_made_read_changed_and_deleted(served: Served) -> None:
    """In StackStorm's shape, with 201, 200, 204, and 409 with the id of the one that is there."""
    answer = await served.post("/api/v1/rules", RULE)
    made = answer.json
    assert answer.status == 201, made
    assert {key: made[key] for key in ("ref", "uid", "enabled", "type", "criteria", "tags")} == {
        "ref": "default.made",
        "uid": "rule:default:made",
        "enabled": True,
        "type": {"ref": "standard", "parameters": {}},
        "criteria": RULE["criteria"],
        "tags": RULE["tags"],
    }
    assert made["trigger"] == {"type": "mypack.typed", "parameters": {}, "ref": "mypack.typed"}
    assert made["context"] == {"user": "st2admin"}
    again = await served.post("/api/v1/rules", RULE)
    assert (again.status, again.json["conflict-id"]) == (409, made["id"])
    for name in ("default.made", made["id"]):
        assert (await served.get(f"/api/v1/rules/{name}")).json == made
    changed = await served.put(f"/api/v1/rules/{made['id']}", {**made, "description": "changed"})
    assert (changed.status, changed.json["description"], changed.json["id"]) == (200, "changed", made["id"])
    assert (await served.delete(f"/api/v1/rules/{made['id']}")).status == 204
    gone = await served.get("/api/v1/rules/default.made")
    assert gone.status == 404
    assert gone.json["faultstring"] == 'Resource with a reference or id "default.made" not found'


async def test_secrets_of_a_rule_are_masked_and_survive_being_sent_back(served: Served) -> None:
    """st2's client sends back what it was shown; the mask must not become the password."""
    made = (await served.post("/api/v1/rules", RULE)).json
    assert made["action"]["parameters"] == {"note": "n", "password": "********"}
    assert (await served.put(f"/api/v1/rules/{made['id']}", {**made, "enabled": False})).status == 200
    shown = (await served.get(f"/api/v1/rules/{made['id']}?show_secrets=true")).json
    assert (shown["enabled"], shown["action"]["parameters"]["password"]) == (False, "hunter3-CANARY")
    for path in ("/api/v1/rules", "/api/v1/rules/views", "/api/v1/rules/views/default.made"):
        assert b"CANARY" not in (await served.get(path)).body


async def test_a_rule_from_a_file_can_only_be_switched(served: Served) -> None:
    """Anything else is refused with the file's name; the switch holds."""
    shown = (await served.get("/api/v1/rules/mypack.packed")).json
    assert b"CANARY" not in (await served.get("/api/v1/rules/mypack.packed")).body
    switched = await served.put(f"/api/v1/rules/{shown['id']}", {**shown, "enabled": False})
    assert (switched.status, switched.json["enabled"]) == (200, False)
    answer = await served.put(f"/api/v1/rules/{shown['id']}", {**shown, "description": "other", "criteria": {}})
    assert answer.status == 400
    assert "packed.yaml: description cannot be changed here, only enabled" in answer.json["faultstring"]
    assert (await served.delete("/api/v1/rules/mypack.packed")).status == 400
    assert (await served.get("/api/v1/rules/mypack.packed")).json["enabled"] is False
    assert (await served.put(f"/api/v1/rules/{shown['id']}", {**shown, "enabled": "no"})).status == 400


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trigger": {"type": "no.such"}}, 'Trigger "no.such" defined in the rule does not exist in system'),
        ({"trigger": {"type": "core.st2.webhook"}}, "'url' is a required property"),
        ({"criteria": {"k": {"pattern": 1}}}, "Operator not specified for field: k"),
        ({"criteria": {"k": {"type": "equal", "pattern": 1}}}, "operator equal not in list of allowed operators"),
        ({"criteria": {"k": {"type": "eq"}}}, "no pattern specified for operator eq"),
        ({"surprise": 1}, "Additional properties are not allowed ('surprise' was unexpected)"),
        ({"name": 5}, "5 is not of type 'string'"),
        ({"enabled": "yes"}, "is not of type 'boolean'"),
    ],
)
async def test_rules_that_cannot_be(served: Served, change: dict[str, Any], reason: str) -> None:
    """400 in StackStorm's words; nothing is made."""
    answer = await served.post("/api/v1/rules", {**RULE, **change})
    assert answer.status == 400, answer.json
    assert reason in answer.json["faultstring"]
    assert (await served.get("/api/v1/rules/default.made")).status == 404


async def test_rules_are_filtered_and_paged(served: Served) -> None:
    """By pack, name, action, trigger, switch; totals in headers."""
    await served.post("/api/v1/rules", RULE)
    for query, names in (
        ("pack=mypack", ["packed"]),
        ("pack=default&name=made,plain", ["made", "plain"]),
        ("action=mypack.act", ["made", "packed"]),
        ("trigger=mypack.typed", ["made", "packed"]),
        ("trigger=mypack.typed&enabled=0", []),
        ("pack=default,mypack&limit=2&offset=1", ["nested", "plain"]),
        ("pack=default,mypack&sort=-name&limit=2", ["plain", "packed"]),
    ):
        answer = await served.get(f"/api/v1/rules?{query}")
        assert [rule["name"] for rule in answer.json] == names, query
    assert (answer.headers["x-total-count"], answer.headers["x-limit"]) == ("4", "2")
    only = (await served.get("/api/v1/rules?pack=mypack&include_attributes=trigger.ref,enabled")).json
    assert [set(rule) for rule in only] == [{"id", "ref", "trigger", "enabled"}]
    assert (await served.get("/api/v1/rules?limit=0")).status == 400
    kinds = (await served.get("/api/v1/ruletypes")).json
    assert [kind["name"] for kind in kinds] == ["standard", "backstop"]
    assert (await served.get("/api/v1/ruletypes/backstop")).json == kinds[1]


async def test_trigger_types_and_triggers(served: Served) -> None:
    """Made here they can be changed and deleted; those of files and of core cannot."""
    document = {"name": "seen", "pack": "mine", "payload_schema": {"type": "object"}}
    answer = await served.post("/api/v1/triggertypes", document)
    assert answer.status == 201, answer.json
    made = answer.json
    assert (made["ref"], made["uid"]) == ("mine.seen", "trigger_type:mine:seen")
    assert (await served.post("/api/v1/webhooks/st2", {"trigger": "mine.seen", "payload": {}})).status == 202
    assert (await served.post("/api/v1/triggertypes", document)).status == 409
    changed = await served.put(f"/api/v1/triggertypes/{made['id']}", {**made, "description": "changed"})
    assert (changed.status, changed.json["description"]) == (200, "changed")
    specs = (await served.get("/api/v1/triggers/?type=mine.seen")).json
    assert [(spec["ref"], spec["type"]) for spec in specs] == [("mine.seen", "mine.seen")]
    assert (await served.get(f"/api/v1/triggers/{specs[0]['id']}")).json == specs[0]
    assert (await served.delete("/api/v1/triggertypes/mine.seen")).status == 204
    assert (await served.get("/api/v1/triggertypes/mine.seen")).status == 404
    for ref in ("core.st2.webhook", "mypack.typed"):
        assert (await served.delete(f"/api/v1/triggertypes/{ref}")).status == 400
    broken = await served.post(
        "/api/v1/triggertypes", {"name": "x", "pack": "mine", "payload_schema": {"type": "nope"}}
    )
    assert broken.status == 400
    document = {"name": "hook", "pack": "mine", "type": "core.st2.webhook", "parameters": {"url": "by/trigger"}}
    trigger = await served.post("/api/v1/triggers", document)
    assert trigger.status == 201, trigger.json
    assert (await served.post("/api/v1/webhooks/by/trigger", {})).status == 202
    assert (await served.delete(f"/api/v1/triggers/{trigger.json['id']}")).status == 204
    assert (await served.post("/api/v1/webhooks/by/trigger", {})).status == 404


async def test_actions(served: Served) -> None:
    """Listed, shown with their runner's parameters, made, switched; a file's is changed in the file."""
    shown = (await served.get("/api/v1/actions/mypack.act")).json
    assert (shown["runner_type"], shown["enabled"]) == ("local-shell-cmd", True)
    merged = (await served.get("/api/v1/actions/views/parameters/mypack.act")).json["parameters"]
    assert {"cmd", "timeout", "password"} <= set(merged)
    assert merged["cmd"]["immutable"] is True
    overview = (await served.get(f"/api/v1/actions/views/overview/{shown['id']}")).json
    assert overview["parameters"] == merged
    assert [a["ref"] for a in (await served.get("/api/v1/actions?pack=mypack")).json] == ["mypack.act"]
    off = await served.put(f"/api/v1/actions/{shown['id']}", {**shown, "enabled": False})
    assert (off.status, off.json["enabled"]) == (200, False)
    refused = await served.put(f"/api/v1/actions/{shown['id']}", {**shown, "description": "other"})
    assert refused.status == 400
    assert "act.yaml" in refused.json["faultstring"]
    made = await served.post("/api/v1/actions", {"name": "new", "pack": "mine", "runner_type": "noop"})
    assert made.status == 201, made.json
    assert (await served.post("/api/v1/actions", {"name": "x", "pack": "core", "runner_type": "noop"})).status == 400
    removed = await served.request(
        "DELETE", f"/api/v1/actions/{made.json['id']}", b'{"remove_files": true}', headers={"Content-Length": "22"}
    )
    assert removed.status == 204
    assert (await served.get("/api/v1/actions/mine.new")).status == 404


async def test_entry_points_are_shown_and_nothing_beside_them(served: Served, content: Any) -> None:
    """A name or a link that leads out of the pack shows nothing."""
    actions = content / "packs" / "mypack" / "actions"
    (actions / "say.py").write_text("print('hello')\n")
    (content / "secret.py").write_text("CANARY\n")
    (actions / "link.py").symlink_to(content / "secret.py")
    for name, entry in (("say", "say.py"), ("link", "link.py"), ("up", "../../../secret.py")):
        (actions / f"{name}.yaml").write_text(f"name: {name}\nrunner_type: python-script\nentry_point: {entry}\n")
    await served.engine.ruleset.reload()
    good = await served.get("/api/v1/actions/views/entry_point/mypack.say")
    assert (good.status, good.body, good.headers["content-type"]) == (200, b"print('hello')\n", "application/x-python")
    for name in ("link", "up"):
        answer = await served.get(f"/api/v1/actions/views/entry_point/mypack.{name}")
        assert answer.status == 404
        assert b"CANARY" not in answer.body


async def test_runners_and_packs(served: Served) -> None:
    """By name, ref or id; st2's client asks for a runner by `?name=`."""
    runner = (await served.get("/api/v1/runnertypes/?name=local-shell-cmd")).json[0]
    assert "cmd" in runner["runner_parameters"]
    for name in ("local-shell-cmd", runner["id"]):
        assert (await served.get(f"/api/v1/runnertypes/{name}")).json == runner
    assert (await served.get("/api/v1/runnertypes/nope")).status == 404
    pack = (await served.get("/api/v1/packs/mypack")).json
    assert (pack["version"], pack["ref"]) == ("1.0.0", "mypack")
    assert (await served.get(f"/api/v1/packs/{pack['id']}")).json == pack
    assert "mypack" in [shown["ref"] for shown in (await served.get("/api/v1/packs?include_attributes=ref")).json]
    assert (await served.get("/api/v1/packs/nope")).status == 404


async def test_broken_rules_are_listed_with_what_is_wrong(served: Served, content: Any) -> None:
    """In the rule itself and among all problems, with file, line and cure."""
    text = (content / "rules" / "plain.yaml").read_text()
    (content / "rules" / "broken.yaml").write_text(
        text.replace("name: plain", "name: broken") + "criteria:\n  trigger.body.a: {type: equal, pattern: 1}\n"
    )
    await served.engine.ruleset.reload()
    rule = (await served.get("/api/v1/rules/default.broken")).json
    assert rule["state"] == "broken"
    assert rule["problems"][0]["code"] == "unknown-operator"
    listed = (await served.get("/api/v1/problems?code=unknown-operator")).json
    assert [(problem["severity"], problem["line"]) for problem in listed] == [("error", 10)]
    assert "did you mean" in listed[0]["hint"]
    assert (await served.get("/api/v1/rules/default.plain")).json["state"] == "ready"


@pytest.mark.parametrize(
    "kind", ["rules", "rules/views", "actions", "actions/views/overview", "triggertypes", "runnertypes", "apikeys"]
)
async def test_attributes_that_nothing_has_are_refused(served: Served, kind: str) -> None:
    """In StackStorm's words; an order by what nothing has is skipped, as there."""
    for which in ("include", "exclude"):
        answer = await served.get(f"/api/v1/{kind}?{which}_attributes=id,zzz")
        assert answer.status == 400
        reason = f"Invalid or unsupported {which} attribute specified: zzz"
        assert answer.json["faultstring"].startswith(reason)
    shown = (await served.get(f"/api/v1/{kind}")).json[0]
    names = ",".join(shown)
    assert set((await served.get(f"/api/v1/{kind}?include_attributes={names}")).json[0]) == set(shown)
    assert (await served.get(f"/api/v1/{kind}?sort=zzz")).status == 200


async def test_an_action_needs_a_runner_that_is_there(served: Served) -> None:
    """It is refused when it is made or changed, not when it runs."""
    document = {"name": "odd", "pack": "mine", "runner_type": "nope"}
    answer = await served.post("/api/v1/actions", document)
    assert (answer.status, answer.json["detail"]) == (400, "RunnerType nope is not found.")
    assert (await served.post("/api/v1/actions", {**document, "runner_type": "noop"})).status == 201
    changed = await served.put("/api/v1/actions/mine.odd", {**document, "runner_type": "nop"})
    assert changed.status == 400
    assert 'did you mean "noop"?' in changed.json["faultstring"]


@pytest.mark.parametrize("name", ["../x", "a/b", "per%cent", "a b"])
async def test_every_name_can_be_reached(served: Served, name: str) -> None:
    """StackStorm takes nearly every name; percent-encoded, each of them is one part of a path."""
    document = {
        "name": name,
        "pack": "mine",
        "trigger": {"type": "core.st2.webhook", "parameters": {"url": "odd"}},
        "action": {"ref": "core.noop"},
    }
    made = await served.post("/api/v1/rules", document)
    assert made.status == 201, made.json
    place = f"/api/v1/rules/{quote(f'mine.{name}', safe='')}"
    assert (await served.get(place)).json["name"] == name
    assert (await served.put(place, {**document, "description": "d"})).json["description"] == "d"
    assert (await served.delete(place)).status == 204
    assert (await served.get(place)).status == 404
