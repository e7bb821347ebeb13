"""The child of test_full_disk.py, which has mounted a small disk for it: fills the disk, and starts engines on it.

    full_disk_child.py HOME MODE

`first` starts on a full disk; `TERM` and `KILL` start, stop by that signal, fill the disk to the last byte, and start again.
Prints one JSON document of what it saw.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

MIB = 1024 * 1024
TRIGGER = "core.st2.generic.actiontrigger"
DEADLINE = 40.0


def fill(disk: Path) -> None:
    """Write until nothing more can be written, not even one byte."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        for size in (MIB, 4096, 1):
            with contextlib.suppress(OSError):
                while ballast.write(b"x" * size):
                    pass


@contextlib.contextmanager
def engine(home: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start one and yield it with its first lines; its log goes to our standard error."""
    variables = {"STORMLET_STORE__RESERVE_BYTES": str(16 * MIB), "STORMLET_BOOTSTRAP_API_KEY": "k" * 40, **settings}
    command = [sys.executable, "-m", "stormlet", "serve", "--home", str(home), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | variables) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def ask(greeting: str, path: str, document: object = None) -> tuple[int, str]:
    url = next(word for word in greeting.split() if word.startswith("http://"))
    body = None if document is None else json.dumps(document).encode()
    headers = {"St2-Api-Key": "k" * 40, "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1{path}", body, headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def events(greeting: str) -> int:
    return len(json.loads(ask(greeting, "/triggerinstances?limit=-1")[1]))


def start_again(home: Path, number: signal.Signals) -> dict[str, object]:
    saw: dict[str, object] = {}
    event = {"trigger": TRIGGER, "payload": {"status": "succeeded", "text": "x" * 20_000}}
    with engine(home) as (process, greeting):
        saw["taken"] = [ask(greeting, "/webhooks/st2", event)[0] for _ in range(5)]
        process.send_signal(number)
        process.wait(DEADLINE)
    fill(home.parent)
    short_memory = {"STORMLET_STORE__RETENTION_DAYS": "0.00001", "STORMLET_STORE__PURGE_INTERVAL": "1"}
    with engine(home, **short_memory) as (process, greeting):
        saw["greeting"] = greeting
        saw["read"] = ask(greeting, "/rules?limit=1")[0]
        saw["refused"] = ask(greeting, "/webhooks/st2", event)
        until = time.monotonic() + DEADLINE
        while (left := events(greeting)) and time.monotonic() < until:
            pass
        saw["left"] = left
        (home.parent / "ballast").unlink()
        saw["after"] = ask(greeting, "/webhooks/st2", event)[0]
        process.send_signal(signal.SIGTERM)
        saw["code"] = process.wait(DEADLINE)
    return saw


def first(home: Path) -> dict[str, object]:
    fill(home.parent)
    with engine(home) as (process, _):
        return {"code": process.wait(DEADLINE)}


def main() -> None:
    home, mode = Path(sys.argv[1]), sys.argv[2]
    saw = first(home) if mode == "first" else start_again(home, signal.Signals[f"SIG{mode}"])
    print(json.dumps(saw))


main()
