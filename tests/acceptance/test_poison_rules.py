"""Rules that would take a minute for one event: the others, the clients and whoever stops the server do not wait for them."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

POISON = """
name: poison
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: poison}}
criteria:
  trigger.body.items:
    type: search
    condition: all
    pattern: {item: {type: %s, pattern: "%s"}}
action: {ref: core.noop}
"""
BESIDE = """
name: %s
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: %s}}
action: {ref: core.noop}
"""
REGEX = (POISON % ("regex", "(a+)+$"), {"items": ["a" * 300 + "!"] * 600})
TEMPLATE = (POISON % ("equals", "{{ item }}"), {"items": ["a"] * 100_000})
both = pytest.mark.parametrize(("rule", "payload"), [REGEX, TEMPLATE], ids=["regex", "template"])


class Pulse:
    """Asks /livez again and again, and remembers the longest answer in seconds."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.longest = 0.0
        self.answers = 0

    def _run(self) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            assert self._server.get("/livez", key=None).status == 200
            self.longest = max(self.longest, time.monotonic() - began)
            self.answers += 1
            self._end.wait(0.01)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(30)


@pytest.fixture
def poisoned(make_server: Any, rules_directory: Path, write_rule: Any) -> Callable[[str], Any]:
    """Start a server with a poison rule, an innocent one on the same webhook, and one on another webhook."""

    def start(rule: str) -> Any:
        write_rule("poison", rule)
        write_rule("beside", BESIDE % ("beside", "poison"))
        write_rule("elsewhere", BESIDE % ("elsewhere", "elsewhere"))
        return make_server(rules=rules_directory)

    return start


def rules_that_ran(server: Any) -> list[str]:
    """Return the names of the rules that led to an execution."""
    return [execution["context"]["rule"]["name"] for execution in server.executions()]


def send(server: Any, url: str, payload: Any) -> None:
    assert server.post(f"/api/v1/webhooks/{url}", payload).status == 202


@both
def test_innocent_rules_and_events_do_not_wait(poisoned: Any, rule: str, payload: Any) -> None:
    """Eight poison events before it, and an innocent one is decided soon; so is the innocent rule beside the poison one, whose
    own enforcement fails with rule and setting in its reason. The server answers all the while."""
    server = poisoned(rule)
    with Pulse(server) as pulse:
        for _ in range(8):
            send(server, "poison", payload)
        began = time.monotonic()
        send(server, "elsewhere", {"a": 1})
        server.wait_until(lambda: "elsewhere" in rules_that_ran(server), 10)
        assert time.monotonic() - began < 10
        server.wait_until(lambda: "beside" in rules_that_ran(server), 10)
        failed = server.wait_until(
            lambda: [each for each in server.get("/api/v1/ruleenforcements").json if each.get("failure_reason")], 10
        )
    assert failed[0]["rule"]["ref"] == "default.poison"
    assert 'rule "default.poison" took longer than 1 s (setting limits.rule_seconds)' in failed[0]["failure_reason"]
    assert pulse.answers
    assert pulse.longest < 1.0


@both
def test_sigterm_while_a_poison_event_is_decided(poisoned: Any, rule: str, payload: Any) -> None:
    """The thread that decides is done soon; what it had in hand is decided after the next start."""
    server = poisoned(rule)
    for _ in range(8):
        send(server, "poison", payload)
    began = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - began < 5
    server.start()
    server.wait_until(lambda: rules_that_ran(server).count("beside") == 8, 30)


@both
def test_why_does_not_stop_the_server(poisoned: Any, rule: str, payload: Any) -> None:
    """Explaining takes as long as deciding may, beside the loop; what was not evaluated says so."""
    server = poisoned(rule)
    send(server, "poison", payload)
    server.wait_until(lambda: "beside" in rules_that_ran(server), 10)
    [instance] = server.get("/api/v1/triggerinstances").json
    with Pulse(server) as pulse:
        verdicts = server.get(f"/api/v1/triggerinstances/{instance['id']}/why").json["verdicts"]
    [poison] = [verdict for verdict in verdicts if verdict["rule"] == "default.poison"]
    [finding] = poison["criteria"]
    assert finding["matched"] is None
    assert finding["error"].startswith("not evaluated: ")
    assert "limits.rule_seconds" in finding["error"]
    assert pulse.longest < 1.0


def test_parameters_are_rendered_beside_the_loop(make_server: Any) -> None:
    """Templates of a request by hand, and of its repetition, have their limits, and nobody else waits for them."""
    server = make_server()
    slow = "{% for i in range(90000) %}{{ i * 7 % 13 }}{% endfor %}"
    parameters = {"message": slow, **{f"extra{number}": slow for number in range(40)}}
    with Pulse(server) as pulse:
        answer = server.post("/api/v1/executions", {"action": "core.noop", "parameters": parameters})
    assert answer.status == 400, answer.body
    assert pulse.longest < 1.0
