"""Runs the blocks of a page of documentation, in their order, against a real server in a process of its own.

```yaml file=PATH     the file is written
```sh serve           the server is started like this (else: `stormlet serve --rules rules`, before the first block)
```sh run             the block is run by bash; it must exit with 0
```sh run eventually  the same, until its output is what the next block says
```text output        each line must be in what was printed last, in this order; `…` stands for anything
"""

import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHOWN_URL = "http://127.0.0.1:9101"
DEADLINE = 30.0
_BLOCK = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One fenced block: its language, the words behind it, its text, and where it stands."""

    language: str
    words: list[str]
    text: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2].split(), found[3], text.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(text)
    ]


def misses(expected: str, printed: str) -> str | None:
    """Return the first expected line that was not printed after the ones before it."""
    position = 0
    for line in expected.splitlines():
        if line.strip() in ("", "…"):
            continue
        words = [".*".join(re.escape(piece) for piece in word.split("…")) for word in line.split()]
        found = re.compile(r"\s+".join(words).replace(r"\s+.*\s+", r".*")).search(printed, position)
        if found is None:
            return line
        position = found.end()
    return None


class Shell:
    """A directory, the environment of a new user, and a server."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = SHOWN_URL
        self.server: subprocess.Popen[str] | None = None
        self.lines: list[str] = []
        self._heard = threading.Condition()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("STORMLET_", "ST2_"))}
        self.environment = inherited | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }

    def serve(self, text: str) -> None:
        """Start the server in the present directory and wait until it has greeted.

        The last line of the text is the command; `export NAME=VALUE` before it counts for all blocks that follow as well.
        """
        *exports, arguments = text.strip().splitlines()
        for line in exports:
            name, _, value = line.removeprefix("export ").partition("=")
            self.environment[name] = shlex.split(value)[0]
        command = [sys.executable, "-m", "stormlet", *arguments.split()[1:], "--port", "0"]
        self.server = subprocess.Popen(
            command,
            cwd=self.directory,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        end = time.monotonic() + DEADLINE
        with self._heard:
            while not any(line.startswith("Try: ") for line in self.lines):
                assert self.server.poll() is None, self.log
                assert time.monotonic() < end, self.log
                self._heard.wait(0.2)
        found = re.search(r"serves (http://\S+)", self.log)
        assert found is not None
        self.url = found[1]
        note = json.loads((self.directory / ".stormlet" / "cli.json").read_text())
        self.environment["STORMLET_API_KEY"] = note["api_key"]

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def _listen(self) -> None:
        assert self.server is not None
        assert self.server.stdout is not None
        with self.server.stdout as stream:
            for line in stream:
                self._hear(line)

    def _hear(self, line: str) -> None:
        with self._heard:
            self.lines.append(line.rstrip("\n"))
            self._heard.notify_all()

    def run(self, text: str) -> tuple[int, str]:
        """Run lines as a person would paste them; returns the exit code and what was printed."""
        note = self.directory / ".where"
        script = f"{text.replace(SHOWN_URL, self.url)}\npwd > {note}\n"
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.directory,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE * 2,
        )
        if done.returncode == 0:
            self.directory = Path(note.read_text().strip())
        note.unlink(missing_ok=True)
        return done.returncode, done.stdout.replace(self.url, SHOWN_URL)

    def close(self) -> None:
        if self.server is not None:
            self.server.terminate()
            self.server.wait(DEADLINE)
            self._listener.join()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A new user's terminal in an empty directory."""
    made = Shell(tmp_path)
    yield made
    made.close()


def follow(page: Path, shell: Shell, before: str) -> None:
    """Do what a page says, block by block.

    Args:
        page: the page.
        shell: where to do it.
        before: how to start the server where the page does not; empty: not at all.
    """
    blocks = blocks_of(page)
    if before and shell.server is None and not any("serve" in block.words for block in blocks):
        shell.serve(before)
    printed = ""
    for block, following in zip(blocks, [*blocks[1:], Block("", [], "", 0)], strict=True):
        where = f"{page.name}:{block.line}"
        expected = following.text if following.words == ["output"] else ""
        if name := next((word.removeprefix("file=") for word in block.words if word.startswith("file=")), None):
            path = shell.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.words == ["serve"]:
            shell.serve(block.text)
            printed = shell.log.replace(shell.url, SHOWN_URL)
            assert misses(expected, printed) is None, f"{where}: {misses(expected, printed)!r} is not in:\n{printed}"
        elif block.words == ["greeting"]:
            greeting = shell.log.replace(shell.url, SHOWN_URL)
            assert misses(block.text, greeting) is None, (
                f"{where}: {misses(block.text, greeting)!r} is not in:\n{greeting}"
            )
        elif block.words[:1] == ["run"]:
            _run(block, expected, shell, where)


def _run(block: Block, expected: str, shell: Shell, where: str) -> None:
    end = time.monotonic() + (DEADLINE if "eventually" in block.words else 0)
    pause = threading.Event()
    while True:
        code, printed = shell.run(block.text)
        missing = misses(expected, printed)
        if code == 0 and missing is None:
            return
        if time.monotonic() > end:
            break
        pause.wait(0.1)
    said = f"{missing!r} is not in" if code == 0 else f"exit code {code} after"
    raise AssertionError(f"{where}: {said}:\n{printed}\n--- the server:\n{shell.log}")


@pytest.fixture
def follow_page() -> Any:
    """Do what a page says (`follow`)."""
    return follow


@pytest.fixture
def post() -> Any:
    """Paste a curl line (`_post`)."""
    return _post


@pytest.fixture
def last_execution() -> Any:
    """Return the last execution once it is completed."""
    return _last_execution


def _post(shell: Shell, line: str) -> None:
    """Run a curl line; where there is no curl, send what it would."""
    if shutil.which("curl"):
        code, printed = shell.run(line)
        assert code == 0, printed
        return
    words = shlex.split(
        line.replace(SHOWN_URL, shell.url).replace("$STORMLET_API_KEY", shell.environment["STORMLET_API_KEY"])
    )
    url = urlsplit(next(word for word in words if word.startswith("http")))
    headers = dict(words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H")
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=DEADLINE)
    connection.request("POST", url.path, words[words.index("-d") + 1].encode(), headers)
    assert connection.getresponse().status == 202
    connection.close()


def _last_execution(shell: Shell) -> Any:
    end = time.monotonic() + DEADLINE
    pause = threading.Event()
    while True:
        code, printed = shell.run("stormlet execution get last -o json")
        if code == 0 and (execution := json.loads(printed))["status"] in ("succeeded", "failed", "timeout"):
            return execution
        assert time.monotonic() < end, f"{printed}\n--- the server:\n{shell.log}"
        pause.wait(0.1)
