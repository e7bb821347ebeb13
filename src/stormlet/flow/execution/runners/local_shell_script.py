"""local-shell-script: a script of the pack, given its parameters as arguments. No shell sees them."""

import os
from pathlib import Path
from typing import Any

import msgspec

from stormlet.flow.execution.entry_points import entry_point_of
from stormlet.flow.execution.interface import Example, Run, RunResult
from stormlet.flow.execution.runners.shell import PARAMETERS, run_in_shell
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.regular_files import open_regular
from stormlet.model.action import Action, RunnerType
from stormlet.st2compat.host import interpreter_of

_FIRST_LINE_BYTES = 4096


class LocalShellScriptRunner:
    """Runs the action's entry point."""

    type = RunnerType(
        name="local-shell-script",
        description="A runner that starts a script of the pack on this machine.",
        parameters={
            "debug": {"description": "Tell the script so (ST2_ACTION_DEBUG).", "type": "boolean", "default": False},
            "content_version": {"description": "Git revision of the pack; not supported yet.", "type": "string"},
            **PARAMETERS,
        },
    )
    help = (
        "Parameters without a `position` become `--name=value` (`kwarg_op` says what is in front); true becomes a bare "
        "`--name`; false, null and empty ones are left out. Those with a `position` follow in that order: booleans as 1 or 0, "
        "arrays joined by commas, objects as JSON, absent ones as an empty argument. They are arguments, never shell code. The "
        "file need not be executable: its `#!` line is read, and without one it is given to bash."
    )
    examples = (
        Example(
            title="Named and positional arguments",
            action="examples.disk_usage",
            parameters={"directory": "/", "human_readable": True},
            result={"failed": False, "succeeded": True, "return_code": 0, "stderr": ""},
        ),
    )

    async def run(self, run: Run) -> RunResult:
        script = entry_point_of(run.action, run.runner_parameters)
        named, positional = arguments(run.action, run.action_parameters)
        prefix = run.runner_parameters.get("kwarg_op")
        argv = [
            *_program(script, run.host.interpreter),
            *_options(named, "--" if prefix is None else str(prefix)),
            *positional,
        ]
        return await run_in_shell(run, tuple(argv))


def _program(script: Path, interpreter: str) -> list[str]:
    """Return what starts the script. Packs ship scripts that are not executable; nothing is changed on the disk for that."""
    with open_regular(script) as file:
        head = file.read(_FIRST_LINE_BYTES)
    if head.startswith(b"#!"):
        first_line = head.partition(b"\n")[0].decode(errors="replace")
        start = interpreter_of(first_line, interpreter)
        if start and not Path(start[0]).exists():
            raise InvalidInputError(f"cannot start {script}: {start[0]}, which its first line names, does not exist")
        return [*start, str(script)]
    if b"\0" in head:  # a compiled program
        if not os.access(script, os.X_OK):
            raise InvalidInputError(f"cannot start {script}: it is not executable", hint=f"chmod +x {script.name}")
        return [str(script)]
    return ["/bin/bash" if Path("/bin/bash").exists() else "/bin/sh", str(script)]


def arguments(action: Action, values: Any) -> tuple[dict[str, Any], list[str]]:
    """Split an action's parameters into named ones and serialised positional ones (st2's rules)."""
    order = sorted(
        (schema["position"], name)
        for name, schema in action.parameters.items()
        if isinstance(schema, dict) and isinstance(schema.get("position"), int)
    )
    positional = [_positional(action.parameters[name].get("type"), values.get(name)) for _, name in order]
    placed = {name for _, name in order}
    return {name: value for name, value in values.items() if name not in placed}, positional


def _positional(kind: Any, value: Any) -> str:
    if value is None or kind == "null":
        return ""
    if kind == "boolean":
        return "1" if value else "0"
    if kind in ("array", "list") and isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if kind == "object":
        return msgspec.json.encode(value).decode() if value else ""
    if kind in ("string", "number", "float"):
        return str(value)
    return str(value) if value else ""


def _options(named: dict[str, Any], prefix: str) -> list[str]:
    options = []
    for name, value in named.items():
        if value is True:
            options.append(f"{prefix}{name}")
        elif value is not None and value is not False and value != "":
            options.append(f"{prefix}{name}={value}")
    return options
