"""StackStorm's own command line (st2client 3.9.0 from PyPI), unchanged, against a running server.

Each command must end as it does with StackStorm and print what people read from it; the forty commands that a normal user
needs, as far as they are served yet.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import KEY, PASSWORD, REPOSITORY

ST2 = REPOSITORY / ".venv-st2" / "bin" / "st2"
RULE = """
name: made
pack: default
description: made by st2
enabled: true
trigger:
  type: core.st2.webhook
  parameters: {url: made/by/st2}
criteria:
  trigger.body.n: {type: gt, pattern: 1}
action:
  ref: core.local
  parameters: {cmd: echo fired}
"""


class Client:
    """Runs `st2` as a user with a home of their own."""

    def __init__(self, server: Any, home: Path) -> None:
        self.server = server
        self.home = home
        home.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "COLUMNS": "200",
            "LANG": "C.UTF-8",
            "ST2_API_URL": f"{server.url}/api/v1",
            "ST2_AUTH_URL": f"{server.url}/auth/v1",
            "ST2_STREAM_URL": f"{server.url}/stream/v1",
            "ST2_API_KEY": KEY,
        }

    def run(self, *arguments: str, key: str | None = KEY) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in self.environment.items() if key or name != "ST2_API_KEY"}
        if key:
            environment["ST2_API_KEY"] = key
        return subprocess.run([ST2, *arguments], capture_output=True, text=True, env=environment, timeout=90)

    def text(self, *arguments: str, key: str | None = KEY) -> str:
        """Return what a command prints; it must end well."""
        done = self.run(*arguments, key=key)
        assert done.returncode == 0, f"st2 {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Return what a command prints with `-j`."""
        return json.loads(self.text(*arguments, "-j"))

    def refused(self, *arguments: str, key: str | None = KEY) -> str:
        """Return what a command prints that must end badly: with 2 where st2 creates and updates, else with 1."""
        done = self.run(*arguments, key=key)
        assert done.returncode in (1, 2), f"st2 {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def st2(make_server: Callable[..., Any], rules_directory: Path, tmp_path: Path) -> Client:
    """A client with an API key, and a server with an empty rules directory."""
    return Client(make_server(rules=rules_directory), tmp_path / "user")


@pytest.fixture
def rule_file(tmp_path: Path) -> Path:
    path = tmp_path / "made.yaml"
    path.write_text(RULE)
    return path


def test_logging_in(st2: Client) -> None:
    """login, auth, whoami; a wrong password ends badly."""
    assert "Logged in as st2admin" in st2.text("login", "st2admin", "-p", PASSWORD, "-w", key=None)
    assert 'logged in as "st2admin"' in st2.text("whoami", key=None)
    assert "authentication token" in st2.text("whoami", key=None)
    assert len(st2.text("auth", "st2admin", "-p", PASSWORD, "-t", key=None).strip()) == 32
    assert "API key" in st2.text("whoami")
    assert "Invalid or missing credentials" in st2.refused("auth", "st2admin", "-p", "wrong", key=None)
    assert "Unauthorized" in st2.refused("rule", "list", key="wrong")


def test_api_keys(st2: Client) -> None:
    """create, list, get, disable, enable, delete, load; each counts at once."""
    key = st2.text("apikey", "create", "-k", "-m", '{"used_by": "ci"}').strip()
    made = next(shown for shown in st2.json("apikey", "list", "-d") if shown["metadata"] == {"used_by": "ci"})
    assert "st2admin" in st2.text("whoami", key=key)
    assert st2.json("apikey", "get", made["id"])["key_hash"] == "********"
    st2.text("apikey", "disable", made["id"])
    assert "API key is disabled" in st2.refused("rule", "list", key=key)
    st2.text("apikey", "enable", made["id"])
    exported = st2.text("apikey", "list", "-d", "--show-secrets", "-j")
    st2.text("apikey", "delete", made["id"])
    assert "Unauthorized" in st2.refused("rule", "list", key=key)
    path = st2.home / "keys.json"
    path.write_text(json.dumps([shown for shown in json.loads(exported) if shown["id"] == made["id"]]))
    st2.text("apikey", "load", str(path))
    assert "st2admin" in st2.text("whoami", key=key)


def test_actions_and_runners(st2: Client) -> None:
    """list, get, help, switch; runner list and get."""
    listed = st2.json("action", "list", "-p", "core")
    assert {"core.local", "core.http", "core.noop"} <= {action["ref"] for action in listed}
    assert st2.json("action", "get", "core.local")["runner_type"] == "local-shell-cmd"
    help_text = st2.text("run", "core.local", "-h")
    assert "Required Parameters" in help_text
    assert "cmd" in help_text
    assert "False" in st2.text("action", "disable", "core.local")
    assert "is disabled" in st2.refused("run", "core.local", "cmd=date")
    assert "True" in st2.text("action", "enable", "core.local")
    assert "local-shell-cmd" in st2.text("runner", "list")
    assert "cmd" in st2.json("runner", "get", "local-shell-cmd")["runner_parameters"]
    assert "no.such" in st2.refused("run", "no.such")


def test_running_an_action(st2: Client) -> None:
    """run, run -a, execution list, get, tail, cancel, re-run."""
    ran = st2.json("run", "core.local", "cmd=echo one")
    assert (ran["status"], ran["action"]["ref"]) == ("succeeded", "core.local")
    assert ran["result"]["return_code"] == 0
    started = st2.text("run", "-a", "core.local", "cmd=sleep 60")
    execution = started.split("execution get ")[1].split()[0]
    st2.text("execution", "cancel", execution)
    st2.server.wait_until(
        lambda: st2.server.get(f"/api/v1/executions/{execution}").json["status"] == "canceled", 20, "the end"
    )
    assert [shown["id"] for shown in st2.json("execution", "list", "--status", "canceled")] == [execution]
    listed = st2.text("execution", "list", "-n", "5")
    for column in ("id", "action.ref", "context.user", "status", "start_timestamp", "end_timestamp"):
        assert column in listed
    assert st2.json("execution", "get", ran["id"])["result"] == ran["result"]
    assert ran["result"]["stdout"] in st2.text("execution", "get", ran["id"], "-d")
    assert ran["result"]["stdout"] in st2.text("execution", "get", ran["id"], "-k", "stdout")
    tail = st2.text("execution", "tail", ran["id"])
    assert ran["result"]["stdout"] in tail
    assert "has completed (status=succeeded)" in tail
    assert "cannot be canceled. State = succeeded" in st2.text("execution", "cancel", ran["id"])
    again = st2.json("execution", "re-run", ran["id"], "cmd=echo again")
    assert again["result"]["stdout"] == "again"
    assert st2.json("execution", "get", "last")["id"] == again["id"]
    assert "cmd" in st2.refused("run", "core.local")


def test_rules_and_what_follows(st2: Client, rule_file: Path) -> None:
    """rule create to delete; webhook, trigger, trigger-instance, rule-enforcement between."""
    made = st2.json("rule", "create", str(rule_file))
    assert made["ref"] == "default.made"
    assert "default.made" in st2.text("rule", "list")
    assert "core.local" in st2.text("rule", "list", "--iftt")
    assert st2.json("rule", "get", "default.made")["criteria"] == {"trigger.body.n": {"type": "gt", "pattern": 1}}
    assert "made/by/st2" in st2.text("webhook", "list")
    assert st2.json("webhook", "get", "made/by/st2")["parameters"] == {"url": "made/by/st2"}
    assert st2.server.post("/api/v1/webhooks/made/by/st2", {"n": 2}).status == 202
    st2.server.wait_for_execution(rule="default.made")
    instance = st2.json("trigger-instance", "list")[0]
    assert instance["status"] == "processed"
    assert st2.json("trigger-instance", "get", instance["id"])["payload"]["body"] == {"n": 2}
    assert "succesfully re-sent" in st2.text("trigger-instance", "re-emit", instance["id"])
    st2.server.wait_until(lambda: len(st2.server.executions(rule="default.made")) == 2, 20, "the second one")
    assert len(st2.json("trigger-instance", "list", "--trigger", instance["trigger"])) == 2
    enforcements = st2.json("rule-enforcement", "list", "--rule", "default.made")
    assert [shown["rule"]["ref"] for shown in enforcements] == ["default.made"] * 2
    got = st2.json("rule-enforcement", "get", enforcements[0]["id"])
    assert got["execution_id"] == enforcements[0]["execution_id"]
    assert st2.json("rule", "disable", "default.made")["enabled"] is False
    assert st2.json("rule", "enable", "default.made")["enabled"] is True
    rule_file.write_text(RULE.replace("made by st2", "changed by st2"))
    assert st2.json("rule", "update", "default.made", str(rule_file))["description"] == "changed by st2"
    assert "409" in st2.refused("rule", "create", str(rule_file))
    assert "successfully deleted" in st2.text("rule", "delete", "default.made")
    assert "is not found" in st2.refused("rule", "get", "default.made")
    assert "made/by/st2" not in st2.text("webhook", "list")
    rule_file.write_text(RULE.replace("type: gt", "type: greater"))
    assert "not in list of allowed operators" in st2.refused("rule", "create", str(rule_file))


def test_a_rule_of_a_file_is_switched_and_not_changed(
    st2: Client, write_rule: Callable[..., Path], rule_file: Path
) -> None:
    """The refusal names the file."""
    write_rule("filed", RULE.replace("name: made", "name: filed"))
    st2.server.wait_until(lambda: st2.server.get("/api/v1/rules/default.filed").status == 200, 10, "the rule")
    assert st2.json("rule", "disable", "default.filed")["enabled"] is False
    rule_file.write_text(RULE.replace("name: made", "name: filed").replace("made by st2", "changed"))
    assert "filed.yaml" in st2.refused("rule", "update", "default.filed", str(rule_file))
    assert "filed.yaml" in st2.refused("rule", "delete", "default.filed")


def test_triggers(st2: Client, tmp_path: Path) -> None:
    """list, get, getspecs, create, delete."""
    assert "core.st2.webhook" in st2.text("trigger", "list")
    assert "url" in st2.json("trigger", "get", "core.st2.webhook")["parameters_schema"]["properties"]
    path = tmp_path / "trigger.yaml"
    path.write_text("name: seen\npack: mine\ndescription: d\n")
    assert st2.json("trigger", "create", str(path))["ref"] == "mine.seen"
    assert "mine.seen" in st2.text("trigger", "getspecs", "mine.seen")
    assert "successfully deleted" in st2.text("trigger", "delete", "mine.seen")


def test_keys(st2: Client) -> None:
    """set, get, list, sealed ones, those of a user, load, delete."""
    st2.text("key", "set", "plain", "value")
    assert st2.json("key", "get", "plain")["value"] == "value"
    st2.text("key", "set", "sealed", "CANARY", "-e")
    assert "CANARY" not in st2.text("key", "get", "sealed")
    assert st2.json("key", "get", "sealed", "-d")["value"] == "CANARY"
    assert st2.json("key", "set", "short", "v", "-l", "60")["expire_timestamp"]
    st2.text("key", "set", "mine", "v", "-s", "user")
    listed = st2.text("key", "list")
    assert all(name in listed for name in ("plain", "sealed", "short", "mine"))
    assert "CANARY" not in listed
    assert [item["name"] for item in st2.json("key", "list", "--prefix", "pl")] == ["plain"]
    path = st2.home / "keys.json"
    path.write_text(json.dumps([{"name": "loaded", "value": "v", "scope": "st2kv.system"}]))
    st2.text("key", "load", str(path))
    assert st2.json("key", "get", "loaded")["value"] == "v"
    st2.text("key", "delete", "plain")
    assert "is not found" in st2.refused("key", "get", "plain")


def test_packs(st2: Client) -> None:
    """list and get."""
    assert "core" in st2.text("pack", "list")
    assert st2.json("pack", "get", "core")["name"] == "core"
    assert "is not found" in st2.refused("pack", "get", "nope")
