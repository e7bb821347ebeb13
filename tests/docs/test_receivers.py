"""The receivers to copy take what we send, and nothing else."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from stormlet.flow.delivery.formats.interface import OutgoingRequest
from stormlet.flow.delivery.formats.registry import compile_format
from stormlet.flow.delivery.formats.samples import SAMPLE_ENDPOINT, sample
from stormlet.flow.delivery.secrets import generate
from stormlet.foundation.templates import Templates
from stormlet.signatures.secret import Secret

RECEIVERS = Path(__file__).resolve().parents[2] / "docs" / "howto" / "receivers"
DEADLINE = 20.0
SECRET = generate()
# Go is a toolchain of 250 MB for one page of documentation: its receiver is tested where somebody has it.
OPTIONAL = "optional: "
SERVERS = {
    "python": [sys.executable, "receive.py"],
    "node": ["node", "receive.mjs"],
    "go": ["go", "run", "receive.go"],
}
Post = Callable[[OutgoingRequest], int]


def _request(*, secrets: tuple[str, ...] = (SECRET,), age: float = 0.0, text: str = "exit code 1") -> OutgoingRequest:
    compiled = compile_format("standard", {}, Templates())
    message = msgspec.structs.replace(
        sample("execution.failed"), id=f"msg{time.monotonic_ns()}", data={"error": text, "bytes": "\x00ü€"}
    )
    now = datetime.now(UTC) - timedelta(seconds=age)
    return compiled.render(message, SAMPLE_ENDPOINT, [Secret(value=each) for each in secrets], now)


class Server:
    """One receiver as a process."""

    def __init__(self, command: list[str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [*command, str(self.port)],
            cwd=RECEIVERS,
            env={**os.environ, "WEBHOOK_SECRET": SECRET},
            stdout=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + DEADLINE
        pause = threading.Event()
        while time.monotonic() < end:
            assert self.process.poll() is None
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            pause.wait(0.05)
        raise AssertionError("the receiver does not listen")

    def post(self, request: OutgoingRequest) -> int:
        url = f"http://127.0.0.1:{self.port}/"
        sent = urllib.request.Request(url, request.body, dict(request.headers), method="POST")
        try:
            with urllib.request.urlopen(sent, timeout=DEADLINE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def stop(self) -> str:
        """End it; returns what it printed."""
        self.process.terminate()
        return self.process.communicate(timeout=DEADLINE)[0]


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each receiver whose language is on this machine."""
    command = SERVERS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{OPTIONAL if command[0] == 'go' else ''}{command[0]} is not on this machine")
    started = Server(command)
    yield started
    started.stop()


def _shell(request: OutgoingRequest) -> int:
    names = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers}
    done = subprocess.run(
        ["sh", str(RECEIVERS / "receive.sh")],
        input=request.body,
        env={"PATH": os.environ["PATH"], "WEBHOOK_SECRET": SECRET, **names},
        capture_output=True,
        timeout=DEADLINE,
    )
    status = int(done.stdout.split()[1])
    assert (done.returncode == 0) is (status == 204), done.stderr
    return status


def _behaves(post: Post) -> None:
    request = _request()
    assert post(request) == 204
    assert post(_request(secrets=(generate(), SECRET))) == 204, "both secrets of a rotation sign"
    assert post(_request(secrets=(generate(),))) == 401, "another secret"
    assert post(_request(age=400)) == 401, "too old"
    assert post(_request(age=-400)) == 401, "ahead"
    assert post(msgspec.structs.replace(request, body=request.body + b" ")) == 401, "another body"
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        rest = tuple(each for each in request.headers if each[0] != name)
        assert post(msgspec.structs.replace(request, headers=rest)) == 401, f"without {name}"
        for text in ("", "nan", "9" * 400, "v1,", "-1", "$(id)"):
            assert post(msgspec.structs.replace(request, headers=(*rest, (name, text)))) == 401, f"{name}: {text}"
    assert post(_request()) == 204, "it still answers"


def test_servers_take_what_we_send_and_nothing_else(server: Server) -> None:
    """Genuine, rotated, forged, old, ahead, changed, and without or with broken headers."""
    _behaves(server.post)


def test_the_shell_takes_what_we_send_and_nothing_else() -> None:
    """The same for the CGI program, bytes that a shell cannot hold included."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine")
    _behaves(_shell)


def test_a_copy_is_handled_once(server: Server) -> None:
    """The same message twice is answered twice and handled once."""
    request = _request(text="only once")
    assert [server.post(request), server.post(request)] == [204, 204]
    assert server.stop().count("only once") == 1


def test_what_is_shown_on_the_page_exists() -> None:
    """The page names each receiver, and there is none that it does not name."""
    page = (RECEIVERS.parent / "receive.md").read_text(encoding="utf-8")
    assert all(path.name in page for path in RECEIVERS.iterdir() if path.is_file())
    assert json.loads(_request().body)["type"] == "execution.failed"
