"""What the two local shell runners share: st2's parameters, sudo, and the shape of the result."""

import re
import signal
from collections.abc import Mapping
from typing import Any

import msgspec

from stormlet.flow.execution.child import Ended, EndedBy
from stormlet.flow.execution.interface import Run, RunResult, canceled_text, timeout_text
from stormlet.flow.execution.spawning import Command
from stormlet.foundation.errors import InvalidInputError
from stormlet.model.execution import ExecutionStatus

PARAMETERS: Mapping[str, dict[str, Any]] = {
    "cwd": {"description": "Directory to run in; default: the one that the engine runs in.", "type": "string"},
    "env": {"description": "Environment variables, as an object of names and values.", "type": "object"},
    "kwarg_op": {
        "description": "What is put in front of the names of named arguments, such as `--` or `-`.",
        "type": "string",
        "default": "--",
    },
    "sudo": {"description": "Run through sudo, as root.", "type": "boolean", "default": False},
    "sudo_password": {
        "description": "Password for sudo, where it asks for one.",
        "type": "string",
        "default": None,
        "required": False,
        "secret": True,
    },
    "timeout": {
        "description": "Seconds until the action is ended.",
        "type": "integer",
        "default": 60,
    },
}

_WRONG_PASSWORD = re.compile(r"sudo: \d+ incorrect password attempts?")


async def run_in_shell(run: Run, argv: tuple[str, ...]) -> RunResult:
    """Start `argv`, through sudo where the run asks for it, and shape what came of it as st2 does."""
    parameters = run.runner_parameters
    password = str(parameters.get("sudo_password") or "")
    if parameters.get("sudo"):
        # -E: sudo is to hand over the environment that was made for the action.
        argv = ("sudo", "-E", *(("-S",) if password else ()), "--", *argv)
    environment = run.child_environment()
    command = Command(
        argv=argv,
        environment=environment,
        cwd=parameters.get("cwd") or None,
        stdin=f"{password}\n".encode() if parameters.get("sudo") and password else b"",
    )
    try:
        ended = await run.children.run(command, limits=run.limits, halt=run.halt, sink=run.output)
    except InvalidInputError as error:
        if parameters.get("sudo") and "no such program" in error.text:
            raise InvalidInputError(
                "the action asks for sudo, and there is no sudo on this machine", hint="install it, or use core.local"
            ) from None
        raise
    return shape(run, ended)


def shape(run: Run, ended: Ended) -> RunResult:
    """Return st2's result: failed, succeeded, return_code, stdout, stderr, and `error` where there is more to say."""
    status, return_code, error = _judge(run, ended)
    succeeded = status is ExecutionStatus.SUCCEEDED
    result = {
        "failed": not succeeded,
        "succeeded": succeeded,
        "return_code": return_code,
        "stdout": parsed(_without_line_end(ended.stdout)),
        "stderr": parsed(_without_line_end(ended.stderr)),
    }
    if error:
        result["error"] = error
    return RunResult(status=status, result=result)


def _judge(run: Run, ended: Ended) -> tuple[ExecutionStatus, int, str]:
    left = " It could not be killed and may still be running." if ended.unkillable else ""
    if ended.ended_by is EndedBy.TIMEOUT:
        return ExecutionStatus.TIMEOUT, -int(signal.SIGKILL), timeout_text(run.timeout) + left
    if ended.ended_by is EndedBy.HALT:
        return ExecutionStatus.CANCELED, ended.return_code, canceled_text(run.halt) + left
    if ended.return_code == 0:
        return ExecutionStatus.SUCCEEDED, 0, ""
    if ended.return_code < 0:
        return ExecutionStatus.FAILED, ended.return_code, ended_by_signal(-ended.return_code)
    if run.runner_parameters.get("sudo_password") and _WRONG_PASSWORD.search(ended.stderr):
        return ExecutionStatus.FAILED, -1, "Invalid sudo password provided or sudo is not configured for this user"
    return ExecutionStatus.FAILED, ended.return_code, ""


def ended_by_signal(number: int) -> str:
    """Say which signal ended a process."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    return f"ended by signal {number} ({name})"


def parsed(text: str) -> Any:
    """Return what `text` means if the whole of it is JSON: any JSON, for st2's own tests hold that `echo 10` gives the number."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
