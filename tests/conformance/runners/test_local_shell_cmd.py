"""local-shell-cmd: st2's parameters and result."""

import json
import shutil
from typing import Any

import pytest

from stormlet.model.execution import ExecutionStatus


async def test_result_has_the_shape_of_st2(bench: Any) -> None:
    """A command that succeeds gives failed, succeeded, return_code, stdout, stderr and nothing else."""
    got = await bench.shell("echo out; echo err >&2")
    assert got.status is ExecutionStatus.SUCCEEDED
    assert got.result == {"failed": False, "succeeded": True, "return_code": 0, "stdout": "out", "stderr": "err"}


async def test_exit_code_is_the_commands(bench: Any) -> None:
    """A command that fails gives its exit code and status failed."""
    got = await bench.shell("exit 42")
    assert got.status is ExecutionStatus.FAILED
    assert got.result["return_code"] == 42
    assert (got.result["failed"], got.result["succeeded"]) == (True, False)


@pytest.mark.parametrize(
    ("printed", "stdout"),
    [
        ('{"a": [1, 2]}', {"a": [1, 2]}),
        ("[1, null]", [1, None]),
        ("plain", "plain"),
        ("{not json", "{not json"),
        ("", ""),
        ("two\\nlines\\n", "two\nlines\n"),
        ("[" * 5000, "[" * 5000),
        ("12345678901234567890123", 12345678901234567890123),
    ],
)
async def test_json_on_stdout_is_parsed(bench: Any, printed: str, stdout: Any) -> None:
    """stdout that is JSON as a whole is parsed, anything else stays text; one line end is taken off."""
    got = await bench.shell("""printf "$TEXT"'\\n'""", env={"TEXT": printed})
    assert got.result["stdout"] == stdout


async def test_timeout_ends_the_command(bench: Any) -> None:
    """A command that takes too long has status timeout, return code -9, what it printed, and st2's sentence."""
    got = await bench.shell("echo begun; sleep 60", timeout=1)
    assert got.status is ExecutionStatus.TIMEOUT
    assert got.result["return_code"] == -9
    assert got.result["stdout"] == "begun"
    assert got.result["error"] == "Action failed to complete in 1 seconds"


async def test_cwd_is_where_the_command_runs(bench: Any) -> None:
    """`cwd` is the working directory, whatever characters it is made of."""
    directory = bench.pack / "a b'$(touch x)"
    directory.mkdir()
    got = await bench.shell("pwd; ls", cwd=str(directory))
    assert got.result["stdout"] == str(directory)


async def test_missing_cwd_is_said(bench: Any) -> None:
    """A working directory that does not exist is a clear failure."""
    got = await bench.shell("pwd", cwd="/no/such/place")
    assert got.status is ExecutionStatus.FAILED
    assert got.result == {
        "error": "the working directory /no/such/place does not exist or is not a directory",
        "traceback": "",
    }


async def test_env_reaches_the_command(bench: Any) -> None:
    """`env` adds variables; numbers become text, null is left out, and st2's own variables cannot be replaced."""
    got = await bench.shell(
        'echo "$A|$B|${C-unset}|$ST2_ACTION_PACK_NAME"',
        env={"A": "x y", "B": 5, "C": None, "ST2_ACTION_PACK_NAME": "no"},
    )
    assert got.result["stdout"] == "x y|5|unset|bench"


@pytest.mark.parametrize("env", [{"A=B": "x"}, {"": "x"}, {"A": "nul\0"}, {"A": {"b": 1}}, ["A=B"]])
async def test_env_that_cannot_be_is_said(bench: Any, env: Any) -> None:
    """An environment that cannot exist is a failure with a reason, not a crash."""
    got = await bench.shell("true", env=env)
    assert got.status is ExecutionStatus.FAILED
    assert got.result["error"]
    assert got.result["traceback"] == ""


async def test_st2_variables_are_set(bench: Any) -> None:
    """Every command knows its pack, execution, API and token."""
    got = await bench.shell("env")
    lines = dict(line.split("=", 1) for line in got.result["stdout"].splitlines())
    wanted = {
        "ST2_ACTION_PACK_NAME": "bench",
        "ST2_ACTION_EXECUTION_ID": "e" * 24,
        "ST2_ACTION_API_URL": "http://127.0.0.1:9/v1",
        "ST2_ACTION_AUTH_TOKEN": "token-of-ada",
        "ST2_ACTION_DEBUG": "False",
    }
    assert {name: lines.get(name) for name in wanted} == wanted
    assert bench.revoked == ["token-of-ada"]


async def test_without_sudo_on_the_machine_it_is_said(bench: Any) -> None:
    """`sudo: true` where there is no sudo fails with a sentence that says so."""
    bench.variables["PATH"] = "/nowhere"
    got = await bench.shell("true", sudo=True)
    assert got.status is ExecutionStatus.FAILED
    assert "there is no sudo on this machine" in got.result["error"]


async def test_sudo_gets_environment_and_command(bench: Any) -> None:
    """`sudo: true` starts `sudo -E -- bash -c cmd`."""
    directory = bench.pack / "bin"
    directory.mkdir()
    fake = directory / "sudo"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    bench.variables["PATH"] = f"{directory}:/usr/bin:/bin"
    got = await bench.shell("id -u", sudo=True)
    shell = "/bin/bash" if shutil.which("/bin/bash") else "/bin/sh"
    assert got.result["stdout"] == f"-E\n--\n{shell}\n-c\nid -u"


async def test_sudo_password_goes_through_stdin(bench: Any) -> None:
    """A sudo password is handed over on stdin; arguments and environment do not show it."""
    directory = bench.pack / "bin"
    directory.mkdir()
    fake = directory / "sudo"
    fake.write_text('#!/bin/sh\nread password\nenv\nprintf "%s\\n" "$@" "read:$password"\n')
    fake.chmod(0o755)
    bench.variables["PATH"] = f"{directory}:/usr/bin:/bin"
    got = await bench.shell("true", sudo=True, sudo_password="open sesame")
    assert got.result["stdout"].count("open sesame") == 1
    assert got.result["stdout"].endswith("read:open sesame")
    assert "\n-S\n" in got.result["stdout"]


async def test_wrong_sudo_password_is_said(bench: Any) -> None:
    """A wrong sudo password gives st2's sentence."""
    directory = bench.pack / "bin"
    directory.mkdir()
    fake = directory / "sudo"
    fake.write_text('#!/bin/sh\necho "sudo: 3 incorrect password attempts" >&2\nexit 1\n')
    fake.chmod(0o755)
    bench.variables["PATH"] = f"{directory}:/usr/bin:/bin"
    got = await bench.shell("true", sudo=True, sudo_password="wrong")
    assert got.result["error"].startswith("Invalid sudo password")
    assert got.result["return_code"] == -1


async def test_cmd_that_is_no_text_is_said(bench: Any) -> None:
    """A missing `cmd` is a failure with a reason."""
    got = await bench.run(bench.action("local-shell-cmd"), {})
    assert got.result["error"] == "parameter `cmd` must be a string, not NoneType"


async def test_command_longer_than_the_kernel_takes_is_said(bench: Any) -> None:
    """A command line beyond the kernel's limit fails with what to do instead."""
    got = await bench.shell("#" * 200_000)
    assert got.status is ExecutionStatus.FAILED
    assert "through a file or stdin" in got.result["error"]


SHELL_PAYLOADS = [
    "; touch canary",
    "$(touch canary)",
    "`touch canary`",
    "\ntouch canary\n",
    "' ; touch canary ; '",
    '" ; touch canary ; "',
    "&& touch canary",
    "| touch canary",
    "> canary",
    "-oProxyCommand=touch canary",
    "--help",
    "*",
    "~root",
    "${IFS}touch${IFS}canary",
    "\\$(touch canary)",
    "\u2018; touch canary\u2019",
    "%s%n\\x41",
    "!!",
]


@pytest.mark.parametrize("payload", SHELL_PAYLOADS)
async def test_values_in_env_never_become_code(bench: Any, payload: str) -> None:
    """A value that is handed over through `env` and quoted arrives as it is, and runs nothing."""
    got = await bench.shell(
        'printf "%s" "$VALUE" | od -An -tx1 | tr -d " \\n"', env={"VALUE": payload}, cwd=str(bench.pack)
    )
    assert str(got.result["stdout"]) == payload.encode().hex() or got.result["stdout"] == json.loads(
        payload.encode().hex()
    )
    assert not (bench.pack / "canary").exists()
