"""What every answer has in common: who may ask, what browsers are told, what is logged and counted."""

import base64
import logging

import pytest

from stormlet.api.routes import ROUTES
from stormlet.foundation.settings import Auth, Server, Settings

from .conftest import KEY, PASSWORD, Answer, Serve, Served

NOT_FOUND = "The resource could not be found."


def path_of(route_path: str) -> str:
    return route_path.replace(":.*", "").replace("{", "").replace("}", "")


async def test_every_route_says_who_may_ask(served: Served) -> None:
    """Without a credential, and with a wrong one, each route that is not public answers 401 in StackStorm's words."""
    for route in ROUTES:
        if route.path == "/tokens":
            continue  # public, and answers 401 by itself: its credential is a password
        anonymous = await served.request(route.method, path_of(route.path), {}, key=None)
        if route.public:
            assert anonymous.status < 400, route
            continue
        wrong = await served.request(route.method, path_of(route.path), {}, key="wrong")
        assert (anonymous.status, wrong.status) == (401, 401), route
        assert anonymous.json["faultstring"] == "Unauthorized - One of Token or API key required."
        assert wrong.json["faultstring"] == "Unauthorized - ApiKey not found."
        assert anonymous.headers["www-authenticate"].startswith("Bearer")


async def test_what_is_not_there(served: Served) -> None:
    """A wrong path and a wrong method are 404 in StackStorm's words."""
    for method, path in (
        ("GET", "/api/v1/nowhere"),
        ("DELETE", "/api/v1/rules"),
        ("TRACE", "/"),
        ("PATCH", "/rules/x"),
    ):
        answer = await served.request(method, path)
        assert (answer.status, answer.json["faultstring"]) == (404, NOT_FOUND), path


async def test_options_are_answered_anywhere(served: Served) -> None:
    """A browser's question before its request, without a credential."""
    answer = await served.request("OPTIONS", "/api/v1/anything", key=None, headers={"Origin": "http://evil.example"})
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-methods"] == "GET,POST,PUT,DELETE,OPTIONS"
    assert "X-Auth-Token" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("allowed", "origin", "told"),
    [
        ([], "http://a", None),
        (["http://a", "http://b"], "http://b", "http://b"),
        (["http://a", "http://b"], "http://c", "http://a"),
        (["http://a"], "", "http://a"),
        (["*"], "http://c", "*"),
        (["null", "http://a"], "null", "http://a"),
        (["null"], "null", None),
    ],
)
async def test_origins(serve: Serve, allowed: list[str], origin: str, told: str | None) -> None:
    """Exactly those that are allowed; `null`, which any sandboxed page has, never is."""
    served = await serve(server=Server(port=0, shutdown_grace=0.1, allow_origin=allowed))
    for path in ("/api/v1/rules", "/nowhere"):
        answer = await served.get(path, headers={"Origin": origin} if origin else {})
        assert answer.headers.get("access-control-allow-origin") == told


async def test_a_foreign_page_cannot_use_a_cookie(served: Served) -> None:
    """A browser adds cookies by itself; so what it sends for another origin is refused, except looking."""
    cookie = {"Cookie": f"auth-token={KEY}"}
    for origin, status in (
        (None, 202),
        (f"http://127.0.0.1:{served.port}", 202),
        ("http://evil.example", 403),
        ("null", 403),
    ):
        headers = {**cookie, **({"Origin": origin} if origin else {})}
        answer = await served.post("/api/v1/webhooks/in", {}, headers=headers, key=None)
        assert answer.status == status, origin
    assert (
        await served.get("/api/v1/rules", headers={**cookie, "Origin": "http://evil.example"}, key=None)
    ).status == 200
    assert (await served.post("/api/v1/webhooks/in", {}, headers={"Origin": "http://evil.example"})).status == 202


async def test_without_authentication_only_this_machine_and_no_page_is_served(serve: Serve) -> None:
    """A page may point its own name at our address, or simply post to it."""
    served = await serve(settings=Settings(auth=Auth(enable=False)))
    assert (await served.get("/api/v1/user", key=None)).json["username"] == "stanley"
    assert (await served.get("/api/v1/user", key=None, headers={"Host": "rebound.example:9101"})).status == 403
    assert (await served.post("/webhooks/in", {}, key=None, headers={"Origin": "http://evil.example"})).status == 403
    assert (await served.post("/webhooks/in", {}, key=None)).status == 202


async def test_head_is_get_without_a_body(served: Served) -> None:
    """Probes use it."""
    answer = await served.request("HEAD", "/livez")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "3")


async def test_a_request_in_absolute_form_is_understood(served: Served) -> None:
    """As a proxy sends it; the host in it is not ours to follow."""
    raw = await served.raw(b"GET http://evil.example/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert Answer(raw).body == b"ok\n"


async def test_answers_come_in_the_order_of_requests(served: Served) -> None:
    """Several requests sent at once on one connection."""
    one = b"GET /%d HTTP/1.1\r\nHost: x\r\nX-Request-ID: r%d\r\n%s\r\n"
    sent = b"".join(one % (n, n, b"Connection: close\r\n" if n == 49 else b"") for n in range(50))
    raw = await served.raw(sent)
    ids = [line.split(b": r")[1] for line in raw.split(b"\r\n") if line.lower().startswith(b"x-request-id")]
    assert [int(found) for found in ids] == list(range(50))


async def test_each_request_leaves_one_line(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Method, path, status, time, address and id; probes only where somebody looks closely."""
    caplog.set_level(logging.INFO, "stormlet.access")
    await served.get("/api/v1/rules?limit=1", headers={"X-Request-ID": "abc"})
    await served.get("/livez")
    await served.get("/nowhere")
    lines = [record.getMessage() for record in caplog.records if record.name == "stormlet.access"]
    assert len(lines) == 2
    method, path, status, took, unit, remote, request_id = lines[0].split()
    assert (method, path, status, unit, remote, request_id) == ("GET", "/api/v1/rules", "200", "ms", "127.0.0.1", "abc")
    assert 0 <= float(took) < 5000


async def test_metrics_count_routes_not_paths(served: Served) -> None:
    """So that a stranger cannot make as many series as there are URLs."""
    for n in range(20):
        await served.get(f"/api/v1/rules/no{n}")
        await served.request("REPORT", f"/nowhere{n}")
    text = (await served.get("/metrics", key=None)).body.decode()
    assert 'stormlet_http_requests_total{method="GET",route="/rules/{ref_or_id}",status="404"} 20.0' in text
    assert 'stormlet_http_requests_total{method="other",route="none",status="404"} 20.0' in text
    assert "no7" not in text
    assert "stormlet_http_connections 1.0" in text


async def test_metrics_are_openmetrics_where_that_is_asked_for(served: Served) -> None:
    """Prometheus asks by Accept."""
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = await served.get("/metrics", key=None, headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


async def test_probes(served: Served) -> None:
    """Alive whatever happens; ready as long as the database takes writes, and saying which part is not."""
    for path in ("/livez", "/healthz", "/readyz"):
        assert (await served.get(path, key=None)).body == b"ok\n"
    assert (await served.get("/readyz?verbose", key=None)).status == 200
    answer = await served.get("/readyz?verbose=1", key=None)
    assert answer.json == {"status": "ok", "checks": {"store": "ok", "content": "ok"}}
    await served.engine.store.close()
    served.engine.server._services.readiness._at = float("-inf")
    answer = await served.get("/readyz", key=None)
    assert answer.status == 503
    assert "store: the database cannot be written" in answer.json["faultstring"]
    assert answer.headers["retry-after"]
    assert (await served.get("/readyz?verbose=1", key=None)).json["checks"]["store"] != "ok"
    assert (await served.get("/livez", key=None)).status == 200
    refused = await served.post("/api/v1/webhooks/in", {})
    assert refused.status == 503
    assert refused.headers["retry-after"]


async def test_readiness_costs_a_stranger_nothing(served: Served) -> None:
    """A hundred questions at once are one write."""
    store, asked = served.engine.store, 0
    prove = store.check

    async def count() -> None:
        nonlocal asked
        asked += 1
        await prove()

    readiness = served.engine.server._services.readiness
    for _ in range(100):
        await readiness.check(served.engine.clock, count)
    assert asked == 1


async def test_the_version_is_on_the_root_and_in_no_header(served: Served) -> None:
    """`Server` says a name and no number."""
    for path in ("/", "/api/v1", "/v1/"):
        answer = await served.get(path, key=None)
        assert answer.json["version"]
        assert answer.headers["server"] == "stormlet"


async def test_every_spelling_of_a_url_is_one_place(served: Served) -> None:
    """None is redirected, none answers otherwise."""
    there = await served.get("/api/v1/rules")
    for path in ("/api/v1/rules/", "/api/rules", "/v1/rules//", "/rules", "//api//v1///rules/"):
        answer = await served.get(path)
        assert (answer.status, answer.body) == (200, there.body), path
    basic = base64.b64encode(f"st2admin:{PASSWORD}".encode()).decode()
    for path in ("/auth/v1/tokens", "/auth/tokens/", "/v1/tokens", "/tokens"):
        assert (await served.post(path, {}, headers={"Authorization": f"Basic {basic}"}, key=None)).status == 201, path
