"""`stormlet endpoint` and `stormlet delivery` against a real server and a real receiver."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

RULE = """\
name: greet
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: greet}}
action: {ref: core.noop}
"""
LOCAL = """\
[delivery]
allow = ["127.0.0.0/8"]
http = true
ports = [0]
schedule = [0, 3600]
"""
DEADLINE = 20.0

Run = Callable[..., subprocess.CompletedProcess[str]]


class Receiver:
    """A receiver that answers with `status`, and tells when it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                    receiver.changed.notify_all()
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def sent(self, kind: str, count: int) -> list[tuple[dict[str, str], bytes]]:
        """Wait until so many of a type came, and return them."""

        def found() -> list[tuple[dict[str, str], bytes]]:
            return [each for each in self.requests if json.loads(each[1])["type"] == kind]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= count, DEADLINE), f"{len(found())} {kind} came"
            return found()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def server(make_server: Callable[..., Any], rules_directory: Any, write_rule: Any, tmp_path: Path) -> Any:
    """A server that may send to this machine."""
    write_rule("greet", RULE)
    settings = tmp_path / "local.toml"
    settings.write_text(LOCAL)
    return make_server("--config", str(settings), rules=rules_directory, bootstrap=False)


@pytest.fixture
def stormlet(server: Any) -> Run:
    """Run the command line beside the server, as its user."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STORMLET_", "ST2_"))}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stormlet", *arguments]
        environment = clean | {"STORMLET_HOME": str(server.home)}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    return run


def test_from_a_first_endpoint_to_a_delivery_that_is_sent_again(stormlet: Run, receiver: Receiver) -> None:
    """The library of Standard Webhooks accepts what comes with the secret that was printed once."""
    made = stormlet("endpoint", "create", "ops", "--to", receiver.url, "-t", "execution.succeeded")
    assert made.returncode == 0, made.stderr
    told, secret = made.stdout.splitlines()
    assert told == f"default.ops is active, to {receiver.url}"
    assert secret.startswith("whsec_")
    assert "not shown again" in made.stderr
    again = stormlet("endpoint", "create", "ops", "--to", receiver.url, "-t", "execution.succeeded")
    assert (again.returncode, again.stdout) == (0, f"{told}\n")
    assert stormlet("send", "greet", "-d", "{}", "--wait").returncode == 0
    [(headers, body)] = receiver.sent("execution.succeeded", 1)
    assert Webhook(secret).verify(body.decode(), headers)["type"] == "execution.succeeded"
    listed = json.loads(stormlet("delivery", "list", "-e", "default.ops", "-o", "json").stdout)
    assert [each["type"] for each in listed] == ["execution.succeeded"]
    shown = stormlet("delivery", "get", listed[0]["id"], "--headers")
    assert "attempt 1" in shown.stdout
    assert "> webhook-id:" in shown.stdout.lower()
    assert stormlet("delivery", "resend", listed[0]["id"]).returncode == 0
    first, second = receiver.sent("execution.succeeded", 2)
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    Webhook(secret).verify(second[1].decode(), second[0])


def test_many_are_counted_before_they_are_sent_again(stormlet: Run, receiver: Receiver) -> None:
    """Without --yes nothing is sent; without any option nothing is asked."""
    stormlet("endpoint", "create", "ops", "--to", receiver.url, "-t", "execution.succeeded")
    stormlet("send", "greet", "-d", "{}", "--wait")
    receiver.sent("execution.succeeded", 1)
    which = ("-e", "default.ops", "--since", "1h")
    assert "would be sent again" in stormlet("delivery", "resend", *which).stdout
    assert len(receiver.sent("execution.succeeded", 1)) == 1
    assert "sent again" in stormlet("delivery", "resend", *which, "--yes").stdout
    receiver.sent("execution.succeeded", 2)
    assert stormlet("delivery", "resend").returncode == 2
    assert stormlet("delivery", "list", "-s", "lost").returncode != 0


def test_a_receiver_that_refuses_is_told_and_the_endpoint_stays_off(stormlet: Run, receiver: Receiver) -> None:
    """Exit code 1, the error, and how to go on."""
    receiver.status = 403
    made = stormlet("endpoint", "create", "ops", "--to", receiver.url)
    assert made.returncode == 1
    assert "default.ops is off" in made.stdout
    assert "403" in made.stdout
    assert "stormlet endpoint enable default.ops" in made.stderr
    assert "403" in stormlet("endpoint", "list", "-o", "wide").stdout
    assert stormlet("endpoint", "verify", "default.ops").returncode == 1
    receiver.status = 200
    assert stormlet("endpoint", "enable", "default.ops").returncode == 0
    assert stormlet("endpoint", "disable", "default.ops").stdout.startswith("default.ops is off")


def test_rotating_prints_the_new_secret_and_when_the_old_one_ends(stormlet: Run, receiver: Receiver) -> None:
    """Both verify what comes meanwhile."""
    old = stormlet("endpoint", "create", "ops", "--to", receiver.url).stdout.splitlines()[-1]
    rotated = stormlet("endpoint", "rotate", "default.ops", "--overlap", "2h")
    new, ending = rotated.stdout.splitlines()
    assert "`1` signs until" in ending
    headers, body = receiver.requests[-1]
    for secret in (old, new):
        Webhook(secret).verify(body.decode(), headers)
    assert stormlet("endpoint", "secrets", "default.ops").stdout.count("signs") == 2
    assert stormlet("endpoint", "delete", "default.ops").returncode == 0
    assert stormlet("endpoint", "get", "default.ops").returncode != 0


def test_mistakes_are_told_with_their_cure(stormlet: Run) -> None:
    """Usage is exit code 2."""
    assert stormlet("endpoint", "create", "ops").returncode == 2
    both = stormlet("endpoint", "create", "ops", "--to", "https://example.org/", "--action", "core.noop")
    assert both.returncode == 2
    private = stormlet("endpoint", "create", "ops", "--to", "https://10.0.0.1/")
    assert private.returncode != 0
    assert "not a public address" in private.stderr
