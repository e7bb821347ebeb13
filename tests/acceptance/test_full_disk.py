"""`stormlet serve` on a disk that is full to the last byte: it says so, and with a home it starts, reads and makes room."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHILD = Path(__file__).with_name("full_disk_child.py")


def on_a_small_disk(place: Path, mode: str) -> tuple[dict[str, Any], str]:
    """Run the child where `place` is a disk of 24 MiB. Returns what it saw and what the engines logged."""
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    prefix = (
        str(unshare),
        *("--user", "--map-root-user", "--mount", "sh", "-c"),
        f'mount -t tmpfs -o size=24m none "{place}" && exec "$@"',
        "sh",
    )
    if not unshare or not mount or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    command = [*prefix, sys.executable, str(CHILD), str(place / "home"), mode]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_a_first_start_on_a_full_disk_says_so(tmp_path: Path) -> None:
    """With the file that could not be written, and no traceback."""
    saw, log = on_a_small_disk(tmp_path, "first")
    assert saw["code"] == 2
    assert "No space left on device" in log
    assert str(tmp_path) in log
    assert "Traceback" not in log


@pytest.mark.parametrize("end", ["TERM", "KILL"])
def test_a_home_on_a_full_disk_starts_reads_and_purges(tmp_path: Path, end: str) -> None:
    """However the engine before it ended; new events are refused until there is room, and the log has each change once."""
    saw, log = on_a_small_disk(tmp_path, end)
    assert saw["taken"] == [202] * 5
    assert " serves http://" in saw["greeting"]
    assert saw["read"] == 200
    assert saw["refused"][0] == 507
    assert "less than 16 MiB free" in saw["refused"][1]
    assert "store.reserve_bytes" in saw["refused"][1]
    assert saw["left"] == 0
    assert saw["after"] == 202
    assert saw["code"] == 0
    assert log.count("no new event is taken until") == log.count("new events are taken again") == 1
    assert "Traceback" not in log
