"""The command line against a real server: what it prints, where, and with which exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RULE = """\
name: sample
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: sample}}
criteria:
  trigger.body.key1: {type: equals, pattern: value1}
action: {ref: core.local, parameters: {cmd: "echo got {{ trigger.body.key1 | quote }}"}}
"""
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def server(make_server: Callable[..., Any], rules_directory: Path, write_rule: Callable[..., Path]) -> Any:
    """A server with one rule."""
    write_rule("sample", RULE)
    return make_server(rules=rules_directory, bootstrap=False)


@pytest.fixture
def stormlet(server: Any) -> Run:
    """Run the command line beside the server, as its user, with nothing exported but the home."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STORMLET_", "ST2_"))}

    def run(*arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stormlet", *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            env=clean | {"STORMLET_HOME": str(server.home)} | environment,
        )

    return run


def last_json(stormlet: Run, *arguments: str) -> Any:
    done = stormlet(*arguments, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LISTS = [
    "rule",
    "trigger",
    "trigger-instance",
    "rule-enforcement",
    "webhook",
    "action",
    "execution",
    "apikey",
    "key",
    "pack",
]


@pytest.mark.parametrize("noun", LISTS)
def test_each_list_in_each_format(stormlet: Run, noun: str) -> None:
    """A table, a wide one, JSON, YAML and names, of what there is or of nothing at all."""
    items = last_json(stormlet, noun, "list")
    assert isinstance(items, list)
    assert len(stormlet(noun, "list", "-o", "name").stdout.splitlines()) == len(items)
    for output in ("table", "wide", "yaml"):
        done = stormlet(noun, "list", "-o", output)
        assert done.returncode == 0
        assert bool(done.stdout) or (output != "yaml" and not items)
    if items and noun not in ("apikey", "key"):
        first = stormlet(noun, "list", "-o", "name").stdout.splitlines()[0]
        assert stormlet(noun, "get", first).returncode == 0


@pytest.mark.parametrize(
    "noun", ["rule", "trigger", "trigger-instance", "rule-enforcement", "webhook", "action", "execution"]
)
def test_what_does_not_exist_exits_with_3(stormlet: Run, noun: str) -> None:
    """Nothing on standard output, the reason on standard error; as JSON where that was asked for."""
    done = stormlet(noun, "get", "nope.nope")
    assert (done.returncode, done.stdout) == (3, "")
    done = stormlet(noun, "get", "nope.nope", "-j")
    assert (done.returncode, done.stdout) == (3, "")
    assert json.loads(done.stderr)["error"]["code"] == "not_found"


def test_send_and_wait_tells_what_came_of_it(stormlet: Run) -> None:
    """0 where an action succeeded, 1 where no rule matched."""
    done = stormlet("send", "/sample/", "-d", '{"key1": "value1"}', "--wait")
    assert done.returncode == 0
    assert "default.sample matched\n  core.local succeeded" in done.stdout
    assert "got value1" in done.stdout
    found = json.loads(stormlet("rule-enforcement", "get", "last", "-j").stdout)
    assert found["rule"]["ref"] == "default.sample"
    done = stormlet("send", "sample", "-d", "-", "--wait", given='{"key1": "other"}')
    assert (done.returncode, "no rule matched" in done.stderr) == (1, True)
    assert "202 accepted" in done.stdout


def test_send_and_wait_fails_with_the_action(stormlet: Run, server: Any, write_rule: Callable[..., Path]) -> None:
    """6 where an action was not successful; 6 too where it could not even be requested."""
    write_rule(
        "failing",
        RULE.replace("name: sample", "name: failing")
        .replace("url: sample", "url: failing")
        .replace("echo got", "false"),
    )
    server.wait_until(lambda: "failing" in stormlet("webhook", "list", "-o", "name").stdout)
    assert stormlet("send", "failing", "-d", '{"key1": "value1"}', "--wait").returncode == 6
    document = (
        RULE.replace("name: sample", "name: absent")
        .replace("url: sample", "url: absent")
        .replace("core.local", "core.nope")
    )
    assert stormlet("rule", "create", "-", given=document).returncode == 0
    done = stormlet("send", "absent", "-d", '{"key1": "value1"}', "--wait")
    assert (done.returncode, "default.absent failed" in done.stdout) == (6, True)


def test_send_takes_the_url_that_a_sender_was_given(stormlet: Run, server: Any) -> None:
    """All of it, or from its path on; another server's is refused before anything is sent."""
    for target in (f"{server.url}/api/v1/webhooks/sample", "/api/v1/webhooks/sample"):
        assert stormlet("send", target, "-d", '{"key1": "value1"}', "--wait").returncode == 0
    done = stormlet("send", "http://127.0.0.1:1/api/v1/webhooks/sample")
    assert (done.returncode, "--url" in done.stderr) == (2, True)


def test_a_parameter_that_is_refused_exits_the_same_wherever_it_is_noticed(stormlet: Run) -> None:
    """1 from the command line's own look at the type and from the server; 2 is for what is no NAME=VALUE at all."""
    assert stormlet("run", "core.local", "cmd=true", "timeout=long").returncode == 1
    assert stormlet("run", "core.local", "cmd=true", "nope=1").returncode == 1
    assert stormlet("run", "core.local", "cmd").returncode == 2


def test_send_knows_hooks_from_triggers(stormlet: Run) -> None:
    """A trigger type goes through the generic webhook; what is neither is answered with what is near."""
    document = json.dumps(
        {
            "name": "generic",
            "pack": "default",
            "enabled": True,
            "trigger": {"type": "core.st2.sensor.process_exit"},
            "action": {"ref": "core.noop"},
        }
    )
    assert stormlet("rule", "create", "-", given=document).returncode == 0
    payload = '{"id": "s", "timestamp": 1, "pid": 1, "cmd": "c", "exit_code": 0}'
    done = stormlet("send", "core.st2.sensor.process_exit", "-d", payload, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "default.generic matched" in done.stdout
    done = stormlet("send", "sampl")
    assert (done.returncode, "did you mean `sample`?" in done.stderr) == (3, True)
    assert stormlet("send", "sampl", "--as", "hook").returncode == 3
    assert stormlet("send", "sample", "-d", "{").returncode == 1
    assert stormlet("send", "core.st2.sensor.process_exit", "-d", "{").returncode == 2
    assert stormlet("send", "sample", "-d", "@/nonexistent").returncode == 2


def test_why_tells_each_case(stormlet: Run, write_rule: Callable[..., Path], server: Any) -> None:
    """Matched, not matched, not asked; one rule by its name; rules elsewhere only when asked for."""
    write_rule("other", RULE.replace("name: sample", "name: other").replace("url: sample", "url: other"))
    server.wait_until(lambda: "default.other" in stormlet("rule", "list", "-o", "name").stdout)
    assert stormlet("why", "last").returncode == 3
    stormlet("send", "sample", "-d", '{"key1": "value1"}', "--wait")
    printed = stormlet("why", "last").stdout
    assert '✓ default.sample matched\n    ✓ criteria.trigger.body.key1: wanted equals "value1", got "value1"' in printed
    assert "· 1 rule on other triggers" in printed
    assert "default.other was not asked" in stormlet("why", "last", "-o", "wide").stdout
    assert "default.other was not asked" in stormlet("why", "last", "--rule", "default.other").stdout
    stormlet("send", "sample", "-d", "{}", "--wait")
    assert '✗ criteria.trigger.body.key1: wanted equals "value1", got nothing' in stormlet("why", "last").stdout
    stormlet("rule", "disable", "default.sample")
    assert "default.sample was not asked: the rule is disabled" in stormlet("why", "last").stdout
    assert stormlet("why", "last", "--rule", "nope.nope").returncode == 3


def test_events_cannot_steer_the_terminal(stormlet: Run) -> None:
    """Whatever a sender writes, what is printed has no control character of theirs."""
    stormlet("send", "sample", "-d", json.dumps({"key1": HOSTILE, HOSTILE: HOSTILE}), "--wait")
    stormlet("run", "core.echo", f"message={HOSTILE}")
    for command in (["trigger-instance", "get", "last"], ["why", "last"], ["execution", "get", "last"]):
        for output in ("table", "wide", "json", "yaml"):
            printed = stormlet(*command, "-o", output).stdout
            assert printed
            assert not set(printed) & set("\x1b\x07\u202e\x9b"), (command, output)


def test_run_casts_waits_and_tells(stormlet: Run) -> None:
    """The result, and 6 where it failed; with -a only the id; what is wrong with a parameter is told before anything runs."""
    done = stormlet("run", "core.local", "cmd=exit 3", "timeout=5", "-o", "json")
    assert done.returncode == 6
    execution = json.loads(done.stdout)
    assert (execution["result"]["return_code"], execution["parameters"]["timeout"]) == (3, 5)
    assert stormlet("run", "core.local", "cmd=true", "timeout=five").returncode == 1
    assert stormlet("run", "core.nope").returncode == 3
    started = stormlet("run", "core.local", "cmd=sleep 60", "-a", "-o", "name").stdout.strip()
    assert stormlet("execution", "cancel", started).returncode == 0
    done = stormlet("execution", "re-run", started, "cmd=echo again")
    assert (done.returncode, "again" in done.stdout) == (0, True)
    assert stormlet("execution", "cancel", "last").returncode == 1
    assert stormlet("execution", "output", "last").stdout.strip() == "again"


def test_api_keys_live_and_die(stormlet: Run, server: Any) -> None:
    """Made, shown once, used, switched off, on, deleted."""
    key = stormlet("apikey", "create", "-k", "-m", '{"used_by": "test"}').stdout.strip()
    key_id = next(
        each["id"] for each in last_json(stormlet, "apikey", "list") if each["metadata"] == {"used_by": "test"}
    )
    assert key not in stormlet("apikey", "list", "-o", "json").stdout

    def listing() -> int:
        return stormlet("rule", "list", "--api-key", key).returncode

    assert listing() == 0
    assert stormlet("apikey", "disable", key_id).returncode == 0
    assert listing() == 4
    assert stormlet("apikey", "enable", key_id).returncode == 0
    assert listing() == 0
    assert stormlet("apikey", "delete", key_id).returncode == 0
    assert listing() == 4
    assert stormlet("apikey", "create", "-m", "[1]").returncode == 2


def test_datastore_keys(stormlet: Run) -> None:
    """Set, read, masked where secret, listed, deleted; a value may come through standard input."""
    assert stormlet("key", "set", "plain", "v a l").returncode == 0
    assert stormlet("key", "set", "hidden", "-", "-e", given="s3cret\n").returncode == 0
    assert stormlet("key", "get", "plain").stdout == "v a l\n"
    assert stormlet("key", "get", "hidden").stdout == "********\n"
    assert stormlet("key", "get", "hidden", "-d").stdout == "s3cret\n"
    assert "s3cret" not in stormlet("key", "list", "-o", "json").stdout
    assert stormlet("key", "delete", "plain", "hidden").returncode == 0
    assert stormlet("key", "get", "plain").returncode == 3


def test_rules_made_through_the_api(stormlet: Run, tmp_path: Path) -> None:
    """Created from a file, replaced, switched, deleted; a second one of its name is refused, and so is nonsense."""
    path = tmp_path / "made.yaml"
    path.write_text(RULE.replace("name: sample", "name: made").replace("url: sample", "url: made"))
    assert stormlet("rule", "create", str(path)).stdout == "created default.made\n"
    done = stormlet("rule", "create", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    path.write_text(path.read_text().replace("value1", "value2"))
    assert stormlet("rule", "update", "default.made", str(path)).returncode == 0
    assert "value2" in stormlet("rule", "get", "default.made").stdout
    assert stormlet("rule", "disable", "default.made").returncode == 0
    assert "disabled" in next(line for line in stormlet("rule", "list").stdout.splitlines() if "default.made" in line)
    assert stormlet("rule", "enable", "default.made").returncode == 0
    assert stormlet("rule", "delete", "default.made").stdout == "deleted default.made\n"
    path.write_text("name: made\nenabled: maybe\n")
    assert stormlet("rule", "create", str(path)).returncode == 1
    path.write_text("- no rule")
    assert stormlet("rule", "create", str(path)).returncode == 2


def test_a_broken_rule_is_listed_with_its_problems(stormlet: Run, server: Any, rules_directory: Path) -> None:
    """One that never worked is broken; one that worked is stale, and goes on in its last good version."""
    (rules_directory / "bad.yaml").write_text(RULE.replace("name: sample", "name: bad").replace("equals", "equal"))
    (rules_directory / "sample.yaml").write_text(RULE.replace("equals", "equal"))
    server.wait_until(lambda: "stale" in stormlet("rule", "list").stdout)
    lines = {line.split()[0]: line for line in stormlet("rule", "list", "--pack", "default").stdout.splitlines()}
    assert "stale" in lines["default.sample"]
    assert "default.bad" not in lines or "disabled" in lines["default.bad"] or "broken" in lines["default.bad"]
    assert "unknown-operator" in stormlet("rule", "get", "default.sample").stdout
    assert stormlet("send", "sample", "-d", '{"key1": "value1"}', "--wait").returncode == 0


def test_doctor_is_content_or_tells_a_cure(stormlet: Run, server: Any) -> None:
    """0 where all is well; 1 and a cure where something is not; it works beside a running server and without one."""
    rules = str(server.home.parent / "rules")
    done = stormlet("doctor", STORMLET_CONTENT__RULES=rules)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all is well"), done.stdout
    done = stormlet("doctor", "--api-key", "wrong", STORMLET_CONTENT__RULES=rules)
    assert (done.returncode, "→ make a new one" in done.stdout) == (1, True)
    more = server.home.parent / "more"
    more.mkdir()
    (more / "raw.yaml").write_text(RULE.replace("name: sample", "name: raw").replace(" | quote", ""))
    done = stormlet("doctor", STORMLET_CONTENT__RULES=f"{rules}:{more}")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 warning"), done.stdout
    (server.home / "cli.json").chmod(0o644)
    found = json.loads(stormlet("doctor", "-o", "json", STORMLET_CONTENT__RULES=rules).stdout)
    assert [each["what"] for each in found if each["health"] == "problem"] == ["home"]
    (server.home / "cli.json").chmod(0o600)
    assert server.terminate() == 0
    done = stormlet("doctor", STORMLET_CONTENT__RULES=rules)
    assert (done.returncode, "nothing listens" in done.stdout) == (0, True)
    assert stormlet("rule", "list").returncode == 5
