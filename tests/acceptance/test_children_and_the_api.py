"""Actions of a real server that call its API back, and values that want to become code."""

from pathlib import Path
from typing import Any

import pytest

PACK = "ref: t\nname: t\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@example.org\n"
DATASTORE = """
from st2common.runners.base_action import Action


class Keeper(Action):
    def run(self):
        service = self.action_service
        seen = [service.get_value("word"), service.set_value("word", 5), service.get_value("word")]
        service.set_value("hidden", "s3cret", encrypt=True, ttl=3600)
        seen.append(service.get_value("hidden", decrypt=True))
        service.set_value("t.shared", "for all", local=False)
        seen.append(sorted(item.name for item in service.list_values()))
        seen.append([item.value for item in service.list_values(local=False, prefix="t.shared")])
        seen.append([service.delete_value("word"), service.get_value("word")])
        seen.append(service.get_user_info()["username"])
        return seen
"""


def make_pack(tmp_path: Path) -> Path:
    actions = tmp_path / "packs" / "t" / "actions"
    actions.mkdir(parents=True)
    (actions.parent / "pack.yaml").write_text(PACK)
    (actions / "keeper.yaml").write_text("name: keeper\nrunner_type: python-script\nentry_point: keeper.py\n")
    (actions / "keeper.py").write_text(DATASTORE)
    return actions.parents[1]


def run(server: Any, action: str, **parameters: Any) -> dict[str, Any]:
    """Run an action and return its completed execution."""
    answer = server.post("/api/v1/executions", {"action": action, "parameters": parameters})
    assert answer.status == 201, answer.body
    path = f"/api/v1/executions/{answer.json['id']}"
    final = {"succeeded", "failed", "timeout", "canceled", "abandoned"}

    def done() -> dict[str, Any] | None:
        found: dict[str, Any] = server.get(path).json
        return found if found["status"] in final else None

    execution: dict[str, Any] = server.wait_until(done, 30, f"the end of {action}")
    return execution


def test_actions_keep_values_in_the_datastore(make_server: Any, tmp_path: Path) -> None:
    """get, set, list and delete work with the action's own token: local names, shared ones, encrypted ones."""
    server = make_server(packs=make_pack(tmp_path))
    done = run(server, "t.keeper")
    assert done["result"]["stderr"] == "", done["result"]
    assert done["result"]["result"] == [
        None,
        True,
        "5",
        "s3cret",
        ["t.Keeper:hidden", "t.Keeper:word"],
        ["for all"],
        [True, None],
        "st2admin",
    ]


def test_the_token_of_an_action_ends_with_it(make_server: Any) -> None:
    """While it runs an action may call the API as its user; afterwards its token is worth nothing."""
    server = make_server()
    cmd = """
python3 - <<'END'
import os, urllib.request
request = urllib.request.Request(os.environ["ST2_ACTION_API_URL"] + "/user")
request.add_header("X-Auth-Token", os.environ["ST2_ACTION_AUTH_TOKEN"])
print(urllib.request.urlopen(request).status, os.environ["ST2_ACTION_AUTH_TOKEN"])
END
"""
    stdout = run(server, "core.local", cmd=cmd)["result"]["stdout"]
    status, token = stdout.split()
    assert status == "200"
    assert server.get("/api/v1/user", key=None, headers={"X-Auth-Token": token}).status == 401


def test_inject_trigger_makes_a_trigger_happen(make_server: Any, rules_directory: Path, write_rule: Any) -> None:
    """core.inject_trigger fires the rules of that trigger; a mistake of its caller is told."""
    write_rule(
        "injected",
        """
name: injected
enabled: true
trigger:
  type: t.happened
action:
  ref: core.echo
  parameters:
    message: "got {{ trigger.word }}"
""",
    )
    server = make_server(rules=rules_directory)
    done = run(server, "core.inject_trigger", trigger_name="t.happened", payload={"word": "here"}, trace_tag="tag-1")
    assert done["status"] == "succeeded", done["result"]
    echoed = server.wait_for_execution(action="core.echo")
    assert echoed["result"]["stdout"] == "got here"
    assert echoed["context"]["trace_context"]["trace_tag"] == "tag-1"
    both = run(server, "core.inject_trigger", trigger_name="a.b", trigger="a.b")
    assert both["status"] == "failed"
    assert "mutually exclusive" in both["result"]["stderr"]


def test_secrets_of_runners_are_masked(make_server: Any) -> None:
    """A password that only the runner declares is shown as ******** and is in no log line."""
    server = make_server()
    run(server, "core.http", url="http://127.0.0.1:1/", username="ada", password="hunter2")
    assert server.executions(action="core.http")[0]["parameters"]["password"] == "********"
    assert "hunter2" not in server.log


PAYLOADS = [
    "; touch {canary}",
    "$(touch {canary})",
    "`touch {canary}`",
    "\n touch {canary} \n",
    "' ; touch {canary} ; '",
    'x" ; touch {canary} ; "',
    '\\"; touch {canary} ; \\"',
    "&& touch {canary} #",
    "| touch {canary}",
    "-n; touch {canary}",
    "%s\\x3b touch {canary}",
    "{{{{ 7 * 7 }}}}$(touch {canary})",
]
RULE = """
name: {name}
enabled: true
trigger:
  type: core.st2.webhook
  parameters: {{url: {name}}}
action:
  ref: {ref}
  parameters: {parameters}
"""
KINDS = {
    "echo": ("core.echo", '{message: "{{ trigger.body.text }}"}'),
    "error": ("core.error", '{message: "{{ trigger.body.text }}"}'),
    "env": ("core.local", '{cmd: \'printf %s "$TEXT"\', env: {TEXT: "{{ trigger.body.text }}"}}'),
    "script": ("examples.disk_usage", '{directory: "{{ trigger.body.text }}"}'),
    "python": ("examples.greet", '{name: "{{ trigger.body.text }}"}'),
}


@pytest.mark.slow
def test_what_an_event_holds_never_becomes_code(
    make_server: Any, rules_directory: Path, write_rule: Any, tmp_path: Path
) -> None:
    """12 hostile texts through 5 kinds of action: each arrives as it is, and no canary is touched."""
    for name, (ref, parameters) in KINDS.items():
        write_rule(name, RULE.format(name=name, ref=ref, parameters=parameters))
    server = make_server(rules=rules_directory, packs=Path(__file__).parents[2] / "packs")
    canary = tmp_path / "canary"
    sent = [payload.format(canary=canary) for payload in PAYLOADS]
    for name in KINDS:
        for text in sent:
            assert server.post(f"/api/v1/webhooks/{name}", {"text": text}).status == 202
    wanted = len(KINDS) * len(sent)

    def all_done() -> list[dict[str, Any]] | None:
        found = server.executions(limit=str(wanted * 2))
        return found if len([one for one in found if "end_timestamp" in one]) == wanted else None

    done = server.wait_until(all_done, 60, "the end of all actions")
    assert not canary.exists()
    printed = {str(one["result"]["stdout"]) for one in done if one["action"]["ref"] == "core.echo"}
    assert printed == set(sent)
    greeted = {one["result"]["result"]["greeting"] for one in done if one["action"]["ref"] == "examples.greet"}
    assert greeted == {f"Hello, {text}!" for text in sent}
