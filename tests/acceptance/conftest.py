"""A real server: a process of its own, on a real port, with a home of its own."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

KEY = "acceptance-key-0123456789"
PASSWORD = "acceptance-password"
REPOSITORY = Path(__file__).resolve().parents[2]


class Answer:
    """An HTTP answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """`stormlet serve` in a process of its own."""

    def __init__(self, home: Path, arguments: list[str], environment: dict[str, str]) -> None:
        self.home = home
        self.arguments = arguments
        self.environment = environment
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self.process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None
        self.url = ""
        self.port = 0
        self.program = [sys.executable, "-m", "stormlet"]

    def start(self, deadline: float = 30) -> "Server":
        """Start and wait until it serves; on the same port as before, if it served before."""
        command = [*self.program, "serve", "--home", str(self.home), "--port", str(self.port)]
        since = len(self.lines)
        self.process = subprocess.Popen(
            [*command, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
            cwd=self.home.parent,
        )
        self._listener = threading.Thread(target=self._listen, args=(self.process,), daemon=True)
        self._listener.start()
        found = self.wait_for_line(r"serves (http://\S+)", deadline, since)
        self.url = found.group(1).rstrip("/")
        self.port = urlsplit(self.url).port or 0
        return self

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with self._heard:
                    self.lines.append(line.rstrip("\n"))
                    self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def wait_for_line(self, pattern: str, deadline: float = 20, since: int = 0) -> re.Match[str]:
        """Return the first match in what the server prints: of lines printed so far (from number `since` on), or within
        `deadline` seconds."""
        end = time.monotonic() + deadline
        position = since
        with self._heard:
            while True:
                for line in self.lines[position:]:
                    if found := re.search(pattern, line):
                        return found
                position = len(self.lines)
                left = end - time.monotonic()
                ended = self.process is not None and self.process.poll() is not None
                if left <= 0 or ended:
                    raise AssertionError(f"no line matches {pattern!r} in:\n{self.log}")
                self._heard.wait(min(left, 0.5))

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, key: str | None = KEY
    ) -> Answer:
        """Send one request. `body` is JSON unless it is bytes; `key` None sends no credential."""
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("St2-Api-Key", key)
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **more: Any) -> Answer:
        return self.request("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return self.request("POST", path, body, **more)

    def wait_until(self, true: Callable[[], Any], deadline: float = 20, what: str = "it") -> Any:
        """Poll until `true()` returns something true, and return that."""
        end = time.monotonic() + deadline
        tick = threading.Event()
        while True:
            if found := true():
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not happen within {deadline} s; the server printed:\n{self.log}")
            tick.wait(0.02)

    def executions(self, **filters: str) -> list[dict[str, Any]]:
        query = "&".join(f"{key}={value}" for key, value in filters.items())
        answer = self.get(f"/api/v1/executions?{query}")
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.json
        return found

    def wait_for_execution(self, deadline: float = 20, **filters: str) -> dict[str, Any]:
        """Return the newest execution with these filters once it is completed."""
        done = ("succeeded", "failed", "timeout", "canceled", "abandoned")

        def completed() -> dict[str, Any] | None:
            found = self.executions(**filters)
            return found[0] if found and found[0]["status"] in done else None

        execution: dict[str, Any] = self.wait_until(completed, deadline, f"an execution with {filters}")
        return execution

    def kill(self) -> None:
        """Kill -9."""
        assert self.process is not None
        self.process.kill()
        self.wait(10)

    def terminate(self, deadline: float = 30) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.wait(deadline)

    def wait(self, deadline: float = 30) -> int:
        """Wait for the end, and for the last line; returns the exit code."""
        assert self.process is not None
        assert self._listener is not None
        code = self.process.wait(deadline)
        self._listener.join(deadline)
        return code

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.wait(10)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make servers; each is killed at the end of the test."""
    servers: list[Server] = []

    def make(
        *arguments: str,
        rules: Path | None = None,
        packs: Path | None = None,
        environment: dict[str, str] | None = None,
        bootstrap: bool = True,
        start: bool = True,
    ) -> Server:
        number = len(servers)
        more = list(arguments)
        for flag, path in (("--rules", rules), ("--packs", packs)):
            if path is not None:
                more += [flag, str(path)]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("STORMLET_", "ST2_"))}
        if bootstrap:
            inherited |= {"STORMLET_BOOTSTRAP_API_KEY": KEY, "STORMLET_ADMIN_PASSWORD": PASSWORD}
        server = Server(tmp_path / f"home{number}", more, inherited | (environment or {}))
        servers.append(server)
        return server.start() if start else server

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def rules_directory(tmp_path: Path) -> Path:
    """An empty directory for rules."""
    directory = tmp_path / "rules"
    directory.mkdir()
    return directory


@pytest.fixture
def write_rule(rules_directory: Path) -> Callable[..., Path]:
    """Write a rule file into `rules_directory`."""

    def write(name: str, text: str) -> Path:
        path = rules_directory / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
