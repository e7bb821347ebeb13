"""The real `st2` command line (st2client 3.9.0 from PyPI, in an environment of its own) against a real server, unchanged."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

KEY = "acceptance-key-0123456789"
PASSWORD = "acceptance-password"
ST2 = Path(__file__).resolve().parents[2] / ".venv-st2" / "bin" / "st2"

RULE = """
name: {name}
pack: default
description: made by the client
enabled: true
trigger:
  type: core.st2.webhook
  parameters: {{url: {name}}}
criteria:
  trigger.body.n: {{type: equals, pattern: 1}}
action:
  ref: core.local
  parameters: {{cmd: "echo {word} {{{{ trigger.body.n }}}}"}}
"""

St2 = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def server(make_server: Callable[..., Any]) -> Any:
    return make_server()


@pytest.fixture
def st2(server: Any, tmp_path: Path) -> St2:
    """Run `st2 …`; fails the test unless it ends with the wanted code."""
    home = tmp_path / "st2home"
    home.mkdir()

    def run(*arguments: str, code: int = 0, key: str | None = KEY, token: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ST2_API_URL": f"{server.url}/api/v1",
            "ST2_AUTH_URL": f"{server.url}/auth/v1",
            "ST2_STREAM_URL": f"{server.url}/stream/v1",
        }
        if token:
            environment["ST2_AUTH_TOKEN"] = token
        elif key:
            environment["ST2_API_KEY"] = key
        assert ST2.exists(), "make .venv-st2/.installed"
        done = subprocess.run([ST2, *arguments], capture_output=True, text=True, env=environment, timeout=60)
        assert done.returncode == code, f"st2 {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done

    return run


def test_identity(st2: St2) -> None:
    """login, auth and whoami, with a password and with a key."""
    assert "Logged in as st2admin" in st2("login", "st2admin", "-p", PASSWORD, key=None).stdout
    token = st2("auth", "st2admin", "-p", PASSWORD, "-t", key=None).stdout.strip()
    assert len(token) == 32
    assert "authentication token" in st2("whoami", token=token).stdout
    assert "API key" in st2("whoami").stdout
    st2("login", "st2admin", "-p", "wrong", code=1, key=None)


def test_api_keys(st2: St2) -> None:
    """create shows the key once; list masks; disable, enable and delete work at once."""
    key = st2("apikey", "create", "-k", "-m", '{"used_by": "ci"}').stdout.strip()
    listed = json.loads(st2("apikey", "list", "-d", "-j").stdout)
    mine = next(one for one in listed if one["metadata"] == {"used_by": "ci"})
    assert key not in json.dumps(listed)
    st2("apikey", "disable", mine["id"])
    assert "Unable to retrieve" in st2("whoami", key=key).stdout  # the client's own words for 401
    st2("apikey", "enable", mine["id"])
    assert "st2admin" in st2("whoami", key=key).stdout
    st2("apikey", "delete", mine["id"])
    assert "Unable to retrieve" in st2("whoami", key=key).stdout  # the client's own words for 401


def test_actions_and_executions(st2: St2) -> None:
    """list, get, run, run -a, execution list, get, tail, re-run, cancel."""
    assert "core.local" in st2("action", "list", "-p", "core").stdout
    assert "local-shell-cmd" in st2("action", "get", "core.local").stdout
    assert "cmd" in st2("run", "core.local", "-h").stdout
    ran = st2("run", "-j", "core.local", "cmd=echo hello").stdout
    execution = json.loads(ran[ran.index("{") :])
    assert execution["status"].startswith("succeeded")
    assert execution["parameters"] == {"cmd": "echo hello"}
    assert execution["result"]["stdout"] == "hello"
    assert "st2 execution get" in st2("run", "-a", "core.noop").stdout
    identity = execution["id"]
    assert identity in st2("execution", "list", "-n", "5").stdout
    assert "hello" in st2("execution", "get", identity).stdout
    assert st2("execution", "get", "-k", "stdout", identity).stdout.strip() == "hello"
    assert "hello" in st2("execution", "tail", identity).stdout
    assert "succeeded" in st2("execution", "re-run", identity).stdout
    assert "Override of immutable" in _all(st2("run", "core.local", "cmd=true", "sudo=True", code=1))
    assert "is not found" in _all(st2("action", "get", "core.nope", code=1))


def test_cancel(st2: St2, server: Any) -> None:
    """A running command is ended by `execution cancel`."""
    started = server.post("/api/v1/executions", {"action": "core.local", "parameters": {"cmd": "sleep 300"}}).json
    server.wait_until(lambda: server.executions(id=started["id"])[0]["status"] == "running", 20, "the start")
    assert "cancel" in st2("execution", "cancel", started["id"]).stdout
    assert server.wait_for_execution(id=started["id"])["status"] == "canceled"
    ended = server.post("/api/v1/executions", {"action": "core.noop"}).json["id"]
    server.wait_for_execution(id=ended)
    assert "cannot be canceled" in _all(st2("execution", "cancel", ended))


def test_rules_triggers_and_what_happened(st2: St2, server: Any, tmp_path: Path) -> None:
    """Create, list, get, update, disable, enable, delete a rule; and see what an event did."""
    path = tmp_path / "rule.yaml"
    path.write_text(RULE.format(name="made", word="one"))
    assert "default.made" in st2("rule", "create", str(path)).stdout
    assert "default.made" in st2("rule", "list").stdout
    assert "core.st2.webhook" in st2("rule", "get", "default.made").stdout
    assert server.post("/api/v1/webhooks/made", {"n": 1}).status == 202  # at once, not some time later
    assert server.wait_for_execution(action="core.local")["result"]["stdout"] == "one 1"
    path.write_text(RULE.format(name="made", word="two"))
    st2("rule", "update", "default.made", str(path))
    st2("rule", "disable", "default.made")
    assert json.loads(st2("rule", "get", "default.made", "-j").stdout)["enabled"] is False
    st2("rule", "enable", "default.made")
    assert "made" in st2("webhook", "list").stdout
    assert "core.st2.webhook" in st2("trigger", "list").stdout
    assert "core.st2.webhook" in st2("trigger", "get", "core.st2.webhook").stdout
    instances = json.loads(st2("trigger-instance", "list", "-j").stdout)
    assert [instance["status"] for instance in instances] == ["processed"]
    identity = instances[0]["id"]
    assert identity in st2("trigger-instance", "get", identity).stdout
    assert "succesfully re-sent" in st2("trigger-instance", "re-emit", identity).stdout
    server.wait_until(lambda: len(server.executions(action="core.local")) == 2, 20, "the second execution")
    enforced = json.loads(st2("rule-enforcement", "list", "--rule", "default.made", "-j").stdout)
    assert len(enforced) == 2
    assert enforced[0]["id"] in st2("rule-enforcement", "get", enforced[0]["id"]).stdout
    st2("rule", "delete", "default.made")
    assert server.post("/api/v1/webhooks/made", {"n": 1}).status == 404


def test_datastore_packs_and_runners(st2: St2) -> None:
    """key set (also encrypted), get, list, delete; pack list and get; runner list."""
    st2("key", "set", "plain", "value")
    assert "value" in st2("key", "get", "plain").stdout
    st2("key", "set", "hidden", "sesame", "-e")
    assert "sesame" not in st2("key", "get", "hidden").stdout
    assert "sesame" in st2("key", "get", "hidden", "-d").stdout
    assert {"plain", "hidden"} <= {item["name"] for item in json.loads(st2("key", "list", "-j").stdout)}
    st2("key", "delete", "plain")
    st2("key", "get", "plain", code=1)
    assert "core" in st2("pack", "list").stdout
    assert "core" in st2("pack", "get", "core").stdout
    assert "local-shell-cmd" in st2("runner", "list").stdout


@pytest.mark.parametrize(
    "arguments",
    [("rule", "get", "nope.nope"), ("execution", "get", "0" * 24), ("trigger-instance", "get", "0" * 24)],
)
def test_what_is_not_there_is_said_by_the_client(st2: St2, arguments: Sequence[str]) -> None:
    """The client ends with 1 and its own sentence, not a traceback."""
    printed = _all(st2(*arguments, code=1))
    assert "not found" in printed
    assert "Traceback" not in printed


def _all(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr
