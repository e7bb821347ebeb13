"""local-shell-script: how scripts are started and what arguments they get."""

from pathlib import Path
from typing import Any

import pytest

from stormlet.model.execution import ExecutionStatus

SHOW = '#!/bin/sh\nfor argument in "$@"; do printf "[%s]" "$argument"; done\n'
SCHEMA = {
    "name": {"type": "string"},
    "flag": {"type": "boolean"},
    "first": {"type": "string", "position": 0},
    "second": {"type": "array", "position": 1},
    "third": {"type": "object", "position": 2},
    "fourth": {"type": "boolean", "position": 3},
    "fifth": {"type": "integer", "position": 4},
}


async def show(bench: Any, parameters: dict[str, Any], schema: dict[str, Any] | None = None) -> str:
    action = bench.action(
        "local-shell-script", entry_point=bench.script("show.sh", SHOW), parameters=SCHEMA if schema is None else schema
    )
    got = await bench.run(action, parameters)
    assert got.status is ExecutionStatus.SUCCEEDED, got.result
    return str(got.result["stdout"])


async def test_named_arguments_come_first_then_positional_ones(bench: Any) -> None:
    """Named ones as --name=value, then positional ones in order, serialised by type as st2 does."""
    got = await show(
        bench,
        {
            "name": "a b",
            "flag": True,
            "first": "1st",
            "second": ["x", 2],
            "third": {"k": [1]},
            "fourth": False,
            "fifth": 5,
        },
    )
    assert got == '[--name=a b][--flag][1st][x,2][{"k":[1]}][0][5]'


async def test_absent_ones_are_left_out_or_empty(bench: Any) -> None:
    """null, false and empty named arguments are left out; absent positional ones are empty arguments."""
    assert await show(bench, {"name": "", "flag": False}) == "[][][][][]"


async def test_kwarg_op_is_the_prefix(bench: Any) -> None:
    """`kwarg_op` replaces the two dashes."""
    assert await show(bench, {"name": "x", "kwarg_op": "-"}, {"name": {"type": "string"}}) == "[-name=x]"


@pytest.mark.parametrize("value", ["; touch x", "$(touch x)", "`touch x`", "a\nb", "' \"", "*", "--", "-rf", "é\u2028"])
async def test_values_are_arguments_not_code(bench: Any, value: str) -> None:
    """No shell sees the values."""
    assert await show(bench, {"name": value, "first": value}) == f"[--name={value}][{value}][][][][]"


@pytest.mark.parametrize(
    ("text", "stdout"),
    [
        ("#!/bin/sh\necho sh\n", "sh"),
        ("echo ${BASH_VERSION:+bash}\n", "bash"),
        ("#!/usr/bin/env python3\nprint('python3')\n", "python3"),
        ("#!/usr/bin/env python\nprint('python')\n", "python"),
        ("#!/opt/stackstorm/st2/bin/python\nprint('ours')\n", "ours"),
        ("#!/bin/sh -e\nfalse\necho not reached\n", ""),
        ("#! /bin/sh\r\n", ""),
    ],
)
@pytest.mark.parametrize("mode", [0o644, 0o755])
async def test_scripts_run_whatever_their_mode(bench: Any, text: str, stdout: str, mode: int) -> None:
    """Packs ship scripts that are not executable: their first line is honoured, and the file is not changed."""
    name = bench.script("probe.sh", text, mode)
    got = await bench.run(bench.action("local-shell-script", entry_point=name), {})
    if "\r" in text:
        assert got.status is ExecutionStatus.SUCCEEDED
        return
    assert got.result["stdout"] == stdout
    assert (bench.pack / "actions" / name).stat().st_mode & 0o777 == mode


async def test_a_missing_interpreter_is_said(bench: Any) -> None:
    """A first line that names a program that is not there is a clear failure."""
    name = bench.script("probe.sh", "#!/no/such/interpreter -x\n")
    got = await bench.run(bench.action("local-shell-script", entry_point=name), {})
    assert got.status is ExecutionStatus.FAILED
    assert "/no/such/interpreter, which its first line names, does not exist" in got.result["error"]


async def test_a_program_that_is_not_executable_is_said(bench: Any) -> None:
    """A compiled program without the executable bit fails with the cure; with it, it runs."""
    path = bench.pack / "actions" / "program"
    path.write_bytes(Path("/bin/true").read_bytes())
    path.chmod(0o644)
    action = bench.action("local-shell-script", entry_point="program")
    got = await bench.run(action, {})
    assert "is not executable (chmod +x program)" in got.result["error"]
    path.chmod(0o755)
    assert (await bench.run(action, {})).status is ExecutionStatus.SUCCEEDED


async def test_a_program_of_another_machine_is_said(bench: Any) -> None:
    """A file that is neither script nor program of this machine is a clear failure."""
    path = bench.pack / "actions" / "program"
    path.write_bytes(b"\x7fELF\0\0 not really")
    path.chmod(0o755)
    got = await bench.run(bench.action("local-shell-script", entry_point="program"), {})
    assert got.status is ExecutionStatus.FAILED
    assert "neither a program of this machine nor a script" in got.result["error"]


async def test_another_revision_of_the_pack_is_refused(bench: Any) -> None:
    """`content_version` is not silently ignored."""
    action = bench.action("local-shell-script", entry_point=bench.script("show.sh", SHOW))
    got = await bench.run(action, {"content_version": "v1"})
    assert "running another revision of a pack is not supported" in got.result["error"]


async def test_timeout_and_result_are_those_of_the_shell(bench: Any) -> None:
    """A script times out like a command does."""
    name = bench.script("slow.sh", "echo begun; sleep 60\n")
    got = await bench.run(bench.action("local-shell-script", entry_point=name), {"timeout": 1})
    assert got.status is ExecutionStatus.TIMEOUT
    assert (got.result["return_code"], got.result["stdout"]) == (-9, "begun")
