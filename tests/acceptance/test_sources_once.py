"""A delivery makes one event, whatever happens: many copies at once, and a server that is killed and comes back."""

import hashlib
import hmac
import http.client
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .conftest import Server

SECRET = b"correct horse battery staple"
DELIVERIES = 60
COPIES = 4
RULE = """
name: listens
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: in}}
action: {ref: core.noop}
"""


def deliver(server: Server, number: int) -> tuple[int, str]:
    """Post one delivery. Returns the answer's status, 0 where there was none, and the event that it names."""
    body = b'{"number": %d}' % number
    headers = {
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest(),
        "X-GitHub-Delivery": f"delivery-{number}",
        "X-GitHub-Event": "push",
    }
    try:
        answer = server.post("/api/v1/webhooks/in", body, headers=headers, key=None)
    except (OSError, http.client.HTTPException):
        return 0, ""
    return answer.status, answer.headers.get("x-event-id", "")


def test_one_event_for_each_delivery(
    tmp_path: Path, rules_directory: Path, write_rule: Callable[..., Path], make_server: Callable[..., Server]
) -> None:
    """Copies race each other and three kills; at the end each delivery has one event, and every answer named that one."""
    write_rule("listens", RULE)
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "in.yaml").write_text("url: in\nscheme: github\nsecret: env:HOOK_SECRET\n", encoding="utf-8")
    environment = {"HOOK_SECRET": SECRET.decode(), "STORMLET_CONTENT__SOURCES": str(sources)}
    server = make_server(rules=rules_directory, environment=environment)
    named: dict[int, set[str]] = {number: set() for number in range(DELIVERIES)}
    guard = threading.Lock()
    acknowledged = threading.Event()

    def send(number: int) -> None:
        status, event = deliver(server, number)
        assert status in (0, 202)
        if status:
            with guard:
                named[number].add(event)
            acknowledged.set()

    for _ in range(3):
        acknowledged.clear()
        with ThreadPoolExecutor(16) as pool:
            sent = [pool.submit(send, number % DELIVERIES) for number in range(DELIVERIES * COPIES)]
            assert acknowledged.wait(20)
            server.kill()
            for one in sent:
                one.result()
        server.start()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(send, [number for number in range(DELIVERIES) for _ in range(COPIES)]))
    instances = server.get("/api/v1/triggerinstances?limit=-1").json
    assert len(instances) == DELIVERIES
    assert {len(events) for events in named.values()} == {1}
    assert Counter(one["id"] for one in instances) == Counter(event for events in named.values() for event in events)
    enforced = server.wait_until(
        lambda: found if len(found := server.get("/api/v1/ruleenforcements?limit=-1").json) >= DELIVERIES else None,
        what="a decision on each event",
    )
    assert len(enforced) == DELIVERIES
