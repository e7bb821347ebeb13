"""`stormlet signature` as a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "signatures"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("STORMLET_", "ST2_"))}


def signature(*arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stormlet", "signature", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=CLEAN | environment, input=given)


def test_check_runs_files_of_both_kinds() -> None:
    """The last line counts; nothing else is said when all is well, and the exit code is 0."""
    done = signature("check", str(GOLDEN / "vectors.dev.json"), str(GOLDEN / "handshakes.dev.json"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "523 passed, 0 failed\n", "")


def test_check_names_each_miss(tmp_path: Path) -> None:
    """Scheme, name, expected and got, one line for each, and exit code 1."""
    cases = json.loads((GOLDEN / "vectors.dev.json").read_text(encoding="utf-8"))["cases"]
    wrong = [{**cases[0], "expect": "invalid", "name": "one\nline"}, {**cases[1], "scheme": "sclar"}, cases[2]]
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"cases": wrong}), encoding="utf-8")
    done = signature("check", str(file))
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[-1], len(lines)) == (1, "1 passed, 2 failed", 3)
    assert lines[0] == "scalr one line: expected invalid, got valid"
    assert "did you mean 'scalr'" in lines[1]


@pytest.mark.parametrize("content", ["", "{", "[1]", "{}"])
def test_check_refuses_what_is_no_vector_file(tmp_path: Path, content: str) -> None:
    """An error on standard error, nothing on standard output, no traceback."""
    file = tmp_path / "vectors.json"
    file.write_text(content, encoding="utf-8")
    done = signature("check", str(file))
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_what_sign_prints_verify_takes(tmp_path: Path) -> None:
    """Sign, then verify with the printed headers; the secret comes from a file or the environment."""
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n", encoding="utf-8")
    common = ("slack", "-d", "-", "--at", "1770801600")
    signed = signature("sign", *common, "-s", f"file:{secret}", given='{"a": 1}')
    headers = [argument for line in signed.stdout.splitlines() for argument in ("-H", line)]
    assert len(headers) == 4
    done = signature("verify", *common, "-s", "other", "-s", "env:SLACK", *headers, given='{"a": 1}', SLACK="hunter2")
    assert (done.returncode, done.stdout) == (0, "genuine, by secret 2 of 2, signed 0 s ago\n")


def test_verify_says_what_is_wrong() -> None:
    """A refusal has its reason and its likely causes, and exit code 1."""
    signed = signature("sign", "pulumi", "-s", "hunter2", "-d", '{"a": 1}').stdout.strip()
    done = signature("verify", "pulumi", "-s", "hunter2", "-d", '{"a":1}', "-H", signed)
    assert done.returncode == 1
    assert done.stdout.startswith("refused: mismatch:")
    assert "body was changed on the way" in done.stdout


def test_a_described_signature_can_be_tried(tmp_path: Path) -> None:
    """generic_hmac reads the same YAML as a source; its problems are told."""
    file = tmp_path / "sender.yaml"
    file.write_text("signature:\n  header: X-Sig\n  signed: '{timestamp}.{body}'\n  timestamp: {header: X-T}\n")
    arguments = ("generic_hmac", "-s", "k", "-d", "x", "--describe", str(file), "--at", "1770801600")
    signed = signature("sign", *arguments)
    headers = [argument for line in signed.stdout.splitlines() for argument in ("-H", line)]
    assert signature("verify", *arguments, *headers).returncode == 0
    file.write_text("signature:\n  heder: X-Sig\n")
    broken = signature("sign", *arguments)
    assert broken.returncode != 0
    assert "signature.heder" in broken.stderr


def test_the_schemes_are_listed() -> None:
    """One line for each, with its sender."""
    lines = signature("list").stdout.splitlines()
    assert len(lines) == 33
    assert any(line.startswith("scalr ") for line in lines)


@pytest.mark.parametrize(
    "arguments",
    [
        ("sign", "gihtub", "-s", "k"),
        ("sign", "github"),
        ("sign", "github", "-s", "env:NOT_THERE"),
        ("sign", "github", "-s", "file:/not/there"),
        ("sign", "github", "-s", "k", "-H", "no header"),
        ("verify", "github", "-s", "k", "--at", "1e300"),
        ("check", "/not/there"),
    ],
)
def test_a_wrong_command_line_is_told(arguments: tuple[str, ...]) -> None:
    """A sentence on standard error, nothing on standard output, an exit code that is not 0."""
    done = signature(*arguments)
    assert done.returncode != 0
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
