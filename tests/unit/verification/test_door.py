"""Who may come in: what a source asks for, over real sockets."""

from typing import Any

import pytest

from stormlet.foundation.settings import Limits
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret

from .conftest import KEY, Serve

SECRET = "correct horse battery staple"
GITHUB = {"url": "in", "scheme": "github", "secret": "env:S"}
RULES = {"listens": "in"}
VARIABLES = {"S": SECRET}


async def test_a_signature_needs_no_key(serve: Serve) -> None:
    """202 and StackStorm's echo; the event is what the rule sees, and the signature stays in its headers."""
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    answer = await door.signed("in", "github", SECRET, b'{"a": [1, null]}', {"X-GitHub-Event": "push"})
    assert (answer.status, answer.json) == (202, {"a": [1, None]})
    (instance,) = await door.instances()
    assert answer.headers["location"] == f"/api/v1/triggerinstances/{instance['id']}"
    assert answer.headers["x-event-id"] == instance["event_id"]
    assert instance["payload"]["body"] == {"a": [1, None]}
    assert instance["payload"]["headers"]["X-Hub-Signature-256"].startswith("sha256=")


async def test_a_key_is_no_signature(serve: Serve) -> None:
    """An API key does not open a webhook that wants a signature, and a wrong one beside a signature does not close it."""
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    assert (await door.send("in", key=KEY)).status == 401
    assert (await door.signed("in", "github", SECRET, key="wrong")).status == 202


@pytest.mark.parametrize(("signed", "key", "status"), [(True, KEY, 202), (True, None, 401), (False, KEY, 401)])
async def test_both(serve: Serve, signed: bool, key: str | None, status: int) -> None:
    """`auth: both` wants the signature and the key."""
    door = await serve({"guarded": {**GITHUB, "auth": "both"}}, RULES, variables=VARIABLES)
    answer = await (door.signed("in", "github", SECRET, key=key) if signed else door.send("in", key=key))
    assert answer.status == status


async def test_key_alone_and_nothing_at_all(serve: Serve) -> None:
    """`auth: key` is StackStorm's way; `auth: none` lets anybody in, and is warned about."""
    sources = {"keyed": {"url": "in", "auth": "key"}, "open": {"url": "open", "auth": "none"}}
    door = await serve(sources, {**RULES, "open": "open"})
    assert [(await door.send("in", key=key)).status for key in (KEY, "wrong", None)] == [202, 401, 401]
    assert (await door.send("open")).status == 202
    problems = door.engine.ruleset.current.snapshot.problems
    assert any("auth: none" in str(problem) or "nybody" in str(problem) for problem in problems)


async def test_a_hook_without_a_source_still_wants_a_key(serve: Serve) -> None:
    """Beside a guarded one; an unknown hook is told from a known one only to who has a key."""
    door = await serve({"guarded": GITHUB}, {**RULES, "other": "other"}, variables=VARIABLES)
    assert [(await door.send("other", key=key)).status for key in (KEY, None)] == [202, 401]
    assert [(await door.send("unknown", key=key)).status for key in (KEY, None)] == [404, 401]


@pytest.mark.parametrize("enabled", [False, "auto"])
async def test_a_source_that_is_off_guards_nothing(serve: Serve, enabled: Any) -> None:
    """Switched off, or `auto` without its secret: the hook is what it would be without the source."""
    door = await serve({"guarded": {**GITHUB, "enabled": enabled}}, RULES)
    assert (await door.signed("in", "github", SECRET)).status == 401
    assert (await door.send("in", key=KEY)).status == 202


async def test_auto_wakes_with_its_secret(serve: Serve) -> None:
    """As soon as one is there: this one comes from the datastore while the server runs."""
    source = {"url": "in", "scheme": "github", "secret": "st2kv:hook.secret", "enabled": "auto"}
    door = await serve({"guarded": source}, RULES)
    assert (await door.signed("in", "github", SECRET)).status == 401
    await door.engine.datastore.put("hook.secret", SECRET, secret=True)
    assert (await door.signed("in", "github", SECRET)).status == 202
    assert (await door.send("in", key=KEY)).status == 401
    await door.engine.datastore.put("hook.secret", "another secret", secret=True)
    assert (await door.signed("in", "github", SECRET)).status == 401


async def test_without_its_secret_a_source_refuses(serve: Serve) -> None:
    """No fall-back to the key; it is a warning among the problems; an empty variable is no secret."""
    door = await serve({"guarded": GITHUB}, RULES, variables={"S": ""})
    assert (await door.send("in", key=KEY)).status == 401
    assert (await door.signed("in", "github", SECRET)).status == 401
    codes = [problem.code for problem in door.engine.ruleset.current.snapshot.problems]
    assert "missing-secret" in codes


@pytest.mark.parametrize(("method", "status"), [("PUT", 202), ("POST", 404), ("PATCH", 404)])
async def test_methods(serve: Serve, method: str, status: int) -> None:
    """Those of the source and no other; the others are as on a URL that nobody knows."""
    door = await serve({"guarded": {**GITHUB, "methods": ["PUT"]}}, RULES, variables=VARIABLES)
    answer = await door.signed("in", "github", SECRET, method=method, key=KEY)
    assert answer.status == status
    unknown = await door.signed("in", "github", SECRET, method=method)
    assert unknown.status == (202 if status == 202 else 401)


async def test_a_right_signature_on_an_unknown_url(serve: Serve) -> None:
    """404 where neither a rule nor the mapping knows the URL; with a mapping that fits nothing, it is taken and let go."""
    mapping = {"event": "$.kind", "types": {"known": "my.type"}}
    door = await serve({"a": GITHUB, "b": {**GITHUB, "url": "b", "triggers": mapping}}, variables=VARIABLES)
    assert (await door.signed("in", "github", SECRET)).status == 404
    assert (await door.signed("b", "github", SECRET, b'{"kind": "other"}')).status == 202
    assert await door.instances() == []


async def test_a_mapping_and_rules_both_get_the_event(serve: Serve) -> None:
    """Every glob that fits, each trigger once, and the rule on the URL: one event, several instances."""
    mapping = {
        "event": ["header:X-Kind", "$.action", "$.missing"],
        "types": {"push.made.": "my.exact", "push.*": "my.glob", "*": "my.all", "p*": "my.all", "other*": "my.other"},
    }
    door = await serve({"guarded": {**GITHUB, "triggers": mapping}}, RULES, variables=VARIABLES)
    answer = await door.signed("in", "github", SECRET, b'{"action": "made"}', {"X-Kind": "push"})
    instances = await door.instances()
    assert sorted(one["trigger_type"] for one in instances) == ["core.st2.webhook", "my.all", "my.exact", "my.glob"]
    assert {one["event_id"] for one in instances} == {answer.headers["x-event-id"]}
    assert all(one["payload"]["body"] == {"action": "made"} for one in instances)


async def test_several_sources_on_one_url(serve: Serve) -> None:
    """Each is tried in order, the first genuine one decides; a stranger is refused once."""
    sources = {
        "first": {**GITHUB, "scheme": "spacelift", "secret": "env:A", "triggers": {"types": {"*": "my.first"}}},
        "second": {**GITHUB, "scheme": "spacelift", "secret": "env:B", "triggers": {"types": {"*": "my.second"}}},
    }
    door = await serve(sources, variables={"A": "account a secret", "B": "account b secret"})
    assert (await door.signed("in", "spacelift", "account b secret")).status == 202
    assert (await door.signed("in", "spacelift", "account a secret")).status == 202
    assert (await door.signed("in", "spacelift", "a stranger's secret")).status == 401
    assert [one["trigger_type"] for one in await door.instances()] == ["my.second", "my.first"]
    kept = [len(await door.engine.guarding.rejections(f"default.{name}")) for name in ("first", "second")]
    assert sum(kept) == 1


async def test_a_broken_source_keeps_its_url_closed(serve: Serve) -> None:
    """A typo must not open what was meant to be guarded, not even to who has a key; a good neighbour still lets in."""
    sources = {
        "broken": {**GITHUB, "scheme": "gitub"},
        "good": {**GITHUB, "url": "two"},
        "bad": {"url": "two", "scheme": "x"},
    }
    door = await serve(sources, {**RULES, "two": "two"}, variables=VARIABLES)
    for answer in (await door.send("in", key=KEY), await door.signed("in", "github", SECRET)):
        assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert (await door.signed("two", "github", SECRET)).status == 202


async def test_limits_of_a_source(serve: Serve) -> None:
    """`max_body` is a lower bound than the setting, never a higher one."""
    sources = {"small": {**GITHUB, "max_body": 100}, "large": {**GITHUB, "url": "large", "max_body": "1GB"}}
    door = await serve(sources, {**RULES, "large": "large"}, variables=VARIABLES, limits=Limits(body_bytes=2000))
    big = b'{"a": "' + b"x" * 200 + b'"}'
    assert (await door.signed("in", "github", SECRET, big)).status == 413
    assert (await door.signed("large", "github", SECRET, big)).status == 202
    assert (await door.signed("large", "github", SECRET, big * 11)).status == 413


async def test_a_rate_counts_genuine_requests_only(serve: Serve) -> None:
    """429 with Retry-After; whoever forges cannot use up the sender's share."""
    door = await serve({"guarded": {**GITHUB, "rate": {"per_second": 0.5, "burst": 2}}}, RULES, variables=VARIABLES)
    for _ in range(30):
        assert (await door.send("in")).status == 401
    assert [(await door.signed("in", "github", SECRET)).status for _ in range(3)] == [202, 202, 429]
    limited = await door.signed("in", "github", SECRET)
    assert limited.headers["retry-after"] == "2"
    door.clock.pass_by(2)
    assert (await door.signed("in", "github", SECRET)).status == 202


async def test_a_flood_of_forgeries_fills_nothing(serve: Serve) -> None:
    """Twenty of each source are kept at most, and no more than trickle in."""
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    for number in range(60):
        assert (await door.send("in", b'{"n": %d}' % number)).status == 401
    kept = await door.engine.guarding.rejections("default.guarded", limit=100)
    assert len(kept) == 20
    text = (await door.api("GET", "/metrics")).body.decode()
    assert 'stormlet_source_requests_total{outcome="refused",source="default.guarded"} 60.0' in text


@pytest.mark.parametrize(
    ("source", "headers", "status"),
    [
        ({"allow_ips": ["127.0.0.1"]}, {}, 202),
        ({"allow_ips": ["192.0.2.0/24"]}, {}, 403),
        ({"allow_ips": ["192.0.2.0/24"]}, {"X-Forwarded-For": "192.0.2.7"}, 403),
        ({"allow_ips": ["192.0.2.0/24"], "trusted_proxies": ["127.0.0.0/8"]}, {"X-Forwarded-For": "192.0.2.7"}, 202),
        ({"allow_ips": ["192.0.2.0/24"], "trusted_proxies": ["127.0.0.0/8"]}, {}, 403),
        (
            {"allow_ips": ["192.0.2.0/24"], "trusted_proxies": ["127.0.0.0/8"]},
            {"X-Forwarded-For": "192.0.2.7, 203.0.113.5"},
            403,
        ),
        (
            {"allow_ips": ["192.0.2.0/24"], "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]},
            {"X-Forwarded-For": "6.6.6.6, 192.0.2.7, 10.1.2.3"},
            202,
        ),
        ({"allow_ips": ["192.0.2.0/24"], "trusted_proxies": ["127.0.0.0/8"]}, {"X-Forwarded-For": "garbage"}, 403),
    ],
)
async def test_addresses(serve: Serve, source: dict[str, Any], headers: dict[str, str], status: int) -> None:
    """X-Forwarded-For counts behind a stated proxy only, and from the right; what a sender writes into it does not."""
    door = await serve({"guarded": {**GITHUB, **source}}, RULES, variables=VARIABLES)
    answer = await door.signed("in", "github", SECRET, headers=headers)
    assert answer.status == status
    if status == 403:
        assert answer.json["faultstring"] == "Forbidden"


@pytest.mark.parametrize(
    ("age", "status"), [(0, 202), (299, 202), (300, 202), (301, 401), (-300, 202), (-301, 401), (10**6, 401)]
)
async def test_clocks(serve: Serve, age: float, status: int) -> None:
    """Exactly the tolerance is still good for Slack, and one second more is not."""
    door = await serve({"guarded": {**GITHUB, "scheme": "slack"}}, RULES, variables=VARIABLES)
    assert (await door.signed("in", "slack", SECRET, b'{"type": "event_callback"}', age=age)).status == status


@pytest.mark.parametrize(("age", "status"), [(299, 200), (300, 401), (-300, 401)])
async def test_scalrs_clock(serve: Serve, age: float, status: int) -> None:
    """For Scalr exactly 300 s is too much, and its reply is the one of its own example."""
    door = await serve({"guarded": {**GITHUB, "scheme": "scalr"}}, RULES, variables=VARIABLES)
    answer = await door.signed("in", "scalr", SECRET, age=age)
    assert answer.status == status
    if status == 200:
        assert answer.json == {"Status": "ok"}


async def test_a_tolerance_of_ones_own(serve: Serve) -> None:
    """It replaces the scheme's."""
    door = await serve({"guarded": {**GITHUB, "scheme": "slack", "tolerance": 10}}, RULES, variables=VARIABLES)
    assert [(await door.signed("in", "slack", SECRET, age=age)).status for age in (10, 11)] == [202, 401]


async def test_generic_hmac(serve: Serve) -> None:
    """What the sender signs is in the source."""
    signature = {"header": "X-Acme-Signature", "signed": "{timestamp}.{body}", "timestamp": {"header": "X-Acme-Time"}}
    source = {**GITHUB, "scheme": "generic_hmac", "signature": signature}
    door = await serve({"guarded": source}, RULES, variables=VARIABLES)
    guard = door.engine.ruleset.current.guards["in"][0]
    options = Options(descriptor=guard.options.descriptor)
    assert (await door.signed("in", "generic_hmac", SECRET, options=options)).status == 202
    assert (await door.signed("in", "generic_hmac", "wrong", options=options)).status == 401


@pytest.mark.parametrize("public", ["https://hooks.example.com/api/v1/webhooks/in", "https://hooks.example.com"])
async def test_a_signed_url_is_the_one_that_the_sender_calls(serve: Serve, public: str) -> None:
    """Twilio signs the URL: behind a proxy the source says what it is."""
    source = {**GITHUB, "scheme": "twilio", "options": {"public_url": public}}
    door = await serve({"guarded": source}, RULES, variables=VARIABLES)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    request = door.sign("in", "twilio", SECRET, b"From=%2B1&Body=hi", form)
    assert (await door.send("in", request.body, list(request.headers))).status == 401
    from stormlet.signatures.registry import scheme_named, sign
    from stormlet.signatures.request import SignedRequest

    called = SignedRequest(
        url="https://hooks.example.com/api/v1/webhooks/in?a=b", headers=tuple(form.items()), body=b"From=%2B1&Body=hi"
    )
    right = sign(scheme_named("twilio"), called, [Secret(value=SECRET)], door.clock.moment)
    assert (await door.send("in", right.body, list(right.headers), query="a=b")).status == 202


async def test_forwarded_host_and_protocol_behind_a_proxy_only(serve: Serve) -> None:
    """A stranger's X-Forwarded-Host does not change the URL that is verified."""
    from stormlet.signatures.registry import scheme_named, sign
    from stormlet.signatures.request import SignedRequest

    called = SignedRequest(url="https://public.example/api/v1/webhooks/in", body=b"{}")
    headers = {"X-Forwarded-Host": "public.example", "X-Forwarded-Proto": "https"}
    options = Options(header="X-Sig")
    descriptor = {"header": "X-Sig", "signed": "{url}{body}"}
    source = {**GITHUB, "scheme": "generic_hmac", "signature": descriptor}
    sources = {"plain": source, "behind": {**source, "url": "in2", "trusted_proxies": ["127.0.0.1"]}}
    door = await serve(sources, {**RULES, "in2": "in2"}, variables=VARIABLES)
    guard = door.engine.ruleset.current.guards["in"][0]
    options = Options(descriptor=guard.options.descriptor)
    for hook, status in (("in", 401), ("in2", 202)):
        moved = SignedRequest(url=f"https://public.example/api/v1/webhooks/{hook}", body=called.body)
        right = sign(scheme_named("generic_hmac"), moved, [Secret(value=SECRET)], door.clock.moment, options)
        assert (await door.send(hook, right.body, [*headers.items(), *right.headers])).status == status


async def test_content_types(serve: Serve) -> None:
    """A type that the source names is read as JSON, now and when the event is looked at later; others are 400."""
    door = await serve({"guarded": {**GITHUB, "content_types": ["application/x-acme"]}}, RULES, variables=VARIABLES)
    strange = {"Content-Type": "application/x-acme; charset=utf-8"}
    answer = await door.signed("in", "github", SECRET, b'{"a": 1}', strange)
    assert (answer.status, answer.json) == (202, {"a": 1})
    (instance,) = await door.instances()
    assert instance["payload"]["body"] == {"a": 1}
    assert instance["payload"]["headers"]["Content-Type"] == strange["Content-Type"]
    assert (await door.signed("in", "github", SECRET, b'{"a": 1}', {"Content-Type": "application/pdf"})).status == 400


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"5", b'"x"', b"\xff\xfe", b"[" * 200 + b"]" * 200])
async def test_a_genuine_request_that_cannot_be_read(serve: Serve, body: bytes) -> None:
    """400 (an empty body is an empty object), and the operator finds it among the refused."""
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    answer = await door.signed("in", "github", SECRET, body)
    assert answer.status == (202 if not body else 400)
    kept = await door.engine.guarding.rejections("default.guarded")
    assert [one.reason for one in kept] == ([] if not body else ["unreadable-body"])


@pytest.mark.parametrize(
    ("reply", "status", "body", "content_type"),
    [
        ({"status": 200, "body": {"ok": True}}, 200, b'{"ok":true}', "application/json"),
        ({"status": 200, "body": "fine"}, 200, b"fine", "text/plain; charset=utf-8"),
        ({"status": 200}, 200, b'{"a":1}', "application/json"),
        ({"status": 204}, 204, b"", None),
        (
            {"status": 201, "headers": {"content-type": "text/xml", "X-Mine": "1"}, "body": "<r/>"},
            201,
            b"<r/>",
            "text/xml",
        ),
    ],
)
async def test_replies(serve: Serve, reply: dict[str, Any], status: int, body: bytes, content_type: str | None) -> None:
    """Exactly what the source says."""
    door = await serve({"guarded": {**GITHUB, "reply": reply}}, RULES, variables=VARIABLES)
    answer = await door.signed("in", "github", SECRET, b'{"a":1}')
    assert (answer.status, answer.body, answer.headers.get("content-type")) == (status, body, content_type)
    if "headers" in reply:
        assert answer.headers["x-mine"] == "1"
