"""The document that the project starts from (StackStorm's page on webhooks), line by line against a running server.

Rules and commands are those of the page; only host and port differ, and the pack that the page takes for granted exists.
"""

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Make = Callable[..., object]
REPOSITORY = Path(__file__).resolve().parents[2]
ST2 = REPOSITORY / ".venv-st2" / "bin" / "st2"

GENERIC_RULE = """
name: generic
pack: mypack
enabled: true
trigger:
    type: "mypack.mytrigger"

criteria:
    trigger.body.payload.attribute1:
        type: "equals"
        pattern: "value1"

action:
    ref: "mypack.myaction"
    parameters:
        message: "generic {{ trigger.attribute1 }} {{ trigger.body.payload.attribute1 }}"
"""

CUSTOM_RULE = """
name: custom
pack: mypack
enabled: true
trigger:
        type: "core.st2.webhook"
        parameters:
            url: "sample"

criteria:
    trigger.body.key1:
        type: "equals"
        pattern: "value1"

action:
    ref: "mypack.myaction"
    parameters:
        message: "custom {{ trigger.body.key1 }}"
"""

ACTION = """
name: myaction
runner_type: local-shell-cmd
parameters:
  message:
    type: string
    required: true
  cmd:
    default: "echo {{ message | quote }}"
    immutable: true
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """The page's `mypack`, with its action and rules; its trigger is declared nowhere, as on the page."""
    root = tmp_path / "packs" / "mypack"
    for directory in ("actions", "rules"):
        (root / directory).mkdir(parents=True)
    (root / "pack.yaml").write_text("name: mypack\ndescription: of the page\nversion: 1.0.0\nauthor: a\nemail: a@b.c\n")
    (root / "actions" / "myaction.yaml").write_text(ACTION)
    (root / "rules" / "custom.yaml").write_text(CUSTOM_RULE)
    (root / "triggers").mkdir()
    (root / "triggers" / "mytrigger.yaml").write_text("name: mytrigger\npack: mypack\n")
    (root / "rules" / "generic.yaml").write_text(GENERIC_RULE)
    return root.parent


def curl(line: str) -> subprocess.CompletedProcess[str]:
    """Run a curl line as printed, but for the host."""
    arguments = [*shlex.split(line), "--silent", "--show-error", "--write-out", "\n%{http_code}"]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=True)


@pytest.mark.parametrize("credential", ["X-Auth-Token: {token}", "St2-Api-Key: {key}"])
def test_generic_webhook_as_printed(make_server, pack: Path, credential: str) -> None:
    """The `st2` webhook takes a trigger and a payload, and the page's rule matches it."""
    server = make_server(packs=pack)
    header = credential.format(token=log_in(server), key="acceptance-key-0123456789")
    line = (
        f"curl -X POST {server.url}/api/v1/webhooks/st2 -H '{header}' -H 'Content-Type: application/json' "
        """--data '{"trigger": "mypack.mytrigger", "payload": {"attribute1": "value1"}}'"""
    )
    answer = curl(line).stdout.splitlines()
    assert answer[-1] == "202", answer
    execution = server.wait_for_execution(action="mypack.myaction")
    assert execution["status"] == "succeeded", execution
    assert execution["result"]["stdout"].strip() == "generic value1 value1"


@pytest.mark.parametrize("where", ["header-key", "header-token", "query-key", "query-token"])
def test_custom_webhook_as_printed(make_server, pack: Path, where: str) -> None:
    """A rule registers `sample`; posting to /v1/webhooks/sample fires it, with each of the page's ways to authenticate."""
    server = make_server(packs=pack)
    key, token = "acceptance-key-0123456789", log_in(server)
    query, header = {
        "header-key": ("", f"-H 'St2-Api-Key: {key}'"),
        "header-token": ("", f"-H 'X-Auth-Token: {token}'"),
        "query-key": (f"?st2-api-key={key}", ""),
        "query-token": (f"?x-auth-token={token}", ""),
    }[where]
    line = (
        f"curl -X POST '{server.url}/api/v1/webhooks/sample{query}' {header} -H 'Content-Type: application/json' "
        """--data '{"key1": "value1"}'"""
    )
    assert curl(line).stdout.splitlines()[-1] == "202"
    execution = server.wait_for_execution(action="mypack.myaction")
    assert execution["result"]["stdout"].strip() == "custom value1"
    assert key not in server.log
    assert token not in server.log


def test_custom_webhook_takes_form_data(make_server, pack: Path) -> None:
    """The page: the body can be JSON or URL-encoded form data (whose values StackStorm makes lists)."""
    rules = pack / "mypack" / "rules"
    (rules / "custom.yaml").write_text(
        CUSTOM_RULE.replace("trigger.body.key1:", "trigger.body.key1[0]:").replace("body.key1 }}", "body.key1[0] }}")
    )
    server = make_server(packs=pack)
    line = (
        f"curl -X POST {server.url}/api/v1/webhooks/sample -H 'St2-Api-Key: acceptance-key-0123456789' "
        "-H 'Content-Type: application/x-www-form-urlencoded' --data 'key1=value1'"
    )
    assert curl(line).stdout.splitlines()[-1] == "202"
    assert server.wait_for_execution(action="mypack.myaction")["result"]["stdout"].strip() == "custom value1"


@pytest.mark.parametrize("url", ["/sample", "sample/", "/sample/", "sample"])
def test_slashes_around_the_url_do_not_matter(make_server, pack: Path, url: str) -> None:
    """`/sample`, `sample/`, `/sample/` and `sample` are identical, on both sides."""
    (pack / "mypack" / "rules" / "custom.yaml").write_text(CUSTOM_RULE.replace('"sample"', f'"{url}"'))
    server = make_server(packs=pack)
    for path in ("/api/v1/webhooks/sample", "/api/v1/webhooks/sample/", "/v1/webhooks//sample"):
        assert server.post(path, {"key1": "value1"}).status == 202, path


def test_requests_without_authentication_are_refused(make_server, pack: Path) -> None:
    """All requests to /webhooks need to be authenticated in the same way as other requests."""
    server = make_server(packs=pack)
    for path in ("/api/v1/webhooks/sample", "/api/v1/webhooks/st2"):
        answer = server.post(path, {"key1": "value1"}, key=None)
        assert answer.status == 401
        assert "faultstring" in answer.json


def test_webhook_list_with_the_real_client(make_server, pack: Path) -> None:
    """`st2 webhook list` shows the registered webhook."""
    server = make_server(packs=pack)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(server.home),
        "ST2_API_URL": f"{server.url}/api/v1",
        "ST2_AUTH_URL": f"{server.url}/auth/v1",
        "ST2_STREAM_URL": f"{server.url}/stream/v1",
        "ST2_API_KEY": "acceptance-key-0123456789",
    }
    done = subprocess.run([ST2, "webhook", "list"], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sample" in done.stdout
    assert "core.st2.webhook" in done.stdout


def log_in(server) -> str:
    """Return a token for the administrator, as `st2 auth` gets it."""
    from base64 import b64encode

    basic = b64encode(b"st2admin:acceptance-password").decode()
    answer = server.post("/auth/v1/tokens", {}, headers={"Authorization": f"Basic {basic}"}, key=None)
    assert answer.status == 201, answer.body
    return answer.json["token"]
