"""`stormlet source` and `send --sign` against a real server: what they print, where, and with which exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PUSH = f"@{REPOSITORY / 'packs/github/samples/push.json'}"
SECRET = "acceptance-secret-CANARY"
SOURCE = """\
url: acme
scheme: generic_hmac
signature: {header: X-Acme-Signature, prefix: v1=}
secret: env:ACME_SECRET
"""
RULE = """\
name: acme
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: acme}}
action: {ref: core.local, parameters: {cmd: "echo got {{ trigger.body.key | quote }}"}}
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A directory with one source."""
    directory = tmp_path / "sources"
    directory.mkdir()
    (directory / "acme.yaml").write_text(SOURCE)
    return directory


@pytest.fixture
def server(make_server: Callable[..., Any], rules_directory: Path, write_rule: Any, sources: Path) -> Any:
    """A server with that source, a rule on its URL, and GitHub's bundled source awake."""
    write_rule("acme", RULE)
    environment = {"ACME_SECRET": SECRET, "GITHUB_WEBHOOK_SECRET": SECRET}
    return make_server("--sources", str(sources), rules=rules_directory, environment=environment, bootstrap=False)


@pytest.fixture
def stormlet(server: Any) -> Run:
    """Run the command line beside the server, as its user."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STORMLET_", "ST2_"))}

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stormlet", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env=clean | {"STORMLET_HOME": str(server.home), "ACME_SECRET": SECRET} | environment,
        )

    return run


def test_one_tries_ones_own_source(stormlet: Run, sources: Path, server: Any) -> None:
    """Signed as its sender does, without an API key, and with the result of what followed."""
    signing = ("--sign", "generic_hmac", "--describe", str(sources / "acme.yaml"))
    done = stormlet("send", "acme", "-d", '{"key": "v"}', *signing, "--secret", "env:ACME_SECRET", "--wait")
    assert done.returncode == 0, done.stderr
    assert "got v" in done.stdout
    refused = stormlet("send", "acme", "-d", '{"key": "v"}', *signing, "--secret", "wrong")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "`stormlet source explain acme --last` says" in refused.stderr
    with_key = stormlet("send", "acme", "-d", '{"key": "v"}')
    assert with_key.returncode == 4, "an API key is no signature"
    assert stormlet("send", "acme", "--secret", "x").returncode == 2
    assert "did you mean" in stormlet("send", "acme", "--sign", "githib", "--secret", "x").stderr
    assert SECRET not in server.log


def test_a_bundled_sender_from_end_to_end(stormlet: Run) -> None:
    """Four words of environment, and the pack's sample is taken; its ping is answered and is no event."""
    headers = ("-H", "X-GitHub-Event: push", "-H", "X-GitHub-Delivery: 1")
    for _ in range(2):
        done = stormlet("send", "github", "-d", PUSH, "--sign", "github", "--secret", SECRET, *headers)
        assert (done.returncode, done.stdout.startswith("202 accepted: ")) == (0, True), done.stderr
    instances = json.loads(stormlet("trigger-instance", "list", "-o", "json").stdout)
    kinds = [instance["trigger"] for instance in instances]
    assert sorted(kinds) == ["github.event", "github.push"], "the second one is the same delivery"
    ping = stormlet(
        "send", "github", "-d", '{"zen": "x"}', "--sign", "github", "-s", SECRET, "-H", "X-GitHub-Event: ping"
    )
    assert (ping.returncode, ping.stdout.startswith("200 answered")) == (0, True), ping.stderr


def test_a_refusal_is_explained_and_tried_again(stormlet: Run, sources: Path) -> None:
    """By URL or ref, the last one or one by its id; for people and for programs."""
    none = stormlet("source", "explain", "acme")
    assert (none.returncode, none.stdout) == (3, "")
    signing = ("--sign", "generic_hmac", "--describe", str(sources / "acme.yaml"))
    stormlet("send", "acme", "-d", "{}", *signing, "--secret", "new-secret")
    for target in ("acme", "/api/v1/webhooks/acme", "default.acme"):
        done = stormlet("source", "explain", target, "--last")
        assert done.returncode == 0, done.stderr
        assert "default.acme refused " in done.stdout
        assert "mismatch" in done.stdout
    (identity,) = stormlet("source", "rejections", "acme", "-o", "name").stdout.split()
    told = json.loads(stormlet("source", "explain", "acme", identity, "-o", "json").stdout)
    assert (told["id"], told["reason"], bool(told["causes"])) == (identity, "mismatch", True)
    again = stormlet("source", "retry", "acme")
    assert (again.returncode, again.stdout.startswith("refused again: mismatch")) == (1, True)
    assert stormlet("source", "retry", "acme", "0" * 24).returncode == 3
    assert stormlet("source", "retry", "acme", identity, "--last").returncode == 2


def test_a_mended_secret_takes_in_what_was_refused(stormlet: Run, sources: Path, server: Any) -> None:
    """The reason to keep what was refused."""
    signing = ("--sign", "generic_hmac", "--describe", str(sources / "acme.yaml"))
    stormlet("send", "acme", "-d", '{"key": "late"}', *signing, "--secret", "new-secret")
    (sources / "new").write_text("new-secret\n")
    (sources / "acme.yaml").write_text(SOURCE.replace("secret: env:ACME_SECRET", f"secret: file:{sources / 'new'}"))
    server.wait_until(lambda: "file:" in stormlet("source", "get", "acme").stdout)
    assert "genuine-now" in stormlet("source", "explain", "acme").stdout
    done = stormlet("source", "retry", "acme")
    assert (done.returncode, done.stdout.startswith("accepted: ")) == (0, True), done.stdout
    execution = server.wait_until(lambda: "late" in stormlet("execution", "list", "-o", "json").stdout)
    assert execution
    assert stormlet("source", "rejections", "acme").stdout == ""


def test_sources_made_through_the_api(stormlet: Run, tmp_path: Path) -> None:
    """Created with a secret that is written once, looked at, switched, updated, rotated, deleted."""
    path = tmp_path / "made.yaml"
    path.write_text("url: made\nscheme: github\ndescription: first\n")
    created = stormlet("source", "create", str(path), "--secret", "env:ACME_SECRET")
    assert (created.returncode, created.stdout) == (0, "created default.made, active\n"), created.stderr
    sending = ("send", "made", "--sign", "github", "--secret")
    assert stormlet(*sending, SECRET).returncode == 3, "no rule knows the URL"
    shown = stormlet("source", "get", "made")
    assert "from: sealed" in shown.stdout
    assert SECRET not in shown.stdout
    path.write_text("url: made\nscheme: github\ndescription: second\nsecrets: [{name: '1', from: sealed}]\n")
    assert stormlet("source", "update", "default.made", str(path)).stdout == "updated default.made\n"
    assert stormlet("source", "disable", "made").stdout == "disabled default.made\n"
    assert "off" in stormlet("source", "list").stdout
    assert stormlet("source", "enable", "default.made").returncode == 0
    rotated = stormlet("source", "rotate", "made")
    secret = rotated.stdout.splitlines()[0]
    assert len(secret) == 64
    assert "the old secret 1 stays active; it was last used: " in rotated.stdout
    assert stormlet(*sending, secret).returncode == 3
    names = [row["name"] for row in json.loads(stormlet("source", "secrets", "made", "-j").stdout)]
    assert names == ["2", "1"]
    assert stormlet("source", "retire", "made", "1", "--force").returncode == 0
    assert stormlet(*sending, SECRET).returncode == 4
    assert stormlet("source", "delete", "default.made").stdout == "deleted default.made\n"
    assert stormlet("source", "get", "made").returncode == 3


def test_a_source_in_a_file_says_which_line_to_change(stormlet: Run) -> None:
    """Its secrets are where its file says; nothing here can change that."""
    done = stormlet("source", "rotate", "acme")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'acme.yaml write secrets: ["env:NEW_SECRET", "env:ACME_SECRET"]' in done.stderr


def test_lists_show_what_is_on(stormlet: Run) -> None:
    """Sources that sleep, and examples that are switched off, are counted and not listed; programs see them all."""
    sources, every = stormlet("source", "list"), json.loads(stormlet("source", "list", "-o", "json").stdout)
    assert [line.split()[:2] for line in sources.stdout.splitlines()[1:]] == [
        ["default.acme", "active"],
        ["github.github", "active"],
    ]
    assert f"{len(every) - 2} more are asleep" in sources.stderr
    assert len(stormlet("source", "list", "--all").stdout.splitlines()) == len(every) + 1
    rules = stormlet("rule", "list")
    assert [line.split()[0] for line in rules.stdout.splitlines()] == ["REF", "default.acme"]
    assert "examples switched off; --all lists them" in rules.stderr
    assert len(stormlet("rule", "list", "--all").stdout.splitlines()) > 10
    assert "scalr." in stormlet("rule", "list", "--pack", "scalr").stdout


def test_check_covers_sources(stormlet: Run, sources: Path) -> None:
    """A directory, and a single file; each problem at its line."""
    assert stormlet("check", str(sources)).stdout == "no problems in 1 source\n"
    (sources / "acme.yaml").write_text(SOURCE.replace("generic_hmac", "generic_hmca"))
    for path in (sources, sources / "acme.yaml"):
        done = stormlet("check", str(path))
        assert done.returncode == 1
        assert f"{sources / 'acme.yaml'}:2:1 unknown-scheme" in done.stdout
