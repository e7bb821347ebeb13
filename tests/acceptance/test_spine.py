"""A webhook comes in, a rule matches, an action runs, nothing is lost: with a real process on a real port."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ECHO = """
name: {name}
enabled: {enabled}
trigger:
  type: core.st2.webhook
  parameters: {{url: {url}}}
criteria:
  trigger.body.n: {{type: exists, pattern: ""}}
action:
  ref: core.local
  parameters:
    cmd: "echo {word} {{{{ trigger.body.n | quote }}}}"
"""


def echo(name: str, url: str = "in", word: str = "got", enabled: str = "true") -> str:
    return ECHO.format(name=name, url=url, word=word, enabled=enabled)


def test_first_start_shows_credentials_once_and_a_line_to_paste(make_server, tmp_path: Path) -> None:
    """The line pasted into a shell runs an action; a second start keeps the credentials and shows none."""
    rules = Path(__file__).resolve().parents[2] / "rules"
    server = make_server(rules=rules, bootstrap=False)
    line = server.wait_for_line(r"(curl -X POST .*)$").group(1)
    key = server.wait_for_line(r"API key \(shown once\): (\S+)").group(1)
    server.wait_for_line(r"st2admin \(shown once\): (\S+)")
    answer = subprocess.run(
        [*shlex.split(line), "-s", "-o", os.devnull, "-w", "%{http_code}"], capture_output=True, text=True
    )
    assert answer.stdout == "202"
    server.wait_for_line(r"execution [0-9a-f]{24} of core\.\S+ succeeded")
    got = stormlet(server, "execution", "get", "last")
    assert got.returncode == 0, got.stderr
    assert "value1" in got.stdout
    shown = len(server.lines)
    assert server.terminate() == 0
    server.start()
    assert "shown once" not in "\n".join(server.lines[shown:])
    assert server.get("/api/v1/rules", key=key).status == 200
    assert key not in "\n".join(server.lines[shown:])


def stormlet(server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as the same user, who exports nothing but the home (and a key that automation has set)."""
    environment = {"PATH": os.environ["PATH"], "STORMLET_HOME": str(server.home)}
    if key := server.environment.get("STORMLET_BOOTSTRAP_API_KEY"):
        environment["STORMLET_API_KEY"] = key
    command = [sys.executable, "-m", "stormlet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def test_a_saved_rule_is_live_for_the_next_post(make_server, rules_directory: Path, write_rule) -> None:
    """A new file makes a URL, a changed one another action, a deleted one a 404."""
    server = make_server(rules=rules_directory)
    assert server.post("/api/v1/webhooks/in", {"n": 1}).status == 404
    write_rule("echo", echo("echo"))
    server.wait_until(lambda: server.post("/api/v1/webhooks/in", {"n": 1}).status == 202, 10, "the new URL")
    write_rule("echo", echo("echo", word="changed"))

    def changed() -> bool:
        server.post("/api/v1/webhooks/in", {"n": 2})
        return "changed 2" in server.wait_for_execution(action="core.local")["result"]["stdout"]

    server.wait_until(changed, 10, "the change")
    (rules_directory / "echo.yaml").unlink()
    server.wait_until(lambda: server.post("/api/v1/webhooks/in", {"n": 3}).status == 404, 10, "the end of the URL")


def test_a_rule_that_breaks_keeps_its_last_good_version(make_server, rules_directory: Path, write_rule) -> None:
    """It goes on working, is listed as stale with its problem, and its neighbour does not notice."""
    write_rule("good", echo("good", url="good", word="neighbour"))
    write_rule("breaks", echo("breaks"))
    server = make_server(rules=rules_directory)
    write_rule("breaks", echo("breaks").replace("type: exists", "type: exits"))
    server.wait_for_line(r"breaks\.yaml:\d+:\d+ unknown-operator .*did you mean")
    assert server.post("/api/v1/webhooks/in", {"n": 1}).status == 202
    assert "got 1" in server.wait_for_execution(action="core.local")["result"]["stdout"]
    assert server.post("/api/v1/webhooks/good", {"n": 1}).status == 202
    problems = server.get("/api/v1/problems").json
    assert [problem["code"] for problem in problems] == ["unknown-operator"], problems
    write_rule("breaks", echo("breaks", word="mended"))
    server.wait_until(lambda: server.get("/api/v1/problems").json == [], 10, "the mending")


def test_what_was_acknowledged_survives_kill_9(make_server, rules_directory: Path, write_rule) -> None:
    """Every 202 before a kill has exactly one trigger instance, one enforcement and one concluded execution after it."""
    write_rule("echo", echo("echo"))
    server = make_server(rules=rules_directory)
    acknowledged: list[str] = []
    for round_number in range(6):
        for n in range(15):
            tag = f"tag-{round_number}-{n}"
            answer = server.post("/api/v1/webhooks/in", {"n": n}, headers={"St2-Trace-Tag": tag})
            assert answer.status == 202
            acknowledged.append(tag)
        server.kill()
        server.start()

    def settled() -> bool:
        found = server.executions(limit="1000")
        return len(found) >= len(acknowledged) and all(
            execution["status"] in ("succeeded", "abandoned") for execution in found
        )

    server.wait_until(settled, 60, "the end of all executions")
    executions = server.executions(limit="1000")
    tags = [execution["context"]["trace_context"]["trace_tag"] for execution in executions]
    assert sorted(tags) == sorted(acknowledged)
    instances = server.get("/api/v1/triggerinstances?limit=1000").json
    assert len(instances) == len(acknowledged)
    assert {instance["status"] for instance in instances} == {"processed"}
    assert len(server.get("/api/v1/ruleenforcements?limit=1000").json) == len(acknowledged)
    abandoned = [execution for execution in executions if execution["status"] == "abandoned"]
    assert all("may" in execution["result"]["error"] for execution in abandoned), abandoned


def test_an_interrupted_action_is_not_silently_run_twice(make_server, tmp_path: Path) -> None:
    """By default it ends as abandoned, with the reason; one that says it is idempotent is run again."""
    pack = tmp_path / "packs" / "drill"
    (pack / "actions").mkdir(parents=True)
    (pack / "pack.yaml").write_text("name: drill\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@b.c\n")
    for name, more in (("once", ""), ("again", "on_interruption: retry\n")):
        started = tmp_path / f"{name}.started"
        # The first run hangs until it is killed with the engine; a second one ends at once.
        command = f"echo started >> {started}; [ $(wc -l < {started}) -gt 1 ] || exec sleep 300"
        action = {"name": name, "runner_type": "local-shell-cmd", "parameters": {"cmd": {"default": command}}}
        (pack / "actions" / f"{name}.yaml").write_text(more + json.dumps(action) if not more else _yaml(action, more))
    server = make_server(packs=pack.parent)
    for name in ("once", "again"):
        assert server.post("/api/v1/executions", {"action": f"drill.{name}"}).status == 201
        server.wait_until((tmp_path / f"{name}.started").exists, 20, f"the start of {name}")
    server.kill()
    server.start()
    once = server.wait_for_execution(action="drill.once")
    assert once["status"] == "abandoned"
    assert "not run again" in once["result"]["error"]
    assert server.wait_for_execution(action="drill.again")["status"] == "succeeded"
    assert (tmp_path / "once.started").read_text().count("started") == 1


def _yaml(action: dict[str, object], more: str) -> str:
    """JSON is YAML; the extra line is joined in as one more key."""
    key, _, value = more.strip().partition(": ")
    return json.dumps({**action, key: value})


def test_sigterm_lets_what_runs_end(make_server, tmp_path: Path) -> None:
    """The exit code is 0, and the action that ran is recorded as succeeded, not as killed."""
    server = make_server()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    assert (
        server.post("/api/v1/executions", {"action": "core.local", "parameters": {"cmd": f"cat {gate}"}}).status == 201
    )
    with gate.open("w") as writing:  # opens once the action reads
        assert server.process is not None
        server.process.terminate()
        server.wait_for_line("stopping")
        writing.write("finished in grace")
    assert server.wait(30) == 0
    server.start()
    execution = server.wait_for_execution(action="core.local")
    assert (execution["status"], execution["result"]["stdout"]) == ("succeeded", "finished in grace")


def test_standard_rules_before_backstops(make_server, rules_directory: Path, write_rule) -> None:
    """A backstop rule fires only where no standard rule on its trigger matched."""
    write_rule("standard", echo("standard", word="standard"))
    write_rule("backstop", "type: {ref: backstop}\n" + echo("backstop", word="backstop").replace("body.n:", "body:"))
    server = make_server(rules=rules_directory)
    assert server.post("/api/v1/webhooks/in", {"n": 1}).status == 202
    assert "standard" in server.wait_for_execution(action="core.local")["result"]["stdout"]
    assert server.post("/api/v1/webhooks/in", {"m": 1}).status == 202
    server.wait_until(lambda: len(server.executions()) == 2, 20, "the second execution")
    rules = sorted(execution["context"]["rule"]["name"] for execution in server.executions())
    assert rules == ["backstop", "standard"]


def test_why_says_what_was_wanted_and_what_came(make_server, rules_directory: Path, write_rule) -> None:
    """For an event that fired nothing, the command line and the API name the criterion that refused it."""
    write_rule("echo", echo("echo").replace('{type: exists, pattern: ""}', "{type: equals, pattern: 5}"))
    server = make_server(rules=rules_directory)
    answer = server.post("/api/v1/webhooks/in", {"n": 4})
    instance = server.get("/api/v1/triggerinstances").json[0]["id"]
    assert answer.headers.get("x-event-id")
    why = server.get(f"/api/v1/triggerinstances/{instance}/why").json
    assert [verdict["matched"] for verdict in why["verdicts"]] == [False]
    assert why["verdicts"][0]["criteria"][0]["wanted"] == 5
    assert why["verdicts"][0]["criteria"][0]["got"] == 4
    printed = stormlet(server, "why", instance)
    assert printed.returncode == 0, printed.stderr
    assert re.search(r"trigger\.body\.n.*5.*4", printed.stdout, re.DOTALL), printed.stdout


@pytest.mark.parametrize("home", ["file", "taken"])
def test_a_home_that_cannot_be_used_is_refused_in_one_line(make_server, tmp_path: Path, home: str) -> None:
    """Exit code 2, the path, and what to do; no traceback."""
    first = make_server()
    path = tmp_path / "file" if home == "file" else first.home
    (tmp_path / "file").write_text("")
    done = serve("--home", str(path), "--port", "0")
    assert done.returncode == 2
    assert "--home" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_port_that_is_taken_is_refused_in_one_line(tmp_path: Path) -> None:
    """The message names the port and the flag; nothing was made that the person never saw."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve("--home", str(tmp_path / "home"), "--port", str(port))
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert "shown once" not in done.stdout


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a `serve` that is expected to end by itself."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("STORMLET_", "ST2_"))}
    command = [sys.executable, "-m", "stormlet", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
