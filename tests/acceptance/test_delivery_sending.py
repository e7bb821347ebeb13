"""Messages go out: signed, in order, at least once, whatever happens to the engine or to a receiver."""

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

standardwebhooks = pytest.importorskip("standardwebhooks")

SECRET = "whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ=="
LOOPBACK = {
    "STORMLET_DELIVERY__ALLOW": "127.0.0.0/8",
    "STORMLET_DELIVERY__PORTS": "0",
    "STORMLET_DELIVERY__HTTP": "true",
    "HOOK_SECRET": SECRET,
}
RULE = """
name: {name}
enabled: true
tags: [{{name: team, value: web}}]
trigger: {{type: core.st2.webhook, parameters: {{url: {url}}}}}
action: {{ref: {action}, parameters: {parameters}}}
"""


class Receiver:
    """An HTTP server whose behaviour a test chooses; it verifies with the library of Standard Webhooks."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.changed = threading.Condition()
        self.released = threading.Event()
        self.act: Callable[[str], None] = lambda path: None
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                    receiver.changed.notify_all()
                receiver.act(self.path)
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

            def handle(self) -> None:
                with contextlib.suppress(OSError):  # the engine was killed
                    super().handle()

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def messages(self, path: str = "/hook") -> list[dict[str, Any]]:
        """Return what came, each found genuine, with its webhook-id under `webhook-id`."""
        webhook = standardwebhooks.Webhook(SECRET)
        with self.changed:
            came = list(self.requests)
        return [
            {**webhook.verify(body, headers), "webhook-id": headers["webhook-id"]}
            for where, headers, body in came
            if where == path
        ]

    def wait(self, true: Callable[[], Any], deadline: float = 30) -> Any:
        with self.changed:
            found = self.changed.wait_for(true, deadline)
        assert found, [json.loads(body)["type"] for _, _, body in self.requests]
        return found

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def endpoints(tmp_path: Path) -> Path:
    directory = tmp_path / "endpoints"
    directory.mkdir()
    return directory


def write(directory: Path, name: str, **fields: Any) -> None:
    document = {"name": name, "secret": "env:HOOK_SECRET", **fields}
    if "action" in fields:
        del document["secret"]
    (directory / f"{name}.yaml").write_text(json.dumps(document))


def settings(endpoints: Path, **more: str) -> dict[str, str]:
    return {**LOOPBACK, "STORMLET_CONTENT__ENDPOINTS": str(endpoints), **more}


def test_an_event_is_told_from_end_to_end(
    make_server, rules_directory: Path, endpoints: Path, receiver: Receiver
) -> None:
    """Verification first; then everything that one webhook causes, signed, in the order of its subject."""
    (rules_directory / "r.yaml").write_text(RULE.format(name="r", url="in", action="core.noop", parameters="{}"))
    write(endpoints, "watcher", url=f"{receiver.url}/hook")
    server = make_server(rules=rules_directory, environment=settings(endpoints))
    server.wait_for_line("watcher is verified")
    assert [each["type"] for each in receiver.messages()] == ["endpoint.verification"]
    assert server.post("/api/v1/webhooks/in", {"n": 1}).status == 202
    receiver.wait(lambda: any(b'"execution.succeeded"' in body for _, _, body in receiver.requests))
    came = receiver.messages()[1:]
    assert {each["type"] for each in came} == {
        "trigger.received",
        "rule.matched",
        "execution.requested",
        "execution.running",
        "execution.succeeded",
    }
    of_execution = sorted((each["ordinal"], each["type"]) for each in came if each["subject"].startswith("execution:"))
    assert of_execution == [(1, "execution.requested"), (2, "execution.running"), (3, "execution.succeeded")]
    last = next(each for each in came if each["type"] == "execution.succeeded")
    assert (last["pack"], last["tags"], last["caused_by"]) == ("default", ["team:web"], "default.r")
    link = last["url"].removeprefix(server.url)
    assert server.get(link).json["status"] == "succeeded"


def test_kill_9_while_sending_loses_nothing(
    make_server, rules_directory: Path, endpoints: Path, receiver: Receiver
) -> None:
    """Whatever was answered 202 is told at least once, under one id each, though the engine is killed twice in the middle."""
    (rules_directory / "r.yaml").write_text(RULE.format(name="r", url="in", action="core.noop", parameters="{}"))
    write(endpoints, "watcher", url=f"{receiver.url}/hook", types=["trigger.received"])
    server = make_server(rules=rules_directory, environment=settings(endpoints))
    server.wait_for_line("watcher is verified")
    answering = threading.Event()
    answering.set()
    receiver.act = lambda path: answering.wait(30) and None
    accepted: list[str] = []
    for number in range(90):
        if number in (25, 55):
            answering.clear()  # from here on the engine is in the middle of sending
        answer = server.post("/api/v1/webhooks/in", {"n": number})
        assert answer.status == 202
        accepted.append(answer.headers["location"].rpartition("/")[2])
        if number in (30, 60):
            before = len(receiver.requests)
            server.kill()
            answering.set()
            server.start()
            receiver.wait(lambda: len(receiver.requests) > before)  # noqa: B023 - asked before the loop goes on

    def arrived() -> set[str]:
        bodies = [json.loads(body)["data"] for _, _, body in receiver.requests]
        return {data["trigger_instance"]["id"] for data in bodies if "trigger_instance" in data}

    receiver.wait(lambda: arrived() >= set(accepted))
    ids: dict[str, set[str]] = {}
    for each in receiver.messages():
        if each["type"] == "trigger.received":
            ids.setdefault(each["data"]["trigger_instance"]["id"], set()).add(each["webhook-id"])
    assert all(len(some) == 1 for some in ids.values())
    assert len(receiver.messages()) > len(accepted) + 1, "nothing was under way when the engine was killed"


def test_a_hanging_endpoint_delays_nobody(
    make_server, rules_directory: Path, endpoints: Path, receiver: Receiver
) -> None:
    """While one endpoint hangs at every request, the other gets everything in no time."""
    (rules_directory / "r.yaml").write_text(RULE.format(name="r", url="in", action="core.noop", parameters="{}"))
    hanging = threading.Event()
    receiver.act = lambda path: (receiver.released.wait(60) and None) if path == "/hang" and hanging.is_set() else None
    write(endpoints, "dead", url=f"{receiver.url}/hang", types=["trigger.received"], timeout=30)
    write(endpoints, "well", url=f"{receiver.url}/hook", types=["trigger.received"])
    server = make_server(rules=rules_directory, environment=settings(endpoints))
    for name in ("dead", "well"):
        server.wait_for_line(f"{name} is verified")
    hanging.set()
    for number in range(50):
        assert server.post("/api/v1/webhooks/in", {"n": number}).status == 202
    receiver.wait(lambda: sum(path == "/hook" for path, _, _ in receiver.requests) == 51, deadline=15)


def test_a_message_of_ones_own(make_server, endpoints: Path, receiver: Receiver) -> None:
    """core.publish reaches who wants its type and scope, and nobody else; a type of the engine's is refused."""
    write(endpoints, "web", url=f"{receiver.url}/hook", types=["deploy.*"], scope={"tags": ["team:web"]})
    write(endpoints, "db", url=f"{receiver.url}/other", types=["deploy.*"], scope={"tags": ["team:db"]})
    server = make_server(environment=settings(endpoints))
    for name in ("web", "db"):
        server.wait_for_line(f"{name} is verified")
    parameters = {"type": "deploy.finished", "data": {"title": "4.2"}, "scope": {"tags": ["team:web"]}}
    assert server.post("/api/v1/executions", {"action": "core.publish", "parameters": parameters}).status == 201
    receiver.wait(lambda: any(b"deploy.finished" in body for _, _, body in receiver.requests))
    (message,) = [each for each in receiver.messages() if each["type"] == "deploy.finished"]
    assert (message["data"], message["tags"]) == ({"title": "4.2"}, ["team:web"])
    assert [path for path, _, body in receiver.requests if b"deploy.finished" in body] == ["/hook"]
    taken = {**parameters, "type": "execution.failed"}
    server.post("/api/v1/executions", {"action": "core.publish", "parameters": taken})
    assert server.wait_for_execution(status="failed")["result"]["error"].startswith("'execution.failed' is not a type")


def test_an_endpoint_may_run_an_action_but_not_for_ever(make_server, endpoints: Path) -> None:
    """An endpoint that runs an action on every success, its own included, runs it once for each other execution."""
    write(
        endpoints,
        "again",
        action="core.echo",
        parameters={"message": "after {{ trigger.data.execution.action }}"},
        types=["execution.succeeded"],
    )
    server = make_server(environment=settings(endpoints))
    server.post("/api/v1/executions", {"action": "core.noop"})
    server.wait_for_line(r"this is a loop: endpoint:default\.again → endpoint:default\.again")
    followed = server.wait_for_execution(action="core.echo")
    assert followed["result"]["stdout"].strip() == "after core.noop"
    assert len(server.executions(action="core.echo")) == 1


def test_a_loop_over_http_is_stopped(make_server, rules_directory: Path, endpoints: Path) -> None:
    """An endpoint that posts to a webhook of ours, whose rule causes what the endpoint hears: it goes round once."""
    (rules_directory / "r.yaml").write_text(RULE.format(name="r", url="in", action="core.noop", parameters="{}"))
    server = make_server(rules=rules_directory, environment=settings(endpoints))
    url = f"{server.url}/api/v1/webhooks/in?st2-api-key=acceptance-key-0123456789"
    write(endpoints, "round", url=url, types=["execution.succeeded"])
    # The verification itself comes to the webhook, carries its link, and runs the rule once; what that causes is stopped.
    server.wait_for_line(r"this is a loop: endpoint:default\.round → endpoint:default\.round")
    server.post("/api/v1/executions", {"action": "core.noop"})
    server.wait_until(lambda: server.log.count("this is a loop") == 2, what="the second loop")
    assert len(server.executions(rule="default.r")) == 2


def test_a_loop_through_core_http_is_stopped(make_server, rules_directory: Path, endpoints: Path) -> None:
    """An endpoint runs core.http, which posts to a webhook of ours, whose rule causes what the endpoint hears."""
    (rules_directory / "r.yaml").write_text(RULE.format(name="r", url="in", action="core.noop", parameters="{}"))
    server = make_server(rules=rules_directory, environment=settings(endpoints))
    parameters = {
        "url": f"{server.url}/api/v1/webhooks/in",
        "method": "POST",
        "body": "{}",
        "headers": {"Content-Type": "application/json", "St2-Api-Key": "acceptance-key-0123456789"},
    }
    only_ours = {"trigger.data.execution.action": {"type": "equals", "pattern": "core.noop"}}
    write(
        endpoints, "round", action="core.http", parameters=parameters, types=["execution.succeeded"], filter=only_ours
    )
    server.wait_until(lambda: b"round" in server.get("/api/v1/endpoints").body, what="the endpoint")
    server.post("/api/v1/executions", {"action": "core.noop"})
    server.wait_for_line(r"this is a loop: endpoint:default\.round → endpoint:default\.round")
    assert len(server.executions(action="core.http")) == 1
    assert len(server.executions(rule="default.r")) == 1


def test_a_new_pack_is_told(make_server, tmp_path: Path, endpoints: Path, receiver: Receiver) -> None:
    """A pack that appears while the engine runs, and its next version, are told; those that were there are not."""
    packs = tmp_path / "packs"
    packs.mkdir()
    write(endpoints, "watcher", url=f"{receiver.url}/hook", types=["pack.*"])
    server = make_server(packs=packs, environment=settings(endpoints))
    server.wait_for_line("watcher is verified")
    (packs / "fresh").mkdir()
    metadata = packs / "fresh" / "pack.yaml"
    for version in ("1.0.0", "1.1.0"):
        metadata.write_text(f"ref: fresh\nname: fresh\nversion: {version}\nauthor: a\nemail: a@example.org\n")
        receiver.wait(lambda: any(f'"version":"{version}"'.encode() in body for _, _, body in receiver.requests))  # noqa: B023
    told = [each["data"] for each in receiver.messages() if each["type"] == "pack.registered"]
    assert [(each["pack"], each["version"], each["previous_version"]) for each in told] == [
        ("fresh", "1.0.0", None),
        ("fresh", "1.1.0", "1.0.0"),
    ]
